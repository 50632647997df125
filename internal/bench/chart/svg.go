package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// The picture, in pixels.
const (
	width, height            = 820, 500
	left, right, top, bottom = 82, 250, 44, 56
	labelGap                 = 17
)

// text and grid are greys that stand out from white and from near-black alike.
const (
	text = "#75797f"
	grid = "#80848a"
)

// palette has one colour for each series, in order; after the last it begins again.
func palette() []string {
	return []string{"#2f81f7", "#d4582a", "#2e9e55", "#a163d6", "#d1447a", "#108f97", "#96830f", "#b5654a"}
}

// SVG draws the chart as a document of its own. It fails if there is no point, or one that a logarithmic axis cannot show.
func (c Chart) SVG() ([]byte, error) {
	x, y, err := c.spans()
	if err != nil {
		return nil, err
	}
	d := drawing{x: x, y: y}
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" font-family="system-ui, sans-serif" font-size="13" fill="%s">`,
		width, height, width, height, text)
	d.add(`<title>%s</title>`, escape(c.Title))
	d.add(`<text x="%d" y="24" font-size="15" font-weight="600">%s</text>`, left, escape(c.Title))
	d.axes(c)
	var drawn []Series
	var ends []float64
	for _, s := range c.Series {
		if n := len(s.Points); n > 0 {
			drawn = append(drawn, s)
			ends = append(ends, d.py(s.Points[n-1].Y))
		}
	}
	places := spread(ends, labelGap, top, height-bottom)
	for i, s := range drawn {
		d.series(i, s, places[i])
	}
	d.add(`</svg>`)
	return d.out.Bytes(), nil
}

// A drawing is a chart being drawn.
type drawing struct {
	out  bytes.Buffer
	x, y span
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.out, format+"\n", args...) }

func (d *drawing) px(v float64) float64 { return left + d.x.at(v)*(width-left-right) }

func (d *drawing) py(v float64) float64 { return height - bottom - d.y.at(v)*(height-bottom-top) }

func (d *drawing) axes(c Chart) {
	d.add(`<g stroke="%s" stroke-opacity="0.35">`, grid)
	for e := d.y.low; e <= d.y.high; e++ {
		y := d.py(math.Pow(10, e))
		d.add(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`, left, y, width-right, y)
	}
	xs := c.sizes()
	for _, v := range xs {
		d.add(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, d.px(v), top, d.px(v), height-bottom)
	}
	d.add(`</g>`)
	for e := d.y.low; e <= d.y.high; e++ {
		d.add(`<text x="%d" y="%.1f" text-anchor="end">%s</text>`, left-8, d.py(math.Pow(10, e))+4, duration(e))
	}
	for _, v := range xs {
		d.add(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, d.px(v), height-bottom+20, thousands(v))
	}
	d.add(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, left+(width-left-right)/2, height-14, escape(c.XLabel))
	d.add(`<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>`, top+(height-bottom-top)/2, escape(c.YLabel))
}

// series draws the line, its points, and its name at the right, where place says.
func (d *drawing) series(i int, s Series, place float64) {
	colour := palette()[i%len(palette())]
	line := 1.8
	if s.Strong {
		line = 3.6
	}
	last := s.Points[len(s.Points)-1]
	d.add(`<g stroke="%s" fill="%s">`, colour, colour)
	points := ""
	for _, p := range s.Points {
		points += fmt.Sprintf("%.1f,%.1f ", d.px(p.X), d.py(p.Y))
	}
	d.add(`<polyline points="%s" fill="none" stroke-width="%.1f"/>`, points[:len(points)-1], line)
	d.add(`<line x1="%.1f" y1="%.1f" x2="%d" y2="%.1f" stroke-opacity="0.5" stroke-dasharray="2 3"/>`,
		d.px(last.X), d.py(last.Y), width-right+8, place)
	for _, p := range s.Points {
		d.marker(i, d.px(p.X), d.py(p.Y))
	}
	d.add(`</g>`)
	weight := "400"
	if s.Strong {
		weight = "700"
	}
	d.add(`<text x="%d" y="%.1f" font-weight="%s">%s</text>`, width-right+12, place+4, weight, escape(s.Name))
}

// marker tells series apart for those to whom colours look alike.
func (d *drawing) marker(i int, x, y float64) {
	const r = 4.5
	switch i % 4 {
	case 0:
		d.add(`<circle cx="%.1f" cy="%.1f" r="%.1f"/>`, x, y, r)
	case 1:
		d.add(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x-r+0.5, y-r+0.5, 2*r-1, 2*r-1)
	case 2:
		d.add(`<path d="M%.1f %.1f l%.1f %.1f h%.1f z"/>`, x, y-r-0.5, r+0.5, 2*r, -2*r-1)
	case 3:
		d.add(`<path d="M%.1f %.1f l%.1f %.1f l%.1f %.1f l%.1f %.1f z"/>`, x, y-r-1, r+1, r+1, -r-1, r+1, -r-1, -r-1)
	}
}

// sizes are the values of X that any series has, each once.
func (c Chart) sizes() []float64 {
	var xs []float64
	for _, s := range c.Series {
		for _, p := range s.Points {
			xs = append(xs, p.X)
		}
	}
	slices.Sort(xs)
	return slices.Compact(xs)
}

// duration writes ten to the power of e nanoseconds.
func duration(e float64) string {
	if e < 0 {
		return fmt.Sprintf("%g ns", math.Pow(10, e))
	}
	units := []string{"ns", "µs", "ms", "s"}
	u := min(int(e)/3, len(units)-1)
	return fmt.Sprintf("%.0f %s", math.Pow(10, e-3*float64(u)), units[u])
}

// thousands writes a number with a comma after every third digit from the right.
func thousands(v float64) string {
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func escape(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}

package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func example() Chart {
	return Chart{Title: `Cost of a <decision> & "more"`, XLabel: "bindings", YLabel: "time", Series: []Series{
		{Name: "ours", Strong: true, Points: []Point{{5e3, 130}, {5e4, 200}, {1e6, 900}}},
		{Name: "a & b", Points: []Point{{5e3, 5100}, {5e4, 11500}, {1e6, 26600}}},
		{Name: "stops early", Points: []Point{{5e3, 1.4e9}}},
		{Name: "never measured"},
	}}
}

// The picture is a well-formed document that holds every name, every size and no number that is none.
func TestSVG(t *testing.T) {
	svg, err := example().SVG()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	words := ""
	dec := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, svg)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			count[tok.Name.Local]++
			for _, a := range tok.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s has %s=%q", tok.Name.Local, a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			words += string(tok) + "|"
		}
	}
	for _, want := range []string{`Cost of a <decision> & "more"`, "ours", "a & b", "stops early", "bindings", "5,000", "50,000", "1,000,000", "100 ns", "1 µs", "10 ms", "1 s", "10 s"} {
		if !strings.Contains(words, want+"|") {
			t.Errorf("%q is not in the picture", want)
		}
	}
	if strings.Contains(words, "never measured") || count["polyline"] != 3 {
		t.Errorf("%d lines are drawn", count["polyline"])
	}
}

// Equal ratios are equal distances, and more is higher and to the right.
func TestLogarithmic(t *testing.T) {
	x, y, err := example().spans()
	if err != nil {
		t.Fatal(err)
	}
	d := drawing{x: x, y: y}
	if a, b := d.px(5e4)-d.px(5e3), d.px(5e5)-d.px(5e4); math.Abs(a-b) > 1e-6 || a <= 0 {
		t.Errorf("a factor of ten is %v and %v wide", a, b)
	}
	if a, b := d.py(100)-d.py(1e3), d.py(1e6)-d.py(1e7); math.Abs(a-b) > 1e-6 || a <= 0 {
		t.Errorf("a factor of ten is %v and %v high", a, b)
	}
}

func TestNothingToDraw(t *testing.T) {
	if _, err := (Chart{Series: []Series{{Name: "none"}}}).SVG(); !errors.Is(err, errEmpty) {
		t.Errorf("got %v", err)
	}
	for _, p := range []Point{{0, 1}, {1, 0}, {-1, 1}, {1, math.NaN()}, {math.Inf(1), 1}} {
		if _, err := (Chart{Series: []Series{{Points: []Point{p}}}}).SVG(); !errors.Is(err, errValue) {
			t.Errorf("%v: got %v", p, err)
		}
	}
	if _, err := (Chart{Series: []Series{{Points: []Point{{10, 100}}}}}).SVG(); err != nil {
		t.Errorf("one point: %v", err)
	}
}

func TestSpread(t *testing.T) {
	for _, wanted := range [][]float64{{}, {50}, {10, 10, 10}, {400, 100, 395, 398}, {0, 1, 2, 3, 4, 5}, {430, 430, 440}} {
		got := spread(wanted, 17, 44, 444)
		for i := range got {
			if got[i] < 44-1e-9 || got[i] > 444 {
				t.Errorf("%v: %v leaves the picture", wanted, got)
			}
			for j := range got {
				if i != j && math.Abs(got[i]-got[j]) < 17-1e-9 || wanted[i] < wanted[j] && got[i] > got[j] {
					t.Errorf("%v: %v", wanted, got)
				}
			}
		}
	}
}

// Every colour stands out from a white page and from the usual dark ones: 3 to 1, as WCAG 2.2 asks of graphics (1.4.11).
func TestContrast(t *testing.T) {
	for _, colour := range append(palette(), text, grid) {
		for _, page := range []string{"#ffffff", "#0d1117", "#1e1e1e"} {
			l := []float64{luminance(t, colour) + 0.05, luminance(t, page) + 0.05}
			slices.Sort(l)
			if contrast := l[1] / l[0]; contrast < 3 {
				t.Errorf("%s on %s has contrast %.2f", colour, page, contrast)
			}
		}
	}
}

func luminance(t *testing.T, colour string) float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.03928 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestDuration(t *testing.T) {
	for e, want := range map[float64]string{-1: "0.1 ns", 0: "1 ns", 2: "100 ns", 3: "1 µs", 5: "100 µs", 8: "100 ms", 9: "1 s", 12: "1000 s"} {
		if got := duration(e); got != want {
			t.Errorf("10^%v ns is %q, want %q", e, got, want)
		}
	}
}

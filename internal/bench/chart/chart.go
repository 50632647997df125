// Package chart draws one kind of picture: cost against size, both on logarithmic axes, a line for each contender. The
// picture has no background of its own; its colours are legible on white and on dark pages.
//
// Fill a [Chart] and call [Chart.SVG].
package chart

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// Chart is a picture of several series. Y is in nanoseconds.
type Chart struct {
	Title, XLabel, YLabel string
	Series                []Series
}

// Series is one contender.
type Series struct {
	Name   string
	Strong bool    // drawn thicker: ours
	Points []Point // by growing X
}

// Point is one measurement; both values are positive.
type Point struct{ X, Y float64 }

var (
	errEmpty = errors.New("chart: nothing to draw")
	errValue = errors.New("chart: a logarithmic axis has no place for values that are not positive and finite")
)

// A span is the part of an axis that is drawn, in powers of ten.
type span struct{ low, high float64 }

// at is the place of a value on the span, from 0 to 1.
func (s span) at(v float64) float64 { return (math.Log10(v) - s.low) / (s.high - s.low) }

// include widens the span to a value.
func (s span) include(v float64) span {
	l := math.Log10(v)
	return span{min(s.low, l), max(s.high, l)}
}

// spans finds what the axes show: X with some room on both sides, Y in whole powers of ten.
func (c Chart) spans() (x, y span, err error) {
	x = span{math.Inf(1), math.Inf(-1)}
	y = x
	for _, s := range c.Series {
		for _, p := range s.Points {
			for _, v := range []float64{p.X, p.Y} {
				if !(v > 0) || math.IsInf(v, 0) {
					return x, y, errValue
				}
			}
			x, y = x.include(p.X), y.include(p.Y)
		}
	}
	if x.low > x.high {
		return x, y, errEmpty
	}
	x.low, x.high = x.low-0.2, x.high+0.1
	y.low, y.high = math.Floor(y.low), math.Ceil(y.high)
	if y.low == y.high {
		y.high++
	}
	return x, y, nil
}

// spread moves labels apart: given wanted places, it returns places that keep the order and are at least gap from each
// other, within low and high as long as there is room.
func spread(wanted []float64, gap, low, high float64) []float64 {
	order := make([]int, len(wanted))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(wanted[a], wanted[b]) })
	placed := make([]float64, len(wanted))
	next := low
	for _, i := range order {
		placed[i] = max(wanted[i], next)
		next = placed[i] + gap
	}
	limit := high
	for k := len(order) - 1; k >= 0; k-- {
		i := order[k]
		placed[i] = min(placed[i], limit)
		limit = placed[i] - gap
	}
	return placed
}

package cli

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// format is how results are printed: "", which is "table", or "json".
type format string

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "table|json" }

func (f *format) Set(s string) error {
	if s != "table" && s != "json" {
		return errors.New("it is table or json")
	}
	*f = format(s)
	return nil
}

// span is a length of time: as Go writes it, or in whole days, as 90d.
type span time.Duration

func (d *span) Type() string            { return "duration" }
func (d *span) duration() time.Duration { return time.Duration(*d) }
func (d *span) String() string          { return spanText(time.Duration(*d)) }

func (d *span) Set(s string) error {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return errors.New("it is like 90d, 12h or 30m")
		}
		*d = span(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v <= 0 {
		return errors.New("it is like 90d, 12h or 30m")
	}
	*d = span(v)
	return nil
}

// spanText writes whole days as days.
func spanText(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return ""
	case d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

// moment is a point in time (RFC 3339).
type moment struct{ time.Time }

func (m *moment) Type() string { return "time" }

func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return timeText(m.Time)
}

func (m *moment) Set(s string) (err error) {
	if m.Time, err = time.Parse(time.RFC3339, s); err != nil {
		return errors.New("it is a time of RFC 3339, like 2026-01-31T00:00:00Z")
	}
	return nil
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// place is a path inside an org; "/" is the org itself.
type place struct{ policy.Path }

func (p *place) Type() string { return "path" }

func (p *place) Set(s string) (err error) {
	if p.Path, err = policy.ParsePath(s); err != nil {
		return errors.New("it is / or pairs of type and id, like projects/p1/wallets/w1")
	}
	return nil
}

func effectText(e policy.Effect) string {
	switch e {
	case policy.Allow:
		return "allow"
	case policy.Deny:
		return "deny"
	}
	return "" // of a row that is not there
}

package identity

import "time"

// instant is a time as it is stored: UTC, in microseconds.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// storable reports whether a time can be stored: that is in microseconds since 1970, and 0 is none.
func storable(t time.Time) bool {
	y := t.UTC().Year()
	return t.IsZero() || y >= 0 && y <= 9999 && instant(t).UnixMicro() != 0
}

const unstorable = "is not of the years 0 to 9999, or is 1970-01-01T00:00:00Z"

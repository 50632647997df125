package token

import (
	"math"
	"strconv"
)

// text reads a claim or header that is a non-empty string without control characters.
func (r *reader) text(field string) (string, error) {
	if r.peek() != '"' {
		return "", fail(ErrClaim, field)
	}
	s, err := r.str()
	if err == nil && !printable(s) {
		err = fail(ErrClaim, field)
	}
	return s, err
}

// texts reads an array of such strings; an empty array gives an empty, non-nil list.
func (r *reader) texts(field string) ([]string, error) {
	if r.peek() != '[' {
		return nil, fail(ErrClaim, field)
	}
	list := make([]string, 0, 4)
	err := r.array(func(r *reader) error {
		s, err := r.text(field)
		list = append(list, s)
		return err
	})
	return list, err
}

// audience reads a string or a non-empty array of strings (RFC 7519 section 4.1.3).
func (r *reader) audience() ([]string, error) {
	if r.peek() == '[' {
		list, err := r.texts("aud")
		if err == nil && len(list) == 0 {
			err = fail(ErrClaim, "aud")
		}
		return list, err
	}
	s, err := r.text("aud")
	return []string{s}, err
}

// maxDate is the last second of the year 9999: later values do not fit time formats that others will print them with.
const maxDate = 253402300799

// date reads a NumericDate (RFC 7519 section 2) in whole seconds.
func (r *reader) date(field string) (int64, error) {
	n, err := r.count(field)
	if err == nil && (n == 0 || n > maxDate) {
		err = fail(ErrClaim, field)
	}
	return int64(n), err
}

// instant reads a NumericDate that may have a fraction, and returns seconds and nanoseconds.
func (r *reader) instant(field string) (sec, nsec int64, err error) {
	if c := r.peek(); c < '0' || c > '9' {
		return 0, 0, fail(ErrClaim, field)
	}
	s, err := r.number()
	if err != nil {
		return 0, 0, err
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 1 && f <= maxDate) {
		return 0, 0, fail(ErrClaim, field)
	}
	whole, part := math.Modf(f)
	return int64(whole), int64(part * 1e9), nil
}

// count reads a whole number from zero up.
func (r *reader) count(field string) (uint64, error) {
	if c := r.peek(); c < '0' || c > '9' {
		return 0, fail(ErrClaim, field)
	}
	s, err := r.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fail(ErrClaim, field)
	}
	return n, nil
}

// printable reports whether s is not empty and has no control characters.
func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

// appendString appends s, which is valid UTF-8 without control characters, as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, s[start:i]...)
			b = append(b, '\\', s[i])
			start = i + 1
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

package token

import (
	"iter"
	"strings"
)

// ScannerRule is a regular expression (RE2, as well as PCRE) for the opaque secrets with a prefix, to be given to a scanner
// of repositories and logs. It matches what has the right form; [FindOpaque] checks the checksum, too. Errors: ErrConfig.
func ScannerRule(prefix string) (string, error) {
	if !ValidOpaquePrefix(prefix) {
		return "", fail(ErrConfig, "prefix")
	}
	const digit = "[0-9a-hjkmnp-tv-z]"
	return `\b` + prefix + `_[a-z]{2}_[0-7]` + digit + `{25}[01]` + digit + `{51}[0-3]` + digit + `{6}\b`, nil
}

// FindOpaque finds the opaque secrets with a prefix in a text, whatever stands around them, and yields where each begins.
// Only those are found whose checksum is right: each was issued, or was made by somebody who knows the form. It needs no
// database.
func FindOpaque(prefix, text string) iter.Seq2[int, Opaque] {
	return func(yield func(int, Opaque) bool) {
		if !ValidOpaquePrefix(prefix) {
			return
		}
		begins := prefix + "_"
		for at := 0; ; {
			next := strings.Index(text[at:], begins)
			if next < 0 {
				return
			}
			at += next
			size := len(prefix) + opaqueTail
			if len(text)-at < size {
				return
			}
			o, err := ParseOpaque(text[at : at+size])
			if err != nil {
				at++
				continue
			}
			if !yield(at, o) {
				return
			}
			at += size
		}
	}
}

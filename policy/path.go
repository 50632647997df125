package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxPath is the greatest length in bytes of a path's canonical text.
	MaxPath = 8192
	// MaxPathID is the greatest length in bytes of one id of a path, before escaping.
	MaxPathID = 255
)

// Path names a resource inside an organisation, or the scope of a binding: type/id pairs joined by slashes, for example
// projects/p1/wallets/w1. It holds the one canonical spelling, so two paths are equal exactly when == says so. The zero value is
// absent, and denies.
//
// Types are [A-Za-z0-9._-]+. Ids are any non-empty valid UTF-8 up to [MaxPathID] bytes, in which '/', '%' and control
// characters (Unicode category Cc) are written as %XX with upper-case hexadecimal digits, byte by byte. A segment "." or ".." is
// refused. Ids are data: no character of them is ever a pattern.
type Path struct {
	text string
	// What follows from text is worked out once, so that a decision neither searches for slashes nor hashes.
	pairs uint32
	tags  [tagCount]uint32 // of the prefixes that end with the first pairs, 0 where there are none
}

// rootText is the text of Root. No other canonical path contains it as a prefix, since types are not empty.
const rootText = "/"

// Root is the organisation itself. Every other path lies under it.
var Root = Path{text: rootText}

// NewPath builds a path from pairs of a type and an unescaped id. At least one pair is needed: the organisation itself is
// [Root]. The error wraps [ErrSyntax].
func NewPath(typeAndID ...string) (Path, error) {
	if len(typeAndID) == 0 || len(typeAndID)%2 != 0 {
		return Path{}, pathError(strings.Join(typeAndID, "/"))
	}
	n := 0
	for _, s := range typeAndID {
		n += len(s) + 1
	}
	b := make([]byte, 0, n)
	for i := 0; i < len(typeAndID); i += 2 {
		typ, id := typeAndID[i], typeAndID[i+1]
		if !validType(typ) {
			return Path{}, pathError(typ)
		}
		if id == "" || id == "." || id == ".." || len(id) > MaxPathID || !utf8.ValidString(id) {
			return Path{}, pathError(id)
		}
		if i > 0 {
			b = append(b, '/')
		}
		b = append(b, typ...)
		b = append(b, '/')
		b = appendID(b, id)
		if len(b) > MaxPath {
			return Path{}, pathError(string(b))
		}
	}
	return marked(string(b)), nil
}

// ParsePath reads the canonical text of a path; "/" is [Root]. Any other spelling is an error: what parses prints back to
// itself. The error wraps [ErrSyntax].
func ParsePath(s string) (Path, error) {
	if s == rootText {
		return Root, nil
	}
	if len(s) > MaxPath {
		return Path{}, pathError(s)
	}
	for rest := s; ; {
		typ, after, ok := strings.Cut(rest, "/")
		if !ok || !validType(typ) {
			return Path{}, pathError(s)
		}
		id, more, last := strings.Cut(after, "/")
		if !canonicalID(id) {
			return Path{}, pathError(s)
		}
		if !last {
			return marked(s), nil
		}
		rest = more
	}
}

// String returns the canonical text, "" for the zero value.
func (p Path) String() string { return p.text }

// IsZero reports whether the path is absent.
func (p Path) IsZero() bool { return p.text == "" }

// IsRoot reports whether the path is the organisation itself.
func (p Path) IsRoot() bool { return p.text == rootText }

// Parent returns the path without its last pair, [Root] for a path of one pair, and false for Root and the zero value.
func (p Path) Parent() (Path, bool) {
	if p.IsZero() || p.IsRoot() {
		return Path{}, false
	}
	i := strings.LastIndexByte(p.text, '/')
	if i = strings.LastIndexByte(p.text[:i], '/'); i < 0 {
		return Root, true
	}
	return marked(p.text[:i]), true
}

// Contains reports whether q is p or lies under it, on segment boundaries: projects/1 does not contain projects/10. The zero
// value contains nothing and nothing contains it.
func (p Path) Contains(q Path) bool {
	if p.IsZero() || q.IsZero() {
		return false
	}
	return p.IsRoot() || within(p.text, q.text)
}

// within reports whether a canonical text other than Root's is another's or that of one of its ancestors. Both are whole pairs,
// and types and ids contain no slash, so a slash after the prefix ends a pair exactly where the scope ends.
func within(scope, text string) bool {
	n := len(scope)
	return len(text) >= n && text[:n] == scope && (len(text) == n || text[n] == '/')
}

// Depth is the number of type/id pairs: 0 for [Root] and for the zero value.
func (p Path) Depth() int { return int(p.pairs) }

// MarshalText returns the canonical text; that of the zero value is empty.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText is [ParsePath], except that the empty text gives the zero value, which denies.
func (p *Path) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Path{}
		return nil
	}
	q, err := ParsePath(string(text))
	if err != nil {
		return err
	}
	*p = q
	return nil
}

func pathError(value string) error { return &Error{Kind: ErrSyntax, Noun: "path", Value: value} }

func validType(s string) bool {
	if s == "" || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		if !typeByte(s[i]) {
			return false
		}
	}
	return true
}

func appendID(b []byte, id string) []byte {
	const hex = "0123456789ABCDEF"
	for i, r := range id {
		size := utf8.RuneLen(r)
		if !escaped(r) {
			b = append(b, id[i:i+size]...)
			continue
		}
		for _, c := range []byte(id[i : i+size]) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// unescaped is the inverse of appendID, for what canonicalID takes.
func unescaped(id string) string {
	if strings.IndexByte(id, '%') < 0 {
		return id
	}
	b := make([]byte, 0, len(id))
	for i := 0; i < len(id); i++ {
		c := id[i]
		if c == '%' {
			c, _ = unhex(id[i:])
			i += 2
		}
		b = append(b, c)
	}
	return string(b)
}

// escaped says which characters of an id never appear as themselves.
func escaped(r rune) bool { return r == '/' || r == '%' || unicode.IsControl(r) }

// canonicalID reports whether s is what appendID writes for some id.
func canonicalID(s string) bool {
	if s == "" || s == "." || s == ".." {
		return false
	}
	size := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return false
		}
		if r != '%' {
			if escaped(r) {
				return false
			}
			i, size = i+n, size+n
			continue
		}
		c, ok := unhex(s[i:])
		if !ok {
			return false
		}
		i, size = i+3, size+1
		if c == 0xC2 { // the lead byte of U+0080 to U+009F, the only characters above ASCII that are escaped
			if c, ok = unhex(s[i:]); !ok || c < 0x80 || c > 0x9F {
				return false
			}
			i, size = i+3, size+1
		} else if c >= utf8.RuneSelf || !escaped(rune(c)) {
			return false
		}
	}
	return size <= MaxPathID
}

// unhex reads one %XX.
func unhex(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	hi, ok1 := unhexDigit(s[1])
	lo, ok2 := unhexDigit(s[2])
	return hi<<4 | lo, ok1 && ok2
}

func unhexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

package token

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep arrays and objects may nest.
const maxDepth = 32

const (
	errSyntax    errReason = "not JSON"
	errDuplicate errReason = "duplicate JSON member"
	errDepth     errReason = "JSON nested too deep"
	errUTF8      errReason = "not UTF-8"
	errSurrogate errReason = "lone surrogate in a JSON string"
)

// reader reads one JSON text (RFC 8259) strictly: a member name appears once in its object, whatever its spelling; nesting is
// bounded; invalid UTF-8 and lone surrogates, which other readers replace so that two names become one, are errors. Strings
// without escapes share memory with the text.
type reader struct {
	s     string
	i     int
	depth int
}

// readObject reads a text that is exactly one object, calling member for each value; member must consume it.
func readObject(text string, member func(r *reader, name string) error) error {
	if !utf8.ValidString(text) {
		return errUTF8
	}
	r := reader{s: text}
	r.space()
	if err := r.object(member); err != nil {
		return err
	}
	r.space()
	if r.i != len(r.s) {
		return errSyntax
	}
	return nil
}

func (r *reader) space() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end.
func (r *reader) peek() byte {
	if r.i < len(r.s) {
		return r.s[r.i]
	}
	return 0
}

// take consumes c if it is next.
func (r *reader) take(c byte) bool {
	if r.peek() != c || r.i >= len(r.s) {
		return false
	}
	r.i++
	return true
}

func (r *reader) enter() error {
	if r.depth++; r.depth > maxDepth {
		return errDepth
	}
	return nil
}

// object reads an object.
func (r *reader) object(member func(r *reader, name string) error) error {
	if !r.take('{') {
		return errSyntax
	}
	if err := r.enter(); err != nil {
		return err
	}
	var seen names
	r.space()
	for !r.take('}') {
		if seen.n > 0 {
			if !r.take(',') {
				return errSyntax
			}
			r.space()
		}
		name, err := r.str()
		if err != nil {
			return err
		}
		if !seen.add(name) {
			return errDuplicate
		}
		r.space()
		if !r.take(':') {
			return errSyntax
		}
		r.space()
		if err := member(r, name); err != nil {
			return err
		}
		r.space()
	}
	r.depth--
	return nil
}

// array reads an array, calling element for each value.
func (r *reader) array(element func(r *reader) error) error {
	if !r.take('[') {
		return errSyntax
	}
	if err := r.enter(); err != nil {
		return err
	}
	r.space()
	for first := true; !r.take(']'); first = false {
		if !first {
			if !r.take(',') {
				return errSyntax
			}
			r.space()
		}
		if err := element(r); err != nil {
			return err
		}
		r.space()
	}
	r.depth--
	return nil
}

// skip reads any value and forgets it, holding it to the same rules.
func (r *reader) skip() error {
	switch c := r.peek(); {
	case c == '{':
		return r.object(func(r *reader, _ string) error { return r.skip() })
	case c == '[':
		return r.array(func(r *reader) error { return r.skip() })
	case c == '"':
		_, err := r.str()
		return err
	case c == '-' || c >= '0' && c <= '9':
		_, err := r.number()
		return err
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(r.s[r.i:], word) {
			r.i += len(word)
			return nil
		}
	}
	return errSyntax
}

// number reads a number and returns it as written.
func (r *reader) number() (string, error) {
	start := r.i
	r.take('-')
	if !r.take('0') && !r.digits() {
		return "", errSyntax
	}
	if r.take('.') && !r.digits() {
		return "", errSyntax
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		if !r.digits() {
			return "", errSyntax
		}
	}
	return r.s[start:r.i], nil
}

// digits reads one digit or more.
func (r *reader) digits() bool {
	start := r.i
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		r.i++
	}
	return r.i > start
}

// str reads a string.
func (r *reader) str() (string, error) {
	if !r.take('"') {
		return "", errSyntax
	}
	start := r.i
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c == '"':
			r.i++
			return r.s[start : r.i-1], nil
		case c == '\\':
			return r.escaped(start)
		case c < 0x20:
			return "", errSyntax
		}
		r.i++
	}
	return "", errSyntax
}

// escaped reads the rest of a string that began at start and has its first escape here.
func (r *reader) escaped(start int) (string, error) {
	b := append([]byte(nil), r.s[start:r.i]...)
	for r.i < len(r.s) {
		c := r.s[r.i]
		r.i++
		switch {
		case c == '"':
			return string(b), nil
		case c < 0x20:
			return "", errSyntax
		case c != '\\':
			b = append(b, c)
		default:
			u, err := r.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, u)
		}
	}
	return "", errSyntax
}

// escape reads what follows a backslash.
func (r *reader) escape() (rune, error) {
	if r.i == len(r.s) {
		return 0, errSyntax
	}
	c := r.s[r.i]
	r.i++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
	default:
		return 0, errSyntax
	}
	u, ok := r.hex4()
	if !ok {
		return 0, errSyntax
	}
	switch {
	case u >= 0xd800 && u < 0xdc00:
		if !r.take('\\') || !r.take('u') {
			return 0, errSurrogate
		}
		low, ok := r.hex4()
		if !ok {
			return 0, errSyntax
		}
		if low < 0xdc00 || low > 0xdfff {
			return 0, errSurrogate
		}
		return (u-0xd800)<<10 + (low - 0xdc00) + 0x10000, nil
	case u >= 0xdc00 && u <= 0xdfff:
		return 0, errSurrogate
	}
	return u, nil
}

func (r *reader) hex4() (rune, bool) {
	if len(r.s)-r.i < 4 {
		return 0, false
	}
	u, err := strconv.ParseUint(r.s[r.i:r.i+4], 16, 32) // refuses signs and, with an explicit base, underscores
	r.i += 4
	return rune(u), err == nil
}

// names is the set of member names seen in one object: a short list, then a map, so that hostile objects cost linear time.
type names struct {
	few  [16]string
	n    int
	many map[string]struct{}
}

// add reports whether the name is new.
func (n *names) add(name string) bool {
	if n.many == nil {
		for _, s := range n.few[:n.n] {
			if s == name {
				return false
			}
		}
		if n.n < len(n.few) {
			n.few[n.n] = name
			n.n++
			return true
		}
		n.many = make(map[string]struct{}, 4*len(n.few))
		for _, s := range n.few {
			n.many[s] = struct{}{}
		}
	}
	if _, dup := n.many[name]; dup {
		return false
	}
	n.many[name] = struct{}{}
	n.n++
	return true
}

package identity_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// answer is all that a call says, written down.
type answer struct {
	text    string // what it returned
	trace   string // the events that it wrote, one in a line
	touched string // the tables in which it wrote rows of the other org
	err     error  // the first error in it
}

// without is an answer with the value that was asked for taken out.
func (a answer) without(side int, pairs [][2]string) string {
	text := a.text + "\nevents:\n" + a.trace
	for _, pair := range pairs {
		text = strings.ReplaceAll(text, pair[side], "‹it›")
	}
	return text
}

// writeAnswer writes down the results of a call, and what it put into its arguments.
func writeAnswer(results, args []reflect.Value, public bool) (a answer) {
	p := printer{a: &a, public: public}
	for _, v := range results {
		p.value(v, 0)
		p.WriteByte('\n')
	}
	for _, v := range args {
		if out, ok := anyOf(v).(*bytes.Buffer); ok {
			p.WriteString(out.String())
		}
	}
	a.text = p.String()
	return a
}

func anyOf(v reflect.Value) any {
	if v.IsValid() && v.CanInterface() {
		return v.Interface()
	}
	return nil
}

// printer writes values down so that two that say the same are the same text.
type printer struct {
	strings.Builder
	a      *answer
	public bool // of errors only what strangers are told
}

const maxListed = 300

func (p *printer) value(v reflect.Value, depth int) {
	if depth > 12 {
		p.WriteString("…")
		return
	}
	if v.IsValid() && v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface || v.IsValid() && !v.IsNil() {
		if p.known(anyOf(v)) {
			return
		}
	}
	switch v.Kind() {
	case reflect.Invalid:
		p.WriteString("nil")
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			p.WriteString("nil")
			return
		}
		p.value(v.Elem(), depth+1)
	case reflect.Struct:
		p.WriteString(v.Type().Name() + "{")
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				p.WriteString(f.Name + ": ")
				p.value(v.Field(i), depth+1)
				p.WriteString("; ")
			}
		}
		p.WriteString("}")
	case reflect.Slice, reflect.Array:
		p.WriteString("[")
		for i := range v.Len() {
			p.value(v.Index(i), depth+1)
			p.WriteString(", ")
		}
		p.WriteString("]")
	case reflect.Map:
		fmt.Fprint(p, v.Interface()) // in order
	case reflect.Func:
		p.sequence(v, depth)
	default:
		fmt.Fprint(p, v.Interface())
	}
}

// known writes what is not written field by field.
func (p *printer) known(v any) bool {
	switch v := v.(type) {
	case error:
		if p.a.err == nil {
			p.a.err = v
		}
		if p.public {
			p.WriteString("error: " + identity.PublicText(v))
			return true
		}
		p.WriteString("error: " + v.Error() + " of")
		for _, kind := range identity.Kinds() {
			if errors.Is(v, kind) {
				p.WriteString(" " + kind.Error())
			}
		}
		var e *identity.Error
		if errors.As(v, &e) {
			fmt.Fprintf(p, " (%s, %s, %s, %s)", e.Op, e.Entity, e.ID, e.Field)
		}
	case []byte:
		if v == nil {
			p.WriteString("nil")
		} else if utf8.Valid(v) && !bytes.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\n' }) {
			p.Write(v)
		} else {
			p.WriteString(hex.EncodeToString(v))
		}
	case time.Time:
		p.WriteString(v.Format(time.RFC3339Nano))
	case token.Secret:
		p.WriteString(inside(v.Reveal()))
	case identity.Principal:
		fmt.Fprint(p, v, v.Org(), v.Credential(), v.TokenID(), v.Way(), v.Actors(), v.Limits())
	case identity.Challenge:
		fmt.Fprint(p, "a challenge of ", len(v.Text), " bytes until ", v.ExpiresAt)
	case policy.Permissions:
		fmt.Fprint(p, v.Reason, v.Partial, v.Missing, v.Names())
	case policy.Filter:
		fmt.Fprint(p, v.Reason(), v.Everything(), v.Nothing(), v.Allowed(), v.Denied())
	case policy.Path, policy.Permission, policy.Reason, policy.Effect:
		fmt.Fprint(p, v)
	default:
		return false
	}
	return true
}

// sequence writes what an iterator gives.
func (p *printer) sequence(v reflect.Value, depth int) {
	if !v.Type().CanSeq2() || v.IsNil() {
		p.WriteString("func")
		return
	}
	n := 0
	for item, err := range v.Seq2() {
		p.value(item, depth+1)
		p.WriteString(" ")
		p.value(err, depth+1)
		p.WriteByte('\n')
		if n++; n == maxListed {
			p.WriteString("and more")
			return
		}
	}
}

// inside is a secret with what can be read of it: of a JWT its claims.
func inside(secret string) string {
	if parts := strings.Split(secret, "."); len(parts) == 3 {
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil {
			return string(payload)
		}
	}
	return secret
}

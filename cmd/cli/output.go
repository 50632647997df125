package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/claviger-go/claviger/identity"
)

// field is one value of a row under its name, which is the same in every form
// and does not change.
type field struct {
	name   string
	value  any  // string, bool, number, time.Time, time.Duration, []string, map[string]string, json.RawMessage
	detail bool // not in lists of the table form
}

// row is one result.
type row []field

// printer writes results in the form that was asked for.
type printer struct {
	out   io.Writer
	json  bool
	color bool
}

func (t *tool) printer() printer {
	return printer{out: t.Out, json: t.format == "json", color: t.Terminal && os.Getenv("NO_COLOR") == ""}
}

// list prints rows as they come: a table, or an object on each line. Head is the
// row of a zero value, whose names are those of the table.
func (p printer) list(head row, rows iter.Seq2[row, error]) error {
	if p.json {
		for r, err := range rows {
			if err != nil {
				return err
			}
			if err := p.object(r); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	line := func(r row, text func(field) string) error {
		var cells []string
		for _, f := range r {
			if !f.detail {
				cells = append(cells, text(f))
			}
		}
		_, err := fmt.Fprintln(w, strings.Join(cells, "\t"))
		return err
	}
	if err := line(head, func(f field) string { return strings.ToUpper(f.name) }); err != nil {
		return err
	}
	for r, err := range rows {
		if err != nil {
			return err
		}
		if err := line(r, field.text); err != nil {
			return err
		}
	}
	return w.Flush()
}

// one prints a row with all of its fields.
func (p printer) one(r row) error {
	if p.json {
		return p.object(r)
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, f := range r {
		if _, err := fmt.Fprintf(w, "%s\t%s\n", f.name, f.text()); err != nil {
			return err
		}
	}
	return w.Flush()
}

// object writes a row as JSON, its fields in their order.
func (p printer) object(r row) error {
	var b bytes.Buffer
	for i, f := range r {
		lead := ","
		if i == 0 {
			lead = "{"
		}
		value, err := json.Marshal(f.plain())
		if err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
		fmt.Fprintf(&b, "%s%q:%s", lead, f.name, value)
	}
	b.WriteString("}\n")
	_, err := p.out.Write(b.Bytes())
	return err
}

// verdict colours a word that says yes or no.
func (p printer) verdict(word string, yes bool) string {
	if !p.color {
		return word
	}
	code := "31" // red
	if yes {
		code = "32" // green
	}
	return "\x1b[1;" + code + "m" + word + "\x1b[0m"
}

// plain is the value as JSON has it: null where there is none.
func (f field) plain() any {
	switch v := f.value.(type) {
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return timeText(v)
	case time.Duration:
		if v == 0 {
			return nil
		}
		return spanText(v)
	case []string:
		if v == nil {
			return []string{}
		}
	case map[string]string:
		if v == nil {
			return map[string]string{}
		}
	case json.RawMessage:
		if len(v) == 0 {
			return nil
		}
	}
	return f.value
}

// text is the value in a cell; "-" where there is none. What could disturb a
// terminal is quoted.
func (f field) text() string {
	s := ""
	switch v := f.value.(type) {
	case time.Time:
		if !v.IsZero() {
			s = timeText(v)
		}
	case time.Duration:
		s = spanText(v)
	case []string:
		s = strings.Join(v, ",")
	case map[string]string:
		if len(v) > 0 {
			b, err := json.Marshal(v)
			if err != nil {
				return "?" // a map of strings always has a form
			}
			s = string(b)
		}
	case json.RawMessage:
		s = string(v)
	case bool:
		s = "no"
		if v {
			s = "yes"
		}
	default:
		s = fmt.Sprint(v)
	}
	switch {
	case s == "":
		return "-"
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return strconv.Quote(s)
	}
	return s
}

// meta are the fields of who made a row, and who changed it.
func meta(m identity.Meta) row {
	return row{
		{"created_at", m.CreatedAt, true}, {"created_by", m.CreatedBy, true},
		{"updated_at", m.UpdatedAt, true}, {"updated_by", m.UpdatedBy, true}, {"revision", m.Revision, true},
	}
}

// rowsOf turns nouns into rows.
func rowsOf[T any](nouns iter.Seq2[T, error], as func(T) row) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for noun, err := range nouns {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(as(noun), nil) {
				return
			}
		}
	}
}

// texts writes identifiers as strings.
func texts[T ~string](ids []T) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

// changed says whether a call that may be repeated did anything.
func (s *session) changed(id string, did bool, err error) error {
	if err != nil {
		return err
	}
	return s.out.one(row{{"id", id, false}, {"changed", did, false}})
}

package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/claviger-go/claviger/identity"
)

// The size of a page: when none is asked for, and at most, which leaves room
// for the row that shows whether a page of 1,000 is the last.
const (
	defaultLimit = 100
	maxLimit     = 1001
)

// where collects conditions and their parameters. Only text of this package
// goes into the SQL; what callers give is always a parameter.
type where struct {
	text strings.Builder
	args []any
}

// mark binds a value and returns its placeholder.
func (w *where) mark(value any) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) add(column, operator string, value any) {
	w.and().text.WriteString(column + " " + operator + " " + w.mark(value))
}

func (w *where) and() *where {
	if w.text.Len() == 0 {
		w.text.WriteString(" WHERE ")
	} else {
		w.text.WriteString(" AND ")
	}
	return w
}

// after keeps the rows behind a key.
func (w *where) after(columns, parts []string) {
	if len(columns) == 1 {
		w.add(columns[0], ">", parts[0])
		return
	}
	marks := make([]string, len(columns))
	for i := range columns {
		marks[i] = w.mark(parts[i])
	}
	w.and().text.WriteString("(" + strings.Join(columns, ", ") + ") > (" + strings.Join(marks, ", ") + ")")
}

// successor is the least text above every text that starts with the prefix,
// in byte order. There is none for a prefix of nothing but 0xff.
func successor(prefix string) (string, bool) {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0xff {
			b[i]++
			return string(b[:i+1]), true
		}
	}
	return "", false
}

// page is the statement of one page.
func (l *layout) page(q identity.Query) (string, []any, error) {
	limit := q.Limit
	switch {
	case limit == 0:
		limit = defaultLimit
	case limit < 0 || limit > maxLimit:
		return "", nil, invalid(l.entity, "Limit", "%d is not in 1 to %d", limit, maxLimit)
	}
	if q.Everywhere && l.repeats {
		return "", nil, invalid(l.entity, "Everywhere", "the ids of other orgs can be the same, so pages would lose rows")
	}
	w, err := l.conditions(q)
	if err != nil {
		return "", nil, err
	}
	if q.After != "" {
		w.after(l.key, l.splitKey(q.After))
	}
	// SQLite plans by a limit that is a parameter alone, and so compiles the
	// statement again each time one is bound. By a sum it does not.
	order := " ORDER BY " + strings.Join(l.key, ", ")
	limited := order + " LIMIT " + w.mark(limit) + " + 0"
	if !l.sorts(q) {
		return l.selects + w.text.String() + limited, w.args, nil
	}
	keys := l.key[0] + " IN (SELECT " + l.key[0] + " FROM " + l.name + w.text.String() + limited + ")"
	return l.selects + " WHERE " + l.org + " = " + w.mark(string(q.Org)) + " AND " + keys + order, w.args, nil
}

// sorts reports whether the keys of a page are picked first, and its rows read
// afterwards: what begins with a text lies in an index in the order of that, and
// has to be sorted. There may be much of it, and in the index it is small.
func (l *layout) sorts(q identity.Query) bool {
	return q.Org != "" && l.org != "" && len(l.key) == 1 &&
		slices.ContainsFunc(q.Where, func(c identity.Cond) bool { return c.Prefix || slices.Contains(l.sorted, c.Field) })
}

// count is the statement that counts what all pages have.
func (l *layout) count(q identity.Query) (string, []any, error) {
	w, err := l.conditions(q)
	if err != nil {
		return "", nil, err
	}
	return "SELECT count(*) FROM " + l.name + w.text.String(), w.args, nil
}

func (l *layout) conditions(q identity.Query) (*where, error) {
	w := &where{}
	switch {
	case l.org == "":
		// Rows of the instance have no org to ask for.
	case q.Everywhere && q.Org != "":
		return nil, invalid(l.entity, "Everywhere", "an org is given as well")
	case q.Everywhere:
	case q.Org == "":
		return nil, invalid(l.entity, "Org", "absent")
	default:
		w.add(l.org, "=", string(q.Org))
	}
	for _, c := range q.Where {
		column, ok := l.fields[c.Field]
		if !ok {
			return nil, invalid(l.entity, "Where", "a %s has no field %d to select by", l.entity, c.Field)
		}
		if !c.Prefix {
			w.add(column, "=", c.Value)
			if c.Value != "" && slices.Contains(l.sparse, column) {
				w.and().text.WriteString(column + " <> ''") // it follows, but the engine does not see that of a parameter
			}
			continue
		}
		w.add(column, ">=", c.Value)
		if end, ok := successor(c.Value); ok {
			w.add(column, "<", end)
		}
	}
	return w, nil
}

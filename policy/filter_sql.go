package policy

import (
	"slices"
	"strconv"
	"strings"
)

// SQL returns the filter as a condition for the WHERE clause of a statement over a host's own table, with its arguments: it
// holds for the rows whose path [Filter.Match] matches. The condition is in parentheses; no id stands in its text.
//
//   - A row without a path is never selected: NULL, the empty text, and for Segments an id that no path can have (".", "..", more
//     than [MaxPathID] bytes). What the columns hold otherwise must be what [NewPath] makes or takes; a text that is not valid
//     UTF-8 is nothing of that.
//   - What is selected is decided by comparisons of bytes, whatever the collation of the column. An index helps if it is in the
//     order of bytes. In SQLite a column of a collation that the host has made itself may select less than it should.
//   - SQLite compares by the type of the stored value. Only values of type text count, and in columns of Integer segments only
//     integers: a column of INTEGER affinity turns the text "1" into a number, and one that was given a blob holds no text.
//     Where the encoding of the database is not UTF-8, nothing is selected.
//   - In PostgreSQL the columns must be of type text or varchar, or for Integer segments of an integer type. char(n) pads values
//     and is none of these.
//   - A scope that is deeper than the segments, or of other types, concerns no row.
//
// A filter of few scopes takes up to six arguments for each. One of many takes an argument for every scope, or for Segments one
// for every pair of a scope; then an index serves Segments alone. More than the database takes in one statement
// are [ErrArguments]; malformed columns are [ErrSyntax]. The arguments are of type string, or int64 for Integer segments.
func (f Filter) SQL(c Columns) (where string, args []any, err error) {
	names, err := c.quoted()
	if err != nil {
		return "", nil, err
	}
	w := writer{Columns: c, names: names, next: max(c.First, 1)}
	where = w.where(f)
	if n := max(len(w.args), w.next-1); n > c.Dialect.maxArguments() {
		return "", nil, &Error{Kind: ErrArguments, Noun: "filter", Value: strconv.Itoa(n)}
	}
	return where, w.args, nil
}

// nothing is a condition that holds for no row, in every dialect.
const nothing = "(0 = 1)"

// writer writes the condition of a filter. Arguments are numbered in the order in which their placeholders are written.
type writer struct {
	Columns
	names []string // of the columns, quoted
	args  []any
	next  int
}

func (w *writer) where(f Filter) string {
	parts := w.guards()
	if !f.allowed.covers(rootText) {
		allowed := w.scopes(f.allowed)
		if len(allowed) == 0 {
			return nothing
		}
		parts = append(parts, join(allowed, " OR "))
		if len(allowed) > 1 && len(f.allowed) <= several {
			parts = append(parts, w.hint(f.allowed)...)
		}
	}
	if denied := w.scopes(f.denied); len(denied) > 0 {
		parts = append(parts, "NOT "+join(denied, " OR "))
	}
	return join(parts, " AND ")
}

// guards are the conditions under which a row has a path.
func (w *writer) guards() (all []string) {
	sqlite := w.Dialect == SQLite
	if sqlite {
		// In UTF-16 what sorts between two texts is not what begins with the first.
		all = append(all, "length(CAST('/' AS BLOB)) = 1")
	}
	for i, name := range w.names {
		integer := w.Path == "" && w.Segments[i].Integer
		switch {
		case sqlite && integer:
			all = append(all, "typeof("+name+") = 'integer'")
			continue
		case integer:
			all = append(all, name+" IS NOT NULL")
			continue
		case sqlite:
			all = append(all, "typeof("+name+") = 'text'")
		}
		switch {
		case w.Path != "":
			all = append(all, w.bytes(name)+" <> ''")
		case sqlite:
			all = append(all, "length(CAST("+name+" AS BLOB)) BETWEEN 1 AND "+strconv.Itoa(MaxPathID))
		default:
			all = append(all, "octet_length("+name+") BETWEEN 1 AND "+strconv.Itoa(MaxPathID))
		}
		if w.Path == "" {
			all = append(all, w.bytes(name)+" NOT IN ('.', '..')")
		}
	}
	return all
}

// bytes is a column compared by its bytes.
func (w *writer) bytes(name string) string {
	if w.Dialect == Postgres {
		return name + ` COLLATE "C"`
	}
	return name + " COLLATE BINARY"
}

// bind takes an argument and returns its placeholder. PostgreSQL must not guess its type from the column's.
func (w *writer) bind(v any) string {
	w.args = append(w.args, v)
	p := "?"
	if w.Placeholders == Dollar || w.Placeholders == OfDialect && w.Dialect == Postgres {
		p = "$" + strconv.Itoa(w.next)
		w.next++
	}
	if w.Dialect == Postgres {
		if _, integer := v.(int64); integer {
			return "CAST(" + p + " AS bigint)"
		}
		return "CAST(" + p + " AS text)"
	}
	return p
}

// list writes values that are compared with a column.
func (w *writer) list(values []any) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = w.bind(v)
	}
	return "(" + strings.Join(all, ", ") + ")"
}

// scopes returns conditions, one of which holds for every row at or under one of the scopes, none of which is Root.
func (w *writer) scopes(scopes antichain) []string {
	if len(scopes) == 0 {
		return nil
	}
	if w.Path == "" {
		return w.rows(scopes)
	}
	if len(scopes) > several {
		return []string{w.ancestor(scopes)}
	}
	return w.ranges(w.bytes(w.names[0]), scopes)
}

// several is the number of scopes up to which it pays to have a condition for each: planning takes time that grows with its
// square, and every row is held against every condition unless an index serves.
const several = 32

// ancestor is scopes for a column of paths: one of the scopes is the path or one of its ancestors. These are the path itself and
// what is left of it when it is cut at its last slash, again and again; with half a pair at the end it is no scope.
func (w *writer) ancestor(scopes antichain) string {
	const rest = "rtrim(t, replace(t, '/', ''))"
	start, cut := w.names[0], "SELECT substr("+rest+", 1, length("+rest+") - 1) FROM up WHERE instr(t, '/') > 0"
	if w.Dialect == Postgres {
		start, cut = "CAST("+w.names[0]+` AS text) COLLATE "C"`, "SELECT substring(t FROM '^(.*)/') FROM up WHERE strpos(t, '/') > 0"
	}
	return "EXISTS (WITH RECURSIVE up (t) AS (SELECT " + start + " UNION ALL " + cut + ") SELECT 1 FROM up WHERE " + w.bytes("t") + " IN " +
		w.list(texts(scopes)) + ")"
}

// ranges is scopes for a column of paths.
func (w *writer) ranges(path string, scopes antichain) []string {
	conditions := []string{path + " IN " + w.list(texts(scopes))}
	for _, scope := range scopes {
		// What begins with the scope and a slash sorts before the scope and a zero, which follows the slash.
		conditions = append(conditions, "("+path+" >= "+w.bind(scope+"/")+" AND "+path+" < "+w.bind(scope+"0")+")")
	}
	return conditions
}

// rows is scopes for columns of segments: one condition for all the scopes of one depth.
func (w *writer) rows(scopes antichain) (conditions []string) {
	depths := make([][][]any, len(w.Segments))
	for _, scope := range scopes {
		if ids, ok := w.ids(scope); ok {
			depths[len(ids)-1] = append(depths[len(ids)-1], ids)
		}
	}
	for n, all := range depths {
		switch {
		case len(all) == 0:
		case n == 0:
			var ids []any
			for _, row := range all {
				ids = append(ids, row[0])
			}
			conditions = append(conditions, w.column(0)+" IN "+w.list(ids))
		default:
			columns := make([]string, n+1)
			for i := range columns {
				columns[i] = w.column(i)
			}
			rows := make([]string, len(all))
			for i, row := range all {
				rows[i] = w.list(row)
			}
			conditions = append(conditions, "("+strings.Join(columns, ", ")+") IN (VALUES "+strings.Join(rows, ", ")+")")
		}
	}
	return conditions
}

// hint returns conditions that follow from those of the scopes, for the sake of an index: SQLite 3.53, other than 3.40,
// looks nothing up for conditions joined by OR if they name a collation. What holds by bytes holds by the other collations that
// it brings.
func (w *writer) hint(scopes antichain) []string {
	switch {
	case w.Dialect != SQLite:
		return nil
	case w.Path != "":
		return []string{join(w.ranges(w.names[0], scopes), " OR ")}
	}
	var first []any
	for _, scope := range scopes {
		if ids, ok := w.ids(scope); ok && !slices.Contains(first, ids[0]) {
			first = append(first, ids[0])
		}
	}
	return []string{w.column(0) + " IN " + w.list(first)}
}

// column is the column of a segment as it is compared.
func (w *writer) column(i int) string {
	if w.Segments[i].Integer {
		return w.names[i]
	}
	return w.bytes(w.names[i])
}

// ids are the values that the columns have in the rows at and under a scope, false if there can be no such rows.
func (w *writer) ids(scope string) (ids []any, ok bool) {
	parts := strings.Split(scope, "/")
	if len(parts)/2 > len(w.Segments) {
		return nil, false
	}
	for i := 0; i < len(parts); i += 2 {
		s, id := w.Segments[i/2], unescaped(parts[i+1])
		switch number, err := strconv.ParseInt(id, 10, 64); {
		case parts[i] != s.Type:
			return nil, false
		case s.Integer:
			if err != nil || strconv.FormatInt(number, 10) != id {
				return nil, false
			}
			ids = append(ids, number)
		case w.Dialect == Postgres && strings.IndexByte(id, 0) >= 0: // which its texts cannot hold
			return nil, false
		default:
			ids = append(ids, id)
		}
	}
	return ids, true
}

// texts are the scopes as arguments.
func texts(scopes antichain) []any {
	all := make([]any, len(scopes))
	for i, scope := range scopes {
		all[i] = scope
	}
	return all
}

// join joins conditions, in parentheses.
func join(parts []string, by string) string { return "(" + strings.Join(parts, by) + ")" }

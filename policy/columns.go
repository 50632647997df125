package policy

import "strings"

// Dialect is the kind of SQL that [Filter.SQL] writes.
type Dialect uint8

// The dialects.
const (
	// SQLite is version 3.15 or later. It compares by COLLATE BINARY, and takes at most 32,766 arguments in a statement.
	SQLite Dialect = iota
	// Postgres is PostgreSQL. It compares by COLLATE "C", and takes at most 65,535 arguments in a statement.
	Postgres
)

// maxArguments is the number of arguments that a statement may have.
func (d Dialect) maxArguments() int {
	if d == Postgres {
		return 65535
	}
	return 32766
}

// Placeholders is how arguments are written. It does not depend on the dialect, as SQLite reads both forms and some drivers
// rewrite one to the other; the zero value is what the dialect is used with as a rule.
type Placeholders uint8

// The forms of placeholders.
const (
	OfDialect Placeholders = iota // Question for SQLite, Dollar for Postgres
	Question                      // ?
	Dollar                        // $1, $2 and so on
)

// Columns says where a host's table keeps the paths of its rows: either Path or Segments is set.
//
// A name of a column is an identifier ([A-Za-z_][A-Za-z0-9_]*, or up to 63 bytes in double quotes, without control characters,
// quotes, backticks and brackets), which may follow that of a table and a dot. It is written quoted, so that a keyword is a
// column too; PostgreSQL folds a name without quotes to lower case, as always.
type Columns struct {
	// Path is a column of text that holds [Path.String].
	Path string
	// Segments are the columns of the ids of a row whose path is type/id/type/id, in this order.
	Segments     []Segment
	Dialect      Dialect
	Placeholders Placeholders
	First        int // number of the first Dollar placeholder; 0 means 1
}

// Segment is a column that holds one id of a path, as it is before escaping.
type Segment struct {
	Type   string // of the pair, such as "projects"
	Column string
	// Integer says that the column holds integers, which stand in paths in decimal. Otherwise it must hold text.
	Integer bool
}

// quoted returns the names of the columns as they are written in SQL.
func (c *Columns) quoted() ([]string, error) {
	refuse := func(field, value string) error {
		return &Error{Kind: ErrSyntax, Noun: "columns", Field: field, Value: value}
	}
	switch {
	case (c.Path == "") == (len(c.Segments) == 0):
		return nil, refuse("path or segments", c.Path)
	case c.Dialect > Postgres:
		return nil, refuse("dialect", "")
	case c.Placeholders > Dollar:
		return nil, refuse("placeholders", "")
	case c.First < 0:
		return nil, refuse("first", "")
	}
	names, length := []string{c.Path}, 0
	if c.Path == "" {
		names = nil
		for _, s := range c.Segments {
			if !validType(s.Type) {
				return nil, refuse("type", s.Type)
			}
			names = append(names, s.Column)
			length += len(s.Type) + len("//") + 3*MaxPathID
		}
	}
	// No row can then have a path that is too long.
	if length > MaxPath {
		return nil, refuse("segments: more than a path may have", "")
	}
	for i, name := range names {
		q, ok := c.Dialect.quote(name)
		if !ok {
			return nil, refuse("column", name)
		}
		names[i] = q
	}
	return names, nil
}

// quote writes the name of a column so that it can be nothing else. SQLite takes what stands in double quotes for a string if
// there is no column of that name; what stands in backticks it does not.
func (d Dialect) quote(name string) (string, bool) {
	mark := "`"
	if d == Postgres {
		mark = `"`
	}
	out := ""
	for n := 0; ; n++ {
		ident, rest, ok := identifier(name, d == Postgres)
		if !ok {
			return "", false
		}
		out += mark + ident + mark
		switch {
		case rest == "":
			return out, true
		case rest[0] != '.' || n > 0:
			return "", false
		}
		out += "."
		name = rest[1:]
	}
}

// identifier takes an identifier from the front of a name.
func identifier(name string, fold bool) (ident, rest string, ok bool) {
	if after, quoted := strings.CutPrefix(name, `"`); quoted {
		ident, rest, ok = strings.Cut(after, `"`)
		bad := func(r rune) bool { return r < ' ' || r == 0x7F || strings.ContainsRune("`[]\uFFFD", r) }
		return ident, rest, ok && len(ident) > 0 && len(ident) <= maxIdentifier && !strings.ContainsFunc(ident, bad)
	}
	n := 0
	for n < len(name) && (name[n] == '_' || typeByte(name[n]) && name[n] != '.' && name[n] != '-') {
		n++
	}
	ident, rest = name[:n], name[n:]
	if n == 0 || n > maxIdentifier || '0' <= ident[0] && ident[0] <= '9' {
		return "", "", false
	}
	if fold {
		ident = strings.ToLower(ident)
	}
	return ident, rest, true
}

// maxIdentifier is what PostgreSQL keeps of an identifier, in bytes.
const maxIdentifier = 63

package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// madeOf is the filter of scopes given as texts.
func madeOf(t testing.TB, allowed, denied []string) Filter {
	t.Helper()
	for _, text := range slices.Concat(allowed, denied) {
		path(t, text)
	}
	return newFilter(antichainOf(allowed), antichainOf(denied), ReasonAllowed)
}

func TestFilterSQLText(t *testing.T) {
	segments := []Segment{{Type: "p", Column: "project"}, {Type: "f", Column: "t.folder"}}
	numbered := []Segment{{Type: "p", Column: "p", Integer: true}}
	var many []string
	for i := range 33 {
		many = append(many, fmt.Sprintf("p/%d", i))
	}
	for _, c := range []struct {
		what            string
		allowed, denied []string
		columns         Columns
		where           string
		args            []any
	}{
		{"nothing", nil, nil, Columns{Path: "path"}, "(0 = 1)", nil},
		{"everything", []string{"/"}, nil, Columns{Path: "path"},
			"(length(CAST('/' AS BLOB)) = 1 AND typeof(`path`) = 'text' AND `path` COLLATE BINARY <> '')", nil},
		{"everything, Postgres", []string{"/"}, nil, Columns{Path: "Path", Dialect: Postgres}, `("path" COLLATE "C" <> '')`, nil},
		{"one scope", []string{"p/1"}, nil, Columns{Path: "path"},
			"(length(CAST('/' AS BLOB)) = 1 AND typeof(`path`) = 'text' AND `path` COLLATE BINARY <> '' AND " +
				"(`path` COLLATE BINARY IN (?) OR (`path` COLLATE BINARY >= ? AND `path` COLLATE BINARY < ?)) AND " +
				"(`path` IN (?) OR (`path` >= ? AND `path` < ?)))",
			[]any{"p/1", "p/1/", "p/10", "p/1", "p/1/", "p/10"}},
		{"one scope, Postgres", []string{"p/1"}, nil, Columns{Path: `r."Path"`, Dialect: Postgres, First: 4},
			`("r"."Path" COLLATE "C" <> '' AND ("r"."Path" COLLATE "C" IN (CAST($4 AS text)) OR ` +
				`("r"."Path" COLLATE "C" >= CAST($5 AS text) AND "r"."Path" COLLATE "C" < CAST($6 AS text))))`,
			[]any{"p/1", "p/1/", "p/10"}},
		{"many scopes", many, []string{"p/1/f/1"}, Columns{Path: "path"},
			"(length(CAST('/' AS BLOB)) = 1 AND typeof(`path`) = 'text' AND `path` COLLATE BINARY <> '' AND " +
				"(EXISTS (WITH RECURSIVE up (t) AS (SELECT `path` UNION ALL " +
				"SELECT substr(rtrim(t, replace(t, '/', '')), 1, length(rtrim(t, replace(t, '/', ''))) - 1) FROM up WHERE instr(t, '/') > 0) " +
				"SELECT 1 FROM up WHERE t COLLATE BINARY IN (?" + strings.Repeat(", ?", 32) + "))) AND " +
				"NOT (`path` COLLATE BINARY IN (?) OR (`path` COLLATE BINARY >= ? AND `path` COLLATE BINARY < ?)))",
			append(texts(antichainOf(slices.Clone(many))), "p/1/f/1", "p/1/f/1/", "p/1/f/10")},
		{"many scopes, Postgres", many, nil, Columns{Path: "path", Dialect: Postgres, Placeholders: Question},
			`("path" COLLATE "C" <> '' AND (EXISTS (WITH RECURSIVE up (t) AS (SELECT CAST("path" AS text) COLLATE "C" UNION ALL ` +
				`SELECT substring(t FROM '^(.*)/') FROM up WHERE strpos(t, '/') > 0) ` +
				`SELECT 1 FROM up WHERE t COLLATE "C" IN (CAST(? AS text)` + strings.Repeat(", CAST(? AS text)", 32) + "))))",
			texts(antichainOf(slices.Clone(many)))},
		{"a deny", []string{"/"}, []string{"p/1", "p/%2F"}, Columns{Path: "path", Placeholders: Dollar},
			"(length(CAST('/' AS BLOB)) = 1 AND typeof(`path`) = 'text' AND `path` COLLATE BINARY <> '' AND NOT (`path` COLLATE BINARY IN ($1, $2) OR " +
				"(`path` COLLATE BINARY >= $3 AND `path` COLLATE BINARY < $4) OR (`path` COLLATE BINARY >= $5 AND `path` COLLATE BINARY < $6)))",
			[]any{"p/%2F", "p/1", "p/%2F/", "p/%2F0", "p/1/", "p/10"}},
		{"segments", []string{"p/%2F/f/1", "p/%2F/f/%00", "p/2"}, []string{"p/2/f/1"}, Columns{Segments: segments},
			"(length(CAST('/' AS BLOB)) = 1 AND " +
				"typeof(`project`) = 'text' AND length(CAST(`project` AS BLOB)) BETWEEN 1 AND 255 AND `project` COLLATE BINARY NOT IN ('.', '..') AND " +
				"typeof(`t`.`folder`) = 'text' AND length(CAST(`t`.`folder` AS BLOB)) BETWEEN 1 AND 255 AND `t`.`folder` COLLATE BINARY NOT IN ('.', '..') AND " +
				"(`project` COLLATE BINARY IN (?) OR (`project` COLLATE BINARY, `t`.`folder` COLLATE BINARY) IN (VALUES (?, ?), (?, ?))) AND " +
				"`project` COLLATE BINARY IN (?, ?) AND NOT ((`project` COLLATE BINARY, `t`.`folder` COLLATE BINARY) IN (VALUES (?, ?))))",
			[]any{"2", "/", "\x00", "/", "1", "/", "2", "2", "1"}},
		{"segments, Postgres", []string{"p/%00", "p/2"}, nil, Columns{Segments: segments[:1], Dialect: Postgres, Placeholders: Question},
			`(octet_length("project") BETWEEN 1 AND 255 AND "project" COLLATE "C" NOT IN ('.', '..') AND ("project" COLLATE "C" IN (CAST(? AS text))))`,
			[]any{"2"}},
		{"integers", []string{"p/7", "p/007", "p/-1", "p/x", "p/1.0", "p/9223372036854775808"}, nil, Columns{Segments: numbered},
			"(length(CAST('/' AS BLOB)) = 1 AND typeof(`p`) = 'integer' AND (`p` IN (?, ?)))", []any{int64(-1), int64(7)}},
		{"integers, Postgres", []string{"p/7"}, nil, Columns{Segments: numbered, Dialect: Postgres},
			`("p" IS NOT NULL AND ("p" IN (CAST($1 AS bigint))))`, []any{int64(7)}},
		{"too deep, or of another type", []string{"p/1/f/1/i/1", "q/1"}, nil, Columns{Segments: segments}, "(0 = 1)", nil},
	} {
		where, args, err := madeOf(t, c.allowed, c.denied).SQL(c.columns)
		if err != nil || where != c.where || !slices.Equal(args, c.args) {
			t.Errorf("%s:\n%s %q %v\nwant\n%s %q", c.what, where, args, err, c.where, c.args)
		}
	}
}

func TestFilterSQLColumns(t *testing.T) {
	f := madeOf(t, []string{"p/1"}, nil)
	long := make([]Segment, 11)
	for i := range long {
		long[i] = Segment{Type: "p", Column: "c"}
	}
	for what, c := range map[string]Columns{
		"no columns": {}, "both": {Path: "p", Segments: []Segment{{Type: "p", Column: "p"}}}, "an empty column": {Segments: []Segment{{Type: "p"}}},
		"an expression": {Path: "lower(path)"}, "a space": {Path: "path "}, "two dots": {Path: "a.b.c"}, "a last dot": {Path: "a."}, "a first dot": {Path: ".a"},
		"injection": {Path: "path = '' OR 1=1 --"}, "a quote": {Path: "pa'th"}, "half quoted": {Path: `"path`}, "quoted twice": {Path: `"pa""th"`},
		"after quotes": {Path: `"path"x`}, "empty quotes": {Path: `""`}, "a backtick": {Path: "\"a`b\""}, "a bracket": {Path: `"a]b"`}, "NUL": {Path: "\"a\x00\""},
		"bad UTF-8": {Path: "\"a\xff\""}, "a digit first": {Path: "1a"}, "too long": {Path: strings.Repeat("a", 64)}, "a dash": {Path: "a-b"},
		"an unknown dialect": {Path: "p", Dialect: 2}, "unknown placeholders": {Path: "p", Placeholders: 3}, "a negative number": {Path: "p", First: -1},
		"a bad type": {Segments: []Segment{{Type: "p/q", Column: "c"}}}, "no type": {Segments: []Segment{{Column: "c"}}},
		"more than a path may have": {Segments: long},
	} {
		where, args, err := f.SQL(c)
		var e *Error
		if !errors.Is(err, ErrSyntax) || !errors.As(err, &e) || e.Noun != "columns" || where != "" || args != nil {
			t.Errorf("%s: %q %q %v", what, where, args, err)
		}
	}
	if _, _, err := f.SQL(Columns{Segments: long[:10]}); err != nil {
		t.Error(err)
	}
}

func TestFilterSQLArguments(t *testing.T) {
	var scopes []string
	for i := range 65_536 {
		scopes = append(scopes, fmt.Sprintf("p/%d/f/%d", i, i))
	}
	segments := []Segment{{Type: "p", Column: "p"}, {Type: "f", Column: "f"}}
	for _, c := range []struct {
		what    string
		scopes  []string
		columns Columns
		want    int // arguments, negative for too many
	}{
		{"path, few", scopes[:32], Columns{Path: "p"}, 192},
		{"path, Postgres, few", scopes[:32], Columns{Path: "p", Dialect: Postgres}, 96},
		{"path, most", scopes[:32_766], Columns{Path: "p"}, 32_766},
		{"path, more", scopes[:32_767], Columns{Path: "p"}, -32_767},
		{"path, Postgres, most", scopes[:65_535], Columns{Path: "p", Dialect: Postgres}, 65_535},
		{"path, Postgres, more", scopes[:65_536], Columns{Path: "p", Dialect: Postgres}, -65_536},
		{"numbered from on high", scopes[:2], Columns{Path: "p", Dialect: Postgres, First: 65_531}, -65_536},
		{"segments", scopes[:16_383], Columns{Segments: segments}, 32_766},
		{"segments, more", scopes[:16_384], Columns{Segments: segments}, -32_768},
	} {
		_, args, err := madeOf(t, slices.Clone(c.scopes), nil).SQL(c.columns)
		var e *Error
		switch {
		case c.want > 0 && (err != nil || len(args) != c.want):
			t.Errorf("%s: %d arguments, %v", c.what, len(args), err)
		case c.want < 0 && (!errors.Is(err, ErrArguments) || !errors.As(err, &e) || e.Value != strconv.Itoa(-c.want) || args != nil):
			t.Errorf("%s: %d arguments, %v", c.what, len(args), err)
		}
	}
}

// FuzzFilterSQL: whatever is taken for the name of a column, it stands in the condition as one quoted name or two, and no part
// of a scope stands there at all.
func FuzzFilterSQL(f *testing.F) {
	for _, seed := range []string{"path", `t."Path"`, `"a b".c`, "x'y", "a`b", `"`, "a.b.c", "\x00"} {
		f.Add(seed, "1", true)
	}
	f.Add("p", "it's -- ?", false)
	f.Fuzz(func(t *testing.T, column, id string, postgres bool) {
		c, mark := Columns{Path: column}, "`"
		if postgres {
			c.Dialect, mark = Postgres, `"`
		}
		scope, err := NewPath("p", id)
		if err != nil {
			return
		}
		where, args, err := madeOf(t, []string{scope.String()}, nil).SQL(c)
		if err != nil {
			return
		}
		plain, _, err := madeOf(t, []string{"p/1"}, nil).SQL(c)
		if err != nil || where != plain || args[0] != scope.String() {
			t.Fatalf("%q with %q, and %q for another scope", where, args, plain)
		}
		name, _ := c.Dialect.quote(column)
		parts := strings.Split(name, mark)
		if len(parts) != 3 && (len(parts) != 5 || parts[2] != ".") || parts[0] != "" || parts[len(parts)-1] != "" {
			t.Fatalf("%q is written %s", column, name)
		}
		standard, _, err := madeOf(t, []string{"p/1"}, nil).SQL(Columns{Path: "path", Dialect: c.Dialect})
		if want := strings.ReplaceAll(standard, mark+"path"+mark, name); err != nil || where != want {
			t.Fatalf("%q makes %s, want %s", column, where, want)
		}
	})
}

func FuzzUnescaped(f *testing.F) {
	f.Add("a/b%\x00\u0085é*?")
	f.Fuzz(func(t *testing.T, id string) {
		if p, err := NewPath("p", id); err == nil && unescaped(p.String()[2:]) != id {
			t.Fatalf("%q came back as %q", id, unescaped(p.String()[2:]))
		}
	})
}

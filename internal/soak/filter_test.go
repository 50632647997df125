package soak

import (
	"context"
	"database/sql"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// filterIDs sort on every side of '/' and '0', differ in case alone, look like numbers, patterns, quotes and escapes.
var filterIDs = []string{
	"1", "10", "01", "1.0", "1e0", "-1", "1-", "1!", "1.", "1/", "1/f", "2", "a", "A", "é", "É", "e\u0301", "į", "1į", "日本", "😀", "%", "1%", "%2F", "_", "*", "?",
	"'", "''", `"`, "`", "' OR '1'='1", "--", ";", "\\", " ", "1 ", "\x00", "1\x00", "\n", "\u0085", "~", "/", "0", "NULL", "...", ".a", "$1",
	strings.Repeat("é", 127), strings.Repeat("/", 255),
}

// notIDs are texts of columns that no path can have.
var notIDs = []string{"", ".", "..", strings.Repeat("x", 256), strings.Repeat("é", 128)}

// hostTable is a table of a host, filled with rows of every kind. All columns but n may hold anything.
const hostTable = `CREATE TABLE resource (n INTEGER PRIMARY KEY, path TEXT, folded TEXT COLLATE NOCASE, t, p TEXT, f TEXT COLLATE NOCASE, "I d",
	number INTEGER, counted INTEGER);
	CREATE INDEX by_path ON resource (path); CREATE INDEX by_segment ON resource (p, f)`

// filterForm is one way to tell SQL where the paths are, and how the path of a row follows from the values that the columns have.
type filterForm struct {
	name    string
	values  string // what to read for it
	columns policy.Columns
}

var filterForms = []filterForm{
	{"path", "path", policy.Columns{Path: "path"}},
	{"path, numbered", "path", policy.Columns{Path: "resource.path", Placeholders: policy.Dollar, First: 3}},
	{"NOCASE", "folded", policy.Columns{Path: "folded"}},
	{"no affinity", "t", policy.Columns{Path: "t", Placeholders: policy.Dollar, First: 3}},
	{"integer affinity", "number", policy.Columns{Segments: []policy.Segment{{Type: "p", Column: "number"}}}},
	{"integers", "counted", policy.Columns{Segments: []policy.Segment{{Type: "p", Column: "counted", Integer: true}}}},
	{"integers that may not be", "t", policy.Columns{Segments: []policy.Segment{{Type: "p", Column: `"t"`, Integer: true}}}},
	{"one segment", "p", policy.Columns{Segments: []policy.Segment{{Type: "p", Column: "p"}}}},
	{"two segments", "p, f", policy.Columns{Segments: []policy.Segment{{Type: "p", Column: "p"}, {Type: "f", Column: "f"}}}},
	{"segments, numbered", `p, f, "I d"`, policy.Columns{Placeholders: policy.Dollar, First: 3, Segments: []policy.Segment{
		{Type: "p", Column: "p"}, {Type: "f", Column: "resource.f"}, {Type: "i", Column: `"I d"`},
	}}},
}

// pathOf is the path that the host makes of the values of a row, as they are stored.
func (f *filterForm) pathOf(values []any) (policy.Path, bool) {
	var parts []string
	for i, v := range values {
		text, isText := v.(string)
		number, isNumber := v.(int64)
		switch {
		case f.columns.Path != "":
			p, err := policy.ParsePath(text)
			return p, isText && err == nil
		case f.columns.Segments[i].Integer && isNumber:
			text = fmt.Sprint(number)
		case f.columns.Segments[i].Integer || !isText:
			return policy.Path{}, false
		}
		parts = append(parts, f.columns.Segments[i].Type, text)
	}
	p, err := policy.NewPath(parts...)
	return p, err == nil
}

// TestFilterSQL compares the rows that filters select from a table of a host with what Authorize says of each row.
func TestFilterSQL(t *testing.T) {
	rnd, dir := seeded(t), t.TempDir()
	id := mustOpen(t, filepath.Join(dir, "app.db"))
	org := must(id.System("setup").EnsureOrg(t.Context(), identity.OrgSpec{Slug: "acme"}))(t).ID
	host := must(sql.Open("sqlite", "file:"+filepath.Join(dir, "host.db")))(t)
	defer func() {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	}()
	host.SetMaxOpenConns(1)
	n := fewer(3_000, 100_000)
	must(host.Exec(hostTable))(t)
	fillHost(t, host, rnd, n)
	users := filterUsers(t, id, org, rnd)
	selected := map[string]int{}
	for range 2 {
		for _, form := range filterForms {
			paths := readPaths(t, host, &form)
			for _, u := range users {
				selected[form.name] += compareRows(t, host, id, &form, identity.Request{Principal: u, Org: org, Permission: permission("wallets:read")}, paths)
			}
		}
		grantAtRandom(t, id, org, users, rnd, 10) // and once more
	}
	for _, form := range filterForms {
		if found := selected[form.name]; found == 0 {
			t.Errorf("%s: no row is ever selected", form.name)
		}
	}
	t.Logf("%d rows, %d users: %v", n, len(users), selected)
}

// compareRows returns the number of rows that a filter selects.
func compareRows(t *testing.T, host *sql.DB, id *identity.Authority, form *filterForm, req identity.Request, paths map[int64]policy.Path) int {
	t.Helper()
	f := id.Filter(t.Context(), req)
	where, args, err := f.SQL(form.columns)
	if err != nil {
		t.Fatal(err)
	}
	query := "SELECT n FROM resource WHERE " + where
	if form.columns.First != 0 { // among arguments of the host's own
		query, args = "SELECT n FROM resource WHERE n >= $1 AND "+where+" AND n < $2", append([]any{0, int64(1) << 40}, args...)
	}
	rows, err := host.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // reading to the end has closed it
	got := map[int64]bool{}
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		got[n] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for n, p := range paths {
		req.Path = p
		if d := id.Authorize(t.Context(), req); d.Allowed != got[n] || d.Allowed != f.Match(p) {
			t.Fatalf("%s: row %d at %q: selected %v, matched %v, Authorize %+v\n%s\n%q", form.name, n, p, got[n], f.Match(p), d, where, args)
		}
	}
	return len(got)
}

// readPaths gives the path of every row, the zero Path where there is none.
func readPaths(t *testing.T, host *sql.DB, form *filterForm) map[int64]policy.Path {
	t.Helper()
	rows, err := host.QueryContext(t.Context(), "SELECT n, "+form.values+" FROM resource")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // reading to the end has closed it
	paths := map[int64]policy.Path{}
	for rows.Next() {
		var n int64
		values := make([]any, strings.Count(form.values, ",")+1)
		into := []any{&n}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		paths[n], _ = form.pathOf(values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return paths
}

// fillHost makes rows, one in ten of which has something that is no path.
func fillHost(t *testing.T, host *sql.DB, rnd *mathrand.Rand, n int) {
	t.Helper()
	tx := must(host.BeginTx(t.Context(), nil))(t)
	stmt := must(tx.PrepareContext(t.Context(), "INSERT INTO resource (path, folded, t, p, f, \"I d\", number, counted) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"))(t)
	defer func() { _ = stmt.Close() }() // committing has closed it
	value := func(v any) any {
		text, isText := v.(string)
		switch rnd.IntN(40) {
		case 0:
			return nil
		case 1:
			return ""
		case 2:
			if isText {
				return []byte(text)
			}
		}
		return v
	}
	number := func() any { return []any{rnd.IntN(12) - 1, "text", 1.5}[max(0, rnd.IntN(20)-17)] }
	segment := func() any {
		if rnd.IntN(20) == 0 {
			return notIDs[rnd.IntN(len(notIDs))]
		}
		return value(filterIDs[rnd.IntN(len(filterIDs))])
	}
	for range n {
		p := randomPath(rnd).String()
		must(stmt.ExecContext(t.Context(), value(p), value(p), []any{value(p), rnd.IntN(12) - 1}[rnd.IntN(2)],
			segment(), segment(), segment(), []any{segment(), number()}[rnd.IntN(2)], value(number())))(t)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// randomPath is of one to three pairs, at times of other types than the tables have, or Root.
func randomPath(rnd *mathrand.Rand) policy.Path {
	if rnd.IntN(50) == 0 {
		return policy.Root
	}
	var parts []string
	for i := range 1 + rnd.IntN(3) {
		kind := []string{"p", "f", "i"}[i]
		if rnd.IntN(30) == 0 {
			kind = "x"
		}
		parts = append(parts, kind, filterIDs[rnd.IntN(len(filterIDs))])
		if rnd.IntN(2) == 0 {
			parts[len(parts)-1] = filterIDs[rnd.IntN(12)] // so that rows lie under scopes
		}
	}
	return path(parts...)
}

// filterUsers makes users with few bindings and with many, two of them with rights at Root.
func filterUsers(t *testing.T, id *identity.Authority, org identity.OrgID, rnd *mathrand.Rand) []identity.Principal {
	t.Helper()
	var users []identity.Principal
	for i := range 8 {
		spec := identity.UserSpec{Email: fmt.Sprintf("u%d@example.com", i)}
		if i < 2 {
			spec.Roles = []string{"reader"}
		}
		u := must(id.System("setup").In(org).CreateUser(t.Context(), spec))(t)
		p := must(login(t.Context(), id, org, u.ID, 0))(t)
		users = append(users, p)
		grantAtRandom(t, id, org, users[i:], rnd, []int{0, 12, 3, 30, 30, 100, 100, 300}[i])
	}
	return users
}

// grantAtRandom gives each user so many bindings, a third of them denies.
func grantAtRandom(t *testing.T, id *identity.Authority, org identity.OrgID, users []identity.Principal, rnd *mathrand.Rand, n int) {
	t.Helper()
	err := id.Write(t.Context(), func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("setup").In(org)
		for _, u := range users {
			for range n {
				spec := identity.BindingSpec{Subject: identity.SubjectID(u.Account()), Role: "reader", Scope: randomPath(rnd)}
				if spec.Scope.IsRoot() {
					continue // nothing else would count
				}
				spec.Deny = rnd.IntN(3) == 0
				_, err := in.CreateBinding(ctx, spec)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

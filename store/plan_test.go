package store_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store"
	"github.com/claviger-go/claviger/store/sqlite"
)

// TestListPlans has the engine say how it answers a page of each list, for every
// set of fields that it can be filtered by, at its beginning and further on: by an
// index that begins with the org, without reading the org from end to end, and,
// where something has to be sorted, by an index that holds all there is to read.
func TestListPlans(t *testing.T) {
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	tx, err := st.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // cannot fail
	plan := func(text string, args []any) string { return planOf(t, tx.(*store.WriteTxn), text, args) }
	for noun, list := range lists() {
		for set := range 1 << len(list.may) {
			where := append([]identity.Cond(nil), list.always...)
			for i, c := range list.may {
				if set&(1<<i) != 0 {
					where = append(where, c)
				}
			}
			if list.never(where) {
				continue
			}
			for _, after := range []string{"", "a/a"} {
				text, args, err := store.PageText(noun, identity.Query{Org: "or_a", Where: where, After: after, Limit: 101})
				if err != nil {
					t.Fatal(err)
				}
				checkPlan(t, text, plan(text, args), len(where) > len(list.always))
			}
		}
	}
	for set := range 1 << 7 {
		var f identity.EventFilter
		for i, put := range []func(){
			func() { f.Noun = "n" }, func() { f.ID = "i" }, func() { f.Verb = "v" }, func() { f.Actor = "a" },
			func() { f.From = time.UnixMicro(1) }, func() { f.Until = time.UnixMicro(2) }, func() { f.NewestFirst = true },
		} {
			if set&(1<<i) != 0 {
				put()
			}
		}
		for fewest, value := range map[string]string{"": "any", "noun": f.Noun, "id": f.ID, "verb": f.Verb, "actor": f.Actor} {
			if value == "" {
				continue
			}
			for _, after := range []uint64{0, 7} {
				text, args := store.EventText("or_a", f, fewest, after, 101)
				found := plan(text, args)
				checkPlan(t, text, found, f != identity.EventFilter{NewestFirst: f.NewestFirst})
				if strings.Contains(found, "B-TREE") {
					t.Errorf("%s\nsorts: %s", text, found)
				}
				if after != 0 && !strings.Contains(found, "(at,seq)") && !strings.Contains(found, "seq>?") && !strings.Contains(found, "seq<?") {
					t.Errorf("%s\ndoes not begin where the page before ended: %s", text, found)
				}
				if fewest != "" && !strings.Contains(found, "identity_event_"+fewest+" ") {
					t.Errorf("%s\ndoes not go through the events by %s: %s", text, fewest, found)
				}
			}
		}
	}
}

// list is what a list is filtered by: always, and if the caller says so.
// Some sets nobody needs, or what they let through is read to be sorted.
type list struct {
	always, may []identity.Cond
	not         [][]identity.Field
}

func (l list) never(where []identity.Cond) bool {
	has := func(f identity.Field) bool {
		return slices.ContainsFunc(where, func(c identity.Cond) bool { return c.Field == f })
	}
	return slices.ContainsFunc(l.not, func(set []identity.Field) bool {
		return !slices.ContainsFunc(set, func(f identity.Field) bool { return !has(f) })
	}) ||
		has(identity.FieldExternalSubject) && !has(identity.FieldExternalIssuer)
}

// lists are those of package identity. Its filters are where they are made:
// AccountFilter, GroupFilter, RoleFilter, BindingFilter and CredentialFilter.
func lists() map[string]list {
	is := func(f identity.Field) identity.Cond { return identity.Cond{Field: f, Value: "a"} }
	begins := func(f identity.Field) identity.Cond { return identity.Cond{Field: f, Value: "a", Prefix: true} }
	return map[string]list{
		"account": {may: []identity.Cond{
			is(identity.FieldKind), is(identity.FieldState), begins(identity.FieldName), is(identity.FieldExternalIssuer), is(identity.FieldExternalSubject),
			is(identity.FieldBoundary)},
			not: [][]identity.Field{{identity.FieldName, identity.FieldExternalIssuer}, {identity.FieldName, identity.FieldBoundary}}},
		"group":   {always: []identity.Cond{is(identity.FieldDeleted)}, may: []identity.Cond{begins(identity.FieldName)}},
		"member":  {always: []identity.Cond{is(identity.FieldGroup)}},
		"role":    {always: []identity.Cond{is(identity.FieldAnonymous), is(identity.FieldDeleted)}, may: []identity.Cond{is(identity.FieldState), begins(identity.FieldName)}},
		"binding": {may: []identity.Cond{is(identity.FieldSubject), is(identity.FieldRole), is(identity.FieldScope)}},
		"credential": {may: []identity.Cond{
			is(identity.FieldAccount), is(identity.FieldKind), is(identity.FieldName), is(identity.FieldState), is(identity.FieldThumbprint)}},
		"token": {may: []identity.Cond{is(identity.FieldAccount)}},
	}
}

// checkPlan refuses a plan that reads an org from end to end though there is a
// filter, or rows only to sort them.
func checkPlan(t *testing.T, text, plan string, filtered bool) {
	t.Helper()
	for step := range strings.SplitSeq(plan, "; ") {
		switch {
		case strings.HasPrefix(step, "SCAN"):
			t.Errorf("%s\nscans: %s", text, plan)
		case !strings.HasPrefix(step, "SEARCH"):
		case !strings.Contains(step, "(org_id=? AND") && !strings.Contains(step, "(external_issuer=?"):
			if filtered || !strings.Contains(step, "(org_id=?)") {
				t.Errorf("%s\nis not answered by an index of what it is filtered by: %s", text, plan)
			}
		}
	}
	if strings.Contains(plan, "B-TREE FOR ORDER BY") && !strings.Contains(plan, "COVERING INDEX") {
		t.Errorf("%s\nreads rows to sort them: %s", text, plan)
	}
}

// planOf is what the engine says about how it will answer a query.
func planOf(t *testing.T, tx *store.WriteTxn, query string, args []any) string {
	t.Helper()
	rows, err := tx.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }() // a failure to read shows in Err
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(plan) == 0 {
		plan = append(plan, fmt.Sprint("nothing is said of ", query))
	}
	return strings.Join(plan, "; ")
}

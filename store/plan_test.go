package store_test

import (
	"fmt"
	"path/filepath"
	"reflect"
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
	for name, list := range lists() {
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
				text, args, err := store.PageText(list.noun, identity.Query{Org: "or_a", Where: where, After: after, Limit: 101})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				found := plan(text, args)
				checkPlan(t, text, found, len(where) > len(list.always))
				if sortsRows(found) && !slices.Contains(where, list.few) {
					t.Errorf("%s\nreads rows to sort them: %s", text, found)
				}
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
	noun        string
	always, may []identity.Cond
	not         [][]identity.Cond
	few         identity.Cond // lets two rows through at the most, which may be sorted
	filter      any           // the struct that the caller says it with; nil if there is none
	fields      []string      // of the filter, each of which is among may
}

func (l list) never(where []identity.Cond) bool {
	has := func(f identity.Field) bool {
		return slices.ContainsFunc(where, func(c identity.Cond) bool { return c.Field == f })
	}
	twice := func(c identity.Cond) bool { // by a whole name there is no need to ask for its beginning
		return c.Prefix && slices.Contains(where, identity.Cond{Field: c.Field, Value: c.Value})
	}
	return slices.ContainsFunc(l.not, func(set []identity.Cond) bool {
		return !slices.ContainsFunc(set, func(c identity.Cond) bool { return !slices.Contains(where, c) })
	}) ||
		has(identity.FieldExternalSubject) && !has(identity.FieldExternalIssuer) || slices.ContainsFunc(where, twice)
}

// lists are those of package identity. Its filters are where they are made:
// AccountFilter, GroupFilter, RoleFilter, BindingFilter and CredentialFilter.
func lists() map[string]list {
	is := func(f identity.Field) identity.Cond { return identity.Cond{Field: f, Value: "a"} }
	begins := func(f identity.Field) identity.Cond { return identity.Cond{Field: f, Value: "a", Prefix: true} }
	return map[string]list{
		"accounts": {noun: "account", filter: identity.AccountFilter{}, fields: []string{"Kind", "State", "Name", "NamePrefix", "External", "Boundary"},
			may: []identity.Cond{
				is(identity.FieldKind), is(identity.FieldState), is(identity.FieldName), begins(identity.FieldName),
				is(identity.FieldExternalIssuer), is(identity.FieldExternalSubject), is(identity.FieldBoundary)},
			not: [][]identity.Cond{{begins(identity.FieldName), is(identity.FieldExternalIssuer)}, {begins(identity.FieldName), is(identity.FieldBoundary)}},
			few: is(identity.FieldName)}, // of a user and of a service account
		"groups": {noun: "group", filter: identity.GroupFilter{}, fields: []string{"NamePrefix"},
			always: []identity.Cond{is(identity.FieldDeleted)}, may: []identity.Cond{begins(identity.FieldName)}},
		"members":     {noun: "member", always: []identity.Cond{is(identity.FieldGroup)}},
		"memberships": {noun: "member", may: []identity.Cond{is(identity.FieldMember)}},
		"roles": {noun: "role", filter: identity.RoleFilter{}, fields: []string{"State", "NamePrefix"},
			always: []identity.Cond{is(identity.FieldAnonymous), is(identity.FieldDeleted)}, may: []identity.Cond{is(identity.FieldState), begins(identity.FieldName)}},
		"bindings": {noun: "binding", filter: identity.BindingFilter{}, fields: []string{"Subject", "Role", "Scope"},
			may: []identity.Cond{is(identity.FieldSubject), is(identity.FieldRole), is(identity.FieldScope)}},
		"elevations": {noun: "binding", may: []identity.Cond{is(identity.FieldElevates)}},
		"credentials": {noun: "credential", filter: identity.CredentialFilter{}, fields: []string{"Account", "Type", "Name", "State", "Thumbprint"},
			may: []identity.Cond{
				is(identity.FieldAccount), is(identity.FieldKind), is(identity.FieldName), is(identity.FieldState), is(identity.FieldThumbprint)}},
		"tokens": {noun: "token", may: []identity.Cond{is(identity.FieldAccount)}},
	}
}

// TestListPlansAreWhole: every field of a filter is in the plans above, and every
// filter of a list of an org has its plans.
func TestListPlansAreWhole(t *testing.T) {
	known := map[reflect.Type]bool{
		reflect.TypeFor[identity.EventFilter](): true,
		reflect.TypeFor[identity.OrgFilter]():   true, // across orgs, of which an instance has few
		reflect.TypeFor[identity.HeldFilter]():  true, // after a restore, once
	}
	check := func(filter reflect.Type, fields []string) {
		t.Helper()
		var has []string
		for i := range filter.NumField() {
			has = append(has, filter.Field(i).Name)
		}
		if !slices.Equal(has, fields) {
			t.Errorf("%s has the fields %q, the plans are of %q", filter, has, fields)
		}
	}
	for _, list := range lists() {
		if list.filter != nil {
			check(reflect.TypeOf(list.filter), list.fields)
			known[reflect.TypeOf(list.filter)] = true
		}
	}
	check(reflect.TypeFor[identity.EventFilter](), []string{"Noun", "ID", "Verb", "Actor", "From", "Until", "NewestFirst"})
	for _, typ := range []reflect.Type{reflect.TypeFor[*identity.OrgAdmin](), reflect.TypeFor[*identity.Admin]()} {
		for i := range typ.NumMethod() {
			m := typ.Method(i).Type
			for j := range m.NumIn() {
				if in := m.In(j); strings.HasSuffix(in.Name(), "Filter") && !known[in] {
					t.Errorf("%s takes a %s: have a plan for its fields", typ.Method(i).Name, in)
				}
			}
		}
	}
}

// checkPlan refuses a plan that reads an org from end to end though there is a
// filter.
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
}

func sortsRows(plan string) bool {
	return strings.Contains(plan, "B-TREE FOR ORDER BY") && !strings.Contains(plan, "COVERING INDEX")
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

package soak

import (
	"bufio"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// lookBack measures the pages of the log.
func (l *large) lookBack(t *testing.T, m *measured, o *identity.OrgAdmin) {
	ctx := t.Context()
	middle := l.began.Add(time.Duration(l.events/2) * l.each)
	for _, c := range []struct {
		name string
		f    identity.EventFilter
		want int
	}{
		{"events", identity.EventFilter{}, -1},
		{"events, newest first", identity.EventFilter{NewestFirst: true}, -1},
		{"events of one id", identity.EventFilter{ID: string(l.binding)}, 1},
		{"events of one id, newest first", identity.EventFilter{ID: string(l.binding), NewestFirst: true}, 1},
		{"events of a noun of few", identity.EventFilter{Noun: "instance"}, 1},
		{"events of a noun of most", identity.EventFilter{Noun: "binding"}, l.bindings + 1},
		{"events of a verb of few", identity.EventFilter{Verb: "deactivate"}, 10},
		{"events of a noun and a verb of few", identity.EventFilter{Noun: "account", Verb: "deactivate"}, 10},
		{"events of a noun and a verb of none", identity.EventFilter{Noun: "binding", Verb: "delete"}, 0},
		{"events of an actor of few", identity.EventFilter{Actor: string(l.sparse)}, 2},
		{"events of an actor of many", identity.EventFilter{Actor: string(l.busy)}, -1},
		{"events of an actor and a noun", identity.EventFilter{Actor: string(l.busy), Noun: "account"}, -1},
		{"events of an actor of most, a verb of none", identity.EventFilter{Actor: "system", Verb: "delete"}, 0},
		{"events of a minute", identity.EventFilter{From: middle, Until: middle.Add(60 * l.each)}, 60},
		{"events of a minute, newest first", identity.EventFilter{From: middle, Until: middle.Add(60 * l.each), NewestFirst: true}, 60},
		{"events of a time when nothing was", identity.EventFilter{Until: l.began}, 0},
		{"events since a time", identity.EventFilter{From: middle.Add(l.each / 2)}, -1},
		{"events of an actor since a time", identity.EventFilter{Actor: string(l.busy), From: middle.Add(l.each / 2)}, -1},
	} {
		m.slow = c.f.Actor != "" && c.f.Noun != "" // each lets many through, and both together few
		pages(m, c.name, c.want, func(p identity.Page) (identity.List[identity.Event], error) { return o.Events(ctx, c.f, p) })
		m.slow = false
	}
}

// many is how much one call for many does.
func (l *large) many() int { return min(rounds(100, identity.MaxBulk), len(l.accounts)/2) }

// changed checks what became of each item.
func changed[T any](t *testing.T, what string, results []identity.Result[T], want bool) {
	t.Helper()
	for i, r := range results {
		if r.Err != nil || r.Changed != want {
			t.Fatalf("%s: item %d of %d is changed: %v: %v", what, i, len(results), r.Changed, r.Err)
		}
	}
}

// bindMany gives a role to many accounts, and takes it away.
func (l *large) bindMany(t *testing.T, m *measured, o *identity.OrgAdmin) {
	n := l.many()
	r := must(o.CreateRole(t.Context(), identity.RoleSpec{Name: "given", Permissions: []string{"resource00:verb0"}}))(t)
	for _, at := range []struct {
		name  string
		scope policy.Path
	}{{"at an item", path("fresh", "x")}, {"at the root", policy.Root}} {
		specs := make([]identity.BindingSpec, n)
		for i := range specs {
			specs[i] = identity.BindingSpec{Subject: identity.SubjectID(l.accounts[i+10]), Role: string(r.ID), Scope: at.scope}
		}
		l.ensure(t, m, o, at.name, specs)
	}
}

// bindOne gives a subject a role at many places, and takes it away.
func (l *large) bindOne(t *testing.T, m *measured, o *identity.OrgAdmin) {
	g := must(o.CreateGroup(t.Context(), identity.GroupSpec{Name: "bound often"}))(t)
	for _, subject := range []struct {
		name string
		id   identity.SubjectID
	}{{"of one account", identity.SubjectID(l.accounts[4])}, {"of one group", identity.SubjectID(g.ID)}} {
		specs := make([]identity.BindingSpec, l.many())
		for i := range specs {
			specs[i] = identity.BindingSpec{Subject: subject.id, Role: string(l.role), Scope: path("fresh", fmt.Sprint("x", i))}
		}
		l.ensure(t, m, o, subject.name, specs)
	}
}

func (l *large) ensure(t *testing.T, m *measured, o *identity.OrgAdmin, name string, specs []identity.BindingSpec) {
	t.Helper()
	var made []identity.Result[identity.Binding]
	m.time("EnsureBindings, new, "+name, len(specs), func() { made = must(o.EnsureBindings(t.Context(), specs))(t) })
	changed(t, name, made, true)
	m.time("EnsureBindings, there, "+name, len(specs), func() { changed(t, name, must(o.EnsureBindings(t.Context(), specs))(t), false) })
	ids := make([]identity.BindingID, len(made))
	for i, r := range made {
		ids[i] = r.Item.ID
	}
	m.time("DeleteBindings, "+name, len(specs), func() { changed(t, name, must(o.DeleteBindings(t.Context(), ids))(t), true) })
}

// fillGroup makes a group of many accounts, binds it, and empties it.
func (l *large) fillGroup(t *testing.T, m *measured, o *identity.OrgAdmin) {
	ctx, n := t.Context(), l.many()
	g := must(o.CreateGroup(ctx, identity.GroupSpec{Name: "wide"}))(t)
	members := make([]identity.SubjectID, n)
	for i := range members {
		members[i] = identity.SubjectID(l.accounts[i+10])
	}
	m.time("AddMembers", n, func() { changed(t, "AddMembers", must(o.AddMembers(ctx, g.ID, members))(t), true) })
	m.time("AddMembers, of who is one", n, func() { changed(t, "AddMembers", must(o.AddMembers(ctx, g.ID, members))(t), false) })
	pages(m, "members of a group of many", n, func(p identity.Page) (identity.List[identity.Member], error) { return o.Members(ctx, g.ID, p) })
	spec := identity.BindingSpec{Subject: identity.SubjectID(g.ID), Role: string(l.role), Scope: l.places[1]}
	var b identity.BindingResult
	m.time("bind a group of many", 1, func() { b = must(o.CreateBinding(ctx, spec))(t) })
	m.time("AddMembers, one more", 1, func() {
		changed(t, "one", must(o.AddMembers(ctx, g.ID, []identity.SubjectID{identity.SubjectID(l.accounts[9])}))(t), true)
	})
	m.time("GroupSize", 1, func() {
		if size := must(o.GroupSize(ctx, g.ID))(t); size.Accounts != n+1 {
			t.Errorf("the group has %d accounts, want %d", size.Accounts, n+1)
		}
	})
	m.time("unbind it", 1, func() {
		if err := o.DeleteBinding(ctx, b.ID); err != nil {
			t.Fatal(err)
		}
	})
	m.time("RemoveMembers", n, func() { changed(t, "RemoveMembers", must(o.RemoveMembers(ctx, g.ID, members))(t), true) })
}

// manyAccounts reads accounts, makes some, stops many, and starts them again.
func (l *large) manyAccounts(t *testing.T, m *measured, o *identity.OrgAdmin) {
	ctx, ids := t.Context(), l.accounts[10:10+l.many()]
	m.time("AccountsByID", len(ids), func() {
		for i, r := range must(o.AccountsByID(ctx, ids))(t) {
			if r.Err != nil || r.Item.ID != ids[i] {
				t.Fatalf("account %d: %v", i, r.Err)
			}
		}
	})
	m.time("DeactivateAccounts", len(ids), func() { changed(t, "stop", must(o.DeactivateAccounts(ctx, ids))(t), true) })
	m.time("ActivateAccounts", len(ids), func() { changed(t, "start", must(o.ActivateAccounts(ctx, ids))(t), true) })
	in := l.h.System("measure").In(l.org)
	most, made := 1_000_000, rounds(10, 100)
	must(l.h.System("measure").UpdateOrg(ctx, l.org, identity.OrgPatch{Settings: &identity.OrgSettings{MaxServiceAccounts: most}}))(t)
	m.time("CreateServiceAccount, with MaxServiceAccounts", made, func() {
		for i := range made {
			must(in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: fmt.Sprint("made-", i), Roles: []string{string(l.code)}}))(t)
		}
	})
	m.time("CreateUser", made, func() {
		for i := range made {
			must(in.CreateUser(ctx, identity.UserSpec{Email: fmt.Sprintf("made-%d@large.example", i)}))(t)
		}
	})
	m.time("RevokeCredentials of an account", 1, func() {
		changed(t, "revoke", must(o.RevokeCredentials(ctx, identity.CredentialFilter{Account: ids[0]}))(t), true)
	})
}

// drain counts what an iterator yields, at most so many.
func drain[T any](t *testing.T, items iter.Seq2[T, error], most int) (n int) {
	t.Helper()
	for _, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == most {
			break
		}
	}
	return n
}

// ask measures the questions about many.
func (l *large) ask(t *testing.T, m *measured, o *identity.OrgAdmin) {
	ctx, item := t.Context(), l.places[len(l.places)-1]
	who := identity.WhoCanRequest{Permission: permission("resource00:verb0"), Path: item}
	m.time("WhoCan, the first 100", 1, func() { drain(t, o.WhoCan(ctx, who), 100) })
	m.time("WhoCan, all", 1, func() { m.note("%d may", drain(t, o.WhoCan(ctx, who), -1)) })
	m.time("BindingsOver, the first 100", 1, func() { drain(t, o.BindingsOver(ctx, item), 100) })
	m.time("BindingsOver, all", 1, func() { m.note("%d are over an item", drain(t, o.BindingsOver(ctx, item), -1)) })
	m.time("RoleUse", 1, func() { must(o.RoleUse(ctx, l.role))(t) })
	m.time("Expiring", 1, func() {
		if n, want := drain(t, o.Expiring(ctx, 48*time.Hour), -1), len(l.accounts)/100; n != want {
			t.Errorf("%d expire, want %d", n, want)
		}
	})
	m.time("Unused", 1, func() { m.note("%d are not used", drain(t, o.Unused(ctx, l.began.Add(time.Hour)), -1)) })
	name := "measured"
	m.time("UpdateRole, bound often", 1, func() { must(o.UpdateRole(ctx, l.role, identity.RolePatch{DisplayName: &name}))(t) })
	m.time("ArchiveRole, bound often", 1, func() {
		if _, err := o.ArchiveRole(ctx, l.role); !errors.Is(err, identity.ErrInUse) {
			t.Errorf("a role that is bound is archived: %v", err)
		}
	})
}

// audit measures what reads the whole log.
func (l *large) audit(t *testing.T, m *measured, o *identity.OrgAdmin) {
	ctx := t.Context()
	head := must(o.AuditHead(ctx))(t)
	if head.Since != uint64(l.events+1) {
		t.Errorf("the chain begins at %d, want %d", head.Since, l.events+1)
	}
	m.time("VerifyAudit", int(head.Seq), func() { must(o.VerifyAudit(ctx, head))(t) })
	file := must(os.Create(filepath.Join(t.TempDir(), "export")))(t)
	m.time("ExportAudit", int(head.Seq), func() {
		to := bufio.NewWriter(file)
		must(o.ExportAudit(ctx, to, head))(t)
		if err := to.Flush(); err != nil {
			t.Fatal(err)
		}
	})
	size := must(file.Seek(0, 1))(t)
	must(file.Seek(0, 0))(t)
	m.note("the export has %d MB", size>>20)
	keys := must(token.ParseKeySet(must(l.h.JWKS(ctx))(t)))(t)
	m.time("VerifyExport", int(head.Seq), func() { must(identity.VerifyExport(file, keys, "https://app.example"))(t) })
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

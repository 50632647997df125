package identity_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestWriteIsOneRevision: what several calls do is committed and published
// together, in one revision, and each call sees those before it.
func TestWriteIsOneRevision(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u")
	p := w.login(org, u)
	before := w.id.Revision()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("several").In(org)
		g := must(in.CreateGroup(ctx, identity.GroupSpec{Name: "g"}))(t)
		must(in.AddMember(ctx, g.ID, identity.SubjectID(u)))(t)
		r := must(in.CreateRole(ctx, identity.RoleSpec{Name: "r", Permissions: []string{"wallets:create", "identity:groups.create"}}))(t)
		must(in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(g.ID), Role: "r", Scope: policy.Root}))(t)
		for _, revision := range []uint64{g.Revision, r.Revision} {
			if revision != before+1 {
				t.Errorf("a row has revision %d, want %d", revision, before+1)
			}
		}
		if found := must(in.Group(ctx, g.ID))(t); found.Name != "g" {
			t.Errorf("inside: %+v", found)
		}
		// A principal has the rights that the transaction has left it; decisions outside have not.
		must(tx.As(p).In(org).CreateGroup(ctx, identity.GroupSpec{Name: "by u"}))(t)
		wantKind(t, last(tx.As(p).In(org).Groups(ctx, identity.GroupFilter{}, identity.Page{})), identity.ErrDenied)
		if d := w.may(p, org, "wallets:create", policy.Root); d.Allowed || d.Revision != before {
			t.Errorf("outside, before the commit: %+v", d)
		}
		if _, err := w.in(org).Group(w.ctx, g.ID); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("outside, before the commit: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if now := w.id.Revision(); now != before+1 {
		t.Errorf("revision %d became %d", before, now)
	}
	if d := w.may(p, org, "wallets:create", policy.Root); !d.Allowed || d.Revision != before+1 {
		t.Errorf("after: %+v", d)
	}
	items := []uint32{}
	for _, e := range w.checkChain(org) {
		if e.Revision > before {
			items = append(items, e.Item)
		}
	}
	if !slices.Equal(items, []uint32{0, 1, 2, 3, 4}) {
		t.Errorf("items %v", items)
	}
}

// TestFailedCallIsUndoneAlone: inside Write a call that fails leaves nothing,
// though it had done half of its work, and the others are kept.
func TestFailedCallIsUndoneAlone(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	var made identity.GroupResult
	before := w.id.Revision()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("halves").In(x.Org)
		must(in.CreateUser(ctx, identity.UserSpec{Email: "first@example.com"}))(t)
		// The account, its key and a membership are written when the role is found missing.
		_, err := in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{
			Name: "half", UnprovenPublicKey: x.Key, Groups: []identity.GroupID{x.Group}, Roles: []string{"wallet-reader", "absent"},
		})
		wantKind(t, err, identity.ErrNotFound)
		if _, err := in.CreateUser(ctx, identity.UserSpec{Email: "last@example.com", Groups: []identity.GroupID{"gr_absent"}}); err == nil {
			t.Error("a user in a group that is not there")
		}
		made = must(in.CreateGroup(ctx, identity.GroupSpec{Name: "after"}))(t)
		// What the failed calls took is free.
		must(in.AddPublicKey(ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: x.Key}))(t)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	nouns := []string{}
	for _, e := range w.checkChain(x.Org) {
		if e.Revision > before {
			nouns = append(nouns, e.Noun)
		}
	}
	if !slices.Equal(nouns, []string{"account", "group", "credential"}) {
		t.Errorf("logged %v", nouns)
	}
	for a := range w.in(x.Org).AllAccounts(w.ctx, identity.AccountFilter{}) {
		if a.Name == "half" || a.Name == "last@example.com" {
			t.Errorf("%s is there", a.Name)
		}
	}
	if members := must(w.in(x.Org).Members(w.ctx, x.Group, identity.Page{}))(t); len(members.Items) != 0 || made.ID == "" {
		t.Errorf("members %+v", members.Items)
	}
}

// TestRollbackLeavesNoTrace: neither rows nor decisions nor events of a Write
// that fails, whether its function returns an error, panics, or takes too long.
func TestRollbackLeavesNoTrace(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.MaxWrite = 200 * time.Millisecond }))
	org := w.org("acme")
	u := w.user(org, "u")
	p := w.login(org, u)
	other := w.org("other")
	work := func(ctx context.Context, tx *identity.Tx) {
		in := tx.System("in vain").In(org)
		must(in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: policy.Root}))(t)
		must(in.CreateGroup(ctx, identity.GroupSpec{Name: "g"}))(t)
		must(tx.System("in vain").CreateOrg(ctx, identity.OrgSpec{Slug: "new"}))(t)
		must(tx.System("in vain").SuspendOrg(ctx, other))(t)
	}
	own := errors.New("my own")
	ways := map[string]func(t *testing.T){
		"error": func(t *testing.T) {
			err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error { work(ctx, tx); return own })
			if err != own { //nolint:errorlint // it comes back as it is
				t.Errorf("%v", err)
			}
		},
		"error of a call": func(t *testing.T) {
			err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
				work(ctx, tx)
				return last(tx.System("in vain").In(org).Group(ctx, "gr_absent"))
			})
			if e := wantKind(t, err, identity.ErrNotFound); e.Op != "Group" {
				t.Errorf("%v", err)
			}
		},
		"panic": func(t *testing.T) {
			defer func() {
				if v := recover(); v != "mine" {
					t.Errorf("recovered %v", v)
				}
			}()
			_ = w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error { work(ctx, tx); panic("mine") })
			t.Error("Write returned")
		},
		"too long": func(t *testing.T) {
			err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
				work(ctx, tx)
				<-ctx.Done()
				wantKind(t, last(tx.System("late").In(org).CreateGroup(ctx, identity.GroupSpec{Name: "late"})), identity.ErrBusy)
				return nil
			})
			wantKind(t, err, identity.ErrBusy)
		},
		"cancelled": func(t *testing.T) {
			ctx, cancel := context.WithCancel(w.ctx)
			err := w.id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
				work(ctx, tx)
				cancel()
				return nil
			})
			if err == nil {
				t.Error("it was kept")
			}
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			w := w.on(t)
			same := w.unchanged()
			way(t)
			same()
			if d := w.may(p, org, "wallets:read", policy.Root); d.Allowed {
				t.Errorf("a binding that was undone: %+v", d)
			}
			if got := must(w.sys().Org(w.ctx, other))(t); got.State != identity.OrgActive {
				t.Errorf("%+v", got)
			}
			w.checkChain(org)
		})
	}
	// The door is not stuck, and the candidate is not spoilt.
	must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t)
	w.checkChain(org)
}

func TestNestedWrites(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.MaxWrite = 100 * time.Millisecond }))
	x := w.targets("acme")
	var kept *identity.Tx
	names := slices.Sorted(maps.Keys(calls()))
	undo := errors.New("undo")
	same := w.unchanged()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		kept = tx
		for _, name := range names {
			if c := calls()[name]; !c.reads {
				if err := c.run(ctx, w.sys(), x); !errors.Is(err, identity.ErrNested) {
					t.Errorf("%s inside Write: %v", name, err)
				}
			}
		}
		if err := w.id.Write(ctx, func(context.Context, *identity.Tx) error { t.Error("ran"); return nil }); !errors.Is(err, identity.ErrNested) {
			t.Errorf("Write inside Write: %v", err)
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	// With another context the call waits for a turn that cannot come.
	err = w.id.Write(w.ctx, func(context.Context, *identity.Tx) error {
		wantKind(t, last(w.in(x.Org).CreateGroup(w.ctx, identity.GroupSpec{Name: "outer"})), identity.ErrBusy)
		return undo
	})
	if !errors.Is(err, undo) {
		t.Error(err)
	}
	for _, name := range names {
		if err := calls()[name].run(w.ctx, kept.System("late"), x); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%s on a Tx that has ended: %v", name, err)
		}
	}
	same()
	// The mark on the context is that of one Authority.
	v := open(t)
	err = w.id.Write(w.ctx, func(ctx context.Context, _ *identity.Tx) error {
		return last(v.sys().CreateOrg(ctx, identity.OrgSpec{Slug: "elsewhere"}))
	})
	if err != nil {
		t.Errorf("a write of another Authority: %v", err)
	}
}

// TestWriteRefused: an actor that may not is refused in Write as it is outside.
func TestWriteRefused(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	p := w.login(x.Org, w.user(x.Org, "nobody"))
	same := w.unchanged()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		for name, c := range calls() {
			if c.inSystem && !c.hostOnly {
				wantKind(t, c.run(ctx, tx.As(p), x), identity.ErrNotFound) // the system org, where it is checked
			} else if err := c.run(ctx, tx.As(p), x); !errors.Is(err, identity.ErrDenied) && !(c.own && errors.Is(err, identity.ErrNotFound)) {
				t.Errorf("%s: %v", name, err)
			}
			if err := c.run(ctx, tx.As(identity.Principal{}), x); !c.hostOnly && !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("%s by nobody: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	same()
}

// TestZeroTx: outside of Write a transaction is nobody's, and does nothing.
func TestZeroTx(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	var tx identity.Tx
	for name, c := range calls() {
		if err := c.run(w.ctx, tx.System("test"), x); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.run(w.ctx, tx.As(identity.Principal{}), x); !c.hostOnly && !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%s by nobody: %v", name, err)
		}
	}
	wantKind(t, last(tx.SQL().ExecContext(w.ctx, "DELETE FROM host")), identity.ErrInvalid)
}

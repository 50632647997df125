package identity_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// keptKey is a row of the table, as it lies there.
type keptKey struct {
	org, actor, op, key, made string
	input                     []byte
}

func (w *world) keptKeys() (all []keptKey) {
	w.t.Helper()
	rows, err := w.db.QueryContext(w.ctx, `SELECT org_id, actor, op, key, made, input FROM identity_idempotency_key ORDER BY 1, 2, 3, 4`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var k keptKey
		if err := rows.Scan(&k.org, &k.actor, &k.op, &k.key, &k.made, &k.input); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, k)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// TestIdempotencyAtOnce makes the same call fifty times at once, in two processes:
// one of them makes the thing.
func TestIdempotencyAtOnce(t *testing.T) {
	w := open(t, func(w *world) { w.opts = sqlite.Options{Shared: true} })
	org := w.org("home")
	group := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "subject"}))(t)
	role := w.role(org)
	other := w.join(t, nil)
	spec := identity.BindingSpec{Subject: identity.SubjectID(group.ID), Role: string(role), Scope: policy.Root}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		ids   = map[identity.BindingID]int{}
		fresh int
	)
	for i := range 50 {
		at := w
		if i%2 == 1 {
			at = other
		}
		wg.Go(func() {
			r, err := at.in(org).WithIdempotencyKey("k").CreateBinding(at.ctx, spec)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			ids[r.ID]++
			if r.Created {
				fresh++
			}
		})
	}
	wg.Wait()
	stored := must(w.in(org).Bindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(group.ID)}, identity.Page{}))(t)
	if len(ids) != 1 || fresh != 1 || len(stored.Items) != 1 || len(w.keptKeys()) != 1 {
		t.Errorf("%d ids, %d of them made, %d bindings, %d keys", len(ids), fresh, len(stored.Items), len(w.keptKeys()))
	}
}

// TestIdempotencyKeysEnd: a key is remembered for Config.IdempotencyFor, and what
// has ended is forgotten in the background.
func TestIdempotencyKeysEnd(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.IdempotencyFor = time.Hour }))
	org := w.org("home")
	x := identity.SubjectID(w.user(org, "user"))
	role := string(w.role(org))
	bind := func() identity.BindingResult {
		t.Helper()
		return must(w.in(org).WithIdempotencyKey("k").CreateBinding(w.ctx, identity.BindingSpec{Subject: x, Role: role, Scope: policy.Root}))(t)
	}
	first := bind()
	w.clock.advance(time.Hour - time.Microsecond)
	if r := bind(); r.ID != first.ID {
		t.Fatal("forgotten before the end")
	}
	w.clock.advance(time.Microsecond)
	second := bind()
	if second.ID == first.ID || !second.Created {
		t.Fatal("not made anew after the end")
	}
	if r := bind(); r.ID != second.ID {
		t.Fatal("the second is not remembered")
	}
	for i := range 700 { // more than one turn
		must(w.in(org).WithIdempotencyKey(fmt.Sprint(i)).CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprint(i)}))(t)
	}
	w.clock.advance(time.Hour)
	kept := w.in(org).WithIdempotencyKey("kept")
	must(kept.CreateGroup(w.ctx, identity.GroupSpec{Name: "kept"}))(t)
	w.clock.advance(time.Microsecond)
	revision := w.id.Revision()
	if err := w.id.ForgetIdempotencyKeys(w.ctx); err != nil {
		t.Fatal(err)
	}
	if left := w.keptKeys(); len(left) != 1 || left[0].key != "kept" || w.id.Revision() != revision {
		t.Errorf("%d keys are left, revision %d became %d", len(left), revision, w.id.Revision())
	}
}

// TestIdempotencyKeyOfAFailure: what is undone leaves no key, alone and in a
// transaction, and in a transaction a key works at once.
func TestIdempotencyKeyOfAFailure(t *testing.T) {
	w := open(t)
	org := w.org("home")
	must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "taken"}))(t)
	p := w.principal(org, "maker", "identity:groups.create")
	o := w.id.As(p).In(org).WithIdempotencyKey("k")
	if e := wantKind(t, last(o.CreateGroup(w.ctx, identity.GroupSpec{Name: "taken"})), identity.ErrConflict); e.Field != "Name" {
		t.Fatal(e)
	}
	undo := errors.New("undo")
	make2 := func(ctx context.Context, tx *identity.Tx) (identity.GroupResult, identity.GroupResult) {
		in := tx.As(p).In(org).WithIdempotencyKey("k")
		wantKind(t, last(in.CreateGroup(ctx, identity.GroupSpec{Name: "taken"})), identity.ErrConflict)
		a := must(in.CreateGroup(ctx, identity.GroupSpec{Name: "new"}))(t)
		b := must(in.CreateGroup(ctx, identity.GroupSpec{Name: "new"}))(t)
		wantKind(t, last(in.CreateGroup(ctx, identity.GroupSpec{Name: "other"})), identity.ErrConflict)
		return a, b
	}
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		make2(ctx, tx)
		return undo
	})
	if !errors.Is(err, undo) || len(w.keptKeys()) != 0 {
		t.Fatalf("%v; %d keys", err, len(w.keptKeys()))
	}
	var a, b identity.GroupResult
	before := w.id.Revision()
	err = w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		a, b = make2(ctx, tx)
		return nil
	})
	if err != nil || a.ID != b.ID || !a.Created || b.Created || w.id.Revision() != before+1 {
		t.Fatalf("%v; %+v %+v", err, a, b)
	}
	same := w.unchanged()
	if r := must(o.CreateGroup(w.ctx, identity.GroupSpec{Name: "new"}))(t); r.ID != a.ID || r.Created {
		t.Errorf("%+v, want %s", r, a.ID)
	}
	same()
	// With nothing but a repetition a transaction takes no revision.
	err = w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		return last(tx.As(p).In(org).WithIdempotencyKey("k").CreateGroup(ctx, identity.GroupSpec{Name: "new"}))
	})
	same()
	if err != nil {
		t.Error(err)
	}
}

// TestSec48_RepeatedWithoutPermission: a key is no right. Who lost the permission is
// refused like anybody, and is not told what the key stands for.
func TestSec48_RepeatedWithoutPermission(t *testing.T) {
	w := open(t)
	org := w.org("home")
	maker := w.user(org, "maker")
	p1, p2 := path(t, "projects/p1"), path(t, "projects/p2")
	all := w.grant(org, identity.SubjectID(maker), policy.Root, "identity:groups.create", "identity:credentials.create")
	at1 := w.grant(org, identity.SubjectID(maker), p1, "identity:bindings.create")
	w.grant(org, identity.SubjectID(maker), p2, "identity:bindings.create")
	weak, role := w.user(org, "weak"), string(w.role(org))
	o := w.as(org, maker).WithIdempotencyKey("k")
	bind := func(scope policy.Path) error {
		return last(o.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(weak), Role: role, Scope: scope}))
	}
	group := func() error { return last(o.CreateGroup(w.ctx, identity.GroupSpec{Name: "new"})) }
	secret := func(of identity.AccountID) error {
		return last(o.CreateAPIToken(w.ctx, of, identity.APITokenSpec{Name: "t"}))
	}
	for _, err := range []error{bind(p1), bind(p1), group(), group(), secret(weak), secret(weak)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if e := wantKind(t, bind(p2), identity.ErrConflict); !strings.HasPrefix(e.ID, "bi_") {
		t.Errorf("names %q", e.ID)
	}
	if e := wantKind(t, secret(maker), identity.ErrConflict); !strings.HasPrefix(e.ID, "cr_") {
		t.Errorf("names %q", e.ID)
	}

	// What it may not see any more is not named.
	if err := w.in(org).DeleteBinding(w.ctx, at1); err != nil {
		t.Fatal(err)
	}
	w.grant(org, identity.SubjectID(weak), policy.Root, "wallets:delete") // it is weak no more
	same := w.unchanged()
	wantKind(t, bind(p1), identity.ErrDenied)
	if e := wantKind(t, bind(p2), identity.ErrConflict); e.ID != "" {
		t.Errorf("names %q", e.ID)
	}
	wantKind(t, secret(weak), identity.ErrEscalation)
	if e := wantKind(t, secret(maker), identity.ErrConflict); e.ID != "" {
		t.Errorf("names %q", e.ID)
	}
	same()

	if err := w.in(org).DeleteBinding(w.ctx, all); err != nil {
		t.Fatal(err)
	}
	same = w.unchanged()
	wantKind(t, group(), identity.ErrDenied)
	wantKind(t, secret(weak), identity.ErrDenied)
	same()
	must(w.in(org).DeactivateAccount(w.ctx, maker))(t)
	wantKind(t, group(), identity.ErrDisabled)
}

// TestRepeatedAfterItsEnd: what was deleted is not made again, what was revoked says
// so, and what was changed is as it is now.
func TestRepeatedAfterItsEnd(t *testing.T) {
	w := open(t)
	x := w.targets("home")
	o := w.in(x.Org).WithIdempotencyKey("k")
	user := func() (identity.UserResult, error) {
		return o.CreateUser(w.ctx, identity.UserSpec{Email: "new@example.com"})
	}
	group := func(name string) (identity.GroupResult, error) {
		return o.CreateGroup(w.ctx, identity.GroupSpec{Name: name})
	}
	role := func() (identity.RoleResult, error) { return o.CreateRole(w.ctx, identity.RoleSpec{Name: "new"}) }
	bind := func() (identity.BindingResult, error) {
		return o.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(x.Group), Role: string(x.Role), Scope: policy.Root})
	}
	secret := func() (identity.CredentialSecret, error) {
		return o.CreateClientSecret(w.ctx, x.User, identity.ClientSecretSpec{})
	}
	org := func() (identity.OrgResult, error) {
		return w.sys().WithIdempotencyKey("k").CreateOrg(w.ctx, identity.OrgSpec{Slug: "new"})
	}
	u, g, r, b, s, n := must(user())(t), must(group("new"))(t), must(role())(t), must(bind())(t), must(secret())(t), must(org())(t)

	name := "renamed"
	must(w.in(x.Org).UpdateGroup(w.ctx, g.ID, identity.GroupPatch{Name: &name}))(t)
	must(w.in(x.Org).RevokeCredential(w.ctx, s.ID))(t)
	if now := must(group("new"))(t); now.Name != name || now.ID != g.ID {
		t.Errorf("%+v", now)
	}
	if now := must(secret())(t); now.State != identity.CredentialRevoked || now.ID != s.ID || !now.Secret.IsZero() {
		t.Errorf("%+v", now)
	}

	must(w.in(x.Org).DeleteAccount(w.ctx, u.ID))(t)
	must(w.sys().DeleteOrg(w.ctx, n.ID))(t)
	for _, err := range []error{w.in(x.Org).DeleteGroup(w.ctx, g.ID, identity.IfUnused), w.in(x.Org).DeleteRole(w.ctx, r.ID, identity.IfUnused), w.in(x.Org).DeleteBinding(w.ctx, b.ID)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	same := w.unchanged()
	for id, err := range map[string]error{
		string(u.ID): last(user()), string(g.ID): last(group("new")), string(r.ID): last(role()), string(b.ID): last(bind()), string(n.ID): last(org()),
	} {
		if e := wantKind(t, err, identity.ErrNotFound); e.ID != id {
			t.Errorf("%v does not name %s", err, id)
		}
	}
	if e := wantKind(t, last(group("other")), identity.ErrConflict); e.ID != "" || e.Field != "IdempotencyKey" {
		t.Errorf("%v", e)
	}
	same()
}

// TestSec28_InputsOfIdempotencyKeys: of an input only a MAC is kept, by a key of
// the instance, and of what was made only ids.
func TestSec28_InputsOfIdempotencyKeys(t *testing.T) {
	var macs [][]byte
	for range 2 {
		w := open(t)
		org := w.org("home")
		spec := identity.GroupSpec{Name: "guess", Description: "me"}
		g := must(w.in(org).WithIdempotencyKey("k").CreateGroup(w.ctx, spec))(t)
		user := w.user(org, "user")
		made := must(w.in(org).WithIdempotencyKey("k").CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "t"}))(t)
		plain := sha256.Sum256(must(json.Marshal(spec))(t))
		kept := w.keptKeys()
		if len(kept) != 2 {
			t.Fatalf("%d keys", len(kept))
		}
		for i, want := range []string{string(made.ID), string(g.ID)} {
			k := kept[i]
			if k.made != `["`+want+`"]` || k.key != "k" || k.actor != "system" || k.org != string(org) || len(k.input) != sha256.Size || string(k.input) == string(plain[:]) {
				t.Errorf("%+v", k)
			}
		}
		macs = append(macs, kept[1].input)
	}
	if string(macs[0]) == string(macs[1]) {
		t.Error("two instances keep the same of an input")
	}
}

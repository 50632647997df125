package identity_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// stubborn is a store that does not take what it is given to write.
type stubborn struct {
	identity.Store
	how atomic.Pointer[failure]
}

// failure is a way not to store anything.
type failure struct {
	name                  string
	begin, update, commit error
	took                  bool // COMMIT fails, and has taken all the same
	unreadable            bool // nothing can be read, either
}

func failures() []*failure {
	busy := &identity.Error{Kind: identity.ErrBusy, Entity: "database", Err: errors.New("another process keeps the lock")}
	full := &identity.Error{Kind: identity.ErrStorage, Entity: "transaction", Err: errors.New("the disk is full")}
	return []*failure{
		{name: "begin", begin: busy},
		{name: "update", update: full},
		{name: "commit", commit: full},
		{name: "commit busy", commit: busy},
		{name: "commit that took", commit: full, took: true},
	}
}

func (s *stubborn) Begin() (identity.WriteTxn, error) {
	f := s.how.Load()
	if f != nil && f.begin != nil {
		return nil, f.begin
	}
	tx, err := s.Store.Begin()
	if err != nil || f == nil {
		return tx, err
	}
	return stubbornTxn{tx, f}, nil
}

func (s *stubborn) Read(ctx context.Context, fn func(identity.Txn) error) error {
	if f := s.how.Load(); f != nil && f.unreadable {
		return &identity.Error{Kind: identity.ErrStorage, Entity: "database", Err: errUnreadable}
	}
	return s.Store.Read(ctx, fn)
}

type stubbornTxn struct {
	identity.WriteTxn
	how *failure
}

func (t stubbornTxn) Commit() error {
	switch {
	case t.how.commit == nil:
		return t.WriteTxn.Commit()
	case t.how.took:
		return errors.Join(t.how.commit, t.WriteTxn.Commit())
	}
	return errors.Join(t.how.commit, t.Rollback())
}

func (t stubbornTxn) Orgs() identity.Table[identity.Org, identity.OrgID] {
	return stubbornTable[identity.Org, identity.OrgID]{t.WriteTxn.Orgs(), t.how}
}

func (t stubbornTxn) Accounts() identity.Table[identity.Account, identity.AccountID] {
	return stubbornTable[identity.Account, identity.AccountID]{t.WriteTxn.Accounts(), t.how}
}

func (t stubbornTxn) Credentials() identity.Table[identity.Credential, identity.CredentialID] {
	return stubbornTable[identity.Credential, identity.CredentialID]{t.WriteTxn.Credentials(), t.how}
}

func (t stubbornTxn) RevokedTokens() identity.RevokedTokens {
	return stubbornTokens{t.WriteTxn.RevokedTokens(), t.how}
}

type stubbornTokens struct {
	identity.RevokedTokens
	how *failure
}

func (t stubbornTokens) Insert(ctx context.Context, row identity.RevokedToken) error {
	if t.how.update != nil {
		return t.how.update
	}
	return t.RevokedTokens.Insert(ctx, row)
}

type stubbornTable[T any, K ~string] struct {
	identity.Table[T, K]
	how *failure
}

func (t stubbornTable[T, K]) Update(ctx context.Context, row T) error {
	if t.how.update != nil {
		return t.how.update
	}
	return t.Table.Update(ctx, row)
}

// reluctant opens a world whose store can be made to refuse.
func reluctant(t testing.TB, settings ...func(*world)) (*world, *stubborn) {
	t.Helper()
	store := &stubborn{}
	return open(t, append(settings, func(w *world) {
		w.wrap = func(st identity.Store) identity.Store { store.Store = st; return store }
	})...), store
}

// narrow is a call after which a caller may do nothing more.
type narrow struct {
	op     string
	run    func(ctx context.Context, s *identity.Admin, c caller) error
	reason policy.Reason
	inOrg  bool // an owner of the org may make it
	spares []way
	stored func(w *world, c caller) bool // it is in the database
}

func narrows() []narrow {
	account := func(state identity.AccountState) func(*world, caller) bool {
		return func(w *world, c caller) bool {
			found, err := w.in(c.org).Account(w.ctx, c.sa.ID)
			return err == nil && found.State == state
		}
	}
	credential := func(state identity.CredentialState) func(*world, caller) bool {
		return func(w *world, c caller) bool {
			return must(w.in(c.org).Credential(w.ctx, c.sa.Key.ID))(w.t).State == state
		}
	}
	org := func(state identity.OrgState) func(*world, caller) bool {
		return func(w *world, c caller) bool { return must(w.sys().Org(w.ctx, c.org))(w.t).State == state }
	}
	vouched := []way{wayVouched, waySession}
	revoked := func(w *world, c caller) bool {
		return must(w.id.RevokedTokensHeld(w.ctx, c.org))(w.t) == 1
	}
	type (
		C = context.Context
		S = *identity.Admin
	)
	return []narrow{
		{"DeactivateAccount", func(ctx C, s S, c caller) error { return last(s.In(c.org).DeactivateAccount(ctx, c.sa.ID)) },
			policy.ReasonAccountInactive, true, nil, account(identity.AccountInactive)},
		{"ArchiveAccount", func(ctx C, s S, c caller) error { return last(s.In(c.org).ArchiveAccount(ctx, c.sa.ID)) },
			policy.ReasonAccountInactive, true, nil, account(identity.AccountArchived)},
		{"DeleteAccount", func(ctx C, s S, c caller) error { return last(s.In(c.org).DeleteAccount(ctx, c.sa.ID)) },
			policy.ReasonAccountInactive, true, nil, account(identity.AccountDeleted)},
		{"SignOutAccount", func(ctx C, s S, c caller) error { return last(s.In(c.org).SignOutAccount(ctx, c.sa.ID)) },
			policy.ReasonTokenRevoked, true, nil, func(w *world, c caller) bool {
				return must(w.in(c.org).Account(w.ctx, c.sa.ID))(w.t).MinRevision > c.held.Revision()
			}},
		{"DisableCredential", func(ctx C, s S, c caller) error { return last(s.In(c.org).DisableCredential(ctx, c.sa.Key.ID)) },
			policy.ReasonCredentialInactive, true, vouched, credential(identity.CredentialDisabled)},
		{"RevokeCredential", func(ctx C, s S, c caller) error { return last(s.In(c.org).RevokeCredential(ctx, c.sa.Key.ID)) },
			policy.ReasonCredentialInactive, true, vouched, credential(identity.CredentialRevoked)},
		{"RotatePublicKey", func(ctx C, s S, c caller) error {
			_, public := newKey(c.w.t)
			return last(s.In(c.org).RotatePublicKey(ctx, c.sa.Key.ID, identity.PublicKeySpec{UnprovenPublicKey: public}, 0))
		},
			policy.ReasonCredentialInactive, true, vouched, credential(identity.CredentialRevoked)},
		{"SuspendOrg", func(ctx C, s S, c caller) error { return last(s.SuspendOrg(ctx, c.org)) },
			policy.ReasonOrgSuspended, false, nil, org(identity.OrgSuspended)},
		{"DeleteOrg", func(ctx C, s S, c caller) error { return last(s.DeleteOrg(ctx, c.org)) },
			policy.ReasonOrgDeleted, false, nil, org(identity.OrgDeleted)},
		{"SignOutOrg", func(ctx C, s S, c caller) error { return last(s.SignOutOrg(ctx, c.org)) },
			policy.ReasonTokenRevoked, false, nil, func(w *world, c caller) bool {
				return must(w.sys().Org(w.ctx, c.org))(w.t).MinRevision > c.held.Revision()
			}},
		{"RevokeToken", func(ctx C, s S, c caller) error { return last(s.In(c.org).RevokeToken(ctx, c.bearer)) },
			policy.ReasonTokenRevoked, true, besideTheToken(), revoked},
		{"RevokeTokenID", func(ctx C, s S, c caller) error {
			return last(s.In(c.org).RevokeTokenID(ctx, c.sa.ID, c.held.TokenID()))
		},
			policy.ReasonTokenRevoked, true, besideTheToken(), revoked},
	}
}

// TestNarrowingIsWhole: every call that raises min_revision is one that leaves a
// bar, and has a row above.
func TestNarrowingIsWhole(t *testing.T) {
	rows := map[string]bool{
		"RotateSecret":         true, // TestBarsOfRotatedSecrets
		"CompromiseSigningKey": true, // TestBarsOfSigningKeys
	}
	for _, n := range narrows() {
		rows[n.op] = true
	}
	for name := range calls() {
		if identity.Narrowing(name) != rows[name] {
			t.Errorf("%s leaves a bar: %v, and is tested: %v", name, identity.Narrowing(name), rows[name])
		}
	}
}

// TestBarsRefuseAtOnce: a call that takes something and cannot be stored fails as
// busy and works in this process all the same, in every way that it can fail; it
// is stored as soon as that is possible, with its actor.
func TestBarsRefuseAtOnce(t *testing.T) {
	for i, how := range failures() {
		for j, n := range narrows() {
			system := (i+j)%2 == 0
			t.Run(fmt.Sprintf("%s/%s/system %v", how.name, n.op, system), func(t *testing.T) {
				t.Parallel()
				w, store := reluctant(t)
				c := w.caller()
				checkBar(t, w, store, c, n, how, system)
			})
		}
	}
}

func checkBar(t *testing.T, w *world, store *stubborn, c caller, n narrow, how *failure, system bool) {
	admin, actor := w.sys(), "system"
	if !system {
		org := c.org
		if !n.inOrg {
			org = w.id.SystemOrg()
		}
		owner := w.user(org, "owner")
		must(w.in(org).GrantOwner(w.ctx, owner))(t)
		admin, actor = w.id.As(w.login(org, owner)), string(owner)
	}
	other := w.org("other")
	neighbour := w.login(other, w.user(other, "neighbour", "wallets:read"))
	revision := w.id.Revision()
	watched, done := w.id.Watch(w.ctx, c.held)
	defer done()

	store.how.Store(how)
	err := n.run(w.ctx, admin, c)
	signOut := n.op == "SignOutAccount" || n.op == "SignOutOrg"
	want, kind := 1, identity.ErrBusy
	if how.took && !signOut { // it is read again, and found to be done
		want, kind = 0, identity.ErrStorage
	}
	if e := wantKind(t, err, kind); e.Op != n.op {
		t.Errorf("%v does not say what", err)
	}
	if bars, tried := w.id.Bars(); bars != want || tried != want {
		t.Fatalf("%d bars, %d tried, want %d", bars, tried, want)
	}
	spared := map[way]bool{}
	for _, in := range n.spares {
		spared[in] = true
	}
	store.how.Store(nil) // so that what could be let in would be
	for in, err := range c.ways() {
		if (err == nil) != spared[in] {
			t.Errorf("%s: %v", in, err)
		}
	}
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Reason != n.reason {
		t.Errorf("%+v, want %v", d, n.reason)
	}
	if !over(watched) {
		t.Error("a watch goes on")
	}
	if d := w.may(neighbour, other, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("the neighbour: %+v", d)
	}
	if !how.took && n.stored(w, c) {
		t.Error("it is stored: the test does not show what it should")
	}

	store.how.Store(how)
	w.id.Retry(w.ctx) // in vain
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Allowed {
		t.Errorf("while it cannot be stored: %+v", d)
	}
	store.how.Store(nil)
	w.id.Retry(w.ctx)
	if bars, _ := w.id.Bars(); bars != 0 {
		t.Errorf("%d bars are left", bars)
	}
	w.poll()
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Reason != n.reason {
		t.Errorf("when it is stored: %+v, want %v", d, n.reason)
	}
	if !n.stored(w, c) && n.op != "DeleteOrg" {
		t.Error("it is not stored")
	}
	if n.op == "DeleteAccount" || n.op == "DeleteOrg" {
		return
	}
	made := 0
	for _, e := range w.checkChain(c.org) {
		if e.Revision > revision && !(e.Noun == "group" && spared[wayActingWrite]) {
			if made++; e.Actor != actor {
				t.Errorf("the log has %q for the actor, want %q", e.Actor, actor)
			}
		}
	}
	if made != 1 && !(signOut && how.took) && !(n.op == "RotatePublicKey" && how.took && made == 2) { // with its successor
		t.Errorf("%d events", made)
	}
	w.reopen()
	if err := last(w.id.Authenticate(w.ctx, c.bearer)); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("after a restart: %v", err)
	}
}

// TestBarsNeedTheRight: who may not make a call cannot make it work by making it
// while nothing can be stored.
func TestBarsNeedTheRight(t *testing.T) {
	for _, how := range []*failure{failures()[0], failures()[2]} { // before the call runs, and after
		for name, prepare := range map[string]func(w *world, c caller) func() error{
			"no permission": func(w *world, c caller) func() error {
				in := w.as(c.org, w.user(c.org, "nobody"))
				return func() error { return last(in.DeactivateAccount(w.ctx, c.sa.ID)) }
			},
			"another permission": func(w *world, c caller) func() error {
				in := w.as(c.org, w.user(c.org, "clerk", "identity:accounts.update"))
				return func() error { return last(in.DeactivateAccount(w.ctx, c.sa.ID)) }
			},
			"weaker than the subject": func(w *world, c caller) func() error { // which manages groups
				in := w.as(c.org, w.user(c.org, "clerk", "identity:accounts.deactivate"))
				return func() error { return last(in.DeactivateAccount(w.ctx, c.sa.ID)) }
			},
			"weaker than the holder of a key": func(w *world, c caller) func() error {
				in := w.as(c.org, w.user(c.org, "clerk", "identity:credentials.revoke"))
				return func() error { return last(in.RevokeCredential(w.ctx, c.sa.Key.ID)) }
			},
			"of another org": func(w *world, c caller) func() error {
				other := w.org("other")
				in := w.id.As(w.login(other, w.user(other, "boss", "*", "identity:*"))).In(c.org)
				return func() error { return last(in.DeactivateAccount(w.ctx, c.sa.ID)) }
			},
			"an owner of the org, on the org": func(w *world, c caller) func() error {
				owner := w.user(c.org, "owner")
				must(w.in(c.org).GrantOwner(w.ctx, owner))(w.t)
				as := w.id.As(w.login(c.org, owner))
				return func() error { return last(as.SuspendOrg(w.ctx, c.org)) }
			},
			"one who has been signed out": func(w *world, c caller) func() error {
				clerk := w.user(c.org, "clerk", "identity:*")
				in := w.as(c.org, clerk)
				must(w.in(c.org).SignOutAccount(w.ctx, clerk))(w.t)
				return func() error { return last(in.DeactivateAccount(w.ctx, c.sa.ID)) }
			},
			"nobody": func(w *world, c caller) func() error {
				return func() error {
					return last(w.id.As(identity.Principal{}).In(c.org).DeactivateAccount(w.ctx, c.sa.ID))
				}
			},
			"on itself": func(w *world, c caller) func() error {
				w.grant(c.org, identity.SubjectID(c.sa.ID), policy.Root, "identity:accounts.deactivate")
				return func() error { return last(w.id.As(c.held).In(c.org).DeactivateAccount(w.ctx, c.sa.ID)) }
			},
			"on the last owner": func(w *world, c caller) func() error {
				owner := w.user(c.org, "owner")
				must(w.in(c.org).GrantOwner(w.ctx, owner))(w.t)
				in := w.as(c.org, w.user(c.org, "clerk", "identity:*", "identity:contain"))
				return func() error { return last(in.DeactivateAccount(w.ctx, owner)) }
			},
			"on somebody who is not there": func(w *world, c caller) func() error {
				return func() error { return last(w.in(c.org).DeactivateAccount(w.ctx, "us_absent")) }
			},
			"on an org that is not there": func(w *world, c caller) func() error {
				return func() error { return last(w.in("or_absent").DeactivateAccount(w.ctx, c.sa.ID)) }
			},
			"on the system org": func(w *world, c caller) func() error {
				return func() error { return last(w.sys().SuspendOrg(w.ctx, w.id.SystemOrg())) }
			},
			"on one who is inactive already": func(w *world, c caller) func() error {
				u := w.user(c.org, "idle")
				must(w.in(c.org).DeactivateAccount(w.ctx, u))(w.t)
				return func() error { return errors.Join(last(w.in(c.org).DeactivateAccount(w.ctx, u)), errRefused) }
			},
		} {
			t.Run(how.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				w, store := reluctant(t)
				c := w.caller()
				call := prepare(w, c)
				store.how.Store(how)
				if err := call(); err == nil {
					t.Error("it was done")
				}
				store.how.Store(nil)
				if bars, _ := w.id.Bars(); bars != 0 {
					t.Errorf("%d bars", bars)
				}
				w.poll()
				if d := w.may(c.held, c.org, "wallets:read", policy.Root); !d.Allowed {
					t.Errorf("%+v", d)
				}
			})
		}
	}
}

// TestBarsWithoutReading: when nothing can be read, either, the host bars whom it
// names, and an actor whom it could have stored.
func TestBarsWithoutReading(t *testing.T) {
	full := &identity.Error{Kind: identity.ErrStorage, Entity: "transaction", Err: errors.New("the disk is gone")}
	for name, c := range map[string]struct {
		how    failure
		system bool
		bars   int
	}{
		"system, begin":  {failure{begin: full, unreadable: true}, true, 1},
		"system, commit": {failure{commit: full, unreadable: true}, true, 1},
		"actor, begin":   {failure{begin: full, unreadable: true}, false, 1}, // what is published is enough
		"actor, commit":  {failure{commit: full, unreadable: true}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w, store := reluctant(t)
			caller := w.caller()
			in := w.in(caller.org)
			if !c.system {
				owner := w.user(caller.org, "owner")
				must(w.in(caller.org).GrantOwner(w.ctx, owner))(t)
				in = w.as(caller.org, owner)
			}
			store.how.Store(&c.how)
			wantKind(t, last(in.DeactivateAccount(w.ctx, caller.sa.ID)), identity.ErrBusy)
			if bars, _ := w.id.Bars(); bars != c.bars {
				t.Errorf("%d bars", bars)
			}
			store.how.Store(nil)
			w.clock.advance(time.Second)
			if d := w.may(caller.held, caller.org, "wallets:read", policy.Root); d.Reason != policy.ReasonAccountInactive {
				t.Errorf("%+v", d)
			}
			w.id.Retry(w.ctx)
			if bars, _ := w.id.Bars(); bars != 0 {
				t.Errorf("%d bars", bars)
			}
		})
	}
}

// TestBarsOfOneself: who signs itself out, or gives up the key that it uses, can
// have that stored though it is barred by it.
func TestBarsOfOneself(t *testing.T) {
	for name, call := range map[string]func(w *world, c caller) error{
		"sign-out": func(w *world, c caller) error { return last(w.id.As(c.held).In(c.org).SignOutAccount(w.ctx, c.sa.ID)) },
		"key": func(w *world, c caller) error {
			return last(w.id.As(c.held).In(c.org).RevokeCredential(w.ctx, c.sa.Key.ID))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, store := reluctant(t)
			c := w.caller()
			w.grant(c.org, identity.SubjectID(c.sa.ID), policy.Root, "identity:accounts.deactivate", "identity:credentials.revoke")
			store.how.Store(failures()[2])
			wantKind(t, call(w, c), identity.ErrBusy)
			store.how.Store(nil)
			wantKind(t, last(w.id.As(c.held).In(c.org).EnsureGroup(w.ctx, identity.GroupSpec{Name: "g"})), identity.ErrUnauthenticated)
			w.id.Retry(w.ctx)
			if bars, _ := w.id.Bars(); bars != 0 {
				t.Errorf("%d bars", bars)
			}
			w.reopen()
			if err := last(w.id.Authenticate(w.ctx, c.bearer)); !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestNoBars: neither a caller who gives up nor a Write bars anybody.
func TestNoBars(t *testing.T) {
	w, store := reluctant(t, with(func(c *identity.Config) { c.MaxWrite = 200 * time.Millisecond }))
	c := w.caller()
	cancelled, cancel := context.WithCancel(w.ctx)
	cancel()
	if err := last(w.in(c.org).DeactivateAccount(cancelled, c.sa.ID)); err == nil {
		t.Error("a cancelled call was made")
	}
	store.how.Store(failures()[2])
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		return last(tx.System("write").In(c.org).DeactivateAccount(ctx, c.sa.ID))
	})
	wantKind(t, err, identity.ErrStorage)
	store.how.Store(nil)
	if bars, _ := w.id.Bars(); bars != 0 {
		t.Errorf("%d bars", bars)
	}
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("%+v", d)
	}
	// A turn that does not come is the storage's failure, not the caller's.
	err = w.id.Write(w.ctx, func(context.Context, *identity.Tx) error {
		wantKind(t, last(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
		return errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Error(err)
	}
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonAccountInactive {
		t.Errorf("%+v", d)
	}
}

// TestBarsAreRetriedByThemselves: the poll does it, and Close does not hang.
func TestBarsAreRetriedByThemselves(t *testing.T) {
	w, store := reluctant(t, with(func(c *identity.Config) { c.MaxStaleness = 40 * time.Millisecond }))
	c := w.caller()
	store.how.Store(failures()[0])
	wantKind(t, last(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
	store.how.Store(nil)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if bars, _ := w.id.Bars(); bars == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not tried again")
		}
		<-tick.C
	}
	if got := must(w.in(c.org).Account(w.ctx, c.sa.ID))(t); got.State != identity.AccountInactive {
		t.Errorf("%s", got.State)
	}
	store.how.Store(failures()[0])
	wantKind(t, last(w.sys().SuspendOrg(w.ctx, c.org)), identity.ErrBusy)
}

// TestBarsRace narrows, widens, retries and asks at the same time, while the
// store refuses now and then: who was taken something is refused when the call
// has returned, whether or not it was stored.
func TestBarsRace(t *testing.T) {
	w, store := reluctant(t, with(func(c *identity.Config) { c.MaxStaleness = 40 * time.Millisecond; c.Now = time.Now }))
	org := w.org("acme")
	ways := failures()
	var all, beside sync.WaitGroup
	var done atomic.Bool
	beside.Go(func() {
		for i := 0; !done.Load(); i++ {
			store.how.Store(append(ways, nil, nil, nil)[i%(len(ways)+3)])
			w.id.Retry(w.ctx)
		}
		store.how.Store(nil)
	})
	login := func(u identity.AccountID) (identity.Principal, error) {
		now := time.Now()
		return w.in(org).Vouch(w.ctx, u, identity.Login{AuthTime: now, NotAfter: now.Add(time.Hour)})
	}
	for i := range 4 {
		u := w.userAnyway(org, fmt.Sprint("u", i))
		all.Go(func() {
			barred := 0
			for range 30 {
				for { // until it is in
					if _, err := w.in(org).ActivateAccount(w.ctx, u); err == nil {
						break
					}
				}
				p, err := login(u)
				if err != nil {
					if !errors.Is(err, identity.ErrStale) {
						t.Errorf("activated, and not let in: %v", err)
					}
					continue
				}
				ctx, stop := w.id.Watch(w.ctx, p)
				_, err = w.in(org).DeactivateAccount(w.ctx, u)
				if errors.Is(err, identity.ErrBusy) {
					barred++
				}
				if d := w.may(p, org, "wallets:read", policy.Root); d.Allowed || d.Reason == policy.ReasonNoBinding {
					t.Errorf("%v, and %+v", err, d)
				}
				if !over(ctx) {
					t.Errorf("%v, and a watch goes on", err)
				}
				stop()
			}
			t.Logf("%d of 30 could not be stored", barred)
		})
	}
	all.Wait()
	done.Store(true)
	beside.Wait()
}

// userAnyway makes a user though the store refuses now and then.
func (w *world) userAnyway(org identity.OrgID, name string) identity.AccountID {
	for {
		u, err := w.in(org).EnsureUser(w.ctx, identity.UserSpec{Email: name + "@example.com"})
		if err == nil {
			return u.ID
		}
	}
}

package identity_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestBarsOfRotatedSecrets: who rotates a secret without a grace period, and cannot
// have that stored, has given it up: it is refused at once, and revoked as soon as that
// can be stored. With a grace period nothing was to end yet, and nothing does.
func TestBarsOfRotatedSecrets(t *testing.T) {
	for _, how := range failures() {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			w, store := reluctant(t)
			c := w.caller()
			row, raw := w.apiToken(c.org, c.sa.ID, identity.APITokenSpec{Name: "api"})
			boss := w.user(c.org, "boss")
			must(w.in(c.org).GrantOwner(w.ctx, boss))(t)
			in := w.as(c.org, boss)
			held := must(w.id.Authenticate(w.ctx, raw))(t)

			store.how.Store(how)
			if !how.took {
				made, err := in.RotateSecret(w.ctx, row.ID, time.Hour)
				if err == nil || !made.Secret.IsZero() {
					t.Fatalf("%v", err)
				}
				if bars, _ := w.id.Bars(); bars != 0 {
					t.Errorf("%d bars of a rotation with grace", bars)
				}
			}
			made, err := in.RotateSecret(w.ctx, row.ID, 0)
			if !made.Secret.IsZero() || err == nil {
				t.Fatalf("a secret came of what failed: %v", err)
			}
			store.how.Store(nil)
			wantTurnedAway(t, "the old one", last(w.id.Authenticate(w.ctx, raw)))
			if d := w.may(held, c.org, "wallets:read", policy.Root); d.Allowed {
				t.Errorf("%+v", d)
			}
			if err := last(w.id.Authenticate(w.ctx, c.bearer)); err != nil {
				t.Errorf("another credential of the account: %v", err)
			}
			w.id.Retry(w.ctx)
			if bars, _ := w.id.Bars(); bars != 0 {
				t.Errorf("%d bars are left", bars)
			}
			w.reopen()
			wantTurnedAway(t, "after a restart", last(w.id.Authenticate(w.ctx, raw)))
			if got := must(w.in(c.org).Credential(w.ctx, row.ID))(t); got.State != identity.CredentialRevoked || (got.Successor != "") != how.took {
				t.Errorf("%s, replaced by %q", got.State, got.Successor)
			}
		})
	}
}

// TestBarsOfEndedTokens: that an access token has ended by now does not let the codes
// that were made with it live on while their end cannot be stored. Where there were none,
// the bar goes as it came.
func TestBarsOfEndedTokens(t *testing.T) {
	for i, how := range failures() {
		if how.took {
			continue // and is read again
		}
		for _, made := range []bool{true, false} {
			if !made && how.update != nil {
				continue // nothing is updated
			}
			t.Run(fmt.Sprint(how.name, " codes ", made), func(t *testing.T) {
				t.Parallel()
				w, store := reluctant(t)
				org := w.org("acme")
				sa, key := w.service(org, "sa")
				raw, in := w.bearer(sa, key), w.in(org)
				var e enroller
				if made {
					self := w.id.As(must(w.id.Authenticate(w.ctx, raw))(t)).In(org)
					e = w.holding(org, must(self.NewEnrollCode(w.ctx, sa.ID, identity.EnrollCodeSpec{Validity: 48 * time.Hour}))(t))
				}
				w.clock.advance(2 * time.Hour)
				if made {
					must(e.spec())(t)
				}
				switch i {
				case 0:
					in = w.as(org, sa.ID)
				case 2:
					in = w.operator().In(org)
				}
				nobody := w.as(org, w.user(org, "nobody"))
				refused := func() {
					t.Helper()
					if made {
						wantTurnedAway(t, "a challenge", last(e.spec()))
					}
				}
				store.how.Store(how)
				if err := last(nobody.RevokeToken(w.ctx, raw)); err == nil {
					t.Error("it was stored")
				}
				if bars, _ := w.id.Bars(); bars != 0 {
					t.Errorf("%d bars of who may not", bars)
				}
				wantKind(t, last(in.RevokeToken(w.ctx, raw)), identity.ErrBusy)
				store.how.Store(nil)
				refused()
				w.id.Retry(w.ctx)
				if bars, _ := w.id.Bars(); bars != 0 {
					t.Errorf("%d bars are left", bars)
				}
				refused()
				w.reopen()
				refused()
			})
		}
	}
}

// TestBarsOfOwnCredentials: an account that rotates the very credential that it came in
// with, since that leaked, has given it up whatever cannot be stored, or even read.
func TestBarsOfOwnCredentials(t *testing.T) {
	for _, how := range append(failures(), &failure{name: "nothing can be read", begin: failures()[0].begin, unreadable: true}) {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			w, store := reluctant(t)
			c := w.caller()
			row, raw := w.apiToken(c.org, c.sa.ID, identity.APITokenSpec{Name: "api"})
			asSecret := w.id.As(must(w.id.Authenticate(w.ctx, raw))(t)).In(c.org)
			asKey := w.id.As(c.held).In(c.org)
			private, _ := newKey(t)
			proven := w.prove(asKey, c.sa.ID, private)
			w.clock.advance(2 * time.Minute) // what keeps proofs is to be swept
			if err := last(w.id.Authenticate(w.ctx, c.bearer)); err != nil {
				t.Fatal(err)
			}

			store.how.Store(how)
			if err := last(asSecret.RotateSecret(w.ctx, row.ID, 0)); err == nil {
				t.Error("the secret was rotated")
			}
			wantTurnedAway(t, "the secret", last(w.id.Authenticate(w.ctx, raw)))
			if err := last(asKey.RotatePublicKey(w.ctx, c.sa.Key.ID, proven, 0)); err == nil {
				t.Error("the key was rotated")
			}
			wantTurnedAway(t, "a token of the key", last(w.id.Authenticate(w.ctx, c.bearer)))
			store.how.Store(nil)
			w.id.Retry(w.ctx)
			if bars, _ := w.id.Bars(); bars != 0 {
				t.Errorf("%d bars are left", bars)
			}
			for _, id := range []identity.CredentialID{row.ID, c.sa.Key.ID} {
				if got := must(w.in(c.org).Credential(w.ctx, id))(t); got.State != identity.CredentialRevoked {
					t.Errorf("%s is %s", id, got.State)
				}
			}
		})
	}
}

// TestBarsOfRotationsNeedTheRight: nobody ends another's credential by rotating it
// while nothing can be stored, and nothing of another type is ended.
func TestBarsOfRotationsNeedTheRight(t *testing.T) {
	for _, how := range []*failure{failures()[0], failures()[2]} {
		w, store := reluctant(t)
		c := w.caller()
		row, raw := w.apiToken(c.org, c.sa.ID, identity.APITokenSpec{Name: "api"})
		nobody, peer := w.as(c.org, w.user(c.org, "nobody")), w.id.As(c.peer).In(c.org)
		store.how.Store(how)
		for _, in := range []*identity.OrgAdmin{nobody, peer} {
			if _, err := in.RotateSecret(w.ctx, row.ID, 0); err == nil {
				t.Error("it was done")
			}
		}
		if bars, _ := w.id.Bars(); bars != 0 {
			t.Errorf("%s: %d bars", how.name, bars)
		}
		_, _ = w.in(c.org).RotateSecret(w.ctx, c.sa.Key.ID, 0) // a public key
		store.how.Store(nil)
		w.id.Retry(w.ctx)
		if got := must(w.in(c.org).Credential(w.ctx, c.sa.Key.ID))(t); got.State != identity.CredentialActive {
			t.Errorf("%s: a key was ended as a secret: %s", how.name, got.State)
		}
		if err := last(w.id.Authenticate(w.ctx, raw)); err != nil {
			t.Errorf("%s: %v", how.name, err)
		}
	}
}

// TestRefusedRotationsBarNothing: a rotation without grace that would have been refused
// ends nothing when it cannot even be tried, whoever asks; nor does it bar, meanwhile.
func TestRefusedRotationsBarNothing(t *testing.T) {
	for _, how := range []*failure{failures()[0], failures()[2], {name: "nothing can be read", begin: failures()[0].begin, unreadable: true}} {
		t.Run(how.name, func(t *testing.T) {
			w, store := reluctant(t)
			c := w.caller()
			row, raw := w.apiToken(c.org, c.sa.ID, identity.APITokenSpec{Name: "api"})
			boss := w.user(c.org, "boss")
			must(w.in(c.org).GrantOwner(w.ctx, boss))(t)
			_, public := newKey(t)
			inUse := pemOf(t, must(x509.ParsePKIXPublicKey(c.other.Key.PublicKey))(t))
			twice := w.in(c.org).WithIdempotencyKey("used")
			must(twice.RotateSecret(w.ctx, must(w.in(c.org).CreateAPIToken(w.ctx, c.sa.ID, identity.APITokenSpec{Name: "other"}))(t).ID, 0))(t)
			key := c.sa.Key.ID
			for who, in := range map[string]*identity.OrgAdmin{"the host": w.in(c.org), "an owner": w.as(c.org, boss)} {
				rotate := func(id identity.CredentialID, spec identity.PublicKeySpec) func() error {
					return func() error { return last(in.RotatePublicKey(w.ctx, id, spec, 0)) }
				}
				for what, call := range map[string]struct {
					run  func() error
					rows bool // only the rows tell
				}{
					"no key":             {rotate(key, identity.PublicKeySpec{}), false},
					"no key that is one": {rotate(key, identity.PublicKeySpec{UnprovenPublicKey: []byte("key")}), false},
					"a long name":        {rotate(key, identity.PublicKeySpec{UnprovenPublicKey: public, Name: long(256)}), false},
					"no proof":           {rotate(key, identity.PublicKeySpec{PublicKey: public}), true},
					"for too long":       {rotate(key, identity.PublicKeySpec{UnprovenPublicKey: public, Validity: 1000 * 24 * time.Hour}), true},
					"the key in use":     {rotate(key, identity.PublicKeySpec{UnprovenPublicKey: inUse}), true},
					"a secret as a key":  {rotate(row.ID, identity.PublicKeySpec{UnprovenPublicKey: public}), true},
					"a key as a secret":  {func() error { return last(in.RotateSecret(w.ctx, key, 0)) }, true},
					"a key used twice":   {func() error { return last(in.WithIdempotencyKey("used").RotateSecret(w.ctx, row.ID, 0)) }, true},
				} {
					if call.rows && how.unreadable || what == "a key used twice" && who != "the host" {
						continue
					}
					store.how.Store(how)
					if err := call.run(); err == nil {
						t.Errorf("%s, %s: it was done", who, what)
					}
					store.how.Store(nil)
					if bars, _ := w.id.Bars(); bars != 0 {
						t.Errorf("%s, %s: %d bars", who, what, bars)
						w.id.Retry(w.ctx)
					}
				}
			}
			for id, state := range map[identity.CredentialID]identity.CredentialState{key: identity.CredentialActive, row.ID: identity.CredentialActive} {
				if got := must(w.in(c.org).Credential(w.ctx, id))(t); got.State != state {
					t.Errorf("%s is %s", id, got.State)
				}
			}
			if err := last(w.id.Authenticate(w.ctx, raw)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBarOfAnotherTypeGoes: where nothing can be read the host is believed; a bar that
// turns out to be of a credential that the call could not have ended is lifted.
func TestBarOfAnotherTypeGoes(t *testing.T) {
	w, store := reluctant(t)
	c := w.caller()
	store.how.Store(&failure{begin: failures()[0].begin, unreadable: true})
	if err := last(w.in(c.org).RotateSecret(w.ctx, c.sa.Key.ID, 0)); err == nil {
		t.Error("it was done")
	}
	wantTurnedAway(t, "meanwhile", last(w.id.Authenticate(w.ctx, c.bearer)))
	store.how.Store(nil)
	w.id.Retry(w.ctx)
	if bars, _ := w.id.Bars(); bars != 0 {
		t.Errorf("%d bars are left", bars)
	}
	if err := last(w.id.Authenticate(w.ctx, c.bearer)); err != nil {
		t.Error(err)
	}
}

// TestBarsOfSigningKeys: a compromised key that cannot be recorded as such is trusted no
// more: no access token is taken or made, whoever's, and no key set is handed out; what
// stands on no token goes on.
func TestBarsOfSigningKeys(t *testing.T) {
	for i, how := range failures() {
		if how.update != nil {
			continue // of tables that this call does not write to
		}
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			w, store := reluctant(t)
			c := w.caller()
			_, raw := w.apiToken(c.org, c.sa.ID, identity.APITokenSpec{Name: "api"})
			kid := w.currentKey()
			admin := w.sys()
			if i%2 == 1 {
				boss := w.user(w.id.SystemOrg(), "boss")
				must(w.in(w.id.SystemOrg()).GrantOwner(w.ctx, boss))(t)
				admin = w.id.As(w.login(w.id.SystemOrg(), boss))
			}
			watched, done := w.id.Watch(w.ctx, c.held)
			defer done()
			store.how.Store(how)
			if err := last(admin.CompromiseSigningKey(w.ctx, kid)); err == nil {
				t.Fatal("it was stored")
			}
			store.how.Store(nil)
			for _, text := range []string{c.bearer, c.narrow, c.acting, c.acted} {
				wantTurnedAway(t, "an access token", last(w.id.Authenticate(w.ctx, text)))
			}
			if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonTokenRevoked {
				t.Errorf("%+v", d)
			}
			if !over(watched) {
				t.Error("a watch goes on")
			}
			if d := w.may(c.vouched, c.org, "wallets:read", policy.Root); !d.Allowed {
				t.Errorf("a session: %+v", d)
			}
			if err := last(w.id.Authenticate(w.ctx, raw)); err != nil {
				t.Errorf("an API token: %v", err)
			}
			if !how.took {
				for what, err := range map[string]error{
					"a token":   last(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{})),
					"a key set": last(w.id.JWKS(w.ctx)),
				} {
					if !errors.Is(err, identity.ErrBusy) {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			w.id.Retry(w.ctx)
			if bars, _ := w.id.Bars(); bars != 0 {
				t.Errorf("%d bars are left", bars)
			}
			if now := w.currentKey(); now == kid {
				t.Error("the key goes on signing")
			}
			wantTurnedAway(t, "when it is stored", last(w.id.Authenticate(w.ctx, c.bearer)))
			if err := last(w.id.Authenticate(w.ctx, w.bearer(c.sa, c.key))); err != nil {
				t.Errorf("a new token: %v", err)
			}
			w.reopen()
			wantTurnedAway(t, "after a restart", last(w.id.Authenticate(w.ctx, c.bearer)))
		})
	}
}

// TestBarsOfSigningKeysNeedTheRight: nobody stops the whole instance by calling a key
// compromised while nothing can be stored, nor by one that is not there.
func TestBarsOfSigningKeysNeedTheRight(t *testing.T) {
	for _, how := range []*failure{failures()[0], failures()[2]} {
		w, store := reluctant(t)
		c := w.caller()
		boss := w.user(c.org, "boss")
		must(w.in(c.org).GrantOwner(w.ctx, boss))(t)
		as, kid := w.id.As(w.login(c.org, boss)), w.currentKey()
		store.how.Store(how)
		for what, err := range map[string]error{
			"an owner of an org": last(as.CompromiseSigningKey(w.ctx, kid)),
			"no key":             last(w.sys().CompromiseSigningKey(w.ctx, "absent")),
		} {
			if err == nil {
				t.Errorf("%s: it was done", what)
			}
		}
		store.how.Store(nil)
		if bars, _ := w.id.Bars(); bars != 0 {
			t.Errorf("%s: %d bars", how.name, bars)
		}
		if err := last(w.id.Authenticate(w.ctx, c.bearer)); err != nil {
			t.Errorf("%s: %v", how.name, err)
		}
	}
}

// currentKey is the id of the key that signs.
func (w *world) currentKey() string {
	w.t.Helper()
	for k, err := range w.sys().AllSigningKeys(w.ctx) {
		if err != nil {
			w.t.Fatal(err)
		}
		if k.State == identity.KeyCurrent {
			return k.ID
		}
	}
	w.t.Fatal("no key signs")
	return ""
}

package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// enroller is somebody who was given a code, and has a key.
type enroller struct {
	w       *world
	org     identity.OrgID
	id      identity.CredentialID // of the code
	code    string
	private ed25519.PrivateKey
	public  []byte
}

func (w *world) enroller(org identity.OrgID, account identity.AccountID, spec identity.EnrollCodeSpec) enroller {
	w.t.Helper()
	return w.holding(org, must(w.in(org).NewEnrollCode(w.ctx, account, spec))(w.t))
}

func (w *world) holding(org identity.OrgID, code identity.CredentialSecret) enroller {
	w.t.Helper()
	e := enroller{w: w, org: org, id: code.ID, code: code.Secret.Reveal()}
	e.private, e.public = newKey(w.t)
	return e
}

// spec is what adds the key, with its proof.
func (e enroller) spec() (identity.EnrollKeySpec, error) {
	e.w.t.Helper()
	c, err := e.w.id.NewEnrollChallenge(e.w.ctx, e.code, e.public)
	if err != nil {
		return identity.EnrollKeySpec{}, err
	}
	return identity.EnrollKeySpec{Name: "laptop", PublicKey: e.public, Proof: e.w.proof(e.private, c.Text)}, nil
}

func (e enroller) add() (identity.Credential, error) {
	e.w.t.Helper()
	spec, err := e.spec()
	if err != nil {
		return identity.Credential{}, err
	}
	return e.w.id.EnrollKey(e.w.ctx, e.code, spec)
}

func (e enroller) enroll() error { return last(e.add()) }

// TestEnrollCode: a code adds one key that was proven, to its account and no other,
// which can then come in with it; of the code a digest is kept.
func TestEnrollCode(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	e := w.enroller(x.Org, x.User, identity.EnrollCodeSpec{Name: "for the laptop", KeyValidity: 48 * time.Hour})
	row := must(w.in(x.Org).Credential(w.ctx, e.id))(t)
	if row.Type != identity.EnrollCode || row.Name != "for the laptop" || row.State != identity.CredentialActive ||
		!row.ValidUntil.Equal(w.clock.Now().Add(time.Hour)) || !row.KeyUntil.Equal(w.clock.Now().Add(48*time.Hour)) {
		t.Errorf("%+v", row)
	}
	listed := must(w.in(x.Org).Credentials(w.ctx, identity.CredentialFilter{Account: x.User, Type: identity.EnrollCode}, identity.Page{}))(t)
	if len(listed.Items) != 1 || listed.Items[0].ID != e.id {
		t.Errorf("%+v", listed)
	}
	same := w.unchanged()
	spec := must(e.spec())(t)
	same() // a challenge stores nothing, and leaves the code as it is
	before := w.id.Revision()
	key := must(w.id.EnrollKey(w.ctx, e.code, spec))(t)
	if key.Account != x.User || key.Type != identity.PublicKey || !key.Proven || key.Name != "laptop" || !key.ValidUntil.Equal(row.KeyUntil) || w.id.Revision() != before+1 {
		t.Errorf("%+v", key)
	}
	if used := must(w.in(x.Org).Credential(w.ctx, e.id))(t); used.State != identity.CredentialRevoked || used.Successor != key.ID {
		t.Errorf("%+v", used)
	}
	if err := w.answer(w.signChallenge(key.ID, e.private)); err != nil {
		t.Errorf("log in: %v", err)
	}
	for _, event := range w.checkChain(x.Org) {
		if event.Revision > before && (event.Actor != string(x.User) || event.Credential != string(e.id)) {
			t.Errorf("%+v", event)
		}
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	secret := strings.SplitN(e.code, "_", 3)[2][26:]
	for _, name := range []string{"app.db", "app.db-wal", "app.db.fence"} {
		if text, err := os.ReadFile(filepath.Join(w.dir, name)); err == nil && bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s has the code", name)
		}
	}
	w.start()
}

// TestSec41_EnrollOnce: of many who use a code at once one adds a key; nobody does
// again, after a restart either.
func TestSec41_EnrollOnce(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	e := w.enroller(x.Org, x.User, identity.EnrollCodeSpec{})
	var specs []identity.EnrollKeySpec
	for range 20 {
		mine := w.holding(x.Org, identity.CredentialSecret{Credential: identity.Credential{ID: e.id}})
		mine.code = e.code
		specs = append(specs, must(mine.spec())(t))
	}
	w.usedOnce(len(specs), func(i int) error { return last(w.id.EnrollKey(w.ctx, e.code, specs[i])) }, e.enroll)
}

// TestSec19_EnrolledKeysAreProven: a code adds no key without its proof, and is still
// good afterwards; a secret of another kind is no code, and a code no other secret.
func TestSec19_EnrolledKeysAreProven(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	e := w.enroller(x.Org, x.User, identity.EnrollCodeSpec{})
	other := w.enroller(x.Org, x.Invited, identity.EnrollCodeSpec{Validity: time.Minute}) // who has not accepted
	good := must(e.spec())(t)
	stranger, strangers := newKey(t)
	api := must(w.in(x.Org).CreateAPIToken(w.ctx, x.User, identity.APITokenSpec{Name: "api"}))(t).Secret.Reveal()
	same := w.unchanged()
	for name, c := range map[string]struct {
		spec identity.EnrollKeySpec
		kind error
	}{
		"no proof":             {identity.EnrollKeySpec{PublicKey: e.public}, identity.ErrInvalid},
		"no key":               {identity.EnrollKeySpec{Proof: good.Proof}, identity.ErrInvalid},
		"nothing":              {identity.EnrollKeySpec{}, identity.ErrInvalid},
		"another key":          {identity.EnrollKeySpec{PublicKey: strangers, Proof: good.Proof}, identity.ErrInvalid},
		"by another key":       {identity.EnrollKeySpec{PublicKey: e.public, Proof: w.proof(stranger, good.Proof.Challenge)}, identity.ErrInvalid},
		"an invented text":     {identity.EnrollKeySpec{PublicKey: e.public, Proof: w.proof(e.private, strings.Repeat("A", 80))}, identity.ErrInvalid},
		"no public key at all": {identity.EnrollKeySpec{PublicKey: []byte("key"), Proof: good.Proof}, identity.ErrInvalid},
		"a long name":          {identity.EnrollKeySpec{Name: long(256), PublicKey: e.public, Proof: good.Proof}, identity.ErrInvalid},
	} {
		if err := last(w.id.EnrollKey(w.ctx, e.code, c.spec)); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, code := range map[string]string{
		"empty": "", "an API token": api, "cut": e.code[:len(e.code)-1], "of who has not accepted": other.code, "in capitals": strings.ToUpper(e.code),
	} {
		for what, err := range map[string]error{
			"key": last(w.id.EnrollKey(w.ctx, code, good)), "challenge": last(w.id.NewEnrollChallenge(w.ctx, code, e.public)),
		} {
			if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	for what, err := range map[string]error{
		"as a token": last(w.id.Authenticate(w.ctx, e.code)), "as a client": last(w.id.AuthenticateClientSecret(w.ctx, string(x.User), e.code)),
		"as an invitation": last(w.id.AcceptInvitation(w.ctx, e.code, identity.ExternalID{})), "from somewhere": last(w.id.AuthenticateFrom(w.ctx, e.code, netip.IPv6Loopback())),
	} {
		if !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%s: %v", what, err)
		}
	}
	same()
	if key := must(w.id.EnrollKey(w.ctx, e.code, good))(t); key.Account != x.User {
		t.Errorf("%+v", key)
	}
}

// TestSec35_EnrollCodes ends a code in every way that is its own.
func TestSec35_EnrollCodes(t *testing.T) {
	for name, end := range map[string]func(w *world, x targets, e enroller){
		"expired":          func(w *world, _ targets, _ enroller) { w.clock.advance(time.Hour) },
		"revoked":          func(w *world, x targets, e enroller) { must(w.in(x.Org).RevokeCredential(w.ctx, e.id))(w.t) },
		"disabled":         func(w *world, x targets, e enroller) { must(w.in(x.Org).DisableCredential(w.ctx, e.id))(w.t) },
		"account inactive": func(w *world, x targets, _ enroller) { must(w.in(x.Org).DeactivateAccount(w.ctx, x.User))(w.t) },
		"account deleted":  func(w *world, x targets, _ enroller) { must(w.in(x.Org).DeleteAccount(w.ctx, x.User))(w.t) },
		"org suspended":    func(w *world, x targets, _ enroller) { must(w.sys().SuspendOrg(w.ctx, x.Org))(w.t) },
		"revoked by filter": func(w *world, x targets, _ enroller) {
			must(w.in(x.Org).RevokeCredentials(w.ctx, identity.CredentialFilter{Account: x.User, Type: identity.EnrollCode}))(w.t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			x := w.targets("acme")
			e := w.enroller(x.Org, x.User, identity.EnrollCodeSpec{})
			spec := must(e.spec())(t)
			end(w, x, e)
			same := w.unchanged()
			for what, err := range map[string]error{
				"key": last(w.id.EnrollKey(w.ctx, e.code, spec)), "challenge": last(w.id.NewEnrollChallenge(w.ctx, e.code, e.public)),
			} {
				if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
					t.Errorf("%s: %v", what, err)
				}
			}
			same()
		})
	}
}

// TestSec38_EnrollCodesDieWithWhatMadeThem: a code that an account made for itself is
// dead once what it was made with is, for good; so is no code that another made.
func TestSec38_EnrollCodesDieWithWhatMadeThem(t *testing.T) {
	type scene struct {
		*world
		c    caller
		used identity.CredentialID // by the account, for its code
		in   *identity.OrgAdmin
	}
	for name, end := range map[string]struct {
		end    func(s scene)
		others bool // the code that another made is dead, too
	}{
		"credential revoked":  {func(s scene) { must(s.in.RevokeCredential(s.ctx, s.used))(t) }, false},
		"credential disabled": {func(s scene) { must(s.in.DisableCredential(s.ctx, s.used))(t) }, false},
		"disabled for a moment": {func(s scene) {
			must(s.in.DisableCredential(s.ctx, s.used))(t)
			must(s.in.EnableCredential(s.ctx, s.used))(t)
		}, false},
		"rotated away": {func(s scene) {
			_, public := newKey(t)
			must(s.in.RotatePublicKey(s.ctx, s.used, identity.PublicKeySpec{UnprovenPublicKey: public}, 0))(t)
		}, false},
		"rotated, and the grace is over": {func(s scene) {
			_, public := newKey(t)
			must(s.in.RotatePublicKey(s.ctx, s.used, identity.PublicKeySpec{UnprovenPublicKey: public}, time.Minute))(t)
			s.clock.advance(time.Minute)
		}, false},
		"signed out":     {func(s scene) { must(s.in.SignOutAccount(s.ctx, s.c.sa.ID))(t) }, false},
		"org signed out": {func(s scene) { must(s.sys().SignOutOrg(s.ctx, s.c.org))(t) }, false},
		"deactivated for a moment": {func(s scene) {
			must(s.in.DeactivateAccount(s.ctx, s.c.sa.ID))(t)
			must(s.in.ActivateAccount(s.ctx, s.c.sa.ID))(t)
		}, false},
		"suspended for a moment": {func(s scene) { must(s.sys().SuspendOrg(s.ctx, s.c.org))(t); must(s.sys().ResumeOrg(s.ctx, s.c.org))(t) }, false},
		"signing key compromised": {func(s scene) {
			must(s.sys().CompromiseSigningKey(s.ctx, s.currentKey()))(t)
		}, false},
		"deactivated": {func(s scene) { must(s.in.DeactivateAccount(s.ctx, s.c.sa.ID))(t) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			c := w.caller()
			s := scene{w, c, c.sa.Key.ID, w.in(c.org)}
			boss := w.user(c.org, "boss")
			must(s.in.GrantOwner(w.ctx, boss))(t)
			self := w.id.As(must(w.id.Authenticate(w.ctx, w.bearer(c.sa, c.key)))(t)).In(c.org)
			own := w.holding(c.org, must(self.NewEnrollCode(w.ctx, c.sa.ID, identity.EnrollCodeSpec{}))(t))
			bosses := w.holding(c.org, must(w.as(c.org, boss).NewEnrollCode(w.ctx, c.sa.ID, identity.EnrollCodeSpec{}))(t))
			ready := must(own.spec())(t)
			end.end(s)
			for range 2 {
				same := w.unchanged()
				for what, err := range map[string]error{"key": last(w.id.EnrollKey(w.ctx, own.code, ready)), "challenge": last(own.spec())} {
					if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
						t.Errorf("%s: %v", what, err)
					}
				}
				same()
				w.reopen()
			}
			if err := bosses.enroll(); (err != nil) != end.others {
				t.Errorf("the code that another made: %v", err)
			}
		})
	}
}

// TestSec38_EnrollCodesDieWithTheirToken: an access token that was revoked by itself takes
// the codes with it that its account made with it, and no others, whether or not it had
// ended by then, for as long as they would have lived; a token that ends takes none.
func TestSec38_EnrollCodesDieWithTheirToken(t *testing.T) {
	type scene struct {
		*world
		org     identity.OrgID
		account identity.AccountID
		raw, id string
	}
	for name, revoke := range map[string]func(s scene) (bool, error){
		"by its text":               func(s scene) (bool, error) { return s.in(s.org).RevokeToken(s.ctx, s.raw) },
		"by its id":                 func(s scene) (bool, error) { return s.in(s.org).RevokeTokenID(s.ctx, s.account, s.id) },
		"by another of the account": func(s scene) (bool, error) { return s.as(s.org, s.account).RevokeToken(s.ctx, s.raw) },
		"as its own":                func(s scene) (bool, error) { return s.world.id.RevokeOwnToken(s.ctx, s.login(s.org, s.account), s.raw) },
	} {
		for _, late := range []time.Duration{0, 2 * time.Hour} {
			t.Run(fmt.Sprint(name, " after ", late), func(t *testing.T) {
				w := open(t)
				org := w.org("acme")
				sa, key := w.service(org, "sa")
				with := func(raw string) enroller {
					self := w.id.As(must(w.id.Authenticate(w.ctx, raw))(t)).In(org)
					return w.holding(org, must(self.NewEnrollCode(w.ctx, sa.ID, identity.EnrollCodeSpec{Validity: 48 * time.Hour}))(t))
				}
				raw, second := w.bearer(sa, key), w.bearer(sa, key)
				s := scene{w, org, sa.ID, raw, must(w.id.Authenticate(w.ctx, raw))(t).TokenID()}
				own, seconds := with(raw), with(second)
				w.clock.advance(late)
				if err := last(own.spec()); err != nil {
					t.Fatalf("before: %v", err)
				}
				if !must(revoke(s))(t) {
					t.Fatal("nothing changed")
				}
				for range 3 {
					for what, err := range map[string]error{"key": own.enroll(), "challenge": last(own.spec())} {
						if !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrRevoked) || identity.PublicText(err) != "unauthenticated" {
							t.Errorf("%s: %v", what, err)
						}
					}
					w.clock.advance(2 * time.Hour) // past the life of any token; another one that is revoked forgets those
					must(w.in(org).RevokeTokenID(w.ctx, sa.ID, fmt.Sprint("t", w.id.Revision())))(t)
					w.reopen()
				}
				if must(revoke(s))(t) {
					t.Error("again, and something changed")
				}
				if err := seconds.enroll(); err != nil {
					t.Errorf("the code of another token: %v", err)
				}
			})
		}
	}
}

// TestSec38_EnrollCodesOfSessions: a code that was made in a login the host vouched for
// is dead when that is signed out; one made afterwards is good, and so is one whose maker
// is gone but made it for another.
func TestSec38_EnrollCodesOfSessions(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	user, other := w.user(org, "user", "identity:credentials.create"), w.user(org, "other")
	code := func(account identity.AccountID) enroller {
		return w.holding(org, must(w.as(org, user).NewEnrollCode(w.ctx, account, identity.EnrollCodeSpec{}))(t))
	}
	before, others, unused := code(user), code(other), code(user)
	if err := unused.enroll(); err != nil {
		t.Errorf("nothing happened yet: %v", err)
	}
	must(w.in(org).SignOutAccount(w.ctx, user))(t)
	if err := before.enroll(); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("made before: %v", err)
	}
	if err := code(user).enroll(); err != nil {
		t.Errorf("made afterwards: %v", err)
	}
	must(w.in(org).DeleteAccount(w.ctx, user))(t)
	if err := others.enroll(); err != nil {
		t.Errorf("for another: %v", err)
	}
}

// TestEnrollCodeSpecs refuses what makes no sense, and keeps codes out of what is
// about things that last.
func TestEnrollCodeSpecs(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.MaxCredentials = 3 }))
	x := w.targets("acme")
	o := w.in(x.Org)
	must(o.RevokeCredential(w.ctx, x.Disabled))(t)
	same := w.unchanged()
	for name, spec := range map[string]identity.EnrollCodeSpec{
		"negative": {Validity: -1}, "too long": {Validity: 7*24*time.Hour + 1}, "name": {Name: long(256)},
		"key before code": {Validity: time.Hour, KeyValidity: time.Minute}, "key for ever": {KeyValidity: 731 * 24 * time.Hour}, "key negative": {KeyValidity: -time.Hour},
	} {
		if err := last(o.NewEnrollCode(w.ctx, x.User, spec)); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same()
	e := w.enroller(x.Org, x.User, identity.EnrollCodeSpec{})
	same = w.unchanged()
	wantKind(t, last(o.NewEnrollCode(w.ctx, x.User, identity.EnrollCodeSpec{})), identity.ErrLimit)
	wantKind(t, last(o.RotateSecret(w.ctx, e.id, time.Hour)), identity.ErrInvalid)
	same()
	w.clock.advance(30 * time.Minute)
	for warning, err := range o.Expiring(w.ctx, 24*time.Hour) {
		t.Errorf("%+v, %v", warning, err)
	}
	for unused, err := range o.Unused(w.ctx, w.clock.Now()) {
		if unused.Type == identity.EnrollCode || err != nil {
			t.Errorf("%+v, %v", unused, err)
		}
	}
	if err := e.enroll(); err != nil { // the key takes the room of the code
		t.Error(err)
	}
}

// TestSec48_EnrollCodes: making a code takes what adding a key takes, and one's own
// is never wider than the credential it was made with.
func TestSec48_EnrollCodes(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	strong, weak := w.user(org, "strong", "wallets:delete"), w.user(org, "weak", "wallets:read")
	clerk := w.as(org, w.user(org, "clerk", "identity:credentials.create", "wallets:read"))
	same := w.unchanged()
	wantKind(t, last(clerk.NewEnrollCode(w.ctx, strong, identity.EnrollCodeSpec{})), identity.ErrEscalation)
	wantKind(t, last(w.as(org, weak).NewEnrollCode(w.ctx, strong, identity.EnrollCodeSpec{})), identity.ErrDenied)
	same()
	must(clerk.NewEnrollCode(w.ctx, weak, identity.EnrollCodeSpec{}))(t)

	robot := must(w.in(org).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "robot", Permissions: []string{"identity:credentials.create"}}))(t).ID
	private, public := newKey(t)
	ends := w.clock.Now().Add(3 * time.Hour)
	key := must(w.in(org).AddPublicKey(w.ctx, robot, identity.PublicKeySpec{UnprovenPublicKey: public, Validity: 3 * time.Hour}))(t)
	login := func(req identity.TokenRequest) *identity.OrgAdmin {
		text := must(w.id.ExchangeAssertion(w.ctx, w.assertion(key.ID, robot, private), req))(t).Token.Reveal()
		return w.id.As(must(w.id.Authenticate(w.ctx, text))(t)).In(org)
	}
	limited := login(identity.TokenRequest{Path: policy.Root, Permissions: []string{"identity:credentials.create"}})
	wantKind(t, last(login(identity.TokenRequest{}).NewEnrollCode(w.ctx, weak, identity.EnrollCodeSpec{})), identity.ErrDenied) // it may not mint for others
	wantKind(t, last(limited.NewEnrollCode(w.ctx, robot, identity.EnrollCodeSpec{})), identity.ErrDenied)
	for _, spec := range []identity.EnrollCodeSpec{{}, {KeyValidity: 100 * time.Hour}, {Validity: 100 * time.Hour, KeyValidity: 100 * time.Hour}} {
		own := must(login(identity.TokenRequest{}).NewEnrollCode(w.ctx, robot, spec))(t)
		if !own.KeyUntil.Equal(ends) || own.ValidUntil.After(ends) {
			t.Errorf("%+v ends at %s, its key at %s", spec, own.ValidUntil, own.KeyUntil)
		}
		if made := must(w.holding(org, own).add())(t); !made.ValidUntil.Equal(ends) {
			t.Errorf("%+v: the key ends at %s", spec, made.ValidUntil)
		}
	}
}

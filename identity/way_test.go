package identity_test

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// besideTheToken is what the end of the caller's access token alone leaves alive.
func besideTheToken() []way {
	return []way{wayVouched, waySession, wayExchange, wayNarrowed, wayActing, wayHeldActing, wayActed, wayActingWrite, wayClient, wayClientToken, wayChallenge, waySignature}
}

// entrant is an account that has what it takes for every way in.
type entrant struct {
	w        *world
	org      identity.OrgID
	account  identity.AccountID
	accounts []identity.AccountID // the guests with it
	guests   []guest              // who have not accepted: each can once
	key      identity.CredentialID
	keys     []identity.CredentialID // all of the account
	codes    []enroller              // that were not used: each can be once
	bearer   string
	tokenID  string
	revision uint64 // of a session
	enter    map[identity.Way]func() error
}

// entrances is every way in, of which some proofs are made now and some when they
// are shown. A new one turns TestSec35_EveryWay red until it is here.
func (w *world) entrant() *entrant {
	w.t.Helper()
	e := &entrant{w: w, org: w.org("acme")}
	in := w.in(e.org)
	e.account = must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "ci", Validity: accountLife}))(w.t).ID
	private, public := newKey(w.t)
	e.key = must(in.AddPublicKey(w.ctx, e.account, identity.PublicKeySpec{UnprovenPublicKey: public, Validity: credentialLife}))(w.t).ID
	api := must(in.CreateAPIToken(w.ctx, e.account, identity.APITokenSpec{Name: "api", Validity: credentialLife}))(w.t)
	secret := must(in.CreateClientSecret(w.ctx, e.account, identity.ClientSecretSpec{Name: "secret", Validity: credentialLife}))(w.t)
	e.keys = []identity.CredentialID{e.key, api.ID, secret.ID}
	assertion := func() string { return w.assertion(e.key, e.account, private) }
	exchange := func() string {
		return must(w.id.ExchangeAssertion(w.ctx, assertion(), identity.TokenRequest{}))(w.t).Token.Reveal()
	}
	e.accounts = []identity.AccountID{e.account}
	for _, name := range []string{"a", "b", "c", "d"} {
		g := w.invite(e.org, identity.InvitationSpec{User: identity.UserSpec{Email: name + "@example.com"}, Validity: credentialLife})
		must(in.ExtendAccount(w.ctx, g.id, w.clock.Now().Add(accountLife)))(w.t)
		e.accounts, e.guests = append(e.accounts, g.id), append(e.guests, g)
	}
	for range 4 {
		e.codes = append(e.codes, w.enroller(e.org, e.account, identity.EnrollCodeSpec{Validity: credentialLife}))
	}
	e.bearer = exchange()
	e.tokenID = must(w.id.Authenticate(w.ctx, e.bearer))(w.t).TokenID()
	e.revision = w.login(e.org, e.account).Revision()
	action := w.actionToken(must(w.id.Authenticate(w.ctx, exchange()))(w.t), e.key, private)
	purpose := must(token.HostPurpose("hook"))(w.t)
	alg, signature, err := token.Sign(private, purpose, []byte("hook"))
	if err != nil {
		w.t.Fatal(err)
	}
	e.enter = map[identity.Way]func() error{
		identity.WayAccessToken: func() error { return last(w.id.Authenticate(w.ctx, e.bearer)) },
		identity.WayAssertion: func() error {
			return last(w.id.ExchangeAssertion(w.ctx, assertion(), identity.TokenRequest{}))
		},
		identity.WayVouch: func() error {
			now := w.clock.Now()
			return last(w.in(e.org).Vouch(w.ctx, e.account, identity.Login{AuthTime: now, NotAfter: now.Add(time.Hour), Revision: e.revision}))
		},
		identity.WayClientAssertion: func() error { return last(w.id.AuthenticateClientAssertion(w.ctx, assertion())) },
		identity.WayChallenge:       func() error { return w.answer(w.signChallenge(e.key, private)) },
		identity.WaySignature: func() error {
			return last(w.id.VerifySignature(w.ctx, e.key, purpose, alg, []byte("hook"), signature))
		},
		identity.WayAction: func() error {
			return last(w.id.VerifyAction(w.ctx, action, netip.Addr{}, func() (identity.Action, error) { return payment(), nil }))
		},
		identity.WaySignedRequest: func() error { return w.consumeRequest(w.signRequest(e.key, private, payment())) },
		identity.WayAPIToken:      func() error { return last(w.id.Authenticate(w.ctx, api.Secret.Reveal())) },
		identity.WayClientSecret: func() error {
			return last(w.id.AuthenticateClientSecret(w.ctx, string(e.account), secret.Secret.Reveal()))
		},
		identity.WayInvitation: func() error {
			err := e.guests[0].accept()
			if err == nil {
				e.guests = e.guests[1:]
			}
			return err
		},
		identity.WayEnrollCode: func() error {
			err := e.codes[0].enroll()
			if err == nil {
				e.codes = e.codes[1:]
			}
			return err
		},
	}
	return e
}

// proofs is every credential that is not used up.
func (e *entrant) proofs() []identity.CredentialID {
	all := slices.Clone(e.keys)
	for _, g := range e.guests {
		all = append(all, g.key)
	}
	for _, c := range e.codes {
		all = append(all, c.id)
	}
	return all
}

// dying is one way for an entrant to end.
type dying struct {
	end    func(e *entrant)
	spares []identity.Way
	kind   error          // beside ErrUnauthenticated
	undo   func(*entrant) // nil if it cannot be
}

// fresh are the ways whose proofs are made, or proven, anew each time: what was
// issued before is no matter to them.
func fresh() []identity.Way {
	return []identity.Way{
		identity.WayAssertion, identity.WayClientAssertion, identity.WayChallenge, identity.WaySignature, identity.WayAPIToken, identity.WayClientSecret,
		identity.WayInvitation, identity.WaySignedRequest, identity.WayEnrollCode,
	}
}

// inactive is the ending whose undoing ends invitations: the account is active
// without them.
const inactive = "account inactive"

func dyings() map[string]dying {
	do := func(f func(e *entrant) error) func(*entrant) {
		return func(e *entrant) {
			e.w.t.Helper()
			if err := f(e); err != nil {
				e.w.t.Fatal(err)
			}
		}
	}
	each := func(f func(e *entrant, id identity.CredentialID) error) func(*entrant) {
		return do(func(e *entrant) error {
			for _, id := range e.proofs() {
				if err := f(e, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	whose := func(f func(e *entrant, id identity.AccountID) error) func(*entrant) {
		return do(func(e *entrant) error {
			for _, id := range e.accounts {
				if err := f(e, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	wait := func(d time.Duration) func(*entrant) { return func(e *entrant) { e.w.clock.advance(d) } }
	but := func(gone ...identity.Way) []identity.Way {
		return slices.DeleteFunc(identity.Ways(), func(w identity.Way) bool { return slices.Contains(gone, w) })
	}
	vouch := []identity.Way{identity.WayVouch}
	return map[string]dying{
		"org suspended": {do(func(e *entrant) error { return last(e.w.sys().SuspendOrg(e.w.ctx, e.org)) }), nil, identity.ErrDisabled,
			do(func(e *entrant) error { return last(e.w.sys().ResumeOrg(e.w.ctx, e.org)) })},
		"org deleted":    {do(func(e *entrant) error { return last(e.w.sys().DeleteOrg(e.w.ctx, e.org)) }), nil, identity.ErrDisabled, nil},
		"org signed out": {do(func(e *entrant) error { return last(e.w.sys().SignOutOrg(e.w.ctx, e.org)) }), fresh(), identity.ErrRevoked, nil},
		inactive: {whose(func(e *entrant, id identity.AccountID) error {
			return last(e.w.in(e.org).DeactivateAccount(e.w.ctx, id))
		}), nil, identity.ErrDisabled,
			whose(func(e *entrant, id identity.AccountID) error {
				return last(e.w.in(e.org).ActivateAccount(e.w.ctx, id))
			})},
		"account archived":   {whose(func(e *entrant, id identity.AccountID) error { return last(e.w.in(e.org).ArchiveAccount(e.w.ctx, id)) }), nil, identity.ErrDisabled, nil},
		"account deleted":    {whose(func(e *entrant, id identity.AccountID) error { return last(e.w.in(e.org).DeleteAccount(e.w.ctx, id)) }), nil, identity.ErrDisabled, nil},
		"account signed out": {whose(func(e *entrant, id identity.AccountID) error { return last(e.w.in(e.org).SignOutAccount(e.w.ctx, id)) }), fresh(), identity.ErrRevoked, nil},
		"account expired":    {wait(accountLife), nil, identity.ErrExpired, nil},
		"credential disabled": {each(func(e *entrant, id identity.CredentialID) error {
			return last(e.w.in(e.org).DisableCredential(e.w.ctx, id))
		}), vouch, nil,
			each(func(e *entrant, id identity.CredentialID) error {
				return last(e.w.in(e.org).EnableCredential(e.w.ctx, id))
			})},
		"credential revoked": {each(func(e *entrant, id identity.CredentialID) error {
			return last(e.w.in(e.org).RevokeCredential(e.w.ctx, id))
		}), vouch, nil, nil},
		"credential expired": {wait(credentialLife), vouch, identity.ErrExpired, nil},
		"token revoked": {do(func(e *entrant) error { return last(e.w.in(e.org).RevokeTokenID(e.w.ctx, e.account, e.tokenID)) }),
			but(identity.WayAccessToken), identity.ErrRevoked, nil},
		"token expired": {wait(10 * time.Minute), but(identity.WayAccessToken, identity.WayAction), identity.ErrExpired, nil},
	}
}

// TestSec35_EveryWay tries every way in after everything that can end, before and
// after a restart: each is refused, but for what the ending does not concern. What
// is undone revives no proof that was issued before, and does not keep out a new
// one.
func TestSec35_EveryWay(t *testing.T) {
	onOneGoroutine(t)
	names := map[string]bool{}
	for _, in := range identity.Ways() {
		if in.String() == "" || names[in.String()] {
			t.Errorf("way %d is called %q, like another or like none", in, in)
		}
		names[in.String()] = true
	}
	if len(names) == 0 || identity.Way(0).String() != "" || identity.Way(255).String() != "" {
		t.Errorf("ways %v", names)
	}
	for name, d := range dyings() {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			e := w.entrant()
			if got, want := slices.Sorted(maps.Keys(e.enter)), identity.Ways(); !slices.Equal(got, want) {
				t.Fatalf("the matrix has %v, there are %v", got, want)
			}
			for in, enter := range e.enter {
				if err := enter(); err != nil {
					t.Fatalf("%s: before: %v", in, err)
				}
			}
			d.end(e)
			check := func(when string) {
				t.Helper()
				for in, enter := range e.enter {
					err := enter()
					switch spared := slices.Contains(d.spares, in); {
					case spared && err != nil:
						t.Errorf("%s, %s: %v", when, in, err)
					case spared:
					case err == nil:
						t.Errorf("%s, %s: was let in", when, in)
					case !errors.Is(err, identity.ErrUnauthenticated) || d.kind != nil && !errors.Is(err, d.kind) || identity.PublicText(err) != "unauthenticated":
						t.Errorf("%s, %s: %v, want %v", when, in, err, d.kind)
					}
				}
			}
			check("at once")
			w.reopen()
			check("after a restart")
			if d.undo == nil {
				return
			}
			d.undo(e)
			for in, enter := range e.enter {
				old := !slices.Contains(fresh(), in) && !slices.Contains(d.spares, in) || name == inactive && in == identity.WayInvitation
				if err := enter(); (err != nil) != old {
					t.Errorf("undone, %s: %v", in, err)
				}
			}
		})
	}
}

// TestSec65_EveryWayIsObserved: that a proof was accepted is told of each way in, and
// that it was not, with whose it was.
func TestSec65_EveryWayIsObserved(t *testing.T) {
	w, o := observed(t)
	e := w.entrant()
	for in, enter := range e.enter {
		if err := enter(); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
	}
	for _, id := range e.accounts {
		must(w.in(e.org).DeactivateAccount(w.ctx, id))(t)
	}
	for in, enter := range e.enter {
		if err := enter(); err == nil {
			t.Fatalf("%s: was let in", in)
		}
	}
	accepted, refused := map[identity.Way]bool{}, map[identity.Way]bool{}
	for _, seen := range o.all(w) {
		if invited := seen.Way == identity.WayInvitation; !slices.Contains(e.accounts, seen.Account) || (seen.Account != e.account) != invited || seen.Org != e.org {
			t.Errorf("%v of %s: account %q of %q (%v)", seen.Way, seen.Outcome, seen.Account, seen.Org, seen.Err)
		}
		switch seen.Outcome {
		case identity.Authenticated:
			accepted[seen.Way] = true
		case identity.Refused:
			refused[seen.Way] = true
		}
	}
	for _, in := range identity.Ways() {
		if !accepted[in] || !refused[in] {
			t.Errorf("%s: accepted is told %v, refused %v", in, accepted[in], refused[in])
		}
	}
}

package identity_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/netip"
	"sync"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestSec41_ActionOnce: of 50 who exchange one challenge, and of 50 who use one
// token up, one does. After a restart it is still used.
func TestSec41_ActionOnce(t *testing.T) {
	w := open(t)
	c := w.caller()
	response := w.response(c.held, c.sa.Key.ID, c.key)
	raw := w.actionToken(c.held, c.sa.Key.ID, c.key)
	race := func(what string, try func() error) {
		t.Helper()
		errs := make([]error, 50)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { errs[i] = try() })
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				wantTurnedAway(t, what, err, identity.ErrRevoked)
			}
		}
		if won != 1 {
			t.Errorf("%s: %d won", what, won)
		}
	}
	race("challenge", func() error { return last(w.id.ExchangeAction(w.ctx, response)) })
	race("token", func() error {
		s, err := w.verifyAction(raw, payment())
		if err != nil {
			return err
		}
		return s.Consume(w.ctx)
	})
	w.reopen()
	wantTurnedAway(t, "challenge after a restart", last(w.id.ExchangeAction(w.ctx, response)), identity.ErrRevoked)
	s := must(w.verifyAction(raw, payment()))(t) // that it was used is not known before
	wantTurnedAway(t, "token after a restart", s.Consume(w.ctx), identity.ErrRevoked)
}

// TestActionSurvivesRestart: what is not used yet does not need the process that
// made it.
func TestActionSurvivesRestart(t *testing.T) {
	w := open(t)
	c := w.caller()
	response := w.response(c.held, c.sa.Key.ID, c.key)
	w.reopen()
	raw := must(w.id.ExchangeAction(w.ctx, response))(t).Token.Reveal()
	w.reopen()
	s := must(w.verifyAction(raw, payment()))(t)
	if s.Consumed() {
		t.Error("used up before it was")
	}
	if err := s.Consume(w.ctx); err != nil || !s.Consumed() {
		t.Errorf("%v, consumed %t", err, s.Consumed())
	}
	wantTurnedAway(t, "again", s.Consume(w.ctx), identity.ErrRevoked)
}

// TestConsumeTx: the token is used up with the transaction, and not without it.
func TestConsumeTx(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.actionToken(c.held, c.sa.Key.ID, c.key)
	s := must(w.verifyAction(raw, payment()))(t)
	group := func(ctx context.Context, tx *identity.Tx) error {
		return last(tx.As(s.Principal()).In(c.org).CreateGroup(ctx, identity.GroupSpec{Name: "paid"}))
	}
	errHost := errors.New("the host changes its mind")

	same := w.unchanged()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		if err := errors.Join(s.ConsumeTx(ctx, tx), group(ctx, tx)); err != nil {
			return err
		}
		wantTurnedAway(t, "twice in one transaction", s.ConsumeTx(ctx, tx), identity.ErrRevoked)
		wantKind(t, s.Consume(ctx), identity.ErrNested)
		return errHost
	})
	if !errors.Is(err, errHost) || s.Consumed() {
		t.Errorf("%v, consumed %t", err, s.Consumed())
	}
	func() {
		defer func() { _ = recover() }()
		_ = w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
			if err := s.ConsumeTx(ctx, tx); err != nil {
				t.Error(err)
			}
			panic("in the middle")
		})
	}()
	same()

	var kept *identity.Tx
	again := must(w.verifyAction(raw, payment()))(t) // as good as before
	if err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		kept = tx
		if again.Consumed() {
			t.Error("consumed before the commit")
		}
		return errors.Join(again.ConsumeTx(ctx, tx), group(ctx, tx))
	}); err != nil || !again.Consumed() || s.Consumed() {
		t.Errorf("%v, consumed %t and %t", err, again.Consumed(), s.Consumed())
	}
	wantTurnedAway(t, "after the commit", s.Consume(w.ctx), identity.ErrRevoked)
	err = w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error { return s.ConsumeTx(ctx, tx) })
	wantTurnedAway(t, "in another transaction", err, identity.ErrRevoked)

	wantKind(t, s.ConsumeTx(w.ctx, kept), identity.ErrInvalid)
	wantKind(t, s.ConsumeTx(w.ctx, nil), identity.ErrInvalid)
	foreign := open(t)
	if err := foreign.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		wantKind(t, s.ConsumeTx(ctx, tx), identity.ErrInvalid)
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestConsumeTxSeesTheTransaction: whoever was disabled in it does nothing more.
func TestConsumeTxSeesTheTransaction(t *testing.T) {
	w := open(t)
	c := w.caller()
	s := must(w.verifyAction(w.actionToken(c.held, c.sa.Key.ID, c.key), payment()))(t)
	errUndo := errors.New("undo")
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		must(tx.System("test").In(c.org).RevokeCredential(ctx, c.sa.Key.ID))(t)
		wantTurnedAway(t, "revoked in the transaction", s.ConsumeTx(ctx, tx), identity.ErrDisabled)
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Error(err)
	}
	if err := s.Consume(w.ctx); err != nil {
		t.Error(err)
	}
}

// TestNobodysAction: nil is refused and does not panic.
func TestNobodysAction(t *testing.T) {
	w := open(t)
	var s *identity.SignedAction
	if !s.Principal().IsZero() || s.Consumed() {
		t.Error("nil is somebody")
	}
	wantTurnedAway(t, "Consume", s.Consume(w.ctx))
	if err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error { return s.ConsumeTx(ctx, tx) }); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("ConsumeTx: %v", err)
	}
}

// TestVerifyActionAsksLast: the request is looked at once its token is good, and
// what went wrong with it is told as it is.
func TestVerifyActionAsksLast(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.actionToken(c.held, c.sa.Key.ID, c.key)
	asked, errBody := 0, errors.New("the body is too long")
	of := func() (identity.Action, error) { asked++; return identity.Action{}, errBody }
	if s, err := w.id.VerifyAction(w.ctx, raw, netip.Addr{}, of); err != errBody || s != nil || asked != 1 {
		t.Errorf("%v, %v, asked %d times", s, err, asked)
	}
	must(w.in(c.org).DisableCredential(w.ctx, c.sa.Key.ID))(t)
	wantTurnedAway(t, "dead", last(w.id.VerifyAction(w.ctx, raw, netip.Addr{}, of)), identity.ErrDisabled)
	wantTurnedAway(t, "no token", last(w.id.VerifyAction(w.ctx, "x", netip.Addr{}, of)))
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// TestSec40_ActionPrincipal: it has no more than the principal that asked, stands
// on the key that signed, and makes neither tokens nor challenges.
func TestSec40_ActionPrincipal(t *testing.T) {
	w := open(t)
	c := w.caller()
	narrow := must(w.id.Authenticate(w.ctx, c.narrow))(t) // to projects/1
	s := must(w.verifyAction(w.actionToken(narrow, c.sa.Key.ID, c.key), payment()))(t)
	p := s.Principal()
	if p.Account() != c.sa.ID || p.Org() != c.org || p.Credential() != c.sa.Key.ID || p.Way() != identity.WayAction || p.TokenID() == "" ||
		p.Kind() != identity.ServiceAccount || p.Limits().Path != narrow.Limits().Path {
		t.Errorf("%+v of %v", p.Limits(), p)
	}
	if d := w.may(p, c.org, "wallets:read", path(t, "projects/1/wallets/1")); !d.Allowed {
		t.Errorf("within its limits: %+v", d)
	}
	if d := w.may(p, c.org, "wallets:read", policy.Root); d.Allowed {
		t.Errorf("beyond its limits: %+v", d)
	}
	listed := must(w.id.Authenticate(w.ctx, must(w.id.IssueToken(w.ctx, c.held, identity.TokenRequest{Permissions: []string{}}))(t).Token.Reveal()))(t)
	nothing := must(w.verifyAction(w.actionToken(listed, c.sa.Key.ID, c.key), payment()))(t).Principal()
	if d := w.may(nothing, c.org, "wallets:read", policy.Root); d.Allowed || nothing.Limits().Permissions == nil {
		t.Errorf("of a token for nothing: %+v, %+v", d, nothing.Limits())
	}

	whole := must(w.verifyAction(w.actionToken(c.held, c.sa.Key.ID, c.key), payment()))(t).Principal()
	wantKind(t, last(w.id.IssueToken(w.ctx, whole, identity.TokenRequest{})), identity.ErrInvalid)
	wantKind(t, last(w.id.Delegate(w.ctx, whole, c.peer, identity.TokenRequest{})), identity.ErrInvalid)
	wantKind(t, last(w.id.Delegate(w.ctx, c.peer, whole, identity.TokenRequest{})), identity.ErrInvalid)
	wantKind(t, last(w.id.NewActionChallenge(w.ctx, whole, payment())), identity.ErrInvalid)
	wantKind(t, last(w.id.NewActionChallenge(w.ctx, c.heldActing, payment())), identity.ErrInvalid)
	wantTurnedAway(t, "nobody", last(w.id.NewActionChallenge(w.ctx, identity.Principal{}, payment())))
	foreign := open(t)
	wantTurnedAway(t, "of another authority", last(w.id.NewActionChallenge(w.ctx, foreign.caller().held, payment())))
}

// TestActionAskedWithAnAPIToken: what the token is less than its account the
// action is, too, and it is done in the token's networks only.
func TestActionAskedWithAnAPIToken(t *testing.T) {
	w := open(t)
	c := w.caller()
	home, away := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.7")
	row, raw := w.apiToken(c.org, c.sa.ID, identity.APITokenSpec{
		Permissions: []string{"wallets:read"}, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	})
	asker := must(w.id.AuthenticateFrom(w.ctx, raw, home))(t)
	made := w.actionToken(asker, c.sa.Key.ID, c.key)
	of := func() (identity.Action, error) { return payment(), nil }
	for _, from := range []netip.Addr{away, {}} {
		wantTurnedAway(t, from.String(), last(w.id.VerifyAction(w.ctx, made, from, of)))
	}
	s := must(w.id.VerifyAction(w.ctx, made, home, of))(t)
	if d := w.may(s.Principal(), c.org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("what the token has: %+v", d)
	}
	if d := w.may(s.Principal(), c.org, "identity:accounts.read", policy.Root); d.Allowed {
		t.Errorf("what only the account has: %+v", d)
	}
	must(w.in(c.org).RevokeCredential(w.ctx, row.ID))(t)
	wantTurnedAway(t, "the token was revoked", s.Consume(w.ctx), identity.ErrDisabled)
}

// TestSec38_ActionDiesWithBoth: a session asks, a key signs, and whatever ends
// either ends the action, at every step.
func TestSec38_ActionDiesWithBoth(t *testing.T) {
	for name, end := range map[string]func(c caller, second identity.CredentialID){
		"key that signed": func(c caller, second identity.CredentialID) {
			must(c.w.in(c.org).RevokeCredential(c.w.ctx, second))(c.w.t)
		},
		"key of who asked": func(c caller, _ identity.CredentialID) {
			must(c.w.in(c.org).RevokeCredential(c.w.ctx, c.sa.Key.ID))(c.w.t)
		},
		"key of who asked, once": func(c caller, _ identity.CredentialID) { c.w.interrupt(c.org, c.sa.Key.ID) },
		"account signed out":     func(c caller, _ identity.CredentialID) { must(c.w.in(c.org).SignOutAccount(c.w.ctx, c.sa.ID))(c.w.t) },
		"org suspended":          func(c caller, _ identity.CredentialID) { must(c.w.sys().SuspendOrg(c.w.ctx, c.org))(c.w.t) },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			c := w.caller()
			private, public := newKey(t)
			second := must(w.in(c.org).AddPublicKey(w.ctx, c.sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public}))(t).ID
			response := w.response(c.held, second, private)
			raw := w.actionToken(c.held, second, private)
			s := must(w.verifyAction(raw, payment()))(t)
			if s.Principal().Credential() != second {
				t.Errorf("by %s", s.Principal().Credential())
			}
			end(c, second)
			same := w.unchanged()
			wantTurnedAway(t, "signature", last(w.id.ExchangeAction(w.ctx, response)))
			wantTurnedAway(t, "token", last(w.verifyAction(raw, payment())))
			wantTurnedAway(t, "verified action", s.Consume(w.ctx))
			same()
			if err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error { return s.ConsumeTx(ctx, tx) }); !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("in a transaction: %v", err)
			}
		})
	}
}

// interrupt disables a credential for a moment: what came through it before stays
// dead.
func (w *world) interrupt(org identity.OrgID, id identity.CredentialID) {
	w.t.Helper()
	must(w.in(org).DisableCredential(w.ctx, id))(w.t)
	must(w.in(org).EnableCredential(w.ctx, id))(w.t)
}

// actions are what a principal is about to do, at every step, twice.
type actions struct {
	tokens    []string
	verified  []*identity.SignedAction
	responses []identity.ActionResponse
}

func (w *world) actions(p identity.Principal, id identity.CredentialID, key ed25519.PrivateKey) *actions {
	w.t.Helper()
	made := &actions{}
	for range 2 {
		made.tokens = append(made.tokens, w.actionToken(p, id, key))
		made.verified = append(made.verified, must(w.verifyAction(w.actionToken(p, id, key), payment()))(w.t))
		made.responses = append(made.responses, w.response(p, id, key))
	}
	return made
}

// actionWays are the ways in that end with the principal that asked.
func actionWays() []way { return []way{wayAction, wayActionHeld, wayActionSigned, wayActionAsked} }

// present does one of the actions that have a token.
func (a *actions) present(w *world) error {
	raw := a.tokens[0]
	a.tokens = a.tokens[1:]
	s, err := w.verifyAction(raw, payment())
	if err != nil {
		return err
	}
	return s.Consume(w.ctx)
}

// consume does one that was verified.
func (a *actions) consume(w *world) error {
	s := a.verified[0]
	a.verified = a.verified[1:]
	return s.Consume(w.ctx)
}

// exchange gets a token for one that was signed.
func (a *actions) exchange(w *world) error {
	r := a.responses[0]
	a.responses = a.responses[1:]
	return last(w.id.ExchangeAction(w.ctx, r))
}

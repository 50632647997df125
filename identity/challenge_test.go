package identity_test

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
	"github.com/claviger-go/claviger/token/client"
)

// sign signs a challenge as a client does.
func (w *world) sign(key crypto.Signer, purpose token.Purpose, challenge string) client.Signature {
	w.t.Helper()
	return must(client.Sign(key, purpose, must(token.ChallengeMessage(issuer, challenge))(w.t)))(w.t)
}

// signChallenge gets a challenge for a credential and signs it.
func (w *world) signChallenge(id identity.CredentialID, key crypto.Signer) identity.ChallengeResponse {
	w.t.Helper()
	c := must(w.id.NewChallenge(w.ctx, id))(w.t)
	s := w.sign(key, token.PurposeLogin, c.Text)
	return identity.ChallengeResponse{Challenge: c.Text, Credential: id, Signature: s.Text, Algorithm: token.Algorithm(s.Algorithm)}
}

func (w *world) answer(r identity.ChallengeResponse) error {
	return last(w.id.ExchangeChallenge(w.ctx, r, identity.TokenRequest{}))
}

// TestChallengeAndResponse: a signed challenge gives a token like that of an
// assertion, cut down to what is asked for.
func TestChallengeAndResponse(t *testing.T) {
	w := open(t)
	c := w.caller()
	same := w.unchanged()
	ch := must(w.id.NewChallenge(w.ctx, c.sa.Key.ID))(t)
	same() // nothing is stored for it
	if left := ch.ExpiresAt.Sub(w.clock.Now()); left != 5*time.Minute {
		t.Errorf("it is good for %s", left)
	}
	got := must(w.id.ExchangeChallenge(w.ctx, w.signChallenge(c.sa.Key.ID, c.key), identity.TokenRequest{Path: path(t, "projects/1")}))(t)
	p := must(w.id.Authenticate(w.ctx, got.Token.Reveal()))(t)
	if p.Account() != c.sa.ID || p.Credential() != c.sa.Key.ID || p.Org() != c.org || p.Limits().Path != path(t, "projects/1") {
		t.Errorf("%v %+v", p, p.Limits())
	}
	if d := w.may(p, c.org, "wallets:read", policy.Root); d.Allowed {
		t.Error("the token was not cut down")
	}
	wantKind(t, last(w.id.ExchangeChallenge(w.ctx, w.signChallenge(c.sa.Key.ID, c.key), identity.TokenRequest{Permissions: []string{"wallets:fly"}})), identity.ErrInvalid)
}

// TestSec41_ChallengeOnce: a challenge is used once, also by fifty at a time and
// after a restart, and one that was refused for what was asked is not used up.
func TestSec41_ChallengeOnce(t *testing.T) {
	w := open(t)
	c := w.caller()
	r := w.signChallenge(c.sa.Key.ID, c.key)
	if err := last(w.id.ExchangeChallenge(w.ctx, r, identity.TokenRequest{Permissions: []string{"wallets:fly"}})); !errors.Is(err, identity.ErrInvalid) {
		t.Error(err)
	}
	var won atomic.Int32
	var all sync.WaitGroup
	start := make(chan struct{})
	for range 50 {
		all.Go(func() {
			<-start
			switch err := w.answer(r); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrRevoked):
				t.Errorf("one of fifty: %v", err)
			}
		})
	}
	close(start)
	all.Wait()
	if n := won.Load(); n != 1 {
		t.Fatalf("%d of fifty won", n)
	}
	w.reopen()
	for range 6 {
		if err := w.answer(r); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("a second use: %v", err)
		}
		w.clock.advance(time.Minute)
		must(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}))(t) // sweeps
	}
	// Another that was made before a restart is as good as ever.
	r = w.signChallenge(c.sa.Key.ID, c.key)
	w.reopen()
	if err := w.answer(r); err != nil {
		t.Errorf("made before a restart: %v", err)
	}
}

// TestSec61_ChallengesSayNothing: a challenge for a credential that is not there
// looks like any other, and so does every refusal.
func TestSec61_ChallengesSayNothing(t *testing.T) {
	w := open(t)
	x, c := w.targets("globex"), w.caller()
	must(w.in(x.Org).RevokeCredential(w.ctx, x.Credential))(t)
	same := w.unchanged()
	for _, id := range []identity.CredentialID{c.sa.Key.ID, x.Disabled, x.Credential, "cr_absent", "", "x", identity.CredentialID(long(1 << 16)), "cr_\x00"} {
		ch, err := w.id.NewChallenge(w.ctx, id)
		if err != nil || len(ch.Text) != 76 || !ch.ExpiresAt.Equal(w.clock.Now().Add(5*time.Minute)) {
			t.Errorf("%.20q: %+v, %v", id, ch, err)
		}
		err = w.answer(identity.ChallengeResponse{Challenge: ch.Text, Credential: id, Algorithm: token.AlgEdDSA})
		if wantKind(t, err, identity.ErrUnauthenticated); identity.PublicText(err) != "unauthenticated" {
			t.Errorf("%.20q: strangers are told %q", id, identity.PublicText(err))
		}
	}
	same()
}

// TestSec60_NothingOfAChallengeIsExchangeable: what is signed is bound to the
// credential, the instance, the issuer, the purpose, and the time.
func TestSec60_NothingOfAChallengeIsExchangeable(t *testing.T) {
	w, elsewhere := open(t), open(t)
	c := w.caller()
	other, otherKey := w.service(c.org, "other")
	foreign, foreignKey := w.service(w.org("globex"), "other")
	good := w.signChallenge(c.sa.Key.ID, c.key)
	change := func(edit func(r *identity.ChallengeResponse)) identity.ChallengeResponse {
		r := good
		edit(&r)
		return r
	}
	signed := func(key crypto.Signer, purpose token.Purpose, message string) identity.ChallengeResponse {
		s := must(client.Sign(key, purpose, []byte(message)))(t)
		return change(func(r *identity.ChallengeResponse) { r.Signature, r.Algorithm = s.Text, token.Algorithm(s.Algorithm) })
	}
	raw := must(base64.RawURLEncoding.DecodeString(good.Signature))(t)
	host := must(token.HostPurpose("login"))(t)
	possession := must(w.in(c.org).NewKeyChallenge(w.ctx, c.sa.ID, pemOf(t, c.key.Public())))(t)
	bad := map[string]identity.ChallengeResponse{
		"another account's key":        signed(otherKey, token.PurposeLogin, issuer+"\n"+good.Challenge),
		"another account's credential": change(func(r *identity.ChallengeResponse) { r.Credential = other.Key.ID }),
		"another org's credential":     change(func(r *identity.ChallengeResponse) { r.Credential = foreign.Key.ID }),
		"all of another but the text": func() identity.ChallengeResponse {
			r := w.signChallenge(other.Key.ID, otherKey)
			r.Challenge = good.Challenge
			return r
		}(),
		"another's challenge, signed": func() identity.ChallengeResponse {
			s := w.sign(foreignKey, token.PurposeLogin, good.Challenge)
			return identity.ChallengeResponse{Challenge: good.Challenge, Credential: foreign.Key.ID, Signature: s.Text, Algorithm: token.AlgEdDSA}
		}(),
		"another instance's challenge": func() identity.ChallengeResponse {
			ch := must(elsewhere.id.NewChallenge(w.ctx, c.sa.Key.ID))(t)
			s := w.sign(c.key, token.PurposeLogin, ch.Text)
			return identity.ChallengeResponse{Challenge: ch.Text, Credential: c.sa.Key.ID, Signature: s.Text, Algorithm: token.AlgEdDSA}
		}(),
		"passed on by another issuer": signed(c.key, token.PurposeLogin, "https://evil.example\n"+good.Challenge),
		"without the issuer":          signed(c.key, token.PurposeLogin, good.Challenge),
		"to register a key":           signed(c.key, token.PurposePossession, issuer+"\n"+good.Challenge),
		"for an action":               signed(c.key, token.PurposeAction, issuer+"\n"+good.Challenge),
		"for the host":                signed(c.key, host, issuer+"\n"+good.Challenge),
		"without a purpose": change(func(r *identity.ChallengeResponse) {
			r.Signature = base64.RawURLEncoding.EncodeToString(ed25519.Sign(c.key, []byte(issuer+"\n"+good.Challenge)))
		}),
		"a challenge to register a key": change(func(r *identity.ChallengeResponse) {
			s := w.sign(c.key, token.PurposeLogin, possession.Text)
			r.Challenge, r.Signature = possession.Text, s.Text
		}),
		"another algorithm":  change(func(r *identity.ChallengeResponse) { r.Algorithm = token.AlgES256 }),
		"no algorithm":       change(func(r *identity.ChallengeResponse) { r.Algorithm = "" }),
		"algorithm none":     change(func(r *identity.ChallengeResponse) { r.Algorithm = "none" }),
		"no signature":       change(func(r *identity.ChallengeResponse) { r.Signature = "" }),
		"padded signature":   change(func(r *identity.ChallengeResponse) { r.Signature += "==" }),
		"signature in lines": change(func(r *identity.ChallengeResponse) { r.Signature = r.Signature[:10] + "\n" + r.Signature[10:] }),
		"signature in another alphabet": change(func(r *identity.ChallengeResponse) {
			r.Signature = base64.StdEncoding.EncodeToString(raw)
		}),
		"long signature":    change(func(r *identity.ChallengeResponse) { r.Signature = strings.Repeat("A", 1<<20) }),
		"no challenge":      change(func(r *identity.ChallengeResponse) { r.Challenge = "" }),
		"challenge cut off": change(func(r *identity.ChallengeResponse) { r.Challenge = r.Challenge[:75] }),
		"challenge changed": change(func(r *identity.ChallengeResponse) { r.Challenge = "B" + r.Challenge[1:] }),
		"long challenge":    change(func(r *identity.ChallengeResponse) { r.Challenge = strings.Repeat("A", 1<<20) }),
	}
	same := w.unchanged()
	for name, r := range bad {
		err := w.answer(r)
		if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
			t.Errorf("%s: %v", name, err)
		}
	}
	same() // none of them used the challenge up
	late := w.signChallenge(c.sa.Key.ID, c.key)
	if err := w.answer(good); err != nil {
		t.Fatalf("the challenge itself: %v", err)
	}
	w.clock.advance(5*time.Minute - time.Microsecond)
	if err := w.answer(w.respondTo(late, c.key)); err != nil {
		t.Errorf("at the last moment: %v", err)
	}
	late = w.signChallenge(c.sa.Key.ID, c.key)
	w.clock.advance(5 * time.Minute)
	if err := w.answer(late); !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
}

// respondTo signs a challenge again.
func (w *world) respondTo(r identity.ChallengeResponse, key crypto.Signer) identity.ChallengeResponse {
	w.t.Helper()
	r.Signature = w.sign(key, token.PurposeLogin, r.Challenge).Text
	return r
}

// TestVerifySignature: a host finds out who signed something, as long as the
// signer is alive.
func TestVerifySignature(t *testing.T) {
	w := open(t)
	c := w.caller()
	hook, other := must(token.HostPurpose("hook"))(t), must(token.HostPurpose("other"))(t)
	_, signature, err := token.Sign(c.key, hook, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(id identity.CredentialID, purpose token.Purpose, alg token.Algorithm, message string) error {
		return last(w.id.VerifySignature(w.ctx, id, purpose, alg, []byte(message), signature))
	}
	same := w.unchanged()
	got := must(w.id.VerifySignature(w.ctx, c.sa.Key.ID, hook, token.AlgEdDSA, []byte("body"), signature))(t)
	if got.Account != c.sa.ID || got.Org != c.org || got.ID != c.sa.Key.ID {
		t.Errorf("%+v", got)
	}
	for name, err := range map[string]error{
		"another purpose":    verify(c.sa.Key.ID, other, token.AlgEdDSA, "body"),
		"another message":    verify(c.sa.Key.ID, hook, token.AlgEdDSA, "bodY"),
		"another algorithm":  verify(c.sa.Key.ID, hook, token.AlgRS256, "body"),
		"another credential": verify(c.other.Key.ID, hook, token.AlgEdDSA, "body"),
		"no credential":      verify("cr_absent", hook, token.AlgEdDSA, "body"),
		"malformed":          verify("cr_'--", hook, token.AlgEdDSA, "body"),
	} {
		if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, own := range []token.Purpose{token.PurposeLogin, token.PurposePossession, token.PurposeAction, "", "x"} {
		wantKind(t, verify(c.sa.Key.ID, own, token.AlgEdDSA, "body"), identity.ErrInvalid)
	}
	same()
}

// verifySigned has a host verify what a credential signs.
func (w *world) verifySigned(id identity.CredentialID, key crypto.Signer) error {
	w.t.Helper()
	hook := must(token.HostPurpose("hook"))(w.t)
	alg, signature, err := token.Sign(key, hook, []byte("body"))
	if err != nil {
		w.t.Fatal(err)
	}
	return last(w.id.VerifySignature(w.ctx, id, hook, alg, []byte("body"), signature))
}

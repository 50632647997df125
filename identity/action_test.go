package identity_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// payment is what the tests sign, as far as they do not say otherwise.
func payment() identity.Action {
	return identity.Action{
		Method: "POST", Host: "app.example", RequestURI: "/wallets/w1/payments?dry=0", ContentType: "application/json", ContentEncoding: "gzip",
		BodySHA256: sha256.Sum256([]byte(`{"amount":1}`)),
	}
}

// respond signs a challenge for an action.
func (w *world) respond(challenge string, action identity.Action, id identity.CredentialID, key ed25519.PrivateKey) identity.ActionResponse {
	w.t.Helper()
	digest := must(action.Digest())(w.t)
	alg, signature, err := token.Sign(key, token.PurposeAction, token.ActionMessage(w.cfg.Issuer, challenge, digest))
	if err != nil {
		w.t.Fatal(err)
	}
	return identity.ActionResponse{
		Challenge: challenge, Credential: id, Signature: base64.RawURLEncoding.EncodeToString(signature), Algorithm: alg,
	}
}

// response is a signed challenge for the payment, to be exchanged.
func (w *world) response(p identity.Principal, id identity.CredentialID, key ed25519.PrivateKey) identity.ActionResponse {
	w.t.Helper()
	c := must(w.id.NewActionChallenge(w.ctx, p, payment()))(w.t)
	return w.respond(c.Text, payment(), id, key)
}

// actionToken is a token for the payment.
func (w *world) actionToken(p identity.Principal, id identity.CredentialID, key ed25519.PrivateKey) string {
	w.t.Helper()
	return must(w.id.ExchangeAction(w.ctx, w.response(p, id, key)))(w.t).Token.Reveal()
}

// verifyAction presents a token with a request.
func (w *world) verifyAction(raw string, action identity.Action) (*identity.SignedAction, error) {
	return w.id.VerifyAction(w.ctx, raw, netip.Addr{}, func() (identity.Action, error) { return action, nil })
}

// wantTurnedAway fails unless a stranger is told nothing but that it is one.
func wantTurnedAway(t testing.TB, what string, err error, kinds ...error) {
	t.Helper()
	if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
		t.Errorf("%s: %v", what, err)
	}
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			t.Errorf("%s: %v, want %v", what, err, kind)
		}
	}
}

// mutations are all that can be different about a request that is signed.
func mutations() map[string]func(*identity.Action) {
	return map[string]func(*identity.Action){
		"method":                 func(a *identity.Action) { a.Method = "PUT" },
		"method in lower case":   func(a *identity.Action) { a.Method = "post" },
		"host":                   func(a *identity.Action) { a.Host = "other.example" },
		"host, with a port":      func(a *identity.Action) { a.Host = "app.example:443" },
		"host, none":             func(a *identity.Action) { a.Host = "" },
		"path":                   func(a *identity.Action) { a.RequestURI = "/wallets/w2/payments?dry=0" },
		"path, escaped":          func(a *identity.Action) { a.RequestURI = "/wallets/%771/payments?dry=0" },
		"path, not clean":        func(a *identity.Action) { a.RequestURI = "//wallets/w1/payments?dry=0" },
		"query":                  func(a *identity.Action) { a.RequestURI = "/wallets/w1/payments?dry=1" },
		"query, longer":          func(a *identity.Action) { a.RequestURI += "&to=me" },
		"query, none":            func(a *identity.Action) { a.RequestURI = "/wallets/w1/payments" },
		"host in the target":     func(a *identity.Action) { a.RequestURI = "https://app.example" + a.RequestURI },
		"content type":           func(a *identity.Action) { a.ContentType = "application/x-www-form-urlencoded" },
		"content type, spelling": func(a *identity.Action) { a.ContentType = "application/json; charset=utf-8" },
		"content type, none":     func(a *identity.Action) { a.ContentType = "" },
		"encoding":               func(a *identity.Action) { a.ContentEncoding = "br" },
		"encoding, none":         func(a *identity.Action) { a.ContentEncoding = "" },
		"fields traded":          func(a *identity.Action) { a.ContentType, a.ContentEncoding = a.ContentEncoding, a.ContentType },
		"body":                   func(a *identity.Action) { a.BodySHA256 = sha256.Sum256([]byte(`{"amount":2}`)) },
		"body, one bit":          func(a *identity.Action) { a.BodySHA256[31] ^= 1 },
		"body, none":             func(a *identity.Action) { a.BodySHA256 = sha256.Sum256(nil) },
		"no digest":              func(a *identity.Action) { a.BodySHA256 = [32]byte{} },
		"no request":             func(a *identity.Action) { *a = identity.Action{} },
	}
}

// TestSec60_EveryComponentIsBound changes each part of a request: neither is a
// signature of the one good for the challenge of the other, nor the token.
func TestSec60_EveryComponentIsBound(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.actionToken(c.held, c.sa.Key.ID, c.key)
	same := w.unchanged()
	for name, change := range mutations() {
		other := payment()
		change(&other)
		_, err := w.verifyAction(raw, other)
		wantTurnedAway(t, name, err)
		if _, err := other.Digest(); err != nil {
			wantKind(t, last(w.id.NewActionChallenge(w.ctx, c.held, other)), identity.ErrInvalid)
			continue
		}
		challenge := must(w.id.NewActionChallenge(w.ctx, c.held, payment()))(t).Text
		_, err = w.id.ExchangeAction(w.ctx, w.respond(challenge, other, c.sa.Key.ID, c.key))
		wantTurnedAway(t, name+", signed", err)
	}
	same()
	s := must(w.verifyAction(raw, payment()))(t)
	if err := s.Consume(w.ctx); err != nil {
		t.Error(err)
	}
}

// TestSec60_TokensOfAnother presents what was made for somebody or something
// else.
func TestSec60_TokensOfAnother(t *testing.T) {
	w, foreign := open(t), open(t)
	c, there := w.caller(), foreign.caller()
	elsewhere := w.org("globex")
	outsider, outsiders := w.service(elsewhere, "ci")
	response := w.response(c.held, c.sa.Key.ID, c.key)
	raw := w.actionToken(c.held, c.sa.Key.ID, c.key)
	same := w.unchanged()

	for what, spoil := range map[string]func(*identity.ActionResponse){
		"another account's key": func(r *identity.ActionResponse) { *r = w.respond(r.Challenge, payment(), c.other.Key.ID, c.lent) },
		"another org's key":     func(r *identity.ActionResponse) { *r = w.respond(r.Challenge, payment(), outsider.Key.ID, outsiders) },
		"another key":           func(r *identity.ActionResponse) { *r = w.respond(r.Challenge, payment(), c.sa.Key.ID, c.lent) },
		"no credential":         func(r *identity.ActionResponse) { r.Credential = "" },
		"unknown credential":    func(r *identity.ActionResponse) { r.Credential = "cr_0" },
		"bad credential":        func(r *identity.ActionResponse) { r.Credential = "' OR 1=1 --" },
		"no signature":          func(r *identity.ActionResponse) { r.Signature = "" },
		"padded signature":      func(r *identity.ActionResponse) { r.Signature += "==" },
		"long signature":        func(r *identity.ActionResponse) { r.Signature = long(1 << 20) },
		"no algorithm":          func(r *identity.ActionResponse) { r.Algorithm = "" },
		"wrong algorithm":       func(r *identity.ActionResponse) { r.Algorithm = token.AlgES256 },
		"none":                  func(r *identity.ActionResponse) { r.Algorithm = "none" },
		"no challenge":          func(r *identity.ActionResponse) { *r = w.respond("", payment(), c.sa.Key.ID, c.key) },
		"the token":             func(r *identity.ActionResponse) { *r = w.respond(raw, payment(), c.sa.Key.ID, c.key) },
		"a foreign challenge": func(r *identity.ActionResponse) {
			challenge := must(foreign.id.NewActionChallenge(foreign.ctx, there.held, payment()))(t).Text
			*r = w.respond(challenge, payment(), c.sa.Key.ID, c.key)
		},
		"a challenge to log in": func(r *identity.ActionResponse) {
			challenge := must(w.id.NewChallenge(w.ctx, c.sa.Key.ID))(t).Text
			*r = w.respond(challenge, payment(), c.sa.Key.ID, c.key)
		},
		"a signature of another challenge": func(r *identity.ActionResponse) {
			r.Signature = w.response(c.held, c.sa.Key.ID, c.key).Signature
		},
		"a signature for another purpose": func(r *identity.ActionResponse) {
			digest := must(payment().Digest())(t)
			_, s, err := token.Sign(c.key, token.PurposeLogin, token.ActionMessage(issuer, r.Challenge, digest))
			if err != nil {
				t.Fatal(err)
			}
			r.Signature = base64.RawURLEncoding.EncodeToString(s)
		},
		"a signature for another issuer": func(r *identity.ActionResponse) {
			digest := must(payment().Digest())(t)
			_, s, err := token.Sign(c.key, token.PurposeAction, token.ActionMessage("https://other.example", r.Challenge, digest))
			if err != nil {
				t.Fatal(err)
			}
			r.Signature = base64.RawURLEncoding.EncodeToString(s)
		},
	} {
		r := response
		spoil(&r)
		_, err := w.id.ExchangeAction(w.ctx, r)
		wantTurnedAway(t, what, err)
	}
	for what, text := range map[string]string{
		"nothing": "", "the challenge": response.Challenge, "an access token": c.bearer, "a foreign token": foreign.actionToken(there.held, there.sa.Key.ID, there.key),
		"garbage": "abc", "long": long(1 << 20), "padded": raw + "=", "broken up": raw[:10] + "\n" + raw[10:],
	} {
		_, err := w.verifyAction(text, payment())
		wantTurnedAway(t, what, err)
	}
	_, err := w.id.Authenticate(w.ctx, raw)
	wantTurnedAway(t, "an action token as an access token", err)
	same() // nothing was used up
	must(w.id.ExchangeAction(w.ctx, response))(t)
}

// TestSec29_EveryChangeOfAnActionToken tries every other character at every place,
// every prefix and an extension.
func TestSec29_EveryChangeOfAnActionToken(t *testing.T) {
	onOneGoroutine(t)
	w := open(t)
	c := w.caller()
	raw := w.actionToken(c.held, c.sa.Key.ID, c.key)
	must(w.verifyAction(raw, payment()))(t)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.+/ \n"
	tried := 0
	for at := range len(raw) {
		texts := []string{raw[:at], raw[at:] + raw[:at]}
		for _, other := range []byte(alphabet) {
			texts = append(texts, raw[:at]+string(other)+raw[at+1:])
		}
		for _, text := range texts {
			if text == raw {
				continue
			}
			tried++
			if _, err := w.verifyAction(text, payment()); !errors.Is(err, identity.ErrUnauthenticated) {
				t.Fatalf("%q: %v", text, err)
			}
		}
	}
	if _, err := w.verifyAction(raw+"A", payment()); err == nil || tried < 60*len(raw) {
		t.Errorf("an extension: %v; %d were tried", err, tried)
	}
}

// TestActionTokenOfAnotherIssuer: a database that is opened under another name
// does not take what was made under the old one.
func TestActionTokenOfAnotherIssuer(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw, response := w.actionToken(c.held, c.sa.Key.ID, c.key), w.response(c.held, c.sa.Key.ID, c.key)
	w.cfg.Issuer = "https://new.example"
	w.reopen()
	wantTurnedAway(t, "token", last(w.verifyAction(raw, payment())))
	wantTurnedAway(t, "challenge", last(w.id.ExchangeAction(w.ctx, response)))
	w.cfg.Issuer = issuer
	w.reopen()
	must(w.verifyAction(raw, payment()))(t)
	must(w.id.ExchangeAction(w.ctx, response))(t)
}

// TestActionExpiry asks at the last microsecond before an end and at the end.
func TestActionExpiry(t *testing.T) {
	w := open(t)
	c := w.caller()
	at := w.clock.Now()
	challenge := must(w.id.NewActionChallenge(w.ctx, c.held, payment()))(t)
	if !challenge.ExpiresAt.Equal(at.Add(5 * time.Minute)) {
		t.Errorf("the challenge ends at %s", challenge.ExpiresAt)
	}
	late := w.response(c.held, c.sa.Key.ID, c.key)
	w.clock.advance(5*time.Minute - time.Microsecond)
	made := must(w.id.ExchangeAction(w.ctx, w.respond(challenge.Text, payment(), c.sa.Key.ID, c.key)))(t)
	if !made.ExpiresAt.Equal(at.Add(10*time.Minute-time.Microsecond)) || made.Account != c.sa.ID {
		t.Errorf("%+v", made)
	}
	w.clock.advance(time.Microsecond)
	wantTurnedAway(t, "a late signature", last(w.id.ExchangeAction(w.ctx, late)), identity.ErrExpired)

	w.clock.advance(5*time.Minute - 2*time.Microsecond)
	s := must(w.verifyAction(made.Token.Reveal(), payment()))(t)
	if !s.Principal().Expires().Equal(made.ExpiresAt) {
		t.Errorf("the principal ends at %s", s.Principal().Expires())
	}
	w.clock.advance(time.Microsecond)
	wantTurnedAway(t, "a late token", last(w.verifyAction(made.Token.Reveal(), payment())), identity.ErrExpired)
	same := w.unchanged()
	wantTurnedAway(t, "a token that ended before it was used up", s.Consume(w.ctx), identity.ErrExpired)
	same()
}

// TestActionEndsWithWhoAsked: what is left of the session or the token that asked
// is all that there is for both steps.
func TestActionEndsWithWhoAsked(t *testing.T) {
	w := open(t)
	c := w.caller()
	session := w.session(0)
	session.NotAfter = w.clock.Now().Add(2 * time.Minute)
	vouched := must(w.in(c.org).Vouch(w.ctx, c.sa.ID, session))(t)
	challenge := must(w.id.NewActionChallenge(w.ctx, vouched, payment()))(t)
	if !challenge.ExpiresAt.Equal(session.NotAfter) {
		t.Errorf("the challenge ends at %s", challenge.ExpiresAt)
	}
	w.clock.advance(time.Minute)
	made := must(w.id.ExchangeAction(w.ctx, w.respond(challenge.Text, payment(), c.sa.Key.ID, c.key)))(t)
	if !made.ExpiresAt.Equal(session.NotAfter) {
		t.Errorf("the token ends at %s", made.ExpiresAt)
	}
	must(w.verifyAction(made.Token.Reveal(), payment()))(t)
	w.clock.advance(time.Minute)
	wantTurnedAway(t, "after the session", last(w.verifyAction(made.Token.Reveal(), payment())), identity.ErrExpired)
	wantTurnedAway(t, "a challenge after the session", last(w.id.NewActionChallenge(w.ctx, vouched, payment())), identity.ErrExpired)
}

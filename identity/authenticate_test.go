package identity_test

import (
	"errors"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

func TestForgedTokens(t *testing.T) {
	w := open(t)
	c := w.caller()
	other := w.targets("other")
	now := w.clock.Now().Unix()
	good := token.Claims{
		Issuer: issuer, Subject: string(c.sa.ID), Audience: []string{issuer}, Expiry: now + 60, IssuedAt: now, NotBefore: now, ID: "jti", ClientID: string(c.sa.ID),
		Org: string(c.org), Credential: string(c.sa.Key.ID), Incarnation: w.id.Incarnation(), Revision: w.id.Revision(),
	}
	for name, set := range map[string]func(*token.Claims){
		"credential of another account": func(k *token.Claims) { k.Subject = string(w.user(c.org, "u")) },
		"credential of another org":     func(k *token.Claims) { k.Credential = string(other.Credential) },
		"another org":                   func(k *token.Claims) { k.Org = string(other.Org) },
		"no such org":                   func(k *token.Claims) { k.Org = "or_absent" },
		"malformed org":                 func(k *token.Claims) { k.Org = "../acme" },
		"org absent":                    func(k *token.Claims) { k.Org = "" },
		"no such account":               func(k *token.Claims) { k.Subject = "sa_absent" },
		"a group":                       func(k *token.Claims) { k.Subject = string(other.Group) },
		"another incarnation":           func(k *token.Claims) { k.Incarnation = "x" },
		"incarnation absent":            func(k *token.Claims) { k.Incarnation = "" },
		"another issuer":                func(k *token.Claims) { k.Issuer = "https://other.example" },
		"another audience":              func(k *token.Claims) { k.Audience = []string{"https://other.example"} },
		"too long a life":               func(k *token.Claims) { k.Expiry = now + 3601 },
	} {
		forged := good
		set(&forged)
		forged.ClientID = forged.Subject
		raw := must(w.id.SignClaims(w.ctx, forged))(t)
		_, err := w.id.Authenticate(w.ctx, raw)
		if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(w.id.Authenticate(w.ctx, must(w.id.SignClaims(w.ctx, good))(t)))(t)
	for _, raw := range []string{"", ".", "..", c.bearer + ".", c.bearer[1:], c.bearer + "A", " " + c.bearer} {
		if _, err := w.id.Authenticate(w.ctx, raw); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	// Last, since it says that the database was rolled back, and raises the fence.
	good.Revision += 100
	if _, err := w.id.Authenticate(w.ctx, must(w.id.SignClaims(w.ctx, good))(t)); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("a revision to come: %v", err)
	}
}

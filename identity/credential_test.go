package identity_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"slices"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

func pemOf(t testing.TB, key any) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key))(t)})
}

// TestSec17_BadKeys: what package token refuses is refused at registration, with

// the field named and none of the key in the error or in the log.

func TestSec17_BadKeys(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	o := w.in(x.Org)
	private, good := newKey(t)
	pkcs8 := must(x509.MarshalPKCS8PrivateKey(private))(t)
	weak := must(rsa.GenerateKey(rand.Reader, 1024))(t)
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))(t)
	lowOrder := ed25519.PublicKey(make([]byte, ed25519.PublicKeySize))
	bad := map[string]struct {
		pem  []byte
		kind error
	}{
		"empty":          {[]byte{}, token.ErrFormat},
		"no PEM":         {[]byte("hello"), token.ErrFormat},
		"text before":    {append([]byte("key:\n"), good...), token.ErrFormat},
		"text after":     {append(slices.Clone(good), "bye"...), token.ErrFormat},
		"two blocks":     {append(slices.Clone(good), good...), token.ErrFormat},
		"private":        {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), token.ErrPrivateKey},
		"hidden private": {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkcs8}), token.ErrPrivateKey},
		"private JWK":    {privateJWK(private), token.ErrPrivateKey},
		"short RSA":      {pemOf(t, &weak.PublicKey), token.ErrWeakKey},
		"low order":      {pemOf(t, lowOrder), token.ErrWeakKey},
		"P-224":          {pemOf(t, &p224.PublicKey), token.ErrUnsupportedKey},
	}
	for name, b := range bad {
		t.Run(name, func(t *testing.T) {
			w := w.on(t)
			same := w.unchanged()
			for _, call := range []func() error{
				func() error {
					return last(o.AddPublicKey(w.ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: b.pem}))
				},
				func() error {
					return last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "new", UnprovenPublicKey: b.pem}))
				},
			} {
				e := wantKind(t, call(), identity.ErrInvalid)
				if e.Entity != "credential" || e.Field != "UnprovenPublicKey" || !errors.Is(e, b.kind) {
					t.Errorf("%v: entity %q, field %q, want token kind %v", e, e.Entity, e.Field, b.kind)
				}
				if len(e.Error()) > 300 {
					t.Errorf("the error holds more than it should: %s", e)
				}
			}
			same()
		})
	}
	for name, key := range map[string]any{
		"P-256": &must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t).PublicKey, "RSA": &must(rsa.GenerateKey(rand.Reader, 2048))(t).PublicKey,
	} {
		if err := last(o.AddPublicKey(w.ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: pemOf(t, key)})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// privateJWK is an Ed25519 key with its private half (RFC 8037 section 2).
func privateJWK(key ed25519.PrivateKey) []byte {
	b := base64.RawURLEncoding.EncodeToString
	return []byte(`{"kty":"OKP","crv":"Ed25519","x":"` + b(key.Public().(ed25519.PublicKey)) + `","d":"` + b(key.Seed()) + `"}`)
}

// TestSec20_OneKeyOnce: a key is active at most once in an org, and whose it is

// stays unsaid; once revoked it may come back.

func TestSec20_OneKeyOnce(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	o := w.in(x.Org)
	first := must(o.AddPublicKey(w.ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: x.Key}))(t)
	if first.Proven || first.Thumbprint == "" {
		t.Errorf("%+v", first)
	}
	other := w.user(x.Org, "other")
	again := func() error {
		return last(o.AddPublicKey(w.ctx, other, identity.PublicKeySpec{UnprovenPublicKey: x.Key}))
	}
	must(o.DisableCredential(w.ctx, first.ID))(t)
	same := w.unchanged()
	e := wantKind(t, again(), identity.ErrConflict)
	if text := e.Error(); e.Field != "UnprovenPublicKey" || slices.ContainsFunc([]string{string(x.User), string(first.ID)}, func(s string) bool { return containsText(text, s) }) {
		t.Errorf("%v tells whose the key is", e)
	}
	same()
	must(o.RevokeCredential(w.ctx, first.ID))(t)
	if err := again(); err != nil {
		t.Errorf("after revocation: %v", err)
	}
	// Another org may have it: they know nothing of each other.
	y := w.targets("other")
	if err := last(w.in(y.Org).AddPublicKey(w.ctx, y.User, identity.PublicKeySpec{UnprovenPublicKey: x.Key})); err != nil {
		t.Errorf("in another org: %v", err)
	}
}

// TestSec52_GroupDepth: groups nest 256 deep and no deeper.

// TestRenamedTokens: renaming keeps to the rules of making.
func TestRenamedTokens(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	sa, _ := w.service(org, "sa")
	in := w.in(org)
	a := must(in.CreateAPIToken(w.ctx, sa.ID, identity.APITokenSpec{Name: "a"}))(t)
	b := must(in.CreateAPIToken(w.ctx, sa.ID, identity.APITokenSpec{Name: "b"}))(t)
	same := w.unchanged()
	wantKind(t, last(in.RenameCredential(w.ctx, a.ID, "b")), identity.ErrConflict)
	wantKind(t, last(in.RenameCredential(w.ctx, a.ID, "")), identity.ErrInvalid)
	must(in.RenameCredential(w.ctx, a.ID, "a"))(t)
	same()
	must(in.RevokeCredential(w.ctx, b.ID))(t)
	if got := must(in.RenameCredential(w.ctx, a.ID, "b"))(t); got.Name != "b" {
		t.Errorf("%+v", got)
	}
}

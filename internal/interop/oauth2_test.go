package interop

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/token"
)

// get asks for the wallet with a client that carries a token, and returns the
// status and what it said.
func (s *site) get(client *http.Client) (int, string) {
	s.t.Helper()
	resp, err := client.Get(s.wallet)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (s *site) url(path string) string { return strings.TrimSuffix(s.issuer, "/tenant") + path }

// TestOAuth2ClientSecret: golang.org/x/oauth2 gets tokens with a client secret, in
// each of its styles.
func TestOAuth2ClientSecret(t *testing.T) {
	s := open(t, token.AlgEdDSA)
	account := identitytest.Account(t, s.id, "reader")
	for name, style := range map[string]oauth2.AuthStyle{"header": oauth2.AuthStyleInHeader, "parameters": oauth2.AuthStyleInParams, "detected": oauth2.AuthStyleAutoDetect} {
		c := clientcredentials.Config{ClientID: string(account.ID), ClientSecret: s.secret(account), TokenURL: s.url(places.Token), AuthStyle: style}
		if code, body := s.get(c.Client(t.Context())); code != http.StatusOK || body != string(account.ID) {
			t.Errorf("%s: %d %s", name, code, body)
		}
		c.Scopes = []string{"wallets:create"}
		if code, body := s.get(c.Client(t.Context())); code != http.StatusForbidden {
			t.Errorf("%s, cut down: %d %s", name, code, body)
		}
		got, err := c.Token(t.Context())
		if err != nil || got.Extra("scope") != "wallets:create" || got.TokenType != "Bearer" || time.Until(got.Expiry) < 9*time.Minute || got.RefreshToken != "" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		c.Scopes = []string{"wallets:none"}
		if code := failure(c.Token(t.Context())); code != "400 invalid_scope" {
			t.Errorf("%s, unknown scope: %s", name, code)
		}
		c.ClientSecret += "x"
		if code := failure(c.Token(t.Context())); code != "401 invalid_client" {
			t.Errorf("%s, wrong secret: %s", name, code)
		}
	}
}

// failure is the status and the error code that a token endpoint answered with.
func failure(_ *oauth2.Token, err error) string {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return "no refusal"
	}
	return strings.TrimSpace(refused.Response.Status[:3] + " " + refused.ErrorCode)
}

// TestOAuth2PrivateKeyJWT: the same client with a client assertion beside its
// parameters (RFC 7523 section 2.2).
func TestOAuth2PrivateKeyJWT(t *testing.T) {
	s := open(t, token.AlgEdDSA)
	account := identitytest.Account(t, s.id, "reader")
	key := rsaKey(t)
	kid, _ := s.register(account, key)
	assertion, err := token.SignAssertion(context.Background(), key, token.AssertionSpec{KeyID: string(kid), Account: string(account.ID), Audience: s.issuer})
	if err != nil {
		t.Fatal(err)
	}
	c := clientcredentials.Config{
		ClientID: string(account.ID), TokenURL: s.url(places.Token), AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
		},
	}
	if code, body := s.get(c.Client(t.Context())); code != http.StatusOK || body != string(account.ID) {
		t.Errorf("%d %s", code, body)
	}
	if code := failure(c.Token(t.Context())); code != "401 invalid_client" {
		t.Errorf("used before: %s", code)
	}
}

// TestOAuth2JWT: its client of RFC 7523 section 2.1 signs with RSA, puts no jti into
// the assertion by itself, and lets it live for an hour unless told otherwise.
func TestOAuth2JWT(t *testing.T) {
	s := open(t, token.AlgES256)
	account := identitytest.Account(t, s.id, "reader")
	kid, private := s.register(account, rsaKey(t))
	config := func() *jwt.Config {
		return &jwt.Config{
			Email: string(account.ID), Subject: string(account.ID), PrivateKey: private, PrivateKeyID: string(kid),
			TokenURL: s.url(places.Token), Audience: s.issuer, Expires: time.Minute, PrivateClaims: map[string]any{"jti": rand.Text()},
		}
	}
	if code, body := s.get(config().Client(t.Context())); code != http.StatusOK || body != string(account.ID) {
		t.Errorf("%d %s", code, body)
	}
	for name, change := range map[string]func(*jwt.Config){
		"no jti":           func(c *jwt.Config) { c.PrivateClaims = nil },
		"an hour":          func(c *jwt.Config) { c.Expires = 0 },
		"endpoint":         func(c *jwt.Config) { c.Audience = "" },
		"another account":  func(c *jwt.Config) { c.Subject = "sa_0000000000000000000000000a" },
		"unknown key":      func(c *jwt.Config) { c.PrivateKeyID = "cr_0000000000000000000000000a" },
		"key of somebody":  func(c *jwt.Config) { c.PrivateKeyID = string(s.other()) },
		"no key id at all": func(c *jwt.Config) { c.PrivateKeyID = "" },
	} {
		c := config()
		change(c)
		// This client does not read the error code.
		var refused *oauth2.RetrieveError
		if _, err := c.TokenSource(t.Context()).Token(); !errors.As(err, &refused) || refused.Response.StatusCode != 400 || !strings.Contains(string(refused.Body), `"invalid_grant"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// other is the key of another account.
func (s *site) other() identity.CredentialID {
	kid, _ := s.register(identitytest.Account(s.t, s.id), rsaKey(s.t))
	return kid
}

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

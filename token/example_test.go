package token_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/claviger-go/claviger/token"
)

// A service that holds the issuer's public keys verifies access tokens by itself.
func Example() {
	ctx := context.Background()
	now := time.Now()

	// The issuer.
	key, err := token.GenerateSigningKey(token.AlgEdDSA, nil)
	if err != nil {
		panic(err)
	}
	raw, err := key.Sign(ctx, token.Claims{
		Issuer: "https://app.example", Audience: []string{"https://api.example"},
		Subject: "sa_ci", ClientID: "sa_ci", ID: "01j0",
		IssuedAt: now.Unix(), Expiry: now.Add(10 * time.Minute).Unix(),
	})
	if err != nil {
		panic(err)
	}

	// The service.
	keys, err := token.NewKeySet(key.VerifyKey())
	if err != nil {
		panic(err)
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{Issuer: "https://app.example", Audience: "https://api.example"})
	if err != nil {
		panic(err)
	}
	claims, err := verifier.Verify(keys, raw, now)
	fmt.Println(claims.Subject, err)

	_, err = verifier.Verify(keys, raw, now.Add(time.Hour))
	fmt.Println(err, errors.Is(err, token.ErrExpired))

	// Output:
	// sa_ci <nil>
	// token: exp: expired true
}

// A service that knows where the issuer publishes its keys verifies access tokens by itself, and learns of new keys by itself.
func ExampleRemoteKeys() {
	ctx := context.Background()
	key, err := token.GenerateSigningKey(token.AlgEdDSA, nil)
	if err != nil {
		panic(err)
	}
	keys, err := token.NewKeySet(key.VerifyKey())
	if err != nil {
		panic(err)
	}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(keys.JWKS())
	}))
	defer issuer.Close()

	// The service.
	remote, err := token.NewRemoteKeys(token.RemoteConfig{URL: issuer.URL})
	if err != nil {
		panic(err)
	}
	defer remote.Close()
	verifier, err := token.NewVerifier(token.VerifierConfig{Issuer: "https://app.example", Audience: "https://api.example"})
	if err != nil {
		panic(err)
	}

	now := time.Now()
	raw, err := key.Sign(ctx, token.Claims{
		Issuer: "https://app.example", Audience: []string{"https://api.example"},
		Subject: "sa_ci", ClientID: "sa_ci", ID: "01j0",
		IssuedAt: now.Unix(), Expiry: now.Add(10 * time.Minute).Unix(),
	})
	if err != nil {
		panic(err)
	}
	claims, err := remote.Verify(ctx, verifier, raw)
	fmt.Println(claims.Subject, err)

	// Output:
	// sa_ci <nil>
}

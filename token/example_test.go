package token_test

import (
	"context"
	"errors"
	"fmt"
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

package tokens

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

func goOIDC() library {
	type claims struct {
		wire
		ID        string `json:"jti"`
		NotBefore int64  `json:"nbf"`
	}
	return library{
		name: "go-oidc", module: "github.com/coreos/go-oidc/v3",
		setting: "an `IDTokenVerifier` over a `StaticKeySet`, then `Claims` into a struct for what is not of an ID token; it issues nothing",
		setUp: func(k keyPair) (use, error) {
			var now time.Time
			verifier := oidc.NewVerifier(issuer, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{k.private.Public()}}, &oidc.Config{
				ClientID: audience, SupportedSigningAlgs: []string{k.algorithm}, Now: func() time.Time { return now },
			})
			ctx := context.Background()
			return use{verify: func(raw string, at time.Time, read *content) error {
				now = at
				t, err := verifier.Verify(ctx, raw)
				if err != nil {
					return err
				}
				var c claims
				if err := t.Claims(&c); err != nil || read == nil {
					return err
				}
				if len(t.Audience) != 1 {
					return errors.New("want one audience")
				}
				*read = content{
					Issuer: t.Issuer, Subject: t.Subject, Audience: t.Audience[0], ID: c.ID,
					IssuedAt: t.IssuedAt.Unix(), NotBefore: c.NotBefore, Expiry: t.Expiry.Unix(),
				}
				c.into(read)
				return nil
			}}, nil
		},
	}
}

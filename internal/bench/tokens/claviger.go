package tokens

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/claviger-go/claviger/token"
)

func claviger() library {
	return library{
		name: "claviger token", module: "github.com/claviger-go/claviger", ours: true,
		setting: "`SigningKey.Sign`; `Verifier.Verify` with a `KeySet`, as `RemoteKeys` and an `Authority` use it on first sight of a token",
		setUp: func(k keyPair) (use, error) {
			der, err := x509.MarshalPKCS8PrivateKey(k.private)
			if err != nil {
				return use{}, err
			}
			key, err := token.ParseSigningKey(token.Algorithm(k.algorithm), der)
			if err != nil {
				return use{}, err
			}
			keys, err := token.NewKeySet(key.VerifyKey())
			if err != nil {
				return use{}, err
			}
			verifier, err := token.NewVerifier(token.VerifierConfig{Issuer: issuer, Audience: audience})
			if err != nil {
				return use{}, err
			}
			return use{
				verify: func(raw string, now time.Time, read *content) error {
					c, err := verifier.Verify(keys, raw, now)
					if err == nil && read != nil {
						*read = content{
							Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience[0], ID: c.ID, ClientID: c.ClientID, Org: c.Org,
							Credential: c.Credential, IssuedAt: c.IssuedAt, NotBefore: c.NotBefore, Expiry: c.Expiry, Permissions: c.Permissions,
						}
					}
					return err
				},
				sign: func(c content) (string, error) {
					return key.Sign(context.Background(), token.Claims{
						Issuer: c.Issuer, Subject: c.Subject, Audience: []string{c.Audience}, ID: c.ID, ClientID: c.ClientID, Org: c.Org,
						Credential: c.Credential, IssuedAt: c.IssuedAt, NotBefore: c.NotBefore, Expiry: c.Expiry, Permissions: c.Permissions,
					})
				},
			}, nil
		},
	}
}

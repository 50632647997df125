package tokens

import (
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func goJose() library {
	type claims struct {
		jwt.Claims
		wire
	}
	return library{
		name: "go-jose", module: "github.com/go-jose/go-jose/v4",
		setting: "`jwt.Signed` with a signer made once; `jwt.ParseSigned` with its algorithm given, `Claims` with a `JSONWebKeySet` into a struct that " +
			"embeds `jwt.Claims`, then `ValidateWithLeeway` (which does not ask for exp)",
		setUp: func(k keyPair) (use, error) {
			algorithm := jose.SignatureAlgorithm(k.algorithm)
			options := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader(jose.HeaderKey("kid"), k.id)
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: k.private}, options)
			if err != nil {
				return use{}, err
			}
			keys := &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.private.Public(), KeyID: k.id, Algorithm: k.algorithm, Use: "sig"}}}
			return use{
				verify: func(raw string, now time.Time, read *content) error {
					t, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{algorithm})
					if err != nil {
						return err
					}
					var c claims
					if err := t.Claims(keys, &c); err != nil {
						return err
					}
					if err := c.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: now}, 30*time.Second); err != nil {
						return err
					}
					if read == nil {
						return nil
					}
					if len(c.Audience) != 1 {
						return errors.New("want one audience")
					}
					*read = content{
						Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience[0], ID: c.ID,
						IssuedAt: c.IssuedAt.Time().Unix(), NotBefore: c.NotBefore.Time().Unix(), Expiry: c.Expiry.Time().Unix(),
					}
					c.into(read)
					return nil
				},
				sign: func(c content) (string, error) {
					return jwt.Signed(signer).Claims(claims{jwt.Claims{
						Issuer: c.Issuer, Subject: c.Subject, Audience: jwt.Audience{c.Audience}, ID: c.ID,
						IssuedAt:  jwt.NewNumericDate(time.Unix(c.IssuedAt, 0)),
						NotBefore: jwt.NewNumericDate(time.Unix(c.NotBefore, 0)),
						Expiry:    jwt.NewNumericDate(time.Unix(c.Expiry, 0)),
					}, wireOf(c)}).Serialize()
				},
			}, nil
		},
	}
}

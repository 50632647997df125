package tokens

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func golangJWT() library {
	type claims struct {
		jwt.RegisteredClaims
		wire
	}
	return library{
		name: "golang-jwt", module: "github.com/golang-jwt/jwt/v5",
		setting: "`NewWithClaims` and `SignedString`; a parser with its methods, issuer and audience given and exp and iat asked for, into a " +
			"struct that embeds `RegisteredClaims`, and the key by kid",
		setUp: func(k keyPair) (use, error) {
			method := jwt.GetSigningMethod(k.algorithm)
			public := k.private.Public()
			key := func(t *jwt.Token) (any, error) {
				if t.Header["kid"] != k.id {
					return nil, fmt.Errorf("no key %v", t.Header["kid"])
				}
				return public, nil
			}
			var now time.Time
			parser := jwt.NewParser(jwt.WithValidMethods([]string{k.algorithm}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
				jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(30*time.Second), jwt.WithStrictDecoding(),
				jwt.WithTimeFunc(func() time.Time { return now }))
			return use{
				verify: func(raw string, at time.Time, read *content) error {
					now = at
					var c claims
					_, err := parser.ParseWithClaims(raw, &c, key)
					if err == nil && read != nil {
						*read = content{
							Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience[0], ID: c.ID,
							IssuedAt: c.IssuedAt.Unix(), NotBefore: c.NotBefore.Unix(), Expiry: c.ExpiresAt.Unix(),
						}
						c.into(read)
					}
					return err
				},
				sign: func(c content) (string, error) {
					t := jwt.NewWithClaims(method, claims{jwt.RegisteredClaims{
						Issuer: c.Issuer, Subject: c.Subject, Audience: jwt.ClaimStrings{c.Audience}, ID: c.ID,
						IssuedAt: date(c.IssuedAt), NotBefore: date(c.NotBefore), ExpiresAt: date(c.Expiry),
					}, wireOf(c)})
					t.Header["kid"], t.Header["typ"] = k.id, "at+jwt"
					return t.SignedString(k.private)
				},
			}, nil
		},
	}
}

func date(sec int64) *jwt.NumericDate { return jwt.NewNumericDate(time.Unix(sec, 0)) }

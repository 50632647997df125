package tokens

import (
	"errors"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

func jwxJWT() library {
	return library{
		name: "jwx", module: "github.com/lestrrat-go/jwx/v3",
		setting: "a `Builder` and `jwt.Sign`; `jwt.Parse` with a key set, issuer, audience and required claims, which makes a token whose claims are looked up by name",
		setUp: func(k keyPair) (use, error) {
			algorithm, found := jwa.LookupSignatureAlgorithm(k.algorithm)
			if !found {
				return use{}, errors.New("no algorithm " + k.algorithm)
			}
			public, err := jwk.Import(k.private.Public())
			if err != nil {
				return use{}, err
			}
			private, err := jwk.Import(k.private)
			if err != nil {
				return use{}, err
			}
			headers := jws.NewHeaders()
			keys := jwk.NewSet()
			err = errors.Join(public.Set(jwk.KeyIDKey, k.id), public.Set(jwk.AlgorithmKey, algorithm), public.Set(jwk.KeyUsageKey, "sig"),
				private.Set(jwk.KeyIDKey, k.id), headers.Set(jws.TypeKey, "at+jwt"), keys.AddKey(public))
			return use{
				verify: func(raw string, now time.Time, read *content) error {
					t, err := jwt.Parse([]byte(raw), jwt.WithKeySet(keys), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
						jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithRequiredClaim(jwt.IssuedAtKey), jwt.WithAcceptableSkew(30*time.Second),
						jwt.WithClock(jwt.ClockFunc(func() time.Time { return now })))
					if err != nil || read == nil {
						return err
					}
					return readJWX(t, read)
				},
				sign: func(c content) (string, error) {
					t, err := jwt.NewBuilder().Issuer(c.Issuer).Subject(c.Subject).Audience([]string{c.Audience}).JwtID(c.ID).
						IssuedAt(time.Unix(c.IssuedAt, 0)).NotBefore(time.Unix(c.NotBefore, 0)).Expiration(time.Unix(c.Expiry, 0)).
						Claim("client_id", c.ClientID).Claim("org", c.Org).Claim("cid", c.Credential).Claim("perm", c.Permissions).Build()
					if err != nil {
						return "", err
					}
					raw, err := jwt.Sign(t, jwt.WithKey(algorithm, private, jws.WithProtectedHeaders(headers)))
					return string(raw), err
				},
			}, err
		},
	}
}

// readJWX looks all claims up.
func readJWX(t jwt.Token, read *content) error {
	var permissions []any
	var aud []string
	var issued, notBefore, expiry time.Time
	for name, into := range map[string]any{
		"iss": &read.Issuer, "sub": &read.Subject, "aud": &aud, "jti": &read.ID, "client_id": &read.ClientID, "org": &read.Org,
		"cid": &read.Credential, "iat": &issued, "nbf": &notBefore, "exp": &expiry, "perm": &permissions,
	} {
		if err := t.Get(name, into); err != nil {
			return err
		}
	}
	if len(aud) != 1 {
		return errors.New("want one audience")
	}
	read.Audience, read.IssuedAt, read.NotBefore, read.Expiry = aud[0], issued.Unix(), notBefore.Unix(), expiry.Unix()
	read.Permissions = nil
	for _, p := range permissions {
		text, ok := p.(string)
		if !ok {
			return errors.New("a permission that is no text")
		}
		read.Permissions = append(read.Permissions, text)
	}
	return nil
}

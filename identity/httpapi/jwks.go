package httpapi

import (
	"net/http"

	"github.com/claviger-go/claviger/identity"
)

// JWKS serves the public keys that verify access tokens (RFC 7517 section 5) to
// GET and HEAD, with an ETag. Verifiers may keep them for [identity.JWKSMaxAge]:
// a new key is published for longer than that before it signs, and a
// compromised one is trusted for at most as long after it was taken away.
func JWKS(id *identity.Authority) http.Handler {
	if id == nil {
		panic("httpapi: the Authority is nil")
	}
	return document("application/jwk-set+json", func(r *http.Request) ([]byte, error) { return id.JWKS(r.Context()) })
}

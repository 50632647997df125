package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
)

// JWKS serves the public keys that verify access tokens (RFC 7517 section 5) to
// GET and HEAD, with an ETag. Verifiers may keep them for [identity.JWKSMaxAge]:
// a new key is published for longer than that before it signs, and a
// compromised one is trusted for at most as long after it was taken away.
func JWKS(id *identity.Authority) http.Handler {
	if id == nil {
		panic("httpapi: the Authority is nil")
	}
	cache := "public, max-age=" + strconv.Itoa(int(identity.JWKSMaxAge/time.Second))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		keys, err := id.JWKS(r.Context())
		if err != nil {
			httpauth.Write(w, r, err)
			return
		}
		sum := sha256.Sum256(keys)
		h := w.Header()
		h.Set("Content-Type", "application/jwk-set+json")
		h.Set("Cache-Control", cache)
		h.Set("Etag", `"`+base64.RawURLEncoding.EncodeToString(sum[:])+`"`)
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(keys))
	})
}

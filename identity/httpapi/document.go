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

// document serves something public to GET and HEAD, with an ETag. It may be kept
// for [identity.JWKSMaxAge].
func document(mediaType string, read func(*http.Request) ([]byte, error)) http.Handler {
	cache := "public, max-age=" + strconv.Itoa(int(identity.JWKSMaxAge/time.Second))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		body, err := read(r)
		if err != nil {
			httpauth.Write(w, r, err)
			return
		}
		sum := sha256.Sum256(body)
		h := w.Header()
		h.Set("Content-Type", mediaType)
		h.Set("Cache-Control", cache)
		h.Set("Etag", `"`+base64.RawURLEncoding.EncodeToString(sum[:])+`"`)
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

package httpapi_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
)

// site is a host that serves everything, and a client of it that knows only what
// the metadata says.
type site struct {
	t   *testing.T
	id  *identitytest.Env
	mux *httpauth.Mux
	w   workload
	doc map[string]any

	private    map[string]crypto.Signer // by the kind of key
	registered map[string]identity.CredentialID
}

// TestAdvertisedIsImplemented walks the metadata: every member is known here, and
// what it promises works.
func TestAdvertisedIsImplemented(t *testing.T) {
	id := identitytest.New(t, introspector)
	s := site{t: t, id: id, mux: httpauth.NewMux(id.Authority), w: newWorkload(t, id, "introspector"),
		private: map[string]crypto.Signer{}, registered: map[string]identity.CredentialID{}}
	s.mux.Handle("GET "+httpapi.MetadataPath(id.Authority), httpauth.Public, httpapi.Metadata(id.Authority, everywhere))
	s.mux.Handle("POST "+everywhere.Token, httpauth.Public, httpapi.Token(id.Authority))
	s.mux.Handle("GET "+everywhere.JWKS, httpauth.Public, httpapi.JWKS(id.Authority))
	s.mux.Handle("POST "+everywhere.Introspection, httpauth.Public, httpapi.Introspection(id.Authority))
	s.mux.Handle("POST "+everywhere.Revocation, httpauth.Public, httpapi.Revocation(id.Authority))
	if err := json.Unmarshal([]byte(s.get(httpapi.MetadataPath(id.Authority))), &s.doc); err != nil {
		t.Fatal(err)
	}
	promises := map[string]func(member string){
		"issuer":                                s.issuer,
		"jwks_uri":                              s.keys,
		"response_types_supported":              s.noResponseTypes,
		"grant_types_supported":                 s.grants,
		"token_endpoint":                        s.endpoint,
		"introspection_endpoint":                s.endpoint,
		"revocation_endpoint":                   s.endpoint,
		"token_endpoint_auth_methods_supported": s.methods,
		"introspection_endpoint_auth_methods_supported":            s.methods,
		"revocation_endpoint_auth_methods_supported":               s.methods,
		"token_endpoint_auth_signing_alg_values_supported":         s.algorithms,
		"introspection_endpoint_auth_signing_alg_values_supported": s.algorithms,
		"revocation_endpoint_auth_signing_alg_values_supported":    s.algorithms,
	}
	for member := range s.doc {
		kept, known := promises[member]
		if !known {
			t.Errorf("%s: say here how it is seen to be true", member)
			continue
		}
		kept(member)
		delete(promises, member)
	}
	for member := range promises {
		t.Errorf("%s is not said", member)
	}
}

func (s site) get(path string) string {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// path is where this process serves a URL of the document.
func (s site) path(member string) string {
	s.t.Helper()
	url, _ := s.doc[member].(string)
	path, ok := strings.CutPrefix(url, identitytest.Issuer)
	if !ok {
		s.t.Fatalf("%s is %q", member, url)
	}
	return path
}

func (s site) list(member string) (texts []string) {
	for _, v := range s.doc[member].([]any) {
		texts = append(texts, v.(string))
	}
	return texts
}

// ask posts a form to an endpoint and returns the answer and what it says.
func (s site) ask(endpoint string, r *http.Request) (text string, said map[string]any) {
	s.t.Helper()
	r.URL.Path = s.path(endpoint)
	text = serve(s.mux, r)
	if _, body, _ := strings.Cut(text, "\n\n"); body != "" {
		if err := json.Unmarshal([]byte(body), &said); err != nil {
			s.t.Fatalf("%s: %v: %s", endpoint, err, text)
		}
	}
	return text, said
}

// question is what an endpoint is asked beside who asks.
func question(endpoint string) []string {
	if strings.HasPrefix(endpoint, "token") {
		return []string{"grant_type", "client_credentials"}
	}
	return []string{"token", "abc"}
}

func (s site) issuer(member string) {
	if s.doc[member] != identitytest.Issuer || s.id.Issuer() != identitytest.Issuer {
		s.t.Errorf("%s is %v", member, s.doc[member])
	}
}

func (s site) keys(member string) {
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(s.get(s.path(member))), &set); err != nil || len(set.Keys) == 0 {
		s.t.Errorf("%s: %v, %v", member, set, err)
	}
}

func (s site) noResponseTypes(member string) {
	if types := s.doc[member].([]any); len(types) != 0 {
		s.t.Errorf("%s is %v: there is no authorization endpoint", member, types)
	}
}

func (s site) endpoint(member string) {
	if text, said := s.ask(member, post("")); said["error"] != "invalid_request" && said["error"] != "invalid_client" {
		s.t.Errorf("%s: %s", member, text)
	}
}

func (s site) grants(member string) {
	own := func() string {
		return strings.TrimPrefix(identitytest.Bearer(s.t, s.id, s.w.account), "Bearer ")
	}
	ways := map[string]func() string{
		exchangeGrant: func() string {
			return clientForm(s.w.assertion(s.t, s.id), "grant_type", exchangeGrant, "subject_token", own(), "subject_token_type", accessTokenType).Encode()
		},
		grantType: func() string { return form(s.w.assertion(s.t, s.id)).Encode() },
		"client_credentials": func() string {
			return clientForm(s.w.assertion(s.t, s.id), "grant_type", "client_credentials").Encode()
		},
	}
	for _, name := range s.list(member) {
		if ways[name] == nil {
			s.t.Errorf("%s: say here how %s works", member, name)
			continue
		}
		text, said := s.ask("token_endpoint", post(ways[name]()))
		raw, _ := said["access_token"].(string)
		if p, err := s.id.Authenticate(context.Background(), raw); err != nil || p.Account() != s.w.account.ID {
			s.t.Errorf("%s: %v: %s", name, err, text)
		}
	}
}

func (s site) methods(member string) {
	endpoint := strings.TrimSuffix(member, "_auth_methods_supported")
	asked := question(endpoint)
	for _, name := range s.list(member) {
		r, ok := s.w.authenticated(s.t, s.id, name, asked)
		if !ok {
			s.t.Errorf("%s: say here how %s works", member, name)
			continue
		}
		if text, _ := s.ask(endpoint, r); !strings.HasPrefix(text, "200\n") {
			s.t.Errorf("%s by %s: %s", endpoint, name, text)
		}
	}
}

// authenticated is a request whose client authenticates by a method.
func (w workload) authenticated(t testing.TB, id *identitytest.Env, method string, asked []string) (*http.Request, bool) {
	t.Helper()
	f := url.Values{}
	for i := 0; i < len(asked); i += 2 {
		f.Set(asked[i], asked[i+1])
	}
	switch method {
	case "private_key_jwt":
		return post(clientForm(w.assertion(t, id), asked...).Encode()), true
	case "client_secret_post":
		f.Set("client_id", string(w.account.ID))
		f.Set("client_secret", w.secret(t, id).Secret.Reveal())
		return post(f.Encode()), true
	case "client_secret_basic":
		r := post(f.Encode())
		r.SetBasicAuth(url.QueryEscape(string(w.account.ID)), url.QueryEscape(w.secret(t, id).Secret.Reveal()))
		return r, true
	}
	return nil, false
}

func (s site) algorithms(member string) {
	endpoint := strings.TrimSuffix(member, "_auth_signing_alg_values_supported")
	asked := question(endpoint)
	for _, alg := range s.list(member) {
		kind := alg[:2] // of key
		if kind == "ES" {
			kind = alg
		} else if kind == "PS" {
			kind = "RS"
		}
		if s.private[kind] == nil {
			s.private[kind] = newKey(s.t, alg)
			s.registered[kind] = register(s.t, s.id, s.w.account, s.private[kind])
		}
		w := workload{account: s.w.account, key: s.registered[kind]}
		text := w.sign(s.t, s.id, alg, s.private[kind], nil)
		if text, _ := s.ask(endpoint, post(clientForm(text, asked...).Encode())); !strings.HasPrefix(text, "200\n") {
			s.t.Errorf("%s, signed with %s: %s", endpoint, alg, text)
		}
	}
}

// newKey makes a key for an algorithm.
func newKey(t testing.TB, alg string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch {
	case strings.HasPrefix(alg, "Ed"):
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case alg == "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case alg == "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case alg == "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func register(t testing.TB, id *identitytest.Env, account identity.Account, key crypto.Signer) identity.CredentialID {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	c, err := id.System("test").In(account.Org).AddPublicKey(context.Background(), account.ID, identity.PublicKeySpec{
		UnprovenPublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

// sign makes an assertion without the help of package token, with more members in
// its header.
func (w workload) sign(t testing.TB, id *identitytest.Env, alg string, key crypto.Signer, more map[string]any) string {
	t.Helper()
	now := id.Clock.Now().Unix()
	header := map[string]any{"alg": alg, "kid": w.key, "typ": "JWT"}
	maps.Copy(header, more)
	text := segment(t, header) + "." + segment(t, map[string]any{
		"iss": w.account.ID, "sub": w.account.ID, "aud": identitytest.Issuer, "iat": now, "exp": now + 60, "jti": rand.Text(),
	})
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	digest := []byte(text)
	if strings.HasPrefix(alg, "Ed") {
		hash = 0
	} else {
		h := hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	var signature []byte
	var err error
	switch key := key.(type) {
	case *ecdsa.PrivateKey: // R and S side by side (RFC 7518 section 3.4)
		r, s, failed := ecdsa.Sign(rand.Reader, key, digest)
		if err = failed; err == nil {
			width := (key.Curve.Params().BitSize + 7) / 8
			signature = append(r.FillBytes(make([]byte, width)), s.FillBytes(make([]byte, width))...)
		}
	case *rsa.PrivateKey:
		var options crypto.SignerOpts = hash
		if alg[0] == 'P' {
			options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		}
		signature, err = key.Sign(rand.Reader, digest, options)
	default:
		signature, err = key.Sign(rand.Reader, digest, crypto.Hash(0))
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

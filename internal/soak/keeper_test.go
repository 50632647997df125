package soak

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/token"
)

// stream is bytes that many may write.
type stream struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.Write(p)
}

func (s *stream) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.data.Bytes())
}

// keeper runs everything that makes a secret, and keeps whatever comes out of it
// that is not the secret itself.
type keeper struct {
	*estate
	*leaks
	mux      http.Handler
	streams  map[string]*stream
	observed stream
	minted   map[string]string // what has proven something, for showing it where it does not belong
}

// newKeeper makes an estate whose log, at every level, goes where it is searched.
func newKeeper(t *testing.T, alg token.Algorithm) *keeper {
	k := &keeper{leaks: newLeaks(), streams: map[string]*stream{}, minted: map[string]string{}}
	log := slog.New(slog.NewMultiHandler(
		slog.NewTextHandler(k.stream("log"), &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}),
		slog.NewJSONHandler(k.stream("log"), &slog.HandlerOptions{Level: slog.LevelDebug}),
	))
	k.estate = newEstate(t, func(c *identity.Config) {
		c.Logger, c.TokenAlgorithm = log, alg
		c.LastUsedEvery = time.Second
		c.Observer = func(o identity.Observation) {
			_, _ = fmt.Fprintf(&k.observed, "%v\n%+v\n%#v\n", o, o, o)
			if o.Err != nil {
				_, _ = fmt.Fprintf(&k.observed, "%+v %#v\n", o.Err, o.Err)
			}
		}
	})
	mux := httpauth.NewMux(k.id, httpauth.Options{Logger: log})
	mux.Handle("POST /token", httpauth.Public, httpapi.Token(k.id))
	mux.Handle("POST /introspect", httpauth.Public, httpapi.Introspection(k.id))
	mux.Handle("POST /revoke", httpauth.Public, httpapi.Revocation(k.id))
	mux.Handle("GET /keys", httpauth.Public, httpapi.JWKS(k.id))
	target := func(*http.Request) (identity.Target, error) {
		return identity.Target{Org: k.org, Path: path("wallets", "w1")}, nil
	}
	mux.HandleFunc("GET /wallets", httpauth.Require("wallets:create", target), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /wallets", httpauth.RequireAction("wallets:create", target), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	k.mux = mux
	return k
}

func (k *keeper) stream(name string) *stream {
	if k.streams[name] == nil {
		k.streams[name] = &stream{}
	}
	return k.streams[name]
}

// print keeps what fmt, slog and JSON make of values.
func (k *keeper) print(name string, values ...any) {
	s := k.stream(name)
	for _, v := range values {
		_, _ = fmt.Fprintf(s, "%v\n%+v\n%#v\n%s\n%q\n%x\n", v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(s, nil)).Info("printed", "value", v)
		slog.New(slog.NewJSONHandler(s, nil)).Info("printed", "value", v)
		if text, err := json.Marshal(v); err == nil {
			_, _ = s.Write(text)
		}
		_, _ = fmt.Fprintf(s, "%v\n", func() (panicked any) {
			defer func() { panicked = recover() }()
			panic(v)
		}())
	}
}

// fails keeps an error and all that it wraps; that it is one is part of the test.
func (k *keeper) fails(what string, err error) {
	k.t.Helper()
	if err == nil {
		k.t.Errorf("%s: no error", what)
		return
	}
	k.print("errors", identity.PublicText(err))
	for queue := []error{err}; len(queue) > 0; queue = queue[1:] {
		k.print("errors", queue[0])
		switch e := queue[0].(type) {
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				queue = append(queue, inner)
			}
		case interface{ Unwrap() []error }:
			queue = append(queue, e.Unwrap()...)
		}
	}
}

func errorOf[T any](_ T, err error) error { return err }

// access adds an access token, and keeps how its envelope prints.
func (k *keeper) access(name string) func(identity.AccessToken, error) {
	return func(a identity.AccessToken, err error) {
		k.t.Helper()
		raw := must(a, err)(k.t).Token.Reveal()
		k.signed(k.t, "access token by "+name, raw, signature)
		k.minted["access token by "+name] = raw
		k.print("values", a)
	}
}

// secretOf adds an API token or a client secret.
func (k *keeper) secretOf(name string) func(identity.CredentialSecret, error) identity.CredentialSecret {
	return func(s identity.CredentialSecret, err error) identity.CredentialSecret {
		k.t.Helper()
		raw := must(s, err)(k.t).Secret.Reveal()
		k.opaque(k.t, name, raw)
		k.minted[name] = raw
		k.print("values", s, &s)
		return s
	}
}

// proven is an assertion of the workload, which is a secret until it is used.
func (k *keeper) proven(name string) string {
	raw := k.proof("stays")
	k.signed(k.t, "assertion for "+name, raw, signature)
	return raw
}

// privateKey adds what of a private key is not public.
func (k *keeper) privateKey(name string, key any) {
	k.t.Helper()
	switch key := key.(type) {
	case ed25519.PrivateKey:
		k.secret(name, key.Seed())
	case *ecdsa.PrivateKey:
		k.secret(name, must(key.Bytes())(k.t))
	default:
		k.t.Fatalf("%s is a %T", name, key)
	}
}

// ring opens what is sealed in the database, and adds it: the instance secret and
// the private keys that sign tokens.
func (k *keeper) ring(keyFile string) (keys int) {
	t := k.t
	line := strings.TrimSpace(string(must(os.ReadFile(k.beside(keyFile)))(t)))
	k.secret("sealing key in "+keyFile, must(base64.StdEncoding.DecodeString(line))(t))
	sealer := must(token.SealFile(k.beside(keyFile)).Open(false))(t)
	k.print("values", sealer, token.SealFile(k.beside(keyFile)))
	db := must(sql.Open("sqlite", "file:"+k.file))(t)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(k.ctx, `SELECT 'identity_signing_key/sealed/' || id, sealed FROM identity_signing_key WHERE sealed IS NOT NULL
		UNION ALL SELECT 'identity_instance/sealed_secret/1', sealed_secret FROM identity_instance`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var place string
		var text []byte
		if err := rows.Scan(&place, &text); err != nil {
			t.Fatal(err)
		}
		plain := must(sealer.Open(k.ctx, text, []byte("claviger/"+string(k.id.SystemOrg())+"/"+place)))(t)
		if strings.HasPrefix(place, "identity_instance") {
			k.secret("instance secret", plain)
			continue
		}
		keys++
		k.privateKey("signing key", must(x509.ParsePKCS8PrivateKey(plain))(t))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return keys
}

// refused keeps an answer, which must be a refusal.
func (k *keeper) refused(what string, r *http.Request) {
	k.t.Helper()
	w := httptest.NewRecorder()
	k.mux.ServeHTTP(w, r)
	if w.Code < 400 {
		k.t.Errorf("%s: %d", what, w.Code)
	}
	_ = w.Result().Write(k.stream("answers"))
}

// records keeps what an operator reads and takes away.
func (k *keeper) records() {
	t, ctx := k.t, k.ctx
	for _, org := range []identity.OrgID{k.org, k.id.SystemOrg()} {
		for e := range k.sys().In(org).AllEvents(ctx, identity.EventFilter{}) {
			k.print("events", e)
			_, _ = fmt.Fprintf(k.stream("events"), "%s\n%s\n", e.Before, e.After)
		}
		must(k.sys().In(org).ExportAudit(ctx, k.stream("audit")))(t)
	}
	for key := range k.sys().AllSigningKeys(ctx) {
		k.print("values", key)
	}
	_, _ = k.stream("keys").Write(must(k.id.JWKS(ctx))(t))
	if err := k.sys().Backup(ctx, k.beside("copy.db")); err != nil {
		t.Fatal(err)
	}
}

// files keeps every file that lies beside the database but the keys.
func (k *keeper) files(when string) {
	err := filepath.WalkDir(filepath.Dir(k.file), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".key" {
			return err
		}
		data, err := os.ReadFile(path)
		_, _ = k.stream(filepath.Base(path) + ", " + when).Write(data)
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
}

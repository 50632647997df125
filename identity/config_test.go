package identity_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// TestRefusedConfig: what New refuses, naming the field, and that it leaves the
// store usable.
func TestRefusedConfig(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	st, err := sqlite.Open(ctx, filepath.Join(dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	good := func() identity.Config {
		return identity.Config{Issuer: issuer, Seal: token.SealFile(filepath.Join(dir, "app.key"))}
	}
	code := func(r ...identity.CodeRole) func(*identity.Config) {
		return func(c *identity.Config) { c.Roles = r }
	}
	catalog := func(p ...policy.PermissionSpec) func(*identity.Config) {
		return func(c *identity.Config) { c.Permissions = p }
	}
	refused := []struct {
		name  string
		field string
		set   func(*identity.Config)
	}{
		{"no issuer", "Issuer", func(c *identity.Config) { c.Issuer = "" }},
		{"issuer no URL", "Issuer", func(c *identity.Config) { c.Issuer = "app" }},
		{"issuer http", "Issuer", func(c *identity.Config) { c.Issuer = "http://app.example" }},
		{"issuer query", "Issuer", func(c *identity.Config) { c.Issuer = issuer + "?a" }},
		{"issuer empty query", "Issuer", func(c *identity.Config) { c.Issuer = issuer + "?" }},
		{"issuer fragment", "Issuer", func(c *identity.Config) { c.Issuer = issuer + "#" }},
		{"issuer user", "Issuer", func(c *identity.Config) { c.Issuer = "https://u@app.example" }},
		{"token life short", "TokenLife", func(c *identity.Config) { c.TokenLife = time.Millisecond }},
		{"token life negative", "TokenLife", func(c *identity.Config) { c.TokenLife = -time.Minute }},
		{"token life long", "TokenLife", func(c *identity.Config) { c.TokenLife = time.Hour + 1 }},
		{"key period short", "KeyPeriod", func(c *identity.Config) { c.KeyPeriod = time.Minute }},
		{"skew negative", "Skew", func(c *identity.Config) { c.Skew = -1 }},
		{"skew long", "Skew", func(c *identity.Config) { c.Skew = 2*time.Minute + 1 }},
		{"validity negative", "MaxValidity", func(c *identity.Config) { c.MaxValidity = -1 }},
		{"default validity over the most", "DefaultValidity", func(c *identity.Config) { c.MaxValidity = time.Hour; c.DefaultValidity = 2 * time.Hour }},
		{"labels of the host", "Attributes", func(c *identity.Config) {
			c.Attributes = []policy.AttributeSpec{{Name: policy.AttributePrincipalLabels, Type: policy.TypeMap}}
		}},
		{"one label of the host", "Attributes", func(c *identity.Config) {
			c.Attributes = []policy.AttributeSpec{{Name: policy.AttributePrincipalLabels + ".team", Type: policy.TypeString}}
		}},
		{"empty audience", "Audiences", func(c *identity.Config) { c.Audiences = []string{""} }},
		{"audience with a space", "Audiences", func(c *identity.Config) { c.Audiences = []string{"https://a.example", "a b"} }},
		{"long audience", "Audiences", func(c *identity.Config) { c.Audiences = []string{long(513)} }},
		{"many audiences", "Audiences", func(c *identity.Config) { c.Audiences = make([]string, 65) }},
		{"reserved slugs", "ReservedSlugs", func(c *identity.Config) { c.ReservedSlugs = []string{"www", "not a slug"} }},
		{"max write", "MaxWrite", func(c *identity.Config) { c.MaxWrite = -1 }},
		{"max staleness", "MaxStaleness", func(c *identity.Config) { c.MaxStaleness = 1 }},
		{"last used", "LastUsedEvery", func(c *identity.Config) { c.LastUsedEvery = time.Millisecond }},
		{"idempotency short", "IdempotencyFor", func(c *identity.Config) { c.IdempotencyFor = time.Second }},
		{"idempotency long", "IdempotencyFor", func(c *identity.Config) { c.IdempotencyFor = 31 * 24 * time.Hour }},
		{"threshold short", "ExpiryThresholds", func(c *identity.Config) { c.ExpiryThresholds = []time.Duration{time.Hour, time.Second} }},
		{"threshold long", "ExpiryThresholds", func(c *identity.Config) { c.ExpiryThresholds = []time.Duration{366 * 24 * time.Hour} }},
		{"threshold twice", "ExpiryThresholds", func(c *identity.Config) { c.ExpiryThresholds = []time.Duration{time.Hour, time.Minute, time.Hour} }},
		{"thresholds too many", "ExpiryThresholds", func(c *identity.Config) {
			for i := range 9 {
				c.ExpiryThresholds = append(c.ExpiryThresholds, time.Duration(i+1)*time.Hour)
			}
		}},
		{"max memory", "MaxMemory", func(c *identity.Config) { c.MaxMemory = -1 }},
		{"max credentials", "MaxCredentials", func(c *identity.Config) { c.MaxCredentials = -1 }},
		{"algorithm none", "TokenAlgorithm", func(c *identity.Config) { c.TokenAlgorithm = "none" }},
		{"algorithm HS256", "TokenAlgorithm", func(c *identity.Config) { c.TokenAlgorithm = "HS256" }},
		{"algorithm RS256", "TokenAlgorithm", func(c *identity.Config) { c.TokenAlgorithm = token.AlgRS256 }},
		{"account domain", "AccountDomain", func(c *identity.Config) { c.AccountDomain = "a..b" }},
		{"permission of ours", "Permissions", catalog(policy.PermissionSpec{Name: "identity:mine"})},
		{"alias of ours", "Permissions", catalog(policy.PermissionSpec{Name: "mine", Aliases: []string{"identity:mine"}})},
		{"permission twice", "Permissions", catalog(policy.PermissionSpec{Name: "a"}, policy.PermissionSpec{Name: "a"})},
		{"permission malformed", "Permissions", catalog(policy.PermissionSpec{Name: "a b"})},
		{"role name", "Name", code(identity.CodeRole{Name: "a b"})},
		{"role twice", "Roles", code(identity.CodeRole{Name: "a"}, identity.CodeRole{Name: "a"})},
		{"role owner", "Roles", code(identity.CodeRole{Name: "owner"})},
		{"role permission unknown", "Roles", code(identity.CodeRole{Name: "a", Permissions: []string{"b"}})},
		{"role include unknown", "Roles", code(identity.CodeRole{Name: "a", Includes: []string{"b"}})},
		{"role cycle", "Roles", code(identity.CodeRole{Name: "a", Includes: []string{"b"}}, identity.CodeRole{Name: "b", Includes: []string{"a"}})},
	}
	for _, r := range refused {
		t.Run(r.name, func(t *testing.T) {
			cfg := good()
			r.set(&cfg)
			id, err := identity.New(ctx, st, cfg)
			if id != nil {
				t.Error("an Authority came back")
			}
			if e := wantKind(t, err, identity.ErrInvalid); e.Field != r.field {
				t.Errorf("%v: names %q, want %q", e, e.Field, r.field)
			}
			if _, err := os.Stat(filepath.Join(dir, "app.key")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a key was made for a bad configuration: %v", err)
			}
		})
	}
	_, err = identity.New(ctx, nil, good())
	wantKind(t, err, identity.ErrInvalid)
	cfg := good()
	cfg.Seal = token.Seal{}
	_, err = identity.New(ctx, st, cfg)
	wantKind(t, err, identity.ErrKey)
	for _, ok := range []string{"http://localhost:8080", "http://127.0.0.1", "http://[::1]:1", "https://app.example/auth"} {
		cfg := good()
		cfg.Issuer = ok
		if _, err := identity.New(ctx, failing{}, cfg); !errors.Is(err, errFailing) { // as far as the store
			t.Errorf("issuer %q: %v", ok, err)
		}
	}
	id, err := identity.New(ctx, st, good())
	if err != nil {
		t.Fatalf("after all that: %v", err)
	}
	if err := id.Close(); err != nil {
		t.Error(err)
	}
}

// failing is a store that cannot be used.
type failing struct{ identity.Store }

var errFailing = errors.New("cannot be used")

func (failing) Claim() (func(), error) { return nil, errFailing }

func TestCodeRoleOfAStoredName(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	stored := must(w.in(org).CreateRole(w.ctx, identity.RoleSpec{Name: "deployer"}))(t)
	must(w.in(org).ArchiveRole(w.ctx, stored.ID))(t)
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	roles := w.cfg.Roles
	w.cfg.Roles = append(roles[:len(roles):len(roles)], identity.CodeRole{Name: "deployer"})
	_, err := w.another()
	if e := wantKind(t, err, identity.ErrConflict); e.Entity != "role" || e.ID != "deployer" || !containsText(e.Error(), string(stored.ID)) {
		t.Errorf("%v does not name both", e)
	}
	w.cfg.Roles = roles
	w.start()
}

// TestSealingKey: a database that is in use opens with its own key only, and
// a missing key file is never replaced.
func TestSealingKey(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	keyFile := filepath.Join(w.dir, "app.key")
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	same := w.unchanged()
	if err := os.Rename(keyFile, keyFile+".away"); err != nil {
		t.Fatal(err)
	}
	_, err = w.another()
	wantKind(t, err, identity.ErrKey)
	if _, err := os.Stat(keyFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a new key file: %v", err)
	}
	right := w.cfg.Seal
	for name, seal := range map[string]token.Seal{
		"another key": token.SealBytes(make([]byte, 32)), "a passphrase": token.SealPassphrase(token.NewSecret("correct horse battery")),
		"a short key": token.SealBytes(make([]byte, 16)), "none": {},
	} {
		w.cfg.Seal = seal
		_, err = w.another()
		if !errors.Is(err, identity.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
		if e := new(identity.Error); !errors.As(err, &e) || e.Op != "New" {
			t.Errorf("%s: %v does not say where", name, err)
		}
	}
	same()
	w.cfg.Seal = right
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t)
}

// TestSec22_SealedInPlace: the private halves are in the database only sealed,
// and a sealed text moved to another row does not open.
func TestSec22_SealedInPlace(t *testing.T) {
	w := open(t)
	w.org("acme")
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", w.file())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.Query(`SELECT id, state, sealed FROM identity_signing_key ORDER BY state`) // current, next
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids, states []string
	var sealed [][]byte
	for rows.Next() {
		var id, state string
		var box []byte
		if err := rows.Scan(&id, &state, &box); err != nil {
			t.Fatal(err)
		}
		ids, states, sealed = append(ids, id), append(states, state), append(sealed, box)
	}
	if err := rows.Err(); err != nil { // the last Next closed them
		t.Fatal(err)
	}
	if len(ids) != 2 || states[0] != "current" || states[1] != "next" || sha256.Sum256(sealed[0]) == sha256.Sum256(sealed[1]) {
		t.Fatalf("keys %v %v", ids, states)
	}
	put := func(box []byte) {
		t.Helper()
		if _, err := db.Exec(`UPDATE identity_signing_key SET sealed = $1 WHERE id = $2`, box, ids[0]); err != nil {
			t.Fatal(err)
		}
	}
	put(sealed[1])
	_, err = w.another()
	wantKind(t, err, identity.ErrKey)
	broken := append([]byte(nil), sealed[0]...)
	broken[len(broken)-1] ^= 1
	put(broken)
	_, err = w.another()
	wantKind(t, err, identity.ErrKey)
	put(sealed[0])
	w.start()
}

// TestOneAuthorityOfAStore: of two on one store neither would learn what the other changes. One that could not be made
// leaves the store to the next.
func TestOneAuthorityOfAStore(t *testing.T) {
	w := open(t)
	st := must(sqlite.Open(w.ctx, filepath.Join(t.TempDir(), "app.db")))(t)
	bad := w.cfg
	bad.Seal = token.SealBytes(make([]byte, 1))
	_, err := identity.New(w.ctx, st, bad)
	wantKind(t, err, identity.ErrKey)
	id := must(identity.New(w.ctx, st, w.cfg))(t)
	_, err = identity.New(w.ctx, st, w.cfg)
	wantKind(t, err, identity.ErrLocked)
	wantKind(t, identity.ResetKeyRing(w.ctx, st, w.cfg, "why not"), identity.ErrLocked)
	if err := id.Close(); err != nil {
		t.Error(err)
	}
	_, err = identity.New(w.ctx, st, w.cfg)
	wantKind(t, err, identity.ErrStorage) // it is closed, and nobody's
}

func TestSecondOpenAndNewerSchema(t *testing.T) {
	w := open(t)
	_, err := sqlite.Open(w.ctx, w.file(), sqlite.Options{LockWait: -1})
	if !errors.Is(err, identity.ErrLocked) {
		t.Fatalf("a second open: %v", err)
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", w.file())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO identity_schema_version (version_id, is_applied) VALUES (99999, 1)`); err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(w.ctx, w.file())
	if !errors.Is(err, identity.ErrNewerSchema) {
		t.Fatalf("a newer schema: %v", err)
	}
	if _, err := db.Exec(`DELETE FROM identity_schema_version WHERE version_id = 99999`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	w.start()
}

// TestClosed: after Close everything refuses, and none of it says that somebody
// is not authenticated.
func TestClosed(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	sa, key := w.service(x.Org, "ci", "wallets:read")
	bearer := w.bearer(sa, key)
	fresh := w.assertion(sa.Key.ID, sa.ID, key)
	p := must(w.id.Authenticate(w.ctx, bearer))(t)
	if d := w.may(p, x.Org, "wallets:read", policy.Root); !d.Allowed {
		t.Fatalf("before: %+v", d)
	}
	for range 2 {
		if err := w.id.Close(); err != nil {
			t.Fatal(err)
		}
	}
	same := w.unchanged()
	if d := w.may(p, x.Org, "wallets:read", policy.Root); d.Allowed || d.Reason != policy.ReasonUnavailable {
		t.Errorf("Authorize: %+v", d)
	}
	others := map[string]error{
		"Authenticate":      last(w.id.Authenticate(w.ctx, bearer)),
		"ExchangeAssertion": last(w.id.ExchangeAssertion(w.ctx, fresh, identity.TokenRequest{})),
		"Vouch":             last(w.in(x.Org).Vouch(w.ctx, x.User, w.session(0))),
		"JWKS":              last(w.id.JWKS(w.ctx)),
		"Write":             w.id.Write(w.ctx, func(context.Context, *identity.Tx) error { t.Error("Write ran"); return nil }),
	}
	for name, c := range calls() {
		if !c.hostOnly {
			others[name+" as"] = c.run(w.ctx, w.id.As(p), x)
		}
		others[name] = c.run(w.ctx, w.sys(), x)
	}
	for name, err := range others {
		if e := wantKindOrFail(t, name, err, identity.ErrStorage); e != nil && errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%s: %v blames the caller", name, err)
		}
	}
	same()
}

// wantKindOrFail is wantKind for tables that go on.
func wantKindOrFail(t testing.TB, name string, err, kind error) *identity.Error {
	t.Helper()
	var e *identity.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want an *identity.Error of kind %q", name, err, kind)
		return nil
	}
	return e
}

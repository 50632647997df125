package identity_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

const issuer = "https://app.example"

// world is an Authority over a database in a temporary directory, with a clock
// that stands still until it is moved.
type world struct {
	t     testing.TB
	ctx   context.Context
	dir   string
	clock *fakeClock
	cfg   identity.Config
	opts  sqlite.Options
	wrap  func(identity.Store) identity.Store // stands between the Authority and the store, if set
	id    *identity.Authority
	db    *sql.Conn // looks at the file from outside
}

// fakeClock is the time of a test.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// seeded is a source of randomness that repeats, for concurrent use.
type seeded struct {
	mu  sync.Mutex
	src *mathrand.ChaCha8
}

func (s *seeded) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.src.Read(p)
}

func newSeeded(seed uint64) io.Reader {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return &seeded{src: mathrand.NewChaCha8(key)}
}

// onOneGoroutine skips a long test under the race detector: it makes its calls one after the other, and shorter ones make the same together.
func onOneGoroutine(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("long, and makes its calls one after the other")
	}
}

// newSeed draws a seed and prints it, so that a failure can be played again.
func newSeed(t testing.TB) uint64 {
	t.Helper()
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	return seed
}

// open makes a world. The settings may be changed before the Authority is made.
func open(t testing.TB, settings ...func(*world)) *world {
	t.Helper()
	clock := &fakeClock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	w := &world{t: t, ctx: context.Background(), dir: t.TempDir(), clock: clock}
	w.cfg = identity.Config{
		Issuer: issuer,
		Seal:   token.SealFile(filepath.Join(w.dir, "app.key")),
		Permissions: []policy.PermissionSpec{
			{Name: "wallets:read"}, {Name: "wallets:create"}, {Name: "wallets:delete"}, {Name: "keys:use"},
		},
		Roles: []identity.CodeRole{
			{Name: "wallet-reader", Permissions: []string{"wallets:read"}},
			{Name: "wallet-admin", Permissions: []string{"wallets:*"}},
		},
		MaxStaleness:  time.Hour, // the tests poll by hand
		LastUsedEvery: time.Hour, // and write uses by hand
		Now:           clock.Now,
		Random:        newSeeded(newSeed(t)),
	}
	for _, set := range settings {
		set(w)
	}
	if err := os.WriteFile(w.file(), must(emptyDatabase())(t), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	pool, err := sql.Open("sqlite", "file:"+w.file()+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	w.db = must(pool.Conn(w.ctx))(t)
	t.Cleanup(func() {
		if err := errors.Join(w.db.Close(), pool.Close(), w.id.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// emptyDatabase is a database with the schema in it, which takes longer to make than most tests to run.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "empty")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "app.db")
	st, err := sqlite.Open(context.Background(), file)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	err = st.Close()
	empty, readErr := os.ReadFile(file)
	return empty, errors.Join(err, readErr, os.RemoveAll(dir))
})

// with changes the configuration of a world.
func with(set func(*identity.Config)) func(*world) { return func(w *world) { set(&w.cfg) } }

// on is the same world in a subtest.
func (w *world) on(t testing.TB) *world {
	sub := *w
	sub.t = t
	return &sub
}

func (w *world) file() string { return filepath.Join(w.dir, "app.db") }

// another opens the same database once more.
func (w *world) another() (*identity.Authority, error) {
	st, err := sqlite.Open(w.ctx, w.file(), w.opts)
	if err != nil {
		return nil, err
	}
	var between identity.Store = st
	if w.wrap != nil {
		between = w.wrap(st)
	}
	id, err := identity.New(w.ctx, between, w.cfg)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return id, nil
}

func (w *world) start() {
	w.t.Helper()
	id, err := w.another()
	if err != nil {
		w.t.Fatal(err)
	}
	w.id = id
}

// reopen ends the process, so to speak, and starts it again.
func (w *world) reopen() {
	w.t.Helper()
	if err := w.id.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

func (w *world) sys() *identity.Admin { return w.id.System("test") }

func (w *world) in(org identity.OrgID) *identity.OrgAdmin { return w.sys().In(org) }

// must ends the test on an error: must(f(x))(t).
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) org(slug string) identity.OrgID {
	w.t.Helper()
	return must(w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: slug}))(w.t).ID
}

// user makes a user that holds some permissions, if any, at Root.
func (w *world) user(org identity.OrgID, name string, permissions ...string) identity.AccountID {
	w.t.Helper()
	u := must(w.in(org).CreateUser(w.ctx, identity.UserSpec{Email: name + "@example.com"}))(w.t)
	if len(permissions) > 0 {
		w.grant(org, identity.SubjectID(u.ID), policy.Root, permissions...)
	}
	return u.ID
}

// service makes a service account with some permissions, and a key of it.
func (w *world) service(org identity.OrgID, name string, permissions ...string) (identity.ServiceAccountResult, ed25519.PrivateKey) {
	w.t.Helper()
	private, public := newKey(w.t)
	sa := must(w.in(org).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: name, UnprovenPublicKey: public, Permissions: permissions}))(w.t)
	return sa, private
}

// role makes a stored role with a name of its own.
func (w *world) role(org identity.OrgID, permissions ...string) identity.RoleID {
	w.t.Helper()
	name := fmt.Sprintf("role-%d", w.id.Revision())
	return must(w.in(org).CreateRole(w.ctx, identity.RoleSpec{Name: name, Permissions: permissions}))(w.t).ID
}

// grant binds a new role to a subject.
func (w *world) grant(org identity.OrgID, to identity.SubjectID, scope policy.Path, permissions ...string) identity.BindingID {
	w.t.Helper()
	return w.bind(org, identity.BindingSpec{Subject: to, Role: string(w.role(org, permissions...)), Scope: scope})
}

func (w *world) bind(org identity.OrgID, spec identity.BindingSpec) identity.BindingID {
	w.t.Helper()
	return must(w.in(org).CreateBinding(w.ctx, spec))(w.t).ID
}

// login vouches for an account, for a day.
func (w *world) login(org identity.OrgID, account identity.AccountID) identity.Principal {
	w.t.Helper()
	return must(w.in(org).Vouch(w.ctx, account, w.session(0)))(w.t)
}

func (w *world) session(revision uint64) identity.Login {
	now := w.clock.Now()
	return identity.Login{Method: "test", AuthTime: now, NotAfter: now.Add(24 * time.Hour), Revision: revision}
}

// as acts as an account of an org, in that org.
func (w *world) as(org identity.OrgID, account identity.AccountID) *identity.OrgAdmin {
	w.t.Helper()
	return w.id.As(w.login(org, account)).In(org)
}

// assertion signs a client assertion of a minute.
func (w *world) assertion(kid identity.CredentialID, account identity.AccountID, key ed25519.PrivateKey) string {
	w.t.Helper()
	return must(token.SignAssertion(w.ctx, key, token.AssertionSpec{
		KeyID: string(kid), Account: string(account), Audience: issuer, Now: w.clock.Now(),
	}))(w.t)
}

// bearer gets an access token for a service account.
func (w *world) bearer(sa identity.ServiceAccountResult, key ed25519.PrivateKey) string {
	w.t.Helper()
	return must(w.id.ExchangeAssertion(w.ctx, w.assertion(sa.Key.ID, sa.ID, key), identity.TokenRequest{}))(w.t).Token.Reveal()
}

// may asks for a decision.
func (w *world) may(p identity.Principal, org identity.OrgID, permission string, path policy.Path) policy.Decision {
	w.t.Helper()
	return w.id.Authorize(w.ctx, identity.Request{Principal: p, Org: org, Permission: perm(w.t, permission), Path: path})
}

func perm(t testing.TB, name string) policy.Permission {
	t.Helper()
	return must(policy.ParsePermission(name))(t)
}

func path(t testing.TB, text string) policy.Path {
	t.Helper()
	return must(policy.ParsePath(text))(t)
}

func newKey(t testing.TB) (ed25519.PrivateKey, []byte) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// version is SQLite's count of what other connections have committed.
func (w *world) version() (n int64) {
	w.t.Helper()
	if err := w.db.QueryRowContext(w.ctx, `PRAGMA data_version`).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// unchanged returns a function that fails the test when anything was written
// to the database since: not a row of any table.
func (w *world) unchanged() func() {
	w.t.Helper()
	before, revision := w.version(), w.id.Revision()
	return func() {
		w.t.Helper()
		if w.version() != before {
			w.t.Error("something was written")
		}
		if now := w.id.Revision(); now != revision {
			w.t.Errorf("revision %d became %d", revision, now)
		}
	}
}

// events are the org's log.
func (w *world) events(org identity.OrgID) []identity.Event {
	w.t.Helper()
	var out []identity.Event
	for e, err := range w.in(org).AllEvents(w.ctx, identity.EventFilter{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// wantKind fails the test unless an error is ours and of a kind.
func wantKind(t testing.TB, err, kind error) *identity.Error {
	t.Helper()
	var e *identity.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want an *identity.Error of kind %q", err, err, kind)
	}
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want kind %q", err, kind)
	}
	if e.Op == "" {
		t.Errorf("%v names no operation", err)
	}
	return e
}

// long is a text of n bytes.
func long(n int) string { return strings.Repeat("x", n) }

func containsText(text, part string) bool { return part != "" && strings.Contains(text, part) }

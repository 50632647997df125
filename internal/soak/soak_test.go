package soak

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

const issuer = "https://app.example"

func TestMain(m *testing.M) {
	if part := os.Getenv(childVariable); part != "" {
		os.Exit(play(part, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// long reports whether the long form is wanted.
func long() bool { return os.Getenv("CLAVIGER_SOAK") == "long" }

// rounds chooses the size of a test.
func rounds(short, longer int) int {
	if long() {
		return longer
	}
	return short
}

// fewer is rounds for a test that the race detector makes very slow.
func fewer(short, longer int) int {
	if raceDetector {
		short /= 4
	}
	return rounds(short, longer)
}

// seeded prints the seed of a test and returns what it makes.
func seeded(t *testing.T) *mathrand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("CLAVIGER_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("CLAVIGER_SEED: %v", err)
		}
	}
	t.Logf("repeat with CLAVIGER_SEED=%d", seed)
	return source(seed)
}

func source(seed uint64) *mathrand.Rand { return mathrand.New(mathrand.NewPCG(seed, 0)) }

// config is that of a small host. The key lies beside the database.
func config(path string) identity.Config {
	return identity.Config{
		Issuer:      issuer,
		Seal:        token.SealFile(filepath.Join(filepath.Dir(path), "app.key")),
		Permissions: []policy.PermissionSpec{{Name: "wallets:read"}, {Name: "wallets:create"}},
		Roles: []identity.CodeRole{
			{Name: "reader", Permissions: []string{"wallets:read"}},
			{Name: "creator", Permissions: []string{"wallets:create"}},
		},
	}
}

// open opens the database at a path as a host would.
func open(ctx context.Context, path string, o sqlite.Options, change ...func(*identity.Config)) (*identity.Authority, error) {
	cfg := config(path)
	for _, f := range change {
		f(&cfg)
	}
	st, err := sqlite.Open(ctx, path, o)
	if err != nil {
		return nil, err
	}
	id, err := identity.New(ctx, st, cfg)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return id, nil
}

// mustOpen opens a database for a test, which closes it.
func mustOpen(t *testing.T, path string, change ...func(*identity.Config)) *identity.Authority {
	t.Helper()
	id, err := open(t.Context(), path, sqlite.Options{}, change...)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() { mustClose(t, id) })
	return id
}

func mustClose(t *testing.T, id *identity.Authority) {
	t.Helper()
	if err := id.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// must stops the test unless the call succeeded.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func permission(name string) policy.Permission {
	p, err := policy.ParsePermission(name)
	if err != nil {
		panic(err) // a defect of the test
	}
	return p
}

func path(parts ...string) policy.Path {
	p, err := policy.NewPath(parts...)
	if err != nil {
		panic(err) // a defect of the test
	}
	return p
}

// may asks about one wallet of the org.
func may(ctx context.Context, id *identity.Authority, p identity.Principal, org identity.OrgID, name string) policy.Decision {
	return id.Authorize(ctx, identity.Request{Principal: p, Org: org, Permission: permission(name), Path: path("projects", "p1", "wallets", "w1")})
}

// login vouches for an account, as a host does after its own login.
func login(ctx context.Context, id *identity.Authority, org identity.OrgID, account identity.AccountID, revision uint64) (identity.Principal, error) {
	now := time.Now()
	return id.System("login").In(org).Vouch(ctx, account, identity.Login{
		Method: "soak", AuthTime: now, NotAfter: now.Add(24 * time.Hour), Revision: revision,
	})
}

// newKey makes a key pair of a workload.
func newKey() (crypto.Signer, []byte, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, nil, err
	}
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// workload is a service account and its private key.
type workload struct {
	account identity.AccountID
	key     crypto.Signer
	keyID   identity.CredentialID
}

func newWorkload(ctx context.Context, id *identity.Authority, org identity.OrgID, name string) (workload, error) {
	private, public, err := newKey()
	if err != nil {
		return workload{}, err
	}
	sa, err := id.System("setup").In(org).CreateServiceAccount(ctx, identity.ServiceAccountSpec{
		Name: name, UnprovenPublicKey: public, Roles: []string{"reader"},
	})
	return workload{account: sa.ID, key: private, keyID: sa.Key.ID}, err
}

// assertion is a new proof of the workload.
func (w workload) assertion(ctx context.Context) (string, error) {
	return token.SignAssertion(ctx, w.key, token.AssertionSpec{
		KeyID: string(w.keyID), Account: string(w.account), Audience: issuer, Life: 4 * time.Minute, Now: time.Now(),
	})
}

// gapless checks that the log of an org counts without a gap, and that its
// revisions never go back.
func gapless(ctx context.Context, id *identity.Authority, org identity.OrgID) (int, error) {
	var n int
	var revision uint64
	for e, err := range id.System("audit").In(org).AllEvents(ctx, identity.EventFilter{}) {
		if err != nil {
			return n, err
		}
		n++
		if e.Seq != uint64(n) || e.Revision < revision {
			return n, fmt.Errorf("org %s: event %d has seq %d and revision %d after %d", org, n, e.Seq, e.Revision, revision)
		}
		revision = e.Revision
	}
	return n, nil
}

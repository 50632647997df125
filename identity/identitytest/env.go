package identitytest

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// Issuer is Config.Issuer unless the test sets another.
const Issuer = "https://identity.test"

// SeedVariable is the environment variable that repeats a run: the seed that a
// failed test printed.
const SeedVariable = "CLAVIGER_SEED"

// Env is an Authority and what a test needs beside it. It is safe for
// concurrent use.
type Env struct {
	*identity.Authority
	Clock *Clock // what the Authority goes by
	Seed  uint64 // of all randomness of the Authority and of this package

	issuer string
	now    func() time.Time
	random io.Reader

	mu   sync.Mutex
	made int                            // accounts
	keys map[identity.AccountID]keyPair // of the accounts that asked for a token
}

// New opens an Authority on a new database in t.TempDir() and closes it when
// the test ends. Each change is applied to the configuration in turn; what they
// usually set is Permissions and Roles. Issuer, Seal, Now and Random are set
// already; a test that replaces Now gives up Clock.
//
// The seed is a new one in every run; [SeedVariable] sets it. With the same seed, a
// test that makes the same calls in the same order sees the same ids, keys and
// tokens.
func New(t testing.TB, change ...func(*identity.Config)) *Env {
	t.Helper()
	seed := newSeed(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("identitytest: to repeat this run, set %s=%d", SeedVariable, seed)
		}
	})
	id := &Env{Clock: newClock(), Seed: seed, random: newRandom(seed), keys: map[identity.AccountID]keyPair{}}
	sealing := make([]byte, 32)
	if _, err := io.ReadFull(id.random, sealing); err != nil {
		t.Fatalf("identitytest: %v", err)
	}
	cfg := identity.Config{Issuer: Issuer, Seal: token.SealBytes(sealing), Now: id.Clock.Now, Random: id.random}
	for _, f := range change {
		f(&cfg)
	}
	id.issuer, id.now = cfg.Issuer, cfg.Now
	if id.now == nil {
		id.now = time.Now
	}

	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "identity.db")
	empty, err := emptyDatabase()
	if err == nil {
		err = os.WriteFile(file, empty, 0o600)
	}
	if err != nil {
		t.Fatalf("identitytest: %v", err)
	}
	st, err := sqlite.Open(ctx, file)
	if err != nil {
		t.Fatalf("identitytest: %v", err)
	}
	id.Authority, err = identity.New(ctx, st, cfg)
	if err != nil {
		if closeErr := st.Close(); closeErr != nil {
			t.Errorf("identitytest: %v", closeErr)
		}
		t.Fatalf("identitytest: %v", err)
	}
	t.Cleanup(func() {
		if err := id.Close(); err != nil {
			t.Errorf("identitytest: %v", err)
		}
	})
	return id
}

func newSeed(t testing.TB) uint64 {
	t.Helper()
	if text := os.Getenv(SeedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("identitytest: %s: %v", SeedVariable, err)
		}
		return seed
	}
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// random is a repeatable stream for concurrent readers.
type random struct {
	mu     sync.Mutex
	stream *rand.ChaCha8
}

func newRandom(seed uint64) *random {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return &random{stream: rand.NewChaCha8(key)}
}

func (r *random) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.stream.Read(p)
	if err != nil {
		return n, fmt.Errorf("identitytest: %w", err)
	}
	return n, nil
}

// emptyDatabase is a database with the schema in it, which takes longer to make
// than most tests to run.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "identitytest")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "identity.db")
	st, err := sqlite.Open(context.Background(), file)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	err = st.Close()
	empty, readErr := os.ReadFile(file)
	return empty, errors.Join(err, readErr, os.RemoveAll(dir))
})

package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// patchy is a store that does not write to its fence file, or to itself, while it
// is told so.
type patchy struct {
	identity.Store
	mute, stuck atomic.Bool
	lines       atomic.Int64
}

var errPatchy = errors.New("no space left")

func (p *patchy) Sidecar() identity.Sidecar { return &patchySidecar{p.Store.Sidecar(), p} }

func (p *patchy) Begin() (identity.WriteTxn, error) {
	if p.stuck.Load() {
		return nil, errPatchy
	}
	return p.Store.Begin()
}

type patchySidecar struct {
	identity.Sidecar
	p *patchy
}

func (s *patchySidecar) Append(lines []byte) error {
	if s.p.mute.Load() {
		return errPatchy
	}
	s.p.lines.Add(1)
	return s.Sidecar.Append(lines)
}

func (e *estate) reopen(file string, store *patchy) {
	e.t.Helper()
	cfg := config(file)
	e.cfg(&cfg)
	st := must(sqlite.Open(e.ctx, file, sqlite.Options{}))(e.t)
	store.Store = st
	e.file, e.id = file, must(identity.New(e.ctx, store, cfg))(e.t)
	e.t.Cleanup(func() { _ = e.id.Close() })
}

// TestUnrecorded: a revocation that cannot be written to the fence file is in
// force, is reported, is made once only, and is written as soon as that is possible.
func TestUnrecorded(t *testing.T) {
	store := &patchy{}
	e := newEstate(t, func(c *identity.Config) { c.MaxStaleness = 40 * time.Millisecond })
	e.close()
	e.reopen(e.file, store)
	backup := e.beside("backup.db")
	if err := e.sys().Backup(e.ctx, backup); err != nil {
		t.Fatal(err)
	}
	before := e.id.Revision()
	store.mute.Store(true)
	_, err := e.in().RevokeCredential(e.ctx, e.keys["revoked"].keyID)
	if !errors.Is(err, identity.ErrStorage) {
		t.Fatalf("unrecorded: %v", err)
	}
	if _, err := e.id.ExchangeAssertion(e.ctx, e.proof("revoked"), identity.TokenRequest{}); err == nil {
		t.Error("it is not in force")
	}
	// What takes nothing away is not held up.
	must(e.in().CreateGroup(e.ctx, identity.GroupSpec{Name: "g"}))(t)
	if _, err := e.in().SignOutAccount(e.ctx, e.people["signed out"]); !errors.Is(err, identity.ErrStorage) || errors.Is(err, identity.ErrBusy) {
		t.Errorf("signing out, unrecorded: %v", err)
	}
	if now := e.id.Revision(); now != before+3 {
		t.Errorf("3 changes made %d revisions", now-before)
	}
	store.mute.Store(false)
	await(t, "the poll tries again", func() bool { return store.lines.Load() != 0 })
	if now := e.id.Revision(); now != before+3 {
		t.Errorf("trying again made %d revisions more", now-before-3)
	}
	e.close()
	if err := sqlite.Restore(e.ctx, backup, e.file); err != nil {
		t.Fatal(err)
	}
	e.open(e.file)
	if row := must(e.in().Credential(e.ctx, e.keys["revoked"].keyID))(t); row.State != identity.CredentialRevoked {
		t.Errorf("it was not replayed: %s", row.State)
	}
}

// TestFenceThatCannotBeRaised: while the database is known to be rolled back and
// cannot be written, nothing is answered from it.
func TestFenceThatCannotBeRaised(t *testing.T) {
	e := newEstate(t, func(c *identity.Config) { c.MaxStaleness = time.Hour })
	e.close()
	copied := e.beside("copy.db")
	files(t, e.file, copied)
	e.open(e.file)
	e.narrow()
	e.close()

	store := &patchy{}
	e.reopen(copied, store)
	p := must(e.id.Authenticate(e.ctx, e.tokens["before"]))(t)
	store.stuck.Store(true)
	if _, err := e.id.Authenticate(e.ctx, e.tokens["after"]); err == nil {
		t.Fatal("the newer token was accepted")
	}
	if d := may(e.ctx, e.id, p, e.org, "wallets:read"); d.Allowed || d.Reason != policy.ReasonUnavailable {
		t.Errorf("a decision: %+v", d)
	}
	if _, err := e.id.Authenticate(e.ctx, e.tokens["before"]); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("an older token: %v", err)
	}
	mustClose(t, e.id)

	// A marked copy does not open at all.
	e.open(e.file)
	backup := e.beside("backup.db")
	if err := e.sys().Backup(e.ctx, backup); err != nil {
		t.Fatal(err)
	}
	cfg := config(backup)
	e.cfg(&cfg)
	st := must(sqlite.Open(e.ctx, backup, sqlite.Options{}))(t)
	stuck := &patchy{Store: st}
	stuck.stuck.Store(true)
	if id, err := identity.New(e.ctx, stuck, cfg); err == nil {
		t.Error("New opened a copy without a fence")
		_ = id.Close()
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}

// TestFenceInsideWrite: a newer token is shown where the turn to write is taken.
// The fence is raised as soon as it can be, and until then nothing is answered.
func TestFenceInsideWrite(t *testing.T) {
	for _, where := range []string{"inside", "beside"} {
		t.Run(where, func(t *testing.T) {
			e := newEstate(t, func(c *identity.Config) { c.MaxStaleness, c.MaxWrite = 40*time.Millisecond, 500*time.Millisecond })
			e.close()
			copied := e.beside("copy.db")
			files(t, e.file, copied)
			e.open(e.file)
			e.narrow()
			e.close()
			e.open(copied)
			secret := e.secrets["stays"].Secret.Reveal()
			must(e.id.Authenticate(e.ctx, secret))(t)
			undo := errors.New("undo")
			err := e.id.Write(e.ctx, func(ctx context.Context, tx *identity.Tx) error {
				if where == "beside" {
					ctx = e.ctx // a call that would wait for this very function
				}
				if _, err := e.id.Authenticate(ctx, e.tokens["after"]); !errors.Is(err, identity.ErrRevoked) {
					t.Errorf("a token of the lost state: %v", err)
				}
				if _, err := e.id.Authenticate(ctx, secret); err == nil {
					t.Error("something was answered before the fence was raised")
				}
				return undo
			})
			if !errors.Is(err, undo) {
				t.Fatal(err)
			}
			await(t, "the API token is held", func() bool {
				_, err := e.id.Authenticate(e.ctx, secret)
				if held := errors.Is(err, identity.ErrDisabled); held || errors.Is(err, identity.ErrStorage) {
					return held
				}
				t.Fatalf("an API token: %v", err)
				return false
			})
		})
	}
}

// TestFenceFileStaysSmall: an account that is stopped and started again and again
// does not make the fence file grow without end, and what else is in it stays.
func TestFenceFileStaysSmall(t *testing.T) {
	e := newEstate(t)
	backup := e.beside("backup.db")
	if err := e.sys().Backup(e.ctx, backup); err != nil {
		t.Fatal(err)
	}
	size := func() int64 { return must(os.Stat(e.file + ".fence"))(t).Size() }
	must(e.in().RevokeCredential(e.ctx, e.keys["revoked"].keyID))(t)
	for range 5 {
		err := e.id.Write(e.ctx, func(ctx context.Context, tx *identity.Tx) error {
			in := tx.System("soak").In(e.org)
			for range 500 {
				_, off := in.DeactivateAccount(ctx, e.people["stays"])
				_, on := in.ActivateAccount(ctx, e.people["stays"])
				if err := errors.Join(off, on); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d bytes", size())
		if size() > 400_000 { // all of it would be more
			t.Errorf("it has %d bytes", size())
		}
	}
	e.close()
	if err := sqlite.Restore(e.ctx, backup, e.file); err != nil {
		t.Fatal(err)
	}
	e.open(e.file)
	if row := must(e.in().Credential(e.ctx, e.keys["revoked"].keyID))(t); row.State != identity.CredentialRevoked {
		t.Errorf("it was not replayed: %s", row.State)
	}
	if got := e.lotOf(e.secrets["stays"]); got != "lives" {
		t.Errorf("nothing is missing, and an API token is %s", got)
	}
}

// TestFenceFileOfAnother: a fence file that is not of this database says that
// something was exchanged here.
func TestFenceFileOfAnother(t *testing.T) {
	e := newEstate(t)
	e.close()
	other := filepath.Join(t.TempDir(), "app.db")
	mustClose(t, mustOpen(t, other))
	data := must(os.ReadFile(other + ".fence"))(t)
	if err := os.WriteFile(e.file+".fence", data, 0o600); err != nil {
		t.Fatal(err)
	}
	e.open(e.file)
	if _, err := e.id.Authenticate(e.ctx, e.tokens["before"]); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("an access token: %v", err)
	}
	if got := e.lotOf(e.secrets["stays"]); got != "held" {
		t.Errorf("an API token: %s", got)
	}
	info := must(os.Stat(e.file + ".fence"))(t)
	if info.Mode() != 0o600 {
		t.Errorf("the fence file has mode %v", info.Mode())
	}
}

// witness is one that a host keeps elsewhere.
type witness struct {
	revision    atomic.Uint64
	incarnation atomic.Value
	down        atomic.Bool
	told        atomic.Int64
}

func (w *witness) Store(_ context.Context, revision uint64, incarnation string) error {
	if w.down.Load() {
		return errPatchy
	}
	if last := w.revision.Load(); revision < last {
		return fmt.Errorf("it went back from %d to %d", last, revision)
	}
	w.told.Add(1)
	w.incarnation.Store(incarnation)
	w.revision.Store(revision)
	return nil
}

func (w *witness) Load(context.Context) (uint64, string, error) {
	if w.down.Load() {
		return 0, "", errPatchy
	}
	incarnation, _ := w.incarnation.Load().(string)
	return w.revision.Load(), incarnation, nil
}

// TestSec42_Witness: the disk is gone, and with it the fence file. The witness
// knows that the copy which came in its place is older, but not by what.
func TestSec42_Witness(t *testing.T) {
	w := &witness{}
	e := newEstate(t, func(c *identity.Config) { c.Witness = w })
	e.close()
	copied, level := e.beside("copy.db"), e.beside("level.db")
	files(t, e.file, copied)
	e.open(e.file)
	e.narrow()
	e.close()
	files(t, e.file, level)
	newest := w.revision.Load()

	e.open(level) // on another machine, with nothing lost
	if _, err := e.id.Authenticate(e.ctx, e.tokens["after"]); err != nil {
		t.Errorf("nothing was lost: %v", err)
	}
	e.close()
	e.open(copied)
	if now := e.id.Revision(); now <= newest {
		t.Errorf("the revision is %d, that of the witness was %d", now, newest)
	}
	if first, _, _ := w.Load(e.ctx); first < e.id.Revision() {
		t.Errorf("the witness was not told of the fence: it is at %d", first)
	}
	e.want("a copy that a witness is ahead of", partly())
}

// TestSec42_WitnessOfAnotherHistory: the fence file knows all that was taken away
// in its own history. A witness that was told by one that it does not know of, such
// as by a copy that went its own way, shows that there was more.
func TestSec42_WitnessOfAnotherHistory(t *testing.T) {
	for name, c := range map[string]struct {
		told func(w *witness, from, to uint64)
		want string
	}{
		"ahead, this one":     {func(*witness, uint64, uint64) {}, "lives"},
		"ahead, another one":  {func(w *witness, _, _ uint64) { w.incarnation.Store("another") }, "held"},
		"behind, this one":    {func(w *witness, from, _ uint64) { w.revision.Store(from) }, "lives"},
		"behind, another one": {func(w *witness, from, _ uint64) { w.revision.Store(from); w.incarnation.Store("another") }, "held"},
		"beyond the file":     {func(w *witness, _, to uint64) { w.revision.Store(to + 1) }, "held"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &witness{}
			e := newEstate(t, func(c *identity.Config) { c.Witness = w })
			backup := e.beside("backup.db")
			if err := e.sys().Backup(e.ctx, backup); err != nil {
				t.Fatal(err)
			}
			from := e.id.Revision()
			e.narrow()
			e.close()
			restore := func() {
				t.Helper()
				if err := sqlite.Restore(e.ctx, backup, e.file); err != nil {
					t.Fatal(err)
				}
				e.open(e.file)
			}
			// Once more, and the file knows the incarnation that the backup does not.
			restore()
			must(e.in().RevokeCredential(e.ctx, e.secrets["client"].ID))(t)
			e.close()
			c.told(w, from, w.revision.Load())
			restore()
			if got := e.lotOf(e.secrets["stays"]); got != c.want {
				t.Errorf("an API token: %s, want %s", got, c.want)
			}
			if got := e.lotOf(e.secrets["client"]); got != "dead" {
				t.Errorf("what was revoked: %s", got)
			}
		})
	}
}

// TestWitnessDown: while the witness cannot be told, a revocation is in force and
// reported; without it, New does not know whether it may answer.
func TestWitnessDown(t *testing.T) {
	w := &witness{}
	e := newEstate(t, func(c *identity.Config) { c.Witness, c.MaxStaleness = w, 40*time.Millisecond })
	w.down.Store(true)
	if _, err := e.in().RevokeCredential(e.ctx, e.keys["revoked"].keyID); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("a revocation: %v", err)
	}
	if _, err := e.id.ExchangeAssertion(e.ctx, e.proof("revoked"), identity.TokenRequest{}); err == nil {
		t.Error("it is not in force")
	}
	w.down.Store(false)
	await(t, "the poll tries again", func() bool { return w.revision.Load() >= e.id.Revision() })
	told := w.told.Load()
	must(e.in().RevokeCredential(e.ctx, e.secrets["revoked"].ID))(t)
	if w.told.Load() != told+1 || w.revision.Load() != e.id.Revision() {
		t.Errorf("told %d times, of revision %d; it is %d", w.told.Load()-told, w.revision.Load(), e.id.Revision())
	}
	e.close()
	w.down.Store(true)
	if id, err := open(e.ctx, e.file, sqlite.Options{}, e.cfg); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("New: %v", err)
		if err == nil {
			_ = id.Close()
		}
	}
}

package soak

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// join opens the database once more, to be shared.
func (e *estate) join(store *patchy, file string) *identity.Authority {
	e.t.Helper()
	cfg := config(file)
	e.cfg(&cfg)
	cfg.MaxStaleness = 40 * time.Millisecond
	store.Store = must(sqlite.Open(e.ctx, file, sqlite.Options{Shared: true}))(e.t)
	id := must(identity.New(e.ctx, store, cfg))(e.t)
	e.t.Cleanup(func() { _ = id.Close() })
	return id
}

// TestSharedFenceFile: a process commits a revocation and dies before it writes
// that down. Another one, which goes on, writes it before its own next one, so
// that the fence file never has a hole.
func TestSharedFenceFile(t *testing.T) {
	e := newEstate(t)
	e.close()
	first := &patchy{}
	e.id = e.join(first, e.file)
	second := e.join(&patchy{}, e.file)
	backup := e.beside("backup.db")
	if err := e.sys().Backup(e.ctx, backup); err != nil {
		t.Fatal(err)
	}
	first.mute.Store(true) // for ever, as far as anybody can see
	if _, err := e.in().RevokeCredential(e.ctx, e.keys["revoked"].keyID); !errors.Is(err, identity.ErrStorage) {
		t.Fatal(err)
	}
	must(second.System("soak").In(e.org).DeactivateAccount(e.ctx, e.keys["stopped"].account))(t)
	file := must(os.ReadFile(e.file + ".fence"))(t)
	for _, id := range []string{string(e.keys["revoked"].keyID), string(e.keys["stopped"].account)} {
		if !bytes.Contains(file, []byte(id)) {
			t.Errorf("the fence file does not have %s", id)
		}
	}
	if err := e.id.Close(); !errors.Is(err, errPatchy) {
		t.Errorf("closing without having written: %v", err)
	}
	mustClose(t, second)
	if err := sqlite.Restore(e.ctx, backup, e.file); err != nil {
		t.Fatal(err)
	}
	e.open(e.file)
	if row := must(e.in().Credential(e.ctx, e.keys["revoked"].keyID))(t); row.State != identity.CredentialRevoked {
		t.Errorf("the revocation of the first process was not replayed: %s", row.State)
	}
	if got := e.lotOf(e.secrets["stays"]); got != "lives" {
		t.Errorf("nothing is missing, and an API token is %s", got)
	}
}

// TestSharedFence: one process raises the fence, and the others follow within
// MaxStaleness.
func TestSharedFence(t *testing.T) {
	e := newEstate(t)
	e.close()
	copied := e.beside("copy.db")
	files(t, e.file, copied)
	e.open(e.file)
	e.narrow()
	e.close()
	began := time.Now()
	e.cfg = func(c *identity.Config) { // staleness needs a clock that moves
		c.Now = func() time.Time { return e.now().Add(time.Since(began)) }
	}

	e.id = e.join(&patchy{}, copied)
	second := e.join(&patchy{}, copied)
	token := e.secrets["stays"].Secret.Reveal()
	p := must(second.Authenticate(e.ctx, token))(t)
	if d := may(e.ctx, second, p, e.org, "wallets:read"); !d.Allowed {
		t.Fatalf("before: %+v", d)
	}
	watched, end := second.Watch(e.ctx, p)
	defer end()
	if _, err := e.id.Authenticate(e.ctx, e.tokens["after"]); !errors.Is(err, identity.ErrRevoked) {
		t.Fatalf("a token of the lost state: %v", err)
	}
	<-watched.Done() // the first that is seen of the fence: what is held comes with the revision
	await(t, "the fence arrives", func() bool { return second.Revision() == e.id.Revision() })
	if _, err := second.Authenticate(e.ctx, token); !errors.Is(err, identity.ErrDisabled) {
		t.Errorf("a held API token, in the other process: %v", err)
	}
	if d := may(e.ctx, second, p, e.org, "wallets:read"); d.Allowed || d.Reason == policy.ReasonUnspecified {
		t.Errorf("a principal of before, in the other process: %+v", d)
	}
	if n := must(e.sys().ReleaseHeld(e.ctx, identity.HeldFilter{Org: e.org}))(t); n == 0 {
		t.Error("nothing was held")
	}
	await(t, "the release arrives", func() bool {
		_, err := second.Authenticate(e.ctx, token)
		return err == nil
	})
}

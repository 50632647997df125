package soak

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
)

// dying is a store whose process dies in the middle of writing to the fence file,
// which is after COMMIT and before anybody is answered.
type dying struct {
	identity.Store
	after atomic.Int64 // so many writes are let through
	torn  int          // so many bytes of the next one get there
}

func (d *dying) Sidecar() identity.Sidecar { return &dyingSidecar{d.Store.Sidecar(), d} }

type dyingSidecar struct {
	identity.Sidecar
	d *dying
}

func (s *dyingSidecar) Append(lines []byte) error {
	if s.d.after.Add(-1) >= 0 {
		return s.Sidecar.Append(lines)
	}
	if n := min(s.d.torn, len(lines)-1); n > 0 {
		if err := s.Sidecar.Append(lines[:n]); err != nil {
			return err
		}
	}
	return errors.Join(errors.New("the process was not killed"), killSelf())
}

func killSelf() error {
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	select {} // until it arrives
}

// narrower revokes credentials until it is killed in the middle of one. Its
// arguments are the file, how many to let through, and how many bytes of the last.
func (c *child) narrower() error {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, c.args[0], sqlite.Options{})
	if err != nil {
		return err
	}
	let, err1 := strconv.Atoi(c.args[1])
	torn, err2 := strconv.Atoi(c.args[2])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	store := &dying{Store: st, torn: torn}
	store.after.Store(int64(let))
	id, err := identity.New(ctx, store, config(c.args[0]))
	if err != nil {
		return err
	}
	org := identity.OrgID(c.args[3])
	for _, key := range c.args[4:] {
		if _, err := id.System("victim").In(org).RevokeCredential(ctx, identity.CredentialID(key)); err != nil {
			return err
		}
		c.say("revoked", key)
	}
	return errors.New("it was not killed")
}

// TestSec42_KilledBeforeSync kills a process between COMMIT and the sync of the
// fence file, with none, some or nearly all of the line written. What it did not
// write is found in the log at the next opening, so that a backup of before, put
// back later, still loses nothing of what was revoked.
func TestSec42_KilledBeforeSync(t *testing.T) {
	rng := seeded(t)
	ctx := t.Context()
	for round := range fewer(12, 200) {
		file := filepath.Join(t.TempDir(), "app.db")
		id := mustOpen(t, file)
		org := must(id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: "office"}))(t).ID
		args := []string{file, strconv.Itoa(rng.IntN(3)), strconv.Itoa(rng.IntN(250)), string(org)}
		var keys []workload
		for i := range 4 {
			w := must(newWorkload(ctx, id, org, "w"+strconv.Itoa(i)))(t)
			keys = append(keys, w)
			args = append(args, string(w.keyID))
		}
		token := must(id.System("setup").In(org).CreateAPIToken(ctx, keys[3].account, identity.APITokenSpec{Name: "t"}))(t)
		backup := filepath.Join(filepath.Dir(file), "backup.db")
		if err := id.System("setup").Backup(ctx, backup); err != nil {
			t.Fatal(err)
		}
		mustClose(t, id)

		p := mustStart(t, "narrower", args...)
		acknowledged := 0
		for words := p.next(); words != nil; words = p.next() {
			acknowledged++
		}
		if err := p.cmd.Wait(); err == nil || strings.Contains(p.stderr.String(), "not killed") {
			t.Fatalf("the victim was not killed: %v: %s", err, p.stderr.String())
		}
		let, _ := strconv.Atoi(args[1])
		if acknowledged != let {
			t.Fatalf("%d were acknowledged, %d lines written", acknowledged, let)
		}
		sidecar := must(os.ReadFile(file + ".fence"))(t)
		if lines := bytes.Count(sidecar, []byte("\trevoke\t")); lines > let+1 {
			t.Fatalf("the fence file has %d revocations", lines)
		}

		mustClose(t, mustOpen(t, file)) // finds the last one in the log
		if err := sqlite.Restore(ctx, backup, file); err != nil {
			t.Fatal(err)
		}
		id = mustOpen(t, file)
		for i, w := range keys {
			row := must(id.System("audit").In(org).Credential(ctx, w.keyID))(t)
			if want := i <= let; (row.State == identity.CredentialRevoked) != want {
				t.Errorf("round %d: %d acknowledged, one more committed: key %d is %s", round, let, i, row.State)
			}
		}
		if _, err := id.Authenticate(ctx, token.Secret.Reveal()); err != nil {
			t.Errorf("round %d: all is known, and an API token does not live: %v", round, err)
		}
		mustClose(t, id)
	}
}

// TestSec42_RestoredAfterKill is the same without an opening in between: the last
// revocation, which nobody was told of, is in no place but the lost database.
func TestSec42_RestoredAfterKill(t *testing.T) {
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "app.db")
	id := mustOpen(t, file)
	org := must(id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: "office"}))(t).ID
	first := must(newWorkload(ctx, id, org, "first"))(t)
	second := must(newWorkload(ctx, id, org, "second"))(t)
	backup := filepath.Join(filepath.Dir(file), "backup.db")
	if err := id.System("setup").Backup(ctx, backup); err != nil {
		t.Fatal(err)
	}
	mustClose(t, id)
	p := mustStart(t, "narrower", file, "1", "40", string(org), string(first.keyID), string(second.keyID))
	for words := p.next(); words != nil; words = p.next() {
	}
	_ = p.cmd.Wait() // killed
	if err := sqlite.Restore(ctx, backup, file); err != nil {
		t.Fatal(err)
	}
	id = mustOpen(t, file)
	for _, test := range []struct {
		w    workload
		want identity.CredentialState
	}{{first, identity.CredentialRevoked}, {second, identity.CredentialActive}} {
		if row := must(id.System("audit").In(org).Credential(ctx, test.w.keyID))(t); row.State != test.want {
			t.Errorf("%s is %s, want %s", row.ID, row.State, test.want)
		}
	}
}

package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// history writes to a database at random, and goes back at random.
type history struct {
	t    *testing.T
	rng  *rand.Rand
	dir  string
	file string
	id   *identity.Authority
	n    int

	org         identity.OrgID
	accounts    []identity.AccountID
	credentials []identity.CredentialID
	bindings    []identity.BindingID
}

// states is what every row says, by its id. A binding that is there is "active".
type states map[string]string

func (h *history) o() *identity.OrgAdmin { return h.id.System("soak").In(h.org) }

func (h *history) read() states {
	h.t.Helper()
	s := states{string(h.org): string(must(h.id.System("audit").Org(h.t.Context(), h.org))(h.t).State)}
	for a, err := range h.o().AllAccounts(h.t.Context(), identity.AccountFilter{}) {
		s[string(must(a, err)(h.t).ID)] = string(a.State)
	}
	for c, err := range h.o().AllCredentials(h.t.Context(), identity.CredentialFilter{}) {
		s[string(must(c, err)(h.t).ID)] = string(c.State)
	}
	for b, err := range h.o().AllBindings(h.t.Context(), identity.BindingFilter{}) {
		s[string(must(b, err)(h.t).ID)] = "active"
	}
	return s
}

// step makes one change. Refusals are part of it.
func (h *history) step() {
	h.t.Helper()
	h.n++
	ctx, account, credential := h.t.Context(), pick(h.rng, h.accounts), pick(h.rng, h.credentials)
	var err error
	switch h.rng.IntN(14) {
	case 0, 1:
		_, err = h.o().DeactivateAccount(ctx, account)
	case 2, 3:
		_, err = h.o().ActivateAccount(ctx, account)
	case 4:
		_, err = h.o().ArchiveAccount(ctx, account)
	case 5, 6:
		_, err = h.o().DisableCredential(ctx, credential)
	case 7, 8:
		_, err = h.o().EnableCredential(ctx, credential)
	case 9:
		_, err = h.o().RevokeCredential(ctx, credential)
	case 10:
		_, err = h.o().SignOutAccount(ctx, account)
	case 11:
		err = h.o().DeleteBinding(ctx, pick(h.rng, h.bindings))
	case 12:
		err = h.add()
	case 13:
		sys := h.id.System("soak")
		if h.rng.IntN(2) == 0 {
			_, err = sys.SuspendOrg(ctx, h.org)
		} else {
			_, err = sys.ResumeOrg(ctx, h.org)
		}
	}
	if errors.Is(err, identity.ErrStorage) || errors.Is(err, identity.ErrBusy) {
		h.t.Fatal(err)
	}
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// add makes one of each.
func (h *history) add() error {
	ctx, name := h.t.Context(), fmt.Sprintf("w-%d", h.n)
	w, err := newWorkload(ctx, h.id, h.org, name)
	if err != nil {
		return err
	}
	token, err := h.o().CreateAPIToken(ctx, w.account, identity.APITokenSpec{Name: "t"})
	if err != nil {
		return err
	}
	bound, err := h.o().CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(w.account), Role: "creator", Scope: policy.Root})
	h.accounts = append(h.accounts, w.account)
	h.credentials = append(h.credentials, w.keyID, token.ID)
	h.bindings = append(h.bindings, bound.ID)
	return err
}

// reopen closes the database, or leaves it as a kill does and goes on with that.
func (h *history) reopen() {
	h.t.Helper()
	if h.rng.IntN(2) == 0 {
		mustClose(h.t, h.id)
	} else {
		left := filepath.Join(h.dir, fmt.Sprintf("left-%d.db", h.n))
		files(h.t, h.file, left)
		if err := os.WriteFile(left+".fence", must(os.ReadFile(h.file+".fence"))(h.t), 0o600); err != nil {
			h.t.Fatal(err)
		}
		mustClose(h.t, h.id)
		h.file = left
	}
	h.id = mustOpen(h.t, h.file)
}

// TestSec42_RandomHistories goes back to backups of random histories, again and
// again. Whatever was refused when the database was lost is refused as much
// afterwards; nothing else is, and nothing is held.
func TestSec42_RandomHistories(t *testing.T) {
	rng := seeded(t)
	replayed := 0
	for range rounds(3, 100) {
		h := &history{t: t, rng: rng, dir: t.TempDir()}
		h.file = filepath.Join(h.dir, "app.db")
		h.id = mustOpen(t, h.file)
		h.org = must(h.id.System("setup").CreateOrg(t.Context(), identity.OrgSpec{Slug: "office"}))(t).ID
		for range 3 {
			h.n++
			if err := h.add(); err != nil {
				t.Fatal(err)
			}
		}
		var backups []string
		var then []states
		for i := range 60 {
			switch h.rng.IntN(15) {
			case 0:
				backup := filepath.Join(h.dir, fmt.Sprintf("backup-%d.db", i))
				if err := h.id.System("soak").Backup(t.Context(), backup); err != nil {
					t.Fatal(err)
				}
				backups, then = append(backups, backup), append(then, h.read())
			case 1:
				h.reopen()
			case 2:
				if len(backups) > 0 {
					k := h.rng.IntN(len(backups))
					replayed += h.back(backups[k], then[k])
					backups, then = backups[:k+1], then[:k+1] // the others hold rows of a past that is no more
				}
			default:
				h.step()
			}
		}
		mustClose(t, h.id)
	}
	t.Logf("%d rows were taken back", replayed)
	if replayed == 0 {
		t.Error("nothing was ever lost")
	}
}

// back restores a backup and compares every row with what it was then and when
// the database was lost.
func (h *history) back(backup string, then states) (replayed int) {
	h.t.Helper()
	lost := h.read()
	mustClose(h.t, h.id)
	if err := sqlite.Restore(h.t.Context(), backup, h.file); err != nil {
		h.t.Fatal(err)
	}
	h.id = mustOpen(h.t, h.file)
	now := h.read()
	for id, was := range then {
		want := was
		if _, there := lost[id]; !there {
			lost[id] = "gone"
		}
		if refuses(lost[id]) > refuses(was) {
			want = lost[id]
			replayed++
		}
		got, there := now[id]
		if !there {
			got = "gone"
		}
		if got != want {
			h.t.Errorf("%s was %s in the backup and %s at the end, and is %s", id, was, lost[id], got)
		}
	}
	for id := range now {
		if _, there := then[id]; !there {
			h.t.Errorf("%s was not in the backup", id)
		}
	}
	return replayed
}

// refuses is how much a state does.
func refuses(state string) int {
	switch state {
	case "inactive", "disabled", "suspended":
		return 1
	case "archived", "revoked", "gone":
		return 2
	}
	return 0
}

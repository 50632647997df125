package identity_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// reset resets the key ring of the world's database, which is closed.
func (w *world) reset() error {
	w.t.Helper()
	st := must(sqlite.Open(w.ctx, w.file(), w.opts))(w.t)
	err := identity.ResetKeyRing(w.ctx, st, w.cfg, "the key was lost")
	return errors.Join(err, st.Close())
}

// TestSec22_ResetKeyRing: with the sealing key lost nothing opens; a reset gives
// new keys, tells every log so, and ends the tokens and cursors of before, and
// nothing else.
func TestSec22_ResetKeyRing(t *testing.T) {
	w := open(t)
	c := w.caller()
	quiet := w.org("quiet")
	cursor := must(w.in(c.org).Events(w.ctx, identity.EventFilter{}, identity.Page{Limit: 1}))(t).Next
	_, old := publishedKeys(t, must(w.id.JWKS(w.ctx))(t))
	session := c.vouched.Revision()
	orgs := []identity.OrgID{c.org, quiet, w.id.SystemOrg()}
	ends := map[identity.OrgID]identity.Event{}
	for _, org := range orgs {
		events := w.events(org)
		ends[org] = events[len(events)-1]
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	same := w.unchanged()
	wantKind(t, w.reset(), identity.ErrConflict) // nothing is lost
	if err := os.Rename(filepath.Join(w.dir, "app.key"), filepath.Join(w.dir, "away")); err != nil {
		t.Fatal(err)
	}
	_, err := w.another()
	wantKind(t, err, identity.ErrKey)
	same()
	if err := w.reset(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.reset(), identity.ErrConflict)
	w.start()

	_, ids := publishedKeys(t, must(w.id.JWKS(w.ctx))(t))
	if len(ids) != 2 || slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(old, id) }) {
		t.Errorf("published: %v, before %v", ids, old)
	}
	for _, raw := range []string{c.bearer, c.narrow, c.acting} {
		if _, err := w.id.Authenticate(w.ctx, raw); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("a token of before: %v", err)
		}
	}
	_, err = w.in(c.org).Events(w.ctx, identity.EventFilter{}, identity.Page{Cursor: cursor})
	wantKind(t, err, identity.ErrInvalid)
	for _, org := range orgs {
		if head := must(w.in(org).VerifyAudit(w.ctx))(t); head.Since != ends[org].Seq+1 || head.Since != must(w.in(org).AuditHead(w.ctx))(t).Since {
			t.Errorf("%s: verified since %d, the break is %d", org, head.Since, ends[org].Seq+1)
		}
		i := slices.IndexFunc(w.events(org), func(e identity.Event) bool { return e.Seq == ends[org].Seq+1 })
		if i < 0 {
			t.Errorf("%s: nothing tells of the break", org)
			continue
		}
		e := w.events(org)[i]
		if e.Noun != "instance" || e.Verb != "reset" || e.Reason != "the key was lost" || e.Actor != "system" || string(e.Prev) != string(ends[org].MAC) {
			t.Errorf("%s: the break is told as %+v", org, e)
		}
		w.chained(org, e.Seq)
	}
	must(w.in(c.org).Vouch(w.ctx, c.sa.ID, w.session(session)))(t)
	c.prove()
	for in, err := range c.ways() {
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
	w.reopen()
	must(w.id.Authenticate(w.ctx, c.bearer))(t)
}

// TestSec65_ResetTwice: of two breaks the log is verified from the later one, also
// where a clock says that it came first.
func TestSec65_ResetTwice(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	for i := range 2 {
		if err := w.id.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(w.dir, "app.key"), filepath.Join(w.dir, fmt.Sprint("away", i))); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(-time.Hour)
		if err := w.reset(); err != nil {
			t.Fatal(err)
		}
		w.start()
	}
	events := w.events(org)
	if head := must(w.in(org).VerifyAudit(w.ctx))(t); head.Since != events[len(events)-1].Seq {
		t.Errorf("verified since %d, the last break is %d", head.Since, events[len(events)-1].Seq)
	}
}

// TestResetKeyRingRefuses: what is wrong with the call, and a key service that
// cannot be asked, is not a lost key.
func TestResetKeyRingRefuses(t *testing.T) {
	w := open(t)
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	same := w.unchanged()
	st := must(sqlite.Open(w.ctx, w.file()))(t)
	cfg := w.cfg
	wantKind(t, identity.ResetKeyRing(w.ctx, nil, cfg, "lost"), identity.ErrInvalid)
	wantKind(t, identity.ResetKeyRing(w.ctx, st, cfg, " "), identity.ErrInvalid)
	cfg.Issuer = ""
	wantKind(t, identity.ResetKeyRing(w.ctx, st, cfg, "lost"), identity.ErrInvalid)
	cfg = w.cfg
	cfg.Seal = token.Seal{}
	wantKind(t, identity.ResetKeyRing(w.ctx, st, cfg, "lost"), identity.ErrKey)
	empty := must(sqlite.Open(w.ctx, filepath.Join(t.TempDir(), "new.db")))(t)
	wantKind(t, identity.ResetKeyRing(w.ctx, empty, w.cfg, "lost"), identity.ErrNotFound)
	same()
	if err := errors.Join(st.Close(), empty.Close()); err != nil {
		t.Fatal(err)
	}
	w.start()
}

// TestResetOfALostKey: when only a key service has lost its keys, the log and
// everything that hangs on the instance secret go on.
func TestResetOfALostKey(t *testing.T) {
	v := newVault()
	w := open(t, with(func(c *identity.Config) { c.KeySource = v }))
	c := w.caller()
	cursor := must(w.in(c.org).Events(w.ctx, identity.EventFilter{}, identity.Page{Limit: 1}))(t).Next
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	v.set(func(v *vault) { v.fail = errVault })
	_, err := w.another()
	wantKind(t, err, identity.ErrBusy)
	same := w.unchanged()
	wantKind(t, w.reset(), identity.ErrBusy)
	same()
	v.set(func(v *vault) {
		v.fail = nil
		clear(v.keys)
		v.keys["taken"] = nil
	})
	_, err = w.another()
	wantKind(t, err, identity.ErrKey)
	if err := w.reset(); err != nil {
		t.Fatal(err)
	}
	w.start()
	if _, err := w.id.Authenticate(w.ctx, c.bearer); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("a token of before: %v", err)
	}
	must(w.in(c.org).Events(w.ctx, identity.EventFilter{}, identity.Page{Cursor: cursor}))(t)
	w.chained(w.id.SystemOrg(), 1)
	w.bearer(c.sa, c.key)
}

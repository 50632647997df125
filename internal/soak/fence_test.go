package soak

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// estate is a database with one of everything that a rollback may bring back.
type estate struct {
	t     *testing.T
	ctx   context.Context
	file  string
	clock atomic.Int64 // Unix seconds
	cfg   func(*identity.Config)
	id    *identity.Authority
	org   identity.OrgID

	keys     map[string]workload // by what becomes of them
	secrets  map[string]identity.CredentialSecret
	tokens   map[string]string
	people   map[string]identity.AccountID
	sessions map[string]uint64
	cursor   string
	used     string // an assertion
	binding  identity.BindingID
	kid      string // of the signing key
}

func newEstate(t *testing.T, change ...func(*identity.Config)) *estate {
	t.Helper()
	e := &estate{
		t: t, ctx: t.Context(), file: filepath.Join(t.TempDir(), "app.db"),
		keys: map[string]workload{}, secrets: map[string]identity.CredentialSecret{}, tokens: map[string]string{},
		people: map[string]identity.AccountID{}, sessions: map[string]uint64{},
	}
	e.clock.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
	e.cfg = func(c *identity.Config) {
		c.Now = e.now
		for _, f := range change {
			f(c)
		}
	}
	e.open(e.file)
	e.org = must(e.sys().CreateOrg(e.ctx, identity.OrgSpec{Slug: "office"}))(t).ID
	for _, name := range []string{"stays", "revoked", "stopped"} {
		w := must(newWorkload(e.ctx, e.id, e.org, name))(t)
		e.keys[name] = w
		e.secrets[name] = must(e.in().CreateAPIToken(e.ctx, w.account, identity.APITokenSpec{Name: "t"}))(t)
	}
	e.secrets["client"] = must(e.in().CreateClientSecret(e.ctx, e.keys["stays"].account, identity.ClientSecretSpec{}))(t)
	for _, name := range []string{"stays", "signed out"} {
		user := must(e.in().CreateUser(e.ctx, identity.UserSpec{Email: strings.ReplaceAll(name, " ", "") + "@example.org"}))(t)
		e.people[name] = user.ID
		e.sessions[name] = must(e.vouch(name, 0))(t).Revision()
	}
	e.binding = must(e.in().CreateBinding(e.ctx, identity.BindingSpec{
		Subject: identity.SubjectID(e.people["stays"]), Role: "creator", Scope: policy.Root,
	}))(t).ID
	e.tokens["before"] = e.exchange("stays")
	e.cursor = must(e.in().Accounts(e.ctx, identity.AccountFilter{}, identity.Page{Limit: 1}))(t).Next
	return e
}

func (e *estate) now() time.Time            { return time.Unix(e.clock.Load(), 0) }
func (e *estate) sys() *identity.Admin      { return e.id.System("soak") }
func (e *estate) in() *identity.OrgAdmin    { return e.sys().In(e.org) }
func (e *estate) advance(d time.Duration)   { e.clock.Add(int64(d / time.Second)) }
func (e *estate) close()                    { mustClose(e.t, e.id) }
func (e *estate) beside(name string) string { return filepath.Join(filepath.Dir(e.file), name) }

func (e *estate) open(file string) {
	e.t.Helper()
	e.file = file
	e.id = mustOpen(e.t, file, e.cfg)
}

func (e *estate) vouch(name string, revision uint64) (identity.Principal, error) {
	return e.in().Vouch(e.ctx, e.people[name], identity.Login{
		Method: "soak", AuthTime: e.now(), NotAfter: e.now().Add(24 * time.Hour), Revision: revision,
	})
}

func (e *estate) proof(name string) string {
	w := e.keys[name]
	return must(token.SignAssertion(e.ctx, w.key, token.AssertionSpec{
		KeyID: string(w.keyID), Account: string(w.account), Audience: issuer, Life: 4 * time.Minute, Now: e.now(),
	}))(e.t)
}

func (e *estate) exchange(name string) string {
	e.t.Helper()
	return must(e.id.ExchangeAssertion(e.ctx, e.proof(name), identity.TokenRequest{}))(e.t).Token.Reveal()
}

// narrow takes away one of each.
func (e *estate) narrow() {
	e.t.Helper()
	must(e.in().RevokeCredential(e.ctx, e.keys["revoked"].keyID))(e.t)
	must(e.in().RevokeCredential(e.ctx, e.secrets["revoked"].ID))(e.t)
	must(e.in().DeactivateAccount(e.ctx, e.keys["stopped"].account))(e.t)
	must(e.in().SignOutAccount(e.ctx, e.people["signed out"]))(e.t)
	if err := e.in().DeleteBinding(e.ctx, e.binding); err != nil {
		e.t.Fatal(err)
	}
	for k := range e.sys().AllSigningKeys(e.ctx) {
		if k.State == identity.KeyCurrent {
			e.kid = k.ID
		}
	}
	must(e.sys().CompromiseSigningKey(e.ctx, e.kid))(e.t)
	e.used = e.proof("stays")
	e.tokens["after"] = must(e.id.ExchangeAssertion(e.ctx, e.used, identity.TokenRequest{}))(e.t).Token.Reveal()
}

// survey is what has become of everything.
func (e *estate) survey() map[string]string {
	e.t.Helper()
	found := map[string]string{}
	for _, when := range []string{"before", "after"} {
		_, err := e.id.Authenticate(e.ctx, e.tokens[when])
		found["access token, issued "+when] = lot(err)
	}
	_, err := e.id.ExchangeAssertion(e.ctx, e.used, identity.TokenRequest{})
	found["assertion, used"] = lot(err)
	for _, name := range []string{"stays", "revoked", "stopped"} {
		found["API token, "+name] = e.lotOf(e.secrets[name])
	}
	found["client secret"] = e.lotOf(e.secrets["client"])
	for _, name := range []string{"stays", "signed out"} {
		_, err := e.vouch(name, e.sessions[name])
		found["session, "+name] = lot(err)
	}
	_, err = e.in().Accounts(e.ctx, identity.AccountFilter{}, identity.Page{Limit: 1, Cursor: e.cursor})
	found["cursor"] = lot(err)
	_, err = e.in().Binding(e.ctx, e.binding)
	found["binding, deleted"] = lot(err)
	jwks := string(must(e.id.JWKS(e.ctx))(e.t))
	if found["signing key, compromised"] = "dead"; strings.Contains(jwks, e.kid) {
		found["signing key, compromised"] = "lives"
	}
	e.advance(31 * time.Second) // Config.Skew after a fence, assertions are good again
	for _, name := range []string{"stays", "revoked", "stopped"} {
		_, err := e.id.ExchangeAssertion(e.ctx, e.proof(name), identity.TokenRequest{})
		found["public key, "+name] = lot(err)
	}
	return found
}

func lot(err error) string {
	switch {
	case err == nil:
		return "lives"
	case errors.Is(err, identity.ErrStorage), errors.Is(err, identity.ErrStale), errors.Is(err, identity.ErrBusy):
		return "unknown: " + err.Error()
	}
	return "dead"
}

func (e *estate) lotOf(s identity.CredentialSecret) string {
	e.t.Helper()
	row := must(e.in().Credential(e.ctx, s.ID))(e.t)
	var err error
	if s.Type == identity.APIToken {
		_, err = e.id.Authenticate(e.ctx, s.Secret.Reveal())
	} else {
		_, err = e.id.ExchangeClientSecret(e.ctx, string(s.ID), s.Secret.Reveal(), identity.TokenRequest{})
	}
	if err != nil && row.State == identity.CredentialHeld {
		return "held"
	}
	return lot(err)
}

// want prints what has become of everything, and compares it.
func (e *estate) want(form string, want map[string]string) {
	e.t.Helper()
	found := e.survey()
	e.t.Logf("%s:", form)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		e.t.Logf("    %-30s %s", name, found[name])
		if found[name] != want[name] {
			e.t.Errorf("%s: %s: %q, want %q", form, name, found[name], want[name])
		}
	}
	for name := range want {
		if _, ok := found[name]; !ok {
			e.t.Errorf("%s was not looked at", name)
		}
	}
}

// complete is what becomes of everything when all is known that was taken away:
// only what was taken away, and what carries the incarnation.
func complete() map[string]string {
	return map[string]string{
		"access token, issued before": "dead", "access token, issued after": "dead", "assertion, used": "dead", "cursor": "dead",
		"session, stays": "dead", "session, signed out": "dead", "binding, deleted": "dead", "signing key, compromised": "dead",
		"API token, stays": "lives", "API token, revoked": "dead", "API token, stopped": "dead", "client secret": "lives",
		"public key, stays": "lives", "public key, revoked": "dead", "public key, stopped": "dead",
	}
}

// partly is what becomes of it when what was taken away is not known.
func partly() map[string]string {
	want := complete()
	for _, name := range []string{"API token, stays", "API token, revoked", "API token, stopped", "client secret"} {
		want[name] = "held"
	}
	for _, name := range []string{"public key, revoked", "public key, stopped", "binding, deleted"} {
		want[name] = "lives"
	}
	return want
}

// files copies a database with what SQLite has beside it, and nothing else.
func files(t *testing.T, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		data, err := os.ReadFile(from + suffix)
		if errors.Is(err, os.ErrNotExist) {
			err = os.Remove(to + suffix)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			continue
		}
		if err == nil {
			err = os.WriteFile(to+suffix, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestSec42_RestoreInPlace: a backup is restored where the database was, beside
// the fence file, which knows all that was taken away since.
func TestSec42_RestoreInPlace(t *testing.T) {
	e := newEstate(t)
	backup := e.beside("backup.db")
	if err := e.sys().Backup(e.ctx, backup); err != nil {
		t.Fatal(err)
	}
	e.narrow()
	if err := sqlite.Restore(e.ctx, backup, e.file); !errors.Is(err, identity.ErrLocked) {
		t.Fatalf("over a database that is open: %v", err)
	}
	e.close()
	if err := sqlite.Restore(e.ctx, backup, e.file); err != nil {
		t.Fatal(err)
	}
	e.open(e.file)
	e.want("restored in place", complete())
	if n := must(e.sys().ReleaseHeld(e.ctx, identity.HeldFilter{}))(t); n != 0 {
		t.Errorf("%d credentials were held", n)
	}

	// The same backup once more: what the first fence took away is known, too.
	e.tokens["after"] = e.exchange("stays")
	e.close()
	if err := sqlite.Restore(e.ctx, backup, e.file); err != nil {
		t.Fatal(err)
	}
	e.open(e.file)
	e.want("restored once more", complete())
}

// TestSec42_RestoreElsewhere: a backup is restored on a machine that knows
// nothing of what came after it.
func TestSec42_RestoreElsewhere(t *testing.T) {
	e := newEstate(t)
	backup := e.beside("backup.db")
	if err := e.sys().Backup(e.ctx, backup); err != nil {
		t.Fatal(err)
	}
	e.narrow()
	e.close()
	elsewhere := e.beside("elsewhere.db")
	if err := sqlite.Restore(e.ctx, backup, elsewhere); err != nil {
		t.Fatal(err)
	}
	e.open(elsewhere)
	e.want("restored elsewhere", partly())

	// Disabling what is held does not make it something that can be enabled.
	held := e.secrets["stays"].ID
	if changed := must(e.in().DisableCredential(e.ctx, held))(t); changed {
		t.Error("a held token was disabled")
	}
	if _, err := e.in().EnableCredential(e.ctx, held); err == nil || e.lotOf(e.secrets["stays"]) != "held" {
		t.Errorf("a held token was enabled: %v", err)
	}
	// The operator knows which one was revoked.
	must(e.in().RevokeCredential(e.ctx, e.secrets["revoked"].ID))(t)
	must(e.in().DeactivateAccount(e.ctx, e.keys["stopped"].account))(t)
	if n := must(e.sys().ReleaseHeld(e.ctx, identity.HeldFilter{Type: identity.APIToken}))(t); n != 2 {
		t.Errorf("%d were released, want 2 of 4", n)
	}
	if n := must(e.sys().ReleaseHeld(e.ctx, identity.HeldFilter{}))(t); n != 1 {
		t.Errorf("%d more were released, want the client secret", n)
	}
	for name, want := range map[string]string{"stays": "lives", "revoked": "dead", "stopped": "dead", "client": "lives"} {
		if got := e.lotOf(e.secrets[name]); got != want {
			t.Errorf("after the release: %s %s, want %s", name, got, want)
		}
	}

	// Opening it again is no rollback.
	access := e.exchange("stays")
	e.close()
	e.open(elsewhere)
	if _, err := e.id.Authenticate(e.ctx, access); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// TestSec42_RestoreOfACopy: what is restored need not be a backup; of a plain copy, too, nobody knows what came after it.
func TestSec42_RestoreOfACopy(t *testing.T) {
	e := newEstate(t)
	e.close()
	plain, elsewhere := e.beside("plain.db"), e.beside("elsewhere.db")
	files(t, e.file, plain)
	e.open(e.file)
	e.narrow()
	e.close()
	if err := sqlite.Restore(e.ctx, plain, elsewhere); err != nil {
		t.Fatal(err)
	}
	e.open(elsewhere)
	e.want("a plain copy restored elsewhere", partly())
}

// TestSec42_MarkedCopy: a backup that somebody has moved into place without
// Restore is marked all the same.
func TestSec42_MarkedCopy(t *testing.T) {
	e := newEstate(t)
	backup := e.beside("backup.db")
	if err := e.sys().Backup(e.ctx, backup); err != nil {
		t.Fatal(err)
	}
	e.narrow()
	e.close()
	e.open(backup)
	e.want("a backup opened as it is", partly())
}

// TestSec42_CopyWithSidecar: a plain copy is put back, beside the fence file.
func TestSec42_CopyWithSidecar(t *testing.T) {
	e := newEstate(t)
	e.close()
	files(t, e.file, e.beside("copy.db"))
	e.open(e.file)
	e.narrow()
	e.close()
	files(t, e.beside("copy.db"), e.file)
	e.open(e.file)
	e.want("a copy beside the fence file", complete())
}

// TestSec42_CopyWithoutSidecar: a plain copy alone cannot be told from the
// database itself. What was revoked since lives again, until somebody shows a
// token that the copy cannot have issued.
func TestSec42_CopyWithoutSidecar(t *testing.T) {
	e := newEstate(t)
	e.close()
	copied := e.beside("copy.db")
	files(t, e.file, copied)
	e.open(e.file)
	e.narrow()
	e.close()
	e.open(copied)
	p, err := e.id.Authenticate(e.ctx, e.tokens["before"])
	if err != nil {
		t.Fatalf("nothing can have been detected yet: %v", err)
	}
	if got := e.lotOf(e.secrets["revoked"]); got != "lives" {
		t.Errorf("the revoked API token: %s", got)
	}
	watched, end := e.id.Watch(e.ctx, p)
	defer end()
	before := e.id.Revision()
	if _, err := e.id.Authenticate(e.ctx, e.tokens["after"]); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("a token of the lost state: %v", err)
	}
	select {
	case <-watched.Done():
	default:
		t.Error("a watch of a principal of before goes on")
	}
	if d := may(e.ctx, e.id, p, e.org, "wallets:read"); d.Allowed {
		t.Errorf("a principal of before: %+v", d)
	}
	if now := e.id.Revision(); now < 1<<32 || now-before < 1<<31 {
		t.Errorf("the revision went from %d to %d", before, now)
	}
	e.want("a copy without the fence file, once a newer token was seen", partly())
}

// TestSec42_StaleWAL: the process was killed, and its WAL lies where the backup
// goes.
func TestSec42_StaleWAL(t *testing.T) {
	e := newEstate(t)
	backup := e.beside("backup.db")
	if err := e.sys().Backup(e.ctx, backup); err != nil {
		t.Fatal(err)
	}
	e.narrow()
	killed := e.beside("killed.db")
	files(t, e.file, killed) // as it is at this moment, which is what a kill leaves
	if info, err := os.Stat(killed + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("there is no WAL: %v", err)
	}
	sidecar := must(os.ReadFile(e.file + ".fence"))(t)
	if err := os.WriteFile(killed+".fence", sidecar, 0o600); err != nil {
		t.Fatal(err)
	}
	e.close()
	if err := sqlite.Restore(e.ctx, backup, killed); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(killed + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the WAL: %v", err)
	}
	e.open(killed)
	e.want("restored over a stale WAL", complete())
}

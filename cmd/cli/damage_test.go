package cli_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"os"
	"path/filepath"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// damage does what a line that begins with % says.
func (w *world) damage(word string) {
	w.t.Helper()
	file := filepath.Join(w.dir, "app.db")
	do, ok := map[string]func(){
		"people":    w.people,
		"keep":      func() { w.copy("app.db", "kept.db"); w.copy("app.key", "kept.key") },
		"heal":      func() { w.copy("kept.db", "app.db"); w.copy("kept.key", "app.key") },
		"host":      w.start,
		"token":     w.token,
		"no-fence":  func() { w.must(os.Remove(file + ".fence")) },
		"mode":      func() { w.must(os.Chmod(file, 0o644)) },
		"truncated": func() { w.must(os.Truncate(file, 8192)) },
		"no-header": func() { w.write("app.db", []byte("-----BEGIN PUBLIC KEY-----\n")) },
		"gap":       func() { w.sql(`DROP TRIGGER identity_event_delete`, `DELETE FROM identity_event WHERE seq = 3`) },
		"altered": func() {
			w.sql(`DROP TRIGGER identity_event_update`, `UPDATE identity_event SET after = x'7b7d' WHERE seq = 2`)
		},
		"forged": func() {
			w.sql(`DROP TRIGGER identity_event_update`, `UPDATE identity_event SET reason = 'nothing' WHERE seq = 13`)
		},
		"cut": func() {
			w.sql(`DROP TRIGGER identity_event_delete`, `DELETE FROM identity_event WHERE seq > 12`)
		},
		"jwks": w.jwks,
		"alien": func() {
			w.write("alien.json", []byte(`{"org":"or_gone","seq":1,"mac":"`+base64.StdEncoding.EncodeToString(make([]byte, 32))+`"}`))
		},
		"forge":     func() { w.forge("log.jsonl", "forged.jsonl") },
		"lost-role": func() { w.sql(`DELETE FROM identity_role`) },
		"newer": func() {
			w.sql(`UPDATE identity_schema_version SET version_id = 99 WHERE version_id = (SELECT max(version_id) FROM identity_schema_version)`)
		},
		"other-key": func() { w.write("app.key", []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n")) },
		"lose-org":  func() { w.sql(`PRAGMA foreign_keys = OFF`, `DELETE FROM identity_org WHERE slug = 'acme'`) },
		"server":    func() { w.server(sqlite.Options{}) },
		"shared":    func() { w.server(sqlite.Options{Shared: true}) },
		"empty":     func() { w.write("empty.db", nil) },
		"open-key":  func() { w.must(os.Chmod(filepath.Join(w.dir, "app.key"), 0o644)) },
		"close-key": func() { w.must(os.Chmod(filepath.Join(w.dir, "app.key"), 0o600)) },
	}[word]
	if !ok {
		w.t.Fatalf("nothing does %q", word)
	}
	do()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) copy(from, to string) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, from))
	w.must(err)
	w.must(os.RemoveAll(filepath.Join(w.dir, to)))
	w.write(to, text)
}

// sql writes to the file behind the library's back.
func (w *world) sql(statements ...string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "app.db"))
	w.must(err)
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
	}
	w.must(db.Close())
}

// server has the database open until the test ends.
func (w *world) server(o sqlite.Options) {
	w.t.Helper()
	st, err := sqlite.Open(w.t.Context(), filepath.Join(w.dir, "app.db"), o)
	w.must(err)
	w.t.Cleanup(func() {
		if err := st.Close(); err != nil {
			w.t.Error(err)
		}
	})
}

// people fills the org acme: ann owns it, bob and the program ci are in it.
func (w *world) people() {
	w.t.Helper()
	w.tick()
	ctx := w.t.Context()
	id, err := w.host(ctx)
	w.must(err)
	sys := id.System("setup")
	acme, err := sys.CreateOrg(ctx, identity.OrgSpec{Slug: "acme", Owner: &identity.UserSpec{Email: "ann@acme.example"}})
	w.must(err)
	in := sys.In(acme.ID)
	w.tick()
	_, err = in.CreateUser(ctx, identity.UserSpec{Email: "bob@acme.example"})
	w.must(err)
	_, err = in.CreateRole(ctx, identity.RoleSpec{Name: "creator", Permissions: []string{"wallets:create"}})
	w.must(err)
	staff, err := in.CreateGroup(ctx, identity.GroupSpec{Name: "staff"})
	w.must(err)
	_, err = in.AddMember(ctx, staff.ID, identity.SubjectID(acme.Owner.ID))
	w.must(err)
	scope, err := policy.NewPath("projects", "p1")
	w.must(err)
	w.tick()
	ci, err := in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: "ci", Bindings: []identity.BindingSpec{{Role: "creator", Scope: scope}}})
	w.must(err)
	w.tick()
	_, err = in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(ci.ID), Role: "wallet-reader", Scope: scope})
	w.must(err)
	w.must(id.Close())
}

// ring is the signing keys as they are stored.
func (w *world) ring() string {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "app.db"))
	w.must(err)
	var rows string
	w.must(db.QueryRow(`SELECT group_concat(id || ' ' || state || ' ' || signs_from || ' ' || hex(sealed), char(10)) FROM identity_signing_key`).Scan(&rows))
	w.must(db.Close())
	return rows
}

// token has the host make an API token for the program ci.
func (w *world) token() {
	w.t.Helper()
	ctx := w.t.Context()
	id, err := w.host(ctx)
	w.must(err)
	org, err := id.System("setup").OrgBySlug(ctx, "acme")
	w.must(err)
	in := id.System("setup").In(org.ID)
	for a, err := range in.AllAccounts(ctx, identity.AccountFilter{Kind: identity.ServiceAccount}) {
		w.must(err)
		_, err = in.CreateAPIToken(ctx, a.ID, identity.APITokenSpec{Name: "deploy"})
		w.must(err)
	}
	w.must(id.Close())
}

// start starts the host once.
func (w *world) start() {
	w.t.Helper()
	id, err := w.host(w.t.Context())
	w.must(err)
	w.must(id.Close())
}

// jwks keeps the host's public keys.
func (w *world) jwks() {
	w.t.Helper()
	id, err := w.host(w.t.Context())
	w.must(err)
	text, err := id.JWKS(w.t.Context())
	w.must(err)
	w.write("app.jwks", text)
	w.must(id.Close())
}

// forge changes a word of an export.
func (w *world) forge(from, to string) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, from))
	w.must(err)
	forged := bytes.Replace(text, []byte(`"verb":"deactivate"`), []byte(`"verb":"activate"`), 1)
	if bytes.Equal(forged, text) {
		w.t.Fatal("there is nothing to forge")
	}
	w.write(to, forged)
}

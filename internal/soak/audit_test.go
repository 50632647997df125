package soak

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// TestSec65_AuditFindsEveryFlip writes a log, flips one byte of it at random
// and wants the row to be named, again and again; then cuts its end off, which
// only a head that was kept shows; then does the same to an export.
//
// In the long form: 100,000 events, 100 flips of each.
func TestSec65_AuditFindsEveryFlip(t *testing.T) {
	const pass = 1000
	events, flips := rounds(1500, 100_000), rounds(25, 100)
	rnd, ctx := seeded(t), t.Context()
	path := filepath.Join(t.TempDir(), "app.db")
	id := mustOpen(t, path)
	org := must(id.System("test").CreateOrg(ctx, identity.OrgSpec{Slug: "acme"}))(t).Org
	user := must(id.System("test").In(org.ID).CreateUser(ctx, identity.UserSpec{Email: "a@example.com"}))(t)
	in := id.System("audit").In(org.ID)
	for written := 0; written < events; written += pass {
		err := id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
			for i := range pass {
				name := fmt.Sprintf("name %d", written+i)
				if _, err := tx.System("fill").In(org.ID).UpdateAccount(ctx, user.ID, identity.AccountPatch{DisplayName: &name}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	head := must(in.VerifyAudit(ctx))(t)
	if kept := must(in.AuditHead(ctx))(t); kept.Seq != head.Seq || !bytes.Equal(kept.MAC, head.MAC) || head.Seq < uint64(events) {
		t.Fatalf("the head is %+v, verified was %+v", kept, head)
	}
	var export bytes.Buffer
	must(in.ExportAudit(ctx, &export, head))(t)

	f := newForger(t, path)
	for range flips {
		seq := 1 + rnd.Uint64N(head.Seq)
		what, undo := f.flip(rnd, org.ID, seq)
		_, err := in.VerifyAudit(ctx)
		var found *identity.AuditError
		if !errors.Is(err, identity.ErrStorage) || !errors.As(err, &found) || found.Seq != seq || found.Org != org.ID {
			t.Errorf("%s of event %d flipped: %v", what, seq, err)
		}
		undo()
	}
	for _, cut := range []uint64{1, 2, head.Seq / 2} {
		undo := f.cut(org.ID, head.Seq-cut)
		shorter, err := in.VerifyAudit(ctx)
		if err != nil || shorter.Seq != head.Seq-cut {
			t.Errorf("cut off by %d, with no head kept: %+v, %v", cut, shorter, err)
		}
		_, err = in.VerifyAudit(ctx, shorter, head)
		var found *identity.AuditError
		if !errors.As(err, &found) || found.Seq != head.Seq-cut+1 {
			t.Errorf("cut off by %d, with the head kept: %v", cut, err)
		}
		undo()
	}
	must(in.VerifyAudit(ctx, head))(t) // everything is back
	exported(t, rnd, id, export.Bytes(), head, flips)
	t.Logf("%d events, %d flips in the log and as many in its export, %d bytes", head.Seq, flips, export.Len())
}

// exported flips bytes of an export, takes lines out of it and adds some.
func exported(t *testing.T, rnd *mathrand.Rand, id *identity.Authority, export []byte, head identity.AuditHead, flips int) {
	t.Helper()
	keys := must(token.ParseKeySet(must(id.JWKS(t.Context()))(t)))(t)
	got, err := identity.VerifyExport(bytes.NewReader(export), keys, issuer)
	if err != nil || got.Seq != head.Seq || got.Org != head.Org || !bytes.Equal(got.MAC, head.MAC) {
		t.Fatalf("the export: %+v, %v", got, err)
	}
	wrong := func(what string, text []byte) {
		t.Helper()
		if _, err := identity.VerifyExport(bytes.NewReader(text), keys, issuer); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("an export with %s: %v", what, err)
		}
	}
	for range flips {
		at := rnd.IntN(len(export) - 1)
		altered := bytes.Clone(export)
		altered[at] ^= byte(1 + rnd.IntN(255))
		wrong(fmt.Sprintf("byte %d altered from %q to %q", at, export[at], altered[at]), altered)
	}
	lines := strings.SplitAfter(string(export), "\n")
	lines = lines[:len(lines)-1]
	n := len(lines) - 1 // the signature
	i := 1 + rnd.IntN(n-2)
	join := func(parts ...[]string) []byte {
		var all []string
		for _, p := range parts {
			all = append(all, p...)
		}
		return []byte(strings.Join(all, ""))
	}
	wrong("a line missing", join(lines[:i], lines[i+1:]))
	wrong("the first line missing", join(lines[1:]))
	wrong("the last event missing", join(lines[:n-1], lines[n:]))
	wrong("no signature", join(lines[:n]))
	wrong("its signature twice", join(lines, lines[n:]))
	wrong("two lines changed over", join(lines[:i], lines[i+1:i+2], lines[i:i+1], lines[i+2:]))
	wrong("nothing in it", nil)
	if _, err := identity.VerifyExport(bytes.NewReader(export), keys, "https://other.example"); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("for another issuer: %v", err)
	}
	if _, err := identity.VerifyExport(bytes.NewReader(export), nil, issuer); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("without keys: %v", err)
	}
}

// forger writes into the log behind everybody's back, as who owns the file can.
type forger struct {
	t  *testing.T
	db *sql.DB
}

func newForger(t *testing.T, path string) forger {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	f := forger{t, db}
	f.exec(`PRAGMA foreign_keys = OFF`)
	for _, verb := range []string{"insert", "update", "delete"} {
		f.exec(`DROP TRIGGER identity_event_` + verb)
	}
	return f
}

func (f forger) exec(text string, args ...any) {
	f.t.Helper()
	if _, err := f.db.ExecContext(f.t.Context(), text, args...); err != nil {
		f.t.Fatalf("%s: %v", text, err)
	}
}

// flip alters one byte of one column of an event, and says which.
func (f forger) flip(rnd *mathrand.Rand, org identity.OrgID, seq uint64) (what string, undo func()) {
	f.t.Helper()
	texts := []string{"org_id", "noun", "id", "verb", "actor", "reason", "before", "after", "before_hash", "after_hash", "prev", "mac"}
	numbers := []string{"revision", "item", "at", "seq"}
	for {
		if column := rnd.IntN(len(texts) + len(numbers)); column < len(texts) {
			if undo = f.flipText(rnd, texts[column], org, seq); undo != nil {
				return texts[column], undo
			}
		} else {
			name := numbers[column-len(texts)]
			return name, f.flipNumber(rnd, name, org, seq)
		}
	}
}

// flipText returns nil if there is nothing in that column.
func (f forger) flipText(rnd *mathrand.Rand, column string, org identity.OrgID, seq uint64) func() {
	f.t.Helper()
	var kind string
	var was []byte
	err := f.db.QueryRowContext(f.t.Context(), `SELECT typeof(`+column+`), CAST(`+column+` AS BLOB) FROM identity_event WHERE org_id = ? AND seq = ?`,
		string(org), seq).Scan(&kind, &was)
	if err != nil {
		f.t.Fatal(err)
	}
	if len(was) == 0 {
		return nil
	}
	is := bytes.Clone(was)
	is[rnd.IntN(len(is))] ^= 1 // stays valid UTF-8
	set := func(to []byte, org any) {
		cast := "?"
		if kind == "text" {
			cast = "CAST(? AS TEXT)"
		}
		f.exec(`UPDATE identity_event SET `+column+` = `+cast+` WHERE org_id = ? AND seq = ?`, to, org, seq)
	}
	set(is, string(org))
	now := string(org)
	if column == "org_id" {
		now = string(is)
	}
	return func() { set(was, now) }
}

func (f forger) flipNumber(rnd *mathrand.Rand, column string, org identity.OrgID, seq uint64) func() {
	f.t.Helper()
	var was int64
	err := f.db.QueryRowContext(f.t.Context(), `SELECT `+column+` FROM identity_event WHERE org_id = ? AND seq = ?`, string(org), seq).Scan(&was)
	if err != nil {
		f.t.Fatal(err)
	}
	is := was ^ 1<<24 // where no other row is
	if column != "item" {
		is = was ^ int64(1)<<(24+8*rnd.IntN(3))
	}
	key := seq
	if column == "seq" {
		key = uint64(is)
	}
	f.exec(`UPDATE identity_event SET `+column+` = ? WHERE org_id = ? AND seq = ?`, is, string(org), seq)
	return func() {
		f.exec(`UPDATE identity_event SET `+column+` = ? WHERE org_id = ? AND seq = ?`, was, string(org), key)
	}
}

// cut takes away what comes after an event.
func (f forger) cut(org identity.OrgID, last uint64) (undo func()) {
	f.t.Helper()
	f.exec(`CREATE TABLE away AS SELECT * FROM identity_event WHERE org_id = ? AND seq > ?`, string(org), last)
	f.exec(`DELETE FROM identity_event WHERE org_id = ? AND seq > ?`, string(org), last)
	return func() {
		f.exec(`INSERT INTO identity_event SELECT * FROM away`)
		f.exec(`DROP TABLE away`)
	}
}

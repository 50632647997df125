package doctor_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/cmd/doctor"
	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

func seal() token.Seal { return token.SealBytes(bytes.Repeat([]byte{7}, 32)) }

// host makes a database, or opens it again.
func host(t *testing.T, file string) *identity.Authority {
	t.Helper()
	st, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.New(t.Context(), st, identity.Config{Issuer: "https://app.example", Seal: seal()})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// healthy makes a database with an org of each thing, and returns its file.
func healthy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o700))
	file := filepath.Join(dir, "app.db")
	id := host(t, file)
	fill(t, id)
	must(t, id.Close())
	return file
}

func fill(t *testing.T, id *identity.Authority) {
	t.Helper()
	ctx, sys := t.Context(), id.System("setup")
	org, err := sys.CreateOrg(ctx, identity.OrgSpec{Slug: "acme", Owner: &identity.UserSpec{Email: "ann@acme.example"}})
	must(t, err)
	in := sys.In(org.ID)
	group, err := in.CreateGroup(ctx, identity.GroupSpec{Name: "staff"})
	must(t, err)
	_, err = in.AddMember(ctx, group.ID, identity.SubjectID(org.Owner.ID))
	must(t, err)
	_, err = sys.UpdateOrg(ctx, org.ID, identity.OrgPatch{Settings: &identity.OrgSettings{DefaultUserGroups: []identity.GroupID{group.ID}}})
	must(t, err)
	inner, err := in.CreateRole(ctx, identity.RoleSpec{Name: "inner", Permissions: []string{"identity:events.read"}})
	must(t, err)
	_, err = in.CreateRole(ctx, identity.RoleSpec{Name: "outer", Includes: []string{string(inner.ID)}})
	must(t, err)
	_, err = in.CreateUser(ctx, identity.UserSpec{Email: "bob@acme.example", Boundary: "inner", Roles: []string{"inner"}})
	must(t, err)
	gone, err := sys.CreateOrg(ctx, identity.OrgSpec{Slug: "gone"})
	must(t, err)
	_, err = sys.DeleteOrg(ctx, gone.ID)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// examine returns the checks that found a problem.
func examine(t *testing.T, file string) (problems []string, all []doctor.Finding) {
	t.Helper()
	s := seal()
	all, err := doctor.Examine(t.Context(), file, doctor.Options{Seal: &s, Temp: t.TempDir()})
	must(t, err)
	for _, f := range all {
		if f.Do == "" || f.Found == "" || f.Check == "" {
			t.Errorf("%+v says too little", f)
		}
		if f.Severity == doctor.Problem && !slices.Contains(problems, f.Check) {
			problems = append(problems, f.Check)
		}
	}
	return problems, all
}

func execute(t *testing.T, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	must(t, err)
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	must(t, db.Close())
}

// TestHealthy: nothing is found in a file as the library leaves it.
func TestHealthy(t *testing.T) {
	if _, all := examine(t, healthy(t)); len(all) > 0 {
		t.Errorf("a healthy file has %+v", all)
	}
}

// TestDamage: each damage is found by its check, and by no other.
func TestDamage(t *testing.T) {
	const loose = `PRAGMA foreign_keys = OFF`
	for _, c := range []struct {
		check      string
		statements []string
	}{
		{"member", []string{`UPDATE identity_member SET member_id = 'us_gone' WHERE member_id = (SELECT min(member_id) FROM identity_member)`}},
		{"binding-subject", []string{`UPDATE identity_binding SET subject = 'gr_gone' WHERE role = 'code:owner'`}},
		{"binding-role", []string{`UPDATE identity_binding SET role = 'ro_gone' WHERE role <> 'code:owner'`}},
		{"boundary", []string{`UPDATE identity_account SET boundary = 'ro_gone' WHERE boundary <> ''`}},
		{"include", []string{`UPDATE identity_role SET includes = '["ro_gone"]' WHERE includes <> '[]'`}},
		{"default-group", []string{`UPDATE identity_org SET settings = replace(settings, 'gr_', 'gr_0') WHERE slug = 'acme'`}},
		{"last-key", []string{`DELETE FROM identity_signing_key WHERE state = 'current'`}},
		{"foreign-key", []string{loose, `UPDATE identity_member SET group_id = 'gr_gone'`}},
		{"schema", []string{`UPDATE identity_schema_version SET version_id = 99 WHERE version_id = (SELECT max(version_id) FROM identity_schema_version)`}},
		{"schema", []string{`DROP TABLE identity_schema_version`}},
		{"audit", []string{`DROP TRIGGER identity_event_delete`, `DELETE FROM identity_event WHERE seq = 2`}},
		{"audit", []string{`DROP TRIGGER identity_event_update`, `UPDATE identity_event SET after = x'7b7d' WHERE seq = 2`}},
		{"audit", []string{`DROP TRIGGER identity_event_update`, `UPDATE identity_event SET mac = x'00' WHERE seq = 2`}},
		{"audit", []string{`DROP TRIGGER identity_event_update`, `UPDATE identity_event SET actor = 'us_other' WHERE seq = 2`}}, // only the key tells
		{"seal", []string{`UPDATE identity_instance SET sealed_secret = x'016b00'`}},
	} {
		t.Run(c.check, func(t *testing.T) {
			file := healthy(t)
			execute(t, file, c.statements...)
			if problems, all := examine(t, file); len(problems) != 1 || problems[0] != c.check {
				t.Errorf("found %q: %+v", problems, all)
			}
		})
	}
}

// TestPurged: what a purge leaves of an event is no damage.
func TestPurged(t *testing.T) {
	file := healthy(t)
	execute(t, file, `UPDATE identity_event SET before = NULL, after = NULL`)
	if problems, all := examine(t, file); len(problems) > 0 {
		t.Errorf("found %+v", all)
	}
}

// TestOwner: an org whose only owner is stopped is named.
func TestOwner(t *testing.T) {
	file := healthy(t)
	id := host(t, file)
	org, err := id.System("test").OrgBySlug(t.Context(), "acme")
	must(t, err)
	in := id.System("test").In(org.ID)
	for a, err := range in.AllAccounts(t.Context(), identity.AccountFilter{NamePrefix: "ann@"}) {
		must(t, err)
		_, err = in.DeactivateAccount(t.Context(), a.ID)
		must(t, err)
	}
	must(t, id.Close())
	_, all := examine(t, file)
	if len(all) != 1 || all[0].Check != "owner" || all[0].Severity != doctor.Note || !strings.Contains(all[0].Found, "acme") {
		t.Errorf("found %+v", all)
	}
}

// TestChangesNothing: the folder is the same afterwards, to the byte, also when a
// process left a WAL behind, and the copy is gone.
func TestChangesNothing(t *testing.T) {
	file := healthy(t)
	crashed := filepath.Join(t.TempDir(), "crashed.db")
	must(t, os.Chmod(filepath.Dir(crashed), 0o700))
	id := host(t, file)
	_, err := id.System("test").CreateOrg(t.Context(), identity.OrgSpec{Slug: "late"})
	must(t, err)
	for _, suffix := range []string{"", "-wal", "-shm"} { // what a machine that lost power finds
		text, err := os.ReadFile(file + suffix)
		must(t, err)
		must(t, os.WriteFile(crashed+suffix, text, 0o600))
	}
	must(t, id.Close())

	for _, name := range []string{file, crashed} {
		before := sums(t, filepath.Dir(name))
		temp := t.TempDir()
		s := seal()
		all, err := doctor.Examine(t.Context(), name, doctor.Options{Seal: &s, Temp: temp})
		must(t, err)
		if after := sums(t, filepath.Dir(name)); after != before {
			t.Errorf("was\n%sis\n%s", before, after)
		}
		if left := sums(t, temp); left != "" {
			t.Errorf("left behind: %s", left)
		}
		if name == crashed {
			if !slices.ContainsFunc(all, func(f doctor.Finding) bool { return f.Check == "wal" && f.Severity == doctor.Note }) {
				t.Errorf("the WAL was not named: %+v", all)
			}
			if !slices.ContainsFunc(all, func(f doctor.Finding) bool { return f.Check == "owner" && strings.Contains(f.Found, "late") }) {
				t.Errorf("what is in the WAL was not looked at: %+v", all)
			}
		}
	}
}

// sums is every file of a folder, with its mode and digest.
func sums(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		fmt.Fprintf(&b, "%s %s %s %x\n", e.Name(), info.Mode(), info.ModTime(), sha256.Sum256(text))
	}
	return b.String()
}

// TestOwned: a file that is open is not looked at.
func TestOwned(t *testing.T) {
	for _, o := range []sqlite.Options{{}, {Shared: true}} {
		file := healthy(t)
		st, err := sqlite.Open(t.Context(), file, o)
		must(t, err)
		if _, err := doctor.Examine(t.Context(), file, doctor.Options{}); !errors.Is(err, identity.ErrLocked) {
			t.Errorf("shared %v: %v", o.Shared, err)
		}
		must(t, st.Close())
	}
	if _, err := doctor.Examine(context.Background(), filepath.Join(t.TempDir(), "missing.db"), doctor.Options{}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestModes: files that others can use are named, each by itself.
func TestModes(t *testing.T) {
	file := healthy(t)
	must(t, os.Chmod(file, 0o640))
	must(t, os.Chmod(filepath.Dir(file), 0o777))
	problems, _ := examine(t, file)
	must(t, os.Chmod(filepath.Dir(file), 0o700))
	if !slices.Equal(problems, []string{"file-mode", "folder-mode"}) {
		t.Errorf("found %q", problems)
	}
}

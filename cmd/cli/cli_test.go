package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/claviger-go/claviger/cmd/cli"
	"github.com/claviger-go/claviger/identity"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, cli.ExitDone},
		{errors.New("anything"), cli.ExitFailed},
		{identity.ErrStorage, cli.ExitFailed},
		{identity.ErrKey, cli.ExitFailed},
		{identity.ErrNewerSchema, cli.ExitFailed},
		{identity.ErrNested, cli.ExitFailed},
		{identity.ErrUnauthenticated, cli.ExitFailed},
		{identity.ErrNotFound, cli.ExitNotFound},
		{identity.ErrConflict, cli.ExitRefused},
		{identity.ErrInUse, cli.ExitRefused},
		{identity.ErrLimit, cli.ExitRefused},
		{identity.ErrDenied, cli.ExitRefused},
		{identity.ErrDisabled, cli.ExitRefused},
		{identity.ErrExpired, cli.ExitRefused},
		{identity.ErrRevoked, cli.ExitRefused},
		{identity.ErrEscalation, cli.ExitRefused},
		{identity.ErrLocked, cli.ExitBusy},
		{identity.ErrBusy, cli.ExitBusy},
		{identity.ErrStale, cli.ExitBusy},
		{errors.Join(identity.ErrNotFound, identity.ErrStorage), cli.ExitFailed}, // the lesser is not the reason
	} {
		if got := cli.ExitCode(fmt.Errorf("while at it: %w", c.err)); c.err != nil && got != c.code {
			t.Errorf("%v exits with %d, want %d", c.err, got, c.code)
		}
	}
	if cli.ExitCode(nil) != cli.ExitDone {
		t.Error("no error is no failure")
	}
}

// TestColor: verdicts are coloured for a person who has not said NO_COLOR.
func TestColor(t *testing.T) {
	w := newWorld(t)
	w.people()
	for _, c := range []struct {
		terminal bool
		noColor  string
		colored  bool
	}{{true, "", true}, {true, "1", false}, {false, "", false}} {
		t.Setenv("NO_COLOR", c.noColor)
		var out, errs bytes.Buffer
		o := cli.Options{Out: &out, Err: &errs, Now: w.clock, Open: w.host, Terminal: c.terminal}
		if code := cli.Run(t.Context(), o, []string{"explain", "ci", "wallets:read", "projects/p1", "--org", "acme"}); code != 0 {
			t.Fatalf("exit %d: %s", code, &errs)
		}
		if got := strings.Contains(out.String(), "\x1b["); got != c.colored {
			t.Errorf("terminal %v, NO_COLOR %q: coloured %v", c.terminal, c.noColor, got)
		}
	}
}

// TestMounted: below a host's own root the lines to type begin with the host's name.
func TestMounted(t *testing.T) {
	w := newWorld(t)
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		root := &cobra.Command{Use: "app", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(cli.New(cli.Options{Out: &out, Err: &out, Now: w.clock, Open: w.host}))
		root.SetArgs(append([]string{"claviger"}, args...))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	if out, err := run("orgs", "list"); err != nil || !strings.Contains(out, "system") {
		t.Errorf("%q, %v", out, err)
	}
	_, err := run("orgs", "list", "--db", "x")
	if cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), "type: app claviger orgs list") {
		t.Errorf("a flag that only the tool on its own has: %v", err)
	}
}

// TestTable: columns line up, and nothing that a name holds reaches the terminal.
func TestTable(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	o := cli.Options{Out: &out, Err: &out, Now: w.clock, Open: w.host}
	if code := cli.Run(t.Context(), o, []string{"orgs", "create", "acme", "--display-name", "A\tB\u202eC"}); code != 0 {
		t.Fatalf("exit %d: %s", code, &out)
	}
	out.Reset()
	if code := cli.Run(t.Context(), o, []string{"orgs", "list"}); code != 0 {
		t.Fatalf("exit %d: %s", code, &out)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%q", lines)
	}
	for _, line := range lines[1:] {
		if strings.Index(line, "active") != strings.Index(lines[0], "STATE") {
			t.Errorf("%q is not below %q", line, lines[0])
		}
	}
	if !strings.Contains(out.String(), `"A\tB\u202eC"`) {
		t.Errorf("a tab and a change of direction are not quoted: %q", out.String())
	}
}

// TestRingIsTheHosts: the tool on its own leaves the signing keys as they are, also
// when a turn of the ring is overdue; the host then turns it.
func TestRingIsTheHosts(t *testing.T) {
	w := newWorld(t)
	before := w.ring()
	w.now.Add(int64(60 * 24 * time.Hour / time.Second))
	var out bytes.Buffer
	o := cli.Options{Out: &out, Err: &out, Now: w.clock}
	file := []string{"--db", filepath.Join(w.dir, "app.db"), "--seal-file", filepath.Join(w.dir, "app.key")}
	if code := cli.Run(t.Context(), o, append(file, "orgs", "create", "acme")); code != 0 {
		t.Fatalf("exit %d: %s", code, &out)
	}
	if after := w.ring(); after != before {
		t.Errorf("the ring was\n%s\nand is\n%s", before, after)
	}
	id, err := w.host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Close(); err != nil {
		t.Fatal(err)
	}
	if w.ring() == before {
		t.Error("nothing was overdue, so nothing was shown")
	}
}

// TestNothingIsMade: a file that is not there is not made, nor is its key, and an
// empty one stays empty.
func TestNothingIsMade(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{empty, filepath.Join(dir, "missing.db")} {
		var out bytes.Buffer
		o := cli.Options{Out: &out, Err: &out}
		if code := cli.Run(t.Context(), o, []string{"--db", name, "--seal-file", filepath.Join(dir, "new.key"), "orgs", "list"}); code == 0 {
			t.Errorf("%s was opened", name)
		}
	}
	for _, name := range []string{"missing.db", "new.key"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was made", name)
		}
	}
}

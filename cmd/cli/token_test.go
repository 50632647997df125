package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/cmd/cli"
)

// TestSecretShownOnce: a secret is in one place and works: in what is printed, or
// in a file for its owner only.
func TestSecretShownOnce(t *testing.T) {
	w := newWorld(t)
	w.people()
	secret := regexp.MustCompile(`cvg_at_[0-9a-z]+`)
	file := filepath.Join(t.TempDir(), "token")
	for _, more := range [][]string{nil, {"-o", "json"}, {"--secret-file", file}} {
		var out, errs bytes.Buffer
		o := cli.Options{Out: &out, Err: &errs, Now: w.clock, Open: w.host}
		args := append([]string{"tokens", "create", "ci", "--org", "acme", "--validity", "1d", "--name", strings.Join(more, "")}, more...)
		if len(more) == 0 {
			args[len(args)-1] = "first"
		}
		if code := cli.Run(t.Context(), o, args); code != 0 {
			t.Fatalf("exit %d: %s", code, &errs)
		}
		found := secret.FindAllString(out.String()+errs.String(), -1)
		if len(more) > 0 && more[0] == "--secret-file" {
			if len(found) > 0 {
				t.Errorf("%q is shown, beside the file", found)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			found = []string{strings.TrimSuffix(string(text), "\n")}
		}
		if len(found) != 1 {
			t.Fatalf("%d secrets are shown", len(found))
		}
		id, err := w.host(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := id.Authenticate(t.Context(), found[0]); err != nil {
			t.Errorf("what was shown does not work: %v", err)
		}
		if err := id.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSecretFileOfNothing: where no secret is made, no file is left.
func TestSecretFileOfNothing(t *testing.T) {
	w := newWorld(t)
	w.people()
	file := filepath.Join(t.TempDir(), "token")
	var out bytes.Buffer
	o := cli.Options{Out: &out, Err: &out, Now: w.clock, Open: w.host}
	args := []string{"tokens", "create", "ci", "--org", "acme", "--name", "x", "--validity", "90000h", "--secret-file", file}
	if code := cli.Run(t.Context(), o, args); code != cli.ExitUsage {
		t.Fatalf("exit %d: %s", code, &out)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a file is left")
	}
}

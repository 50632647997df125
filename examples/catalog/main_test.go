package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// command runs the program and returns its exit code and what it printed.
func command(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = run(context.Background(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// verdicts are the first words of the lines.
func verdicts(out string) []string {
	var words []string
	for line := range strings.Lines(out) {
		word, _, _ := strings.Cut(line, " ")
		words = append(words, word)
	}
	return words
}

// TestEveryRole binds one account to each role and asks for every permission, inside, beside and above the scope.
func TestEveryRole(t *testing.T) {
	for _, mode := range []string{"-stored=false", "-stored"} {
		t.Run(mode, func(t *testing.T) { compare(t, "testdata/roles.json", mode, nil) })
	}
}

// TestRealCatalogue asks at random about a real catalogue of 2,461 roles.
func TestRealCatalogue(t *testing.T) {
	dir := os.Getenv("CLAVIGER_DATA")
	if dir == "" {
		t.Skip("CLAVIGER_DATA does not name the folder of third-party data")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, mode := range []string{"-stored=false", "-stored"} {
		t.Run(mode, func(t *testing.T) {
			compare(t, filepath.Join(dir, "gcp-roles.json"), mode, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

// compare asks the program, and the file itself: a role gives what it lists, at its scope and below. With a source of randomness it
// takes 40 roles, and 50 permissions for each, half of them listed.
func compare(t *testing.T, file, mode string, random *rand.Rand) {
	c, err := readCatalog(file)
	if err != nil {
		t.Fatal(err)
	}
	roles := c.names()
	if random != nil {
		random.Shuffle(len(roles), func(i, k int) { roles[i], roles[k] = roles[k], roles[i] })
		roles = roles[:40]
	}
	args := []string{"-file", file, mode}
	var stdin strings.Builder
	var want []string
	for i, role := range roles {
		account := fmt.Sprintf("account-%d", i)
		args = append(args, "-bind", account+"="+role+"@projects/p1")
		listed := c.permissions(role)
		asked := c.Permissions
		if random != nil {
			asked = nil
			for range 25 {
				asked = append(asked, c.Permissions[random.IntN(len(c.Permissions))])
				if len(listed) > 0 {
					asked = append(asked, listed[random.IntN(len(listed))])
				}
			}
		}
		for _, permission := range asked {
			for _, resource := range []string{"projects/p1", "projects/p1/buckets/b", "projects/p10", "/"} {
				fmt.Fprintln(&stdin, account, permission, resource)
				verdict := "deny"
				if slices.Contains(listed, permission) && strings.HasPrefix(resource+"/", "projects/p1/") {
					verdict = "allow"
				}
				want = append(want, verdict)
			}
		}
	}
	code, out, errs := command(t, stdin.String(), append(args, "-")...)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	got := verdicts(out)
	if len(got) != len(want) {
		t.Fatalf("%d answers to %d questions", len(got), len(want))
	}
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if got[i] != want[i] {
			t.Errorf("want %s: %s", want[i], line)
		}
	}
}

// TestReopened shows that what was stored is there the next time, and is not stored twice.
func TestReopened(t *testing.T) {
	db := filepath.Join(t.TempDir(), "catalog.db")
	args := []string{"-file", "testdata/roles.json", "-stored", "-db", db}
	code, out, errs := command(t, "", append(args, "-bind", "ann@acme.example=roles/keys.signer", "ann@acme.example", "keys.sign", "/")...)
	if code != 0 || !slices.Equal(verdicts(out), []string{"allow"}) {
		t.Fatalf("first run: exit %d, %s%s", code, out, errs)
	}
	code, out, errs = command(t, "", append(args, "ann@acme.example", "keys.sign", "keys/k1", "bob@acme.example", "keys.sign", "keys/k1")...)
	if code != 0 || !slices.Equal(verdicts(out), []string{"allow", "deny"}) {
		t.Fatalf("second run: exit %d, %s%s", code, out, errs)
	}
	if !strings.Contains(errs, "stored 5 of 5 roles") {
		t.Errorf("no progress in %q", errs)
	}
}

func TestUsage(t *testing.T) {
	t.Setenv("CLAVIGER_DATA", "")
	for _, args := range [][]string{
		{},
		{"-what"},
		{"-h"},
		{"-file", "testdata/roles.json", "ci", "buckets.get"},
		{"-file", "testdata/roles.json", "-bind", "ci"},
		{"-file", "testdata/roles.json", "-bind", "ci=roles/nothing@projects"},
		{"-file", "testdata/roles.json", "-", "-"},
	} {
		code, out, errs := command(t, "", args...)
		if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, usage) {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}

// TestBadCatalogue shows that a file of which something would be lost is refused whole, naming what is wrong.
func TestBadCatalogue(t *testing.T) {
	code, _, errs := command(t, "", "-file", "testdata/bad.json")
	if code != 1 {
		t.Fatalf("exit %d", code)
	}
	for _, want := range []string{`"buckets get"`, `"kéys.sign"`, `"roles/viewer" lists permission 7 of 3`} {
		if !strings.Contains(errs, want) {
			t.Errorf("%s is not named in %s", want, errs)
		}
	}
	if code, _, errs := command(t, "", "-file", "testdata/roles.json", "-bind", "ci=roles/none"); code != 1 || !strings.Contains(errs, "roles/none") {
		t.Errorf("an unknown role: exit %d, %s", code, errs)
	}
	if code, _, errs := command(t, "ci keys.sign\n", "-file", "testdata/roles.json", "-"); code != 1 || !strings.Contains(errs, "ci keys.sign") {
		t.Errorf("half a question: exit %d, %s", code, errs)
	}
}

package interop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/token"
)

// TestNode has oauth4webapi and jose do everything that the metadata promises; the
// script testdata/client.mjs says what that is.
func TestNode(t *testing.T) {
	folder := installed(t)
	for algorithm, key := range map[token.Algorithm]crypto.Signer{token.AlgEd25519: edKey(t), token.AlgES256: ecKey(t), token.AlgRS256: rsaKey(t)} {
		t.Run(string(algorithm), func(t *testing.T) {
			issues := token.AlgEdDSA
			if algorithm == token.AlgES256 {
				issues = token.AlgES256
			}
			s := open(t, issues)
			account := identitytest.Account(t, s.id, "reader", "introspector")
			kid, private := s.register(account, key)
			given, err := json.Marshal(map[string]any{
				"issuer": s.issuer, "audience": audience, "wallet": s.wallet, "account": account.ID,
				"secret": s.secret(account), "keyID": kid, "privateKey": string(private), "algorithm": algorithm,
			})
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "node", "client.mjs")
			cmd.Dir, cmd.Stdin = folder, strings.NewReader(string(given))
			var problems strings.Builder
			cmd.Stderr = &problems
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v, after\n%s\n%s", err, out, problems.String())
			}
			want := []string{"discovery"}
			for _, method := range []string{"private_key_jwt", "client_secret_basic", "client_secret_post"} {
				want = append(want, "client_credentials by "+method, "introspection by "+method, "revocation by "+method)
			}
			want = append(want, "scope", "errors", "jwt-bearer", "oauth4webapi verifies", "jose verifies")
			if got := strings.TrimSpace(string(out)); got != strings.Join(want, "\n") {
				t.Errorf("worked:\n%s\nwant\n%s", got, strings.Join(want, "\n"))
			}
		})
	}
}

// installed is a folder with the script and the packages it imports, at the
// versions and with the hashes of testdata/package-lock.json.
func installed(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: %v", tool, err)
		}
	}
	folder := t.TempDir()
	for _, name := range []string{"client.mjs", "package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "EINTEGRITY") {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("needs the packages of npm: %v\n%s", err, out)
	}
	return folder
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

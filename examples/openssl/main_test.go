package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/claviger-go/claviger/token/client"
)

// TestServer plays run.sh's part in Go, so that what the script stands on is tested where there is no openssl.
func TestServer(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "public.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	console, operator := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(context.Background(), file, dir, console, out)
		_ = out.CloseWithError(io.EOF) // nobody waits for an answer that does not come
		done <- err
	}()
	var issuer, account, key string
	if _, err := fmt.Fscanln(answers, &issuer, &account, &key); err != nil {
		t.Fatalf("%v, after %v", err, <-done)
	}

	source, err := client.New(client.Config{TokenURL: issuer + "/oauth2/token", Audience: issuer, Account: account, KeyID: key, Key: private})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(status int) {
		t.Helper()
		resp, err := (&http.Client{Transport: source.Transport(nil)}).Get(issuer + "/wallets/w1")
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != status {
			t.Fatalf("%s, want %d", resp.Status, status)
		}
	}
	expect(http.StatusOK)
	var answer string
	if _, err := fmt.Fprintln(operator, "disable"); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(answers, &answer); err != nil || answer != "disabled" {
		t.Fatalf("%q, %v", answer, err)
	}
	expect(http.StatusUnauthorized)
	if err := operator.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

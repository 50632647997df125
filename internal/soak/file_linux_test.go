package soak

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
)

// TestReadOnlyDirectory opens databases where nothing can be written: it fails
// with ErrStorage, and leaves nothing.
func TestReadOnlyDirectory(t *testing.T) {
	dir, err := os.MkdirTemp("", "claviger-readonly-") // that of t.TempDir would lie in a folder that others cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(os.Chmod(dir, 0o700), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	used := filepath.Join(dir, "used.db")
	mustClose(t, mustOpen(t, used))
	before := string(must(os.ReadFile(used))(t))
	for _, name := range []string{"used.db", "used.db.lock", "used.db.migrate", "app.key"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	entries := len(must(os.ReadDir(dir))(t))
	for _, file := range []string{filepath.Join(dir, "new.db"), used} {
		p := mustStart(t, "nobody", file)
		if words := p.expect(t, "open"); words[0] != "storage" {
			t.Errorf("opening %s where nothing can be written: %q", filepath.Base(file), words)
		}
		p.wait(t)
	}
	if after := len(must(os.ReadDir(dir))(t)); after != entries || string(must(os.ReadFile(used))(t)) != before {
		t.Errorf("there are %d files, there were %d", after, entries)
	}
}

// nobody opens a database without the powers of root, to whom every folder is
// writable, and says what came of it.
func (c *child) nobody() error {
	if os.Getuid() == 0 {
		const nobody = 65534
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	id, err := open(context.Background(), c.args[0], sqlite.Options{LockWait: -1})
	switch {
	case err == nil:
		c.say("open", "succeeded")
		return id.Close()
	case errors.Is(err, identity.ErrStorage):
		c.say("open", "storage", err.Error())
	default:
		c.say("open", "other", err.Error())
	}
	return nil
}

package soak

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// TestNotADatabase opens files that are something else: they are refused, and
// stay as they were.
func TestNotADatabase(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.db")
	mustClose(t, mustOpen(t, whole))
	database := string(must(os.ReadFile(whole))(t))
	tests := map[string]struct {
		text string
		kind error
	}{
		"a word":           {"hello", identity.ErrInvalid},
		"text":             {strings.Repeat("no database at all\n", 1000), identity.ErrInvalid},
		"zeros":            {strings.Repeat("\x00", 8192), identity.ErrInvalid},
		"a changed header": {"sqlite" + database[6:], identity.ErrInvalid},
		"half a database":  {database[:len(database)/2], identity.ErrStorage},
		"a garbled schema": {database[:100] + strings.Repeat("\xff", 4000) + database[4100:], identity.ErrStorage},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "app.db")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			id, err := open(t.Context(), file, sqlite.Options{})
			if err == nil {
				mustClose(t, id)
			}
			if !errors.Is(err, test.kind) {
				t.Errorf("opened with: %v, expected %v", err, test.kind)
			}
			if after := string(must(os.ReadFile(file))(t)); after != test.text {
				t.Errorf("the file was changed")
			}
		})
	}
}

// alarm is a log that tells of errors.
type alarm struct {
	slog.Handler
	rang chan string
}

func (a alarm) Enabled(context.Context, slog.Level) bool { return true }

func (a alarm) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		select {
		case a.rang <- r.Message:
		default:
		}
	}
	return nil
}

// TestReplacedFile takes the file away from a running process: with the next
// poll it denies everything, and what it is asked to write is refused.
func TestReplacedFile(t *testing.T) {
	replacements := map[string]func(file string) error{
		"removed": os.Remove,
		"another in its place": func(file string) error {
			return os.Rename(filepath.Join(filepath.Dir(file), "other.db"), file)
		},
		"a copy in its place": func(file string) error {
			database, err := os.ReadFile(file)
			return errors.Join(err, os.WriteFile(file+".copy", database, 0o600), os.Rename(file+".copy", file))
		},
	}
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			file := filepath.Join(t.TempDir(), "app.db")
			mustClose(t, mustOpen(t, filepath.Join(filepath.Dir(file), "other.db")))
			log := alarm{slog.DiscardHandler, make(chan string, 1)}
			const staleness = 40 * time.Millisecond
			id := mustOpen(t, file, func(c *identity.Config) { c.Logger, c.MaxStaleness = slog.New(log), staleness })
			org := must(id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: "office"}))(t).ID
			u := must(writeWhole(ctx, id, org, "u"))(t)
			w := must(newWorkload(ctx, id, org, "ci"))(t)
			proof := must(w.assertion(ctx))(t)
			access := must(id.ExchangeAssertion(ctx, proof, identity.TokenRequest{}))(t)
			p := must(id.Authenticate(ctx, access.Token.Reveal()))(t)
			if d := may(ctx, id, p, org, "wallets:read"); !d.Allowed {
				t.Fatalf("before: %+v", d)
			}

			began := time.Now()
			if err := replace(file); err != nil {
				t.Fatal(err)
			}
			select {
			case <-log.rang:
			case <-time.After(10 * time.Second):
				t.Fatal("no poll noticed")
			}
			t.Logf("noticed after %s, polls come every %s", since(began), staleness/4)
			if d := may(ctx, id, p, org, "wallets:read"); d.Allowed || d.Reason != policy.ReasonUnavailable {
				t.Errorf("a decision: %+v", d)
			}
			o := id.System("soak").In(org)
			_, authenticated := id.Authenticate(ctx, access.Token.Reveal())
			_, exchanged := id.ExchangeAssertion(ctx, proof, identity.TokenRequest{})
			_, vouched := login(ctx, id, org, u.Account, 0)
			_, created := o.CreateGroup(ctx, identity.GroupSpec{Name: "late"})
			_, found := o.Account(ctx, u.Account)
			_, written := writeWhole(ctx, id, org, "late")
			for call, err := range map[string]error{
				"Authenticate": authenticated, "ExchangeAssertion": exchanged, "Vouch": vouched,
				"CreateGroup": created, "Account": found, "Write": written,
			} {
				if !errors.Is(err, identity.ErrStorage) || errors.Is(err, identity.ErrUnauthenticated) {
					t.Errorf("%s without its file: %v", call, err)
				}
			}
		})
	}
}

// TestSecondProcess opens a database that another process has: it is refused,
// and takes over when it waits and the first one closes.
func TestSecondProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	id := mustOpen(t, file)
	org := must(id.System("setup").CreateOrg(t.Context(), identity.OrgSpec{Slug: "office"}))(t).ID
	u := must(writeWhole(t.Context(), id, org, "u"))(t)

	for _, mode := range []string{"own", "shared"} {
		hasty := mustStart(t, "opener", file, "-1ns", mode)
		hasty.expect(t, "opening")
		if words := hasty.expect(t, "open"); words[0] != "locked" {
			t.Errorf("a second process, %s: %q", mode, words)
		}
		hasty.wait(t)
	}

	patient := mustStart(t, "opener", file, "1m", "own", string(u.Account), string(org))
	patient.expect(t, "opening")
	if _, err := writeWhole(t.Context(), id, org, "meanwhile"); err != nil {
		t.Errorf("with another process waiting: %v", err)
	}
	mustClose(t, id)
	if words := patient.expect(t, "open"); words[0] != "succeeded" {
		t.Errorf("after the first process has closed: %q", words)
	}
	if _, err := open(t.Context(), file, sqlite.Options{LockWait: -1}); !errors.Is(err, identity.ErrLocked) {
		t.Errorf("the first process once more: %v", err)
	}
	patient.wait(t)
	if _, err := noHalves(t.Context(), mustOpen(t, file), org, []unit{u}); err != nil {
		t.Error(err)
	}
}

// opener opens a database, looks for an account if one is named, and keeps the
// database until it is told to end.
func (c *child) opener() error {
	ctx := context.Background()
	wait, err := time.ParseDuration(c.args[1])
	if err != nil {
		return err
	}
	c.say("opening")
	id, err := open(ctx, c.args[0], sqlite.Options{LockWait: wait, Shared: c.args[2] == "shared"})
	switch {
	case errors.Is(err, identity.ErrLocked):
		c.say("open", "locked")
		return nil
	case err != nil:
		c.say("open", "other", err.Error())
		return nil
	}
	if len(c.args) > 3 {
		if _, err := id.System("opener").In(identity.OrgID(c.args[4])).Account(ctx, identity.AccountID(c.args[3])); err != nil {
			return errors.Join(err, id.Close())
		}
	}
	c.say("open", "succeeded")
	_ = c.hear() // the end of input
	return id.Close()
}

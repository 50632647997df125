package soak

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// sealedBy configures the sealing key with a number.
func sealedBy(path string, number int) func(*identity.Config) {
	return func(c *identity.Config) {
		c.Seal = token.SealFile(filepath.Join(filepath.Dir(path), "key-"+strconv.Itoa(number)))
	}
}

// TestResealKill kills a process that seals its database anew again and again:
// each time exactly one of two keys opens what it left, the last that it
// acknowledged or the one after it, with every signing key and every
// acknowledged token.
//
// The long form kills 100 processes:
//
//	CLAVIGER_SOAK=long go test -run TestResealKill -v ./internal/soak
func TestResealKill(t *testing.T) {
	ctx, rng := t.Context(), seeded(t)
	file := filepath.Join(t.TempDir(), "app.db")
	first := mustOpen(t, file, sealedBy(file, 0))
	system := first.SystemOrg()
	mustClose(t, first)
	number, acknowledged, after, tokens := 0, 0, 0, 0
	kills := fewer(10, 100)
	for round := range kills {
		p := mustStart(t, "resealer", file, strconv.Itoa(number), "round-"+strconv.Itoa(round))
		var issued []string
		heard := func(words []string) {
			switch words[0] {
			case "sealed":
				number, acknowledged = must(strconv.Atoi(words[1]))(t), acknowledged+1
			case "token":
				issued = append(issued, words[1])
			}
		}
		for range 1 + rng.IntN(8) {
			words := p.next()
			if words == nil {
				t.Fatalf("the other process ended by itself: %v: %s", p.cmd.Wait(), p.stderr.String())
			}
			heard(words)
		}
		spin(rng.IntN(200_000)) // to kill between two acknowledgements as well
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for words := p.next(); words != nil; words = p.next() {
			heard(words) // said before it died
		}
		_ = p.cmd.Wait() // killed

		switch now, next := opens(t, file, number), opens(t, file, number+1); {
		case now == next:
			t.Fatalf("round %d: key %d opens what it left: %v, and so does the next", round, number, now)
		case next:
			number, after = number+1, after+1
		}
		id := mustOpen(t, file, sealedBy(file, number))
		for _, raw := range issued {
			if _, err := id.Authenticate(ctx, raw); err != nil {
				t.Errorf("round %d: an acknowledged token: %v", round, err)
			}
		}
		tokens += len(issued)
		if _, err := gapless(ctx, id, system); err != nil {
			t.Error(err)
		}
		mustClose(t, id)
	}
	t.Logf("%d kills: sealed anew %d times, %d of them were stored and not acknowledged; %d tokens acknowledged, 0 lost", kills, acknowledged+after, after, tokens)
	if acknowledged == 0 || tokens == 0 {
		t.Error("nothing was ever acknowledged")
	}
}

// opens reports whether a key is the one of the database.
func opens(t *testing.T, file string, number int) bool {
	t.Helper()
	id, err := open(t.Context(), file, sqlite.Options{}, sealedBy(file, number))
	if err == nil {
		mustClose(t, id)
		return true
	}
	if !errors.Is(err, identity.ErrKey) {
		t.Fatal(err)
	}
	return false
}

// resealer seals anew and issues tokens until it is killed.
func (c *child) resealer() error {
	ctx, file := context.Background(), c.args[0]
	number, err := strconv.Atoi(c.args[1])
	if err != nil {
		return err
	}
	id, err := open(ctx, file, sqlite.Options{}, sealedBy(file, number))
	if err != nil {
		return err
	}
	org, err := id.System("resealer").CreateOrg(ctx, identity.OrgSpec{Slug: c.args[2]})
	if err != nil {
		return err
	}
	w, err := newWorkload(ctx, id, org.ID, "w")
	if err != nil {
		return err
	}
	for {
		var to identity.Config
		number++
		sealedBy(file, number)(&to)
		if err := id.System("resealer").Reseal(ctx, to.Seal); err != nil {
			return err
		}
		c.say("sealed", strconv.Itoa(number))
		proof, err := w.assertion(ctx)
		if err != nil {
			return err
		}
		got, err := id.ExchangeAssertion(ctx, proof, identity.TokenRequest{})
		if err != nil {
			return err
		}
		c.say("token", got.Token.Reveal())
	}
}

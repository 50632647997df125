package soak

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
)

// tries is how many exchange one assertion at once in each process.
const tries = 25

// exchangeAtOnce returns how many of tries get a token for an assertion. What refuses
// the others must say that it was used.
func exchangeAtOnce(ctx context.Context, id *identity.Authority, assertion string) (won int, err error) {
	var all sync.WaitGroup
	var granted atomic.Int64
	var wrong sync.Map
	begin := make(chan struct{})
	for i := range tries {
		all.Go(func() {
			<-begin
			switch _, err := id.ExchangeAssertion(ctx, assertion, identity.TokenRequest{}); {
			case err == nil:
				granted.Add(1)
			case !errors.Is(err, identity.ErrRevoked):
				wrong.Store(i, err)
			}
		})
	}
	close(begin)
	all.Wait()
	wrong.Range(func(_, e any) bool {
		err = errors.Join(err, e.(error))
		return true
	})
	return int(granted.Load()), err
}

// exchanger is the second process of TestSec41_TwoProcesses.
func (c *child) exchanger() error {
	ctx := context.Background()
	id, err := open(ctx, c.args[0], sqlite.Options{Shared: true})
	if err != nil {
		return err
	}
	c.say("ready")
	for c.hear() == nil {
		won, err := exchangeAtOnce(ctx, id, c.in.Text())
		if err != nil {
			return errors.Join(err, id.Close())
		}
		c.say("won", strconv.Itoa(won))
	}
	return id.Close()
}

// TestSec41_TwoProcesses exchanges each assertion fifty times at once, in two processes
// that share the database: one gets a token, and nobody does after a restart.
func TestSec41_TwoProcesses(t *testing.T) {
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "app.db")
	id := must(open(ctx, file, sqlite.Options{Shared: true}))(t)
	org := must(newOffice(ctx, id))(t)
	w := must(newWorkload(ctx, id, org, "w"))(t)
	other := mustStart(t, "exchanger", file)
	other.expect(t, "ready")
	var assertions []string
	here, there := 0, 0
	for range fewer(20, 200) {
		assertion := must(w.assertion(ctx))(t)
		assertions = append(assertions, assertion)
		other.tell(t, assertion)
		won, err := exchangeAtOnce(ctx, id, assertion)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := must(strconv.Atoi(other.expect(t, "won")[0]))(t)
		if won+elsewhere != 1 {
			t.Errorf("%d and %d of %d got a token for one assertion", won, elsewhere, 2*tries)
		}
		here, there = here+won, there+elsewhere
	}
	other.wait(t)
	mustClose(t, id)
	id = must(open(ctx, file, sqlite.Options{Shared: true}))(t)
	for _, assertion := range assertions[len(assertions)-10:] { // those before may have ended
		if won, err := exchangeAtOnce(ctx, id, assertion); won != 0 || err != nil {
			t.Errorf("after a restart %d got a token: %v", won, err)
		}
	}
	mustClose(t, id)
	t.Logf("%d assertions, %d exchanges of each at once: %d won by this process, %d by the other", len(assertions), 2*tries, here, there)
}

package soak

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// writeWhole makes, in one Write, a user, a group with that user in it, and a
// binding of the group. Any three of the four rows are half a transaction.
func writeWhole(ctx context.Context, id *identity.Authority, org identity.OrgID, name string) (u unit, err error) {
	u = unit{Name: name, Crew: true, Stored: true}
	err = id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
		o := tx.System("soak").In(org)
		user, err := o.CreateUser(ctx, identity.UserSpec{Email: name + "@example.org"})
		if err != nil {
			return err
		}
		group, err := o.CreateGroup(ctx, identity.GroupSpec{Name: name})
		if err != nil {
			return err
		}
		if _, err := o.AddMember(ctx, group.ID, identity.SubjectID(user.ID)); err != nil {
			return err
		}
		bound, err := o.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(group.ID), Role: "reader", Scope: policy.Root})
		u.Account, u.Group, u.Binding = user.ID, group.ID, bound.ID
		return err
	})
	return u, err
}

// noHalves checks that every transaction of writeWhole in an org is there as a
// whole, those in acknowledged at least, and returns how many there are.
func noHalves(ctx context.Context, id *identity.Authority, org identity.OrgID, acknowledged []unit) (int, error) {
	c, err := read(ctx, id, org)
	if err != nil {
		return 0, err
	}
	var wrong []error
	for _, u := range acknowledged {
		wrong = append(wrong, c.whole(u), agrees(ctx, id, org, u))
	}
	for name, user := range c.users {
		group := c.groups[name]
		in, bound := c.members[identity.SubjectID(user.ID)], c.bindings[identity.SubjectID(group.ID)]
		if group.ID == "" || len(in) != 1 || in[0] != group.ID || len(bound) != 1 {
			wrong = append(wrong, fmt.Errorf("half of %s is stored: user %s, group %s, in %v, bound by %d", name, user.ID, group.ID, in, len(bound)))
		}
	}
	if len(c.groups) != len(c.users) {
		wrong = append(wrong, fmt.Errorf("%d users and %d groups are stored", len(c.users), len(c.groups)))
	}
	n, err := gapless(ctx, id, org)
	// The org and its system groups make 3 events, a transaction 4, a workload 3.
	accounts, listErr := collect(id.System("audit").In(org).AllAccounts(ctx, identity.AccountFilter{Kind: identity.ServiceAccount}))
	if want := 3 + 4*len(c.users) + 3*len(accounts); err == nil && listErr == nil && n != want {
		err = fmt.Errorf("the log has %d events, the rows %d", n, want)
	}
	return len(c.users), errors.Join(append(wrong, err, listErr)...)
}

// life is what a killed process has acknowledged.
type life struct {
	org        identity.OrgID
	units      []unit
	assertions []string // each was exchanged for the token of the same place
	tokens     []string
}

func (l *life) heard(words []string) {
	switch words[0] {
	case "org":
		l.org = identity.OrgID(words[1])
	case "unit":
		l.units = append(l.units, unit{
			Name: words[1], Crew: true, Stored: true,
			Account: identity.AccountID(words[2]), Group: identity.GroupID(words[3]), Binding: identity.BindingID(words[4]),
		})
	case "token":
		l.assertions, l.tokens = append(l.assertions, words[1]), append(l.tokens, words[2])
	}
}

// TestKill kills a process that writes and issues tokens, at a random moment,
// and opens what it left: everything that it acknowledged is there, nothing is
// there by half, and an assertion that it exchanged cannot be used again.
//
// The long form kills 1,000 processes:
//
//	CLAVIGER_SOAK=long go test -run TestKill -v -timeout 60m ./internal/soak
func TestKill(t *testing.T) {
	ctx := t.Context()
	rng := seeded(t)
	file := filepath.Join(t.TempDir(), "app.db")
	mustClose(t, mustOpen(t, file))
	var orgs []identity.OrgID
	var units, kept, tokens, early int
	kills := fewer(50, 1000)
	for round := range kills {
		p := mustStart(t, "victim", file, "round-"+strconv.Itoa(round))
		var l life
		for range rng.IntN(16) {
			words := p.next()
			if words == nil {
				t.Fatalf("the victim ended by itself: %v: %s", p.cmd.Wait(), p.stderr.String())
			}
			l.heard(words)
		}
		spin(rng.IntN(20_000)) // to kill between two acknowledgements as well
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for words := p.next(); words != nil; words = p.next() {
			l.heard(words) // said before it died
		}
		_ = p.cmd.Wait() // killed

		id, err := open(ctx, file, sqlite.Options{})
		if err != nil {
			t.Fatalf("round %d: open what the victim left: %v", round, err)
		}
		if l.org == "" {
			early++
		} else {
			orgs = append(orgs, l.org)
			n, err := noHalves(ctx, id, l.org, l.units)
			if err != nil {
				t.Errorf("round %d: %v", round, err)
			}
			units, kept = units+len(l.units), kept+n
		}
		for i := range l.tokens {
			if _, err := id.ExchangeAssertion(ctx, l.assertions[i], identity.TokenRequest{}); !errors.Is(err, identity.ErrRevoked) {
				t.Errorf("round %d: an assertion was used twice: %v", round, err)
			}
			if _, err := id.Authenticate(ctx, l.tokens[i]); err != nil {
				t.Errorf("round %d: an acknowledged token: %v", round, err)
			}
		}
		tokens += len(l.tokens)
		mustClose(t, id)
	}
	id := mustOpen(t, file)
	for _, org := range orgs {
		if _, err := noHalves(ctx, id, org, nil); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d kills, %d of them before the first acknowledgement: %d transactions acknowledged, %d found whole, %d tokens acknowledged", kills, early, units, kept, tokens)
	if units == 0 || tokens == 0 {
		t.Error("nothing was ever acknowledged")
	}
}

// spin takes a while that depends on n.
func spin(n int) {
	var sum [sha256.Size]byte
	for range n {
		sum = sha256.Sum256(sum[:])
	}
}

// await waits for what a poll brings about.
func await(t *testing.T, what string, came func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !came(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// victim writes and issues until it is killed.
func (c *child) victim() error {
	ctx := context.Background()
	id, err := open(ctx, c.args[0], sqlite.Options{})
	if err != nil {
		return err
	}
	org, err := id.System("victim").CreateOrg(ctx, identity.OrgSpec{Slug: c.args[1]})
	if err != nil {
		return err
	}
	c.say("org", string(org.ID))
	var next atomic.Int64
	failed := make(chan error, 3)
	for range 2 {
		go func() {
			for {
				u, err := writeWhole(ctx, id, org.ID, "u-"+strconv.FormatInt(next.Add(1), 10))
				if err != nil {
					failed <- err
					return
				}
				c.say("unit", u.Name, string(u.Account), string(u.Group), string(u.Binding))
			}
		}()
	}
	go func() {
		w, err := newWorkload(ctx, id, org.ID, "w")
		for err == nil {
			var proof string
			var got identity.AccessToken
			if proof, err = w.assertion(ctx); err == nil {
				if got, err = id.ExchangeAssertion(ctx, proof, identity.TokenRequest{}); err == nil {
					c.say("token", proof, got.Token.Reveal())
				}
			}
		}
		failed <- err
	}()
	return <-failed
}

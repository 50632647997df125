package soak

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// maxStaleness is the bound that TestStaleness holds its processes to.
const maxStaleness = 200 * time.Millisecond

// nanos is a time of the machine's clock, which both processes read, in
// nanoseconds.
type nanos int64

func clockNow() nanos { return nanos(time.Now().UnixNano()) }

// switched is a write after which a person may do something, or may not: the
// change came at some instant from Began to Done.
type switched struct {
	Person      int
	Allowed     bool
	Began, Done nanos
}

// answer is what the other process said about a person at some instant from
// asked to told.
type answer struct {
	asked, told nanos
	allowed     bool
}

// freshness is what came out.
type freshness struct {
	Writes, Answers, Late, Stale, Wrong int
	Median, Max                         time.Duration // from a write to the first answer that knows of it
	Oldest                              time.Duration // the most that an answer was behind
	Example                             string
}

// judge compares the answers about one person with the writes, both in order. An
// answer may be as the state was at any instant from maxStaleness before it was
// asked for; one that is not is wrong. It returns how long it took until each
// write was known, as far as that was seen before the next one.
func (f *freshness) judge(person int, writes []switched, answers []answer) (known []time.Duration) {
	last := -1
	for _, a := range answers {
		f.Answers++
		// The last write that was done when the question was asked, and what came of it since.
		i, _ := slices.BinarySearchFunc(writes, a.asked, func(w switched, at nanos) int { return cmp.Compare(w.Done, at) })
		if i--; i < 0 || i+1 < len(writes) && writes[i+1].Began <= a.told {
			continue
		}
		if writes[i].Allowed == a.allowed {
			if i > last {
				known, last = append(known, time.Duration(a.told-writes[i].Done)), i
			}
			continue
		}
		f.Late++
		age := time.Duration(a.asked - writes[i].Done)
		f.Oldest = max(f.Oldest, age)
		if age > maxStaleness {
			f.Wrong++
			f.Example = fmt.Sprintf("person %d was allowed: %v, %s after a write said otherwise", person, a.allowed, age)
		}
	}
	return known
}

// people are those whom TestStaleness lets in and out: those with an even number
// by a binding, the others by their account.
const people = 6

// asker is the second process of TestStaleness.
func (c *child) asker() error {
	ctx := context.Background()
	file, org, list := c.args[0], identity.OrgID(c.args[1]), c.args[2]
	id, err := open(ctx, file, sqlite.Options{Shared: true}, func(cfg *identity.Config) {
		cfg.MaxStaleness = maxStaleness
		cfg.Now = time.Now // the bound is held by this clock; a cached one may be 10 ms behind
	})
	if err != nil {
		return err
	}
	var over atomic.Bool
	var asking sync.WaitGroup
	answers := make([][]answer, people)
	stale := make([]int, people)
	for i, person := range c.args[3:] {
		asking.Go(func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for !over.Load() {
				<-tick.C
				a := answer{asked: clockNow()}
				known, err := a.ask(ctx, id, org, identity.AccountID(person))
				a.told = clockNow()
				if err != nil {
					c.say("failed", err.Error())
				}
				if known {
					answers[i] = append(answers[i], a)
				} else {
					stale[i]++
				}
			}
		})
	}
	asking.Go(func() { // the load: as many questions as one processor can ask
		p, err := login(ctx, id, org, identity.AccountID(c.args[3]), 0)
		for err == nil && !over.Load() {
			may(ctx, id, p, org, "wallets:read")
		}
	})
	c.say("ready")
	err = c.hear()
	over.Store(true)
	asking.Wait()
	if err := errors.Join(err, id.Close()); err != nil {
		return err
	}
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	var writes []switched
	if err := json.Unmarshal(text, &writes); err != nil {
		return err
	}
	f := freshness{Writes: len(writes)}
	var known []time.Duration
	for i := range people {
		own := slices.DeleteFunc(slices.Clone(writes), func(w switched) bool { return w.Person != i })
		known = append(known, f.judge(i, own, answers[i])...)
		f.Stale += stale[i]
	}
	if slices.Sort(known); len(known) > 0 {
		f.Median, f.Max = known[len(known)/2], known[len(known)-1]
	}
	result, err := json.Marshal(f)
	if err != nil {
		return err
	}
	c.say("done", string(result))
	return nil
}

// ask logs a person in and asks what it may do. What is denied as stale is no
// answer.
func (a *answer) ask(ctx context.Context, id *identity.Authority, org identity.OrgID, person identity.AccountID) (known bool, err error) {
	p, err := login(ctx, id, org, person, 0)
	switch {
	case errors.Is(err, identity.ErrStale):
		return false, nil
	case errors.Is(err, identity.ErrUnauthenticated):
		return true, nil
	case err != nil:
		return false, err
	}
	d := may(ctx, id, p, org, "wallets:read")
	a.allowed = d.Allowed
	return d.Reason != policy.ReasonStale, nil
}

// TestStaleness gives and takes in one process and asks in another, both of one
// shared file and under load: no answer is older than MaxStaleness.
//
// The long form runs for a minute:
//
//	CLAVIGER_SOAK=long go test -run TestStaleness -v -timeout 60m ./internal/soak
func TestStaleness(t *testing.T) {
	ctx := t.Context()
	rng := seeded(t)
	file, list := filepath.Join(t.TempDir(), "app.db"), filepath.Join(t.TempDir(), "writes.json")
	id, err := open(ctx, file, sqlite.Options{Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, id) })
	org := must(newOffice(ctx, id))(t)
	o := id.System("staleness").In(org)
	args := []string{file, string(org), list}
	persons := make([]identity.AccountID, people)
	bound := make([]identity.BindingID, people)
	for i := range persons {
		spec := identity.UserSpec{Email: fmt.Sprintf("person%d@example.org", i)}
		if i%2 == 1 {
			spec.Roles = []string{"reader"}
		}
		persons[i] = must(o.CreateUser(ctx, spec))(t).ID
		args = append(args, string(persons[i]))
	}
	other := mustStart(t, "asker", args...)
	other.expect(t, "ready")
	var writes []switched
	allowed := make([]bool, people)
	turn := func(i int) error {
		if i%2 == 0 {
			if allowed[i] {
				return o.DeleteBinding(ctx, bound[i])
			}
			b, err := o.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(persons[i]), Role: "reader", Scope: policy.Root})
			bound[i] = b.ID
			return err
		}
		if allowed[i] {
			_, err := o.DeactivateAccount(ctx, persons[i])
			return err
		}
		_, err := o.ActivateAccount(ctx, persons[i])
		return err
	}
	for i := range allowed {
		allowed[i] = i%2 == 1
	}
	span := 3 * time.Second
	if long() {
		span = time.Minute
	}
	for start, n := time.Now(), 0; time.Since(start) < span; n++ {
		for range rng.IntN(30) { // the load, and the pause
			if _, err := o.CreateGroup(ctx, identity.GroupSpec{Name: fmt.Sprintf("group %d %d", n, rng.Uint64())}); err != nil {
				t.Fatal(err)
			}
		}
		i := rng.IntN(people)
		w := switched{Person: i, Allowed: !allowed[i], Began: clockNow()}
		if err := turn(i); err != nil {
			t.Fatal(err)
		}
		w.Done = clockNow()
		allowed[i] = w.Allowed
		writes = append(writes, w)
	}
	text, err := json.Marshal(writes)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	other.tell(t, "over")
	var f freshness
	if err := json.Unmarshal([]byte(strings.Join(other.expect(t, "done"), " ")), &f); err != nil {
		t.Fatal(err)
	}
	other.wait(t)
	t.Logf("%d changes to %d people, %d writes in all, MaxStaleness %s: known to the other process after p50 %s, at most %s; "+
		"%d answers, %d of them behind, by at most %s; %d refused as stale; %d wrong",
		f.Writes, people, id.Revision(), maxStaleness, f.Median, f.Max, f.Answers, f.Late, f.Oldest, f.Stale, f.Wrong)
	if f.Wrong != 0 {
		t.Errorf("%d answers were behind by more than %s: %s", f.Wrong, maxStaleness, f.Example)
	}
	if f.Writes < 10 || f.Answers < 100 || f.Late == 0 {
		t.Errorf("too little happened to prove anything: %+v", f)
	}
}

// TestJudgeFreshness: the measure itself tells late from wrong.
func TestJudgeFreshness(t *testing.T) {
	ms := func(n int) nanos { return nanos(n) * nanos(time.Millisecond) }
	writes := []switched{{Allowed: true, Began: ms(1000), Done: ms(1010)}, {Allowed: false, Began: ms(2000), Done: ms(2010)}}
	for name, c := range map[string]struct {
		asked, told nanos
		allowed     bool
		late, wrong int
	}{
		"before everything":                {ms(900), ms(901), false, 0, 0},
		"while it is written":              {ms(1005), ms(1006), false, 0, 0},
		"behind, within the bound":         {ms(1200), ms(1201), false, 1, 0},
		"behind, past the bound":           {ms(1211), ms(1212), false, 1, 1},
		"up to date":                       {ms(1211), ms(1212), true, 0, 0},
		"told when the next one had begun": {ms(1500), ms(2001), false, 0, 0},
		"taken, within the bound":          {ms(2100), ms(2101), true, 1, 0},
		"taken, past the bound":            {ms(2300), ms(2301), true, 1, 1},
	} {
		var f freshness
		f.judge(0, writes, []answer{{asked: c.asked, told: c.told, allowed: c.allowed}})
		if f.Late != c.late || f.Wrong != c.wrong {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

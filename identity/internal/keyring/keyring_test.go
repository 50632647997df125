package keyring

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var schedule = Schedule{Period: 30 * 24 * time.Hour, Publish: 10 * time.Minute, Retire: time.Hour + 6*time.Minute}

// ring carries steps out.
type ring struct {
	keys []Key
	made int
	born map[string]time.Time
	gone map[string]time.Time // when a key stopped being published
}

func (r *ring) run(s Schedule, now time.Time) {
	for _, step := range s.Due(r.keys, now) {
		if step.Do == Make {
			r.made++
			id := fmt.Sprint("k", r.made)
			k := Key{ID: id, State: Next, SignsFrom: step.At}
			if !step.At.After(now) {
				k.State = Current
			}
			r.keys = append(r.keys, k)
			r.born[id] = now
			continue
		}
		for i := range r.keys {
			if k := &r.keys[i]; k.ID == step.ID {
				switch step.Do {
				case Drop:
					k.State = Retired
					r.gone[k.ID] = now
				case Retire:
					k.State, k.EndsAt = Retiring, step.At
				case Promote:
					k.State = Current
				}
			}
		}
	}
}

func (r *ring) count(s State) (n int, id string) {
	for _, k := range r.keys {
		if k.State == s {
			n, id = n+1, k.ID
		}
	}
	return n, id
}

// TestSec25_Schedule: a key signs only while current, and is published from
// twice the verifiers' cache before that until all it signed has expired.
func TestSec25_Schedule(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		r := &ring{born: map[string]time.Time{}, gone: map[string]time.Time{}}
		now := time.Unix(1_700_000_000, 0)
		lastSigned := map[string]time.Time{}
		firstSigned := map[string]time.Time{}
		for step := range 60 {
			r.run(schedule, now)
			if again := schedule.Due(r.keys, now); len(again) != 0 {
				t.Fatalf("due twice: %v", again)
			}
			n, id := r.count(Current)
			if n != 1 {
				t.Fatalf("%d current keys", n)
			}
			if n, _ := r.count(Next); n != 1 {
				t.Fatalf("%d next keys", n)
			}
			if _, ok := firstSigned[id]; !ok {
				firstSigned[id] = now
				if lead := now.Sub(r.born[id]); step > 0 && lead < schedule.Publish {
					t.Fatalf("%s signed %s after it was published", id, lead)
				}
			}
			lastSigned[id] = now
			if wake := schedule.Wake(r.keys, now); !wake.After(now) {
				t.Fatalf("wakes at %s, which is not after %s", wake, now)
			}
			now = now.Add(time.Duration(rnd.Int64N(int64(schedule.Period))))
		}
		for id, gone := range r.gone {
			if kept := gone.Sub(lastSigned[id]); kept < schedule.Retire {
				t.Fatalf("%s was dropped %s after it last signed", id, kept)
			}
		}
	}
}

func TestLostCurrentKey(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := &ring{born: map[string]time.Time{}, gone: map[string]time.Time{}}
	r.keys = []Key{{ID: "n", State: Next, SignsFrom: now.Add(time.Hour)}}
	r.run(schedule, now)
	if n, _ := r.count(Current); n != 1 {
		t.Fatalf("%d current keys, want 1", n)
	}
}

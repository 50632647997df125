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
			if rnd.IntN(4) == 0 { // by hand
				for i := range r.keys {
					if k := &r.keys[i]; k.State == Next {
						k.SignsFrom = schedule.Forward(r.born[k.ID], now)
					}
				}
				r.run(schedule, now)
				if _, id = r.count(Current); firstSigned[id].IsZero() {
					firstSigned[id] = now
					if lead := now.Sub(r.born[id]); lead < schedule.Publish {
						t.Fatalf("%s signed %s after it was published, by hand", id, lead)
					}
				}
				lastSigned[id] = now
			}
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
	if n, id := r.count(Current); n != 1 || id != "n" {
		t.Fatalf("%d current keys, the last is %q; the one that is published should sign", n, id)
	}
	if n, id := r.count(Next); n != 1 || id == "n" {
		t.Fatalf("%d next keys, the last is %q", n, id)
	}
}

// TestSec25_LostKeys takes keys out of the ring at random moments: there is a
// current key at once, the one that has been published the longest.
func TestSec25_LostKeys(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	for range 200 {
		r := &ring{born: map[string]time.Time{}, gone: map[string]time.Time{}}
		now := time.Unix(1_700_000_000, 0)
		for range 40 {
			r.run(schedule, now)
			_, next := r.count(Next)
			was := Key{}
			if i := rnd.IntN(2 * len(r.keys)); i < len(r.keys) {
				was = r.keys[i]
				r.keys = append(r.keys[:i:i], r.keys[i+1:]...)
			}
			r.run(schedule, now)
			n, id := r.count(Current)
			if n != 1 || was.State == Current && id != next {
				t.Fatalf("%d current keys, the last %s; next was %s", n, id, next)
			}
			if n, _ := r.count(Next); n != 1 {
				t.Fatalf("%d next keys", n)
			}
			if again := schedule.Due(r.keys, now); len(again) != 0 {
				t.Fatalf("due twice: %v", again)
			}
			now = now.Add(time.Duration(rnd.Int64N(int64(schedule.Period))))
		}
	}
}

// TestSec25_NextOfTwo: of two keys that may sign next, the one does that was to sign first, which verifiers know for longer.
func TestSec25_NextOfTwo(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	first, second := Key{ID: "first", State: Next, SignsFrom: now.Add(time.Hour)}, Key{ID: "second", State: Next, SignsFrom: now.Add(2 * time.Hour)}
	for _, keys := range [][]Key{{first, second}, {second, first}} {
		if steps := schedule.Due(keys, now); len(steps) != 2 || steps[0].Do != Promote || steps[0].ID != "first" {
			t.Errorf("%v", steps)
		}
	}
}

func TestForward(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for ago, want := range map[time.Duration]time.Duration{
		0: 10 * time.Minute, time.Minute: 9 * time.Minute, 10 * time.Minute: 0, 11 * time.Minute: 0, 30 * 24 * time.Hour: 0,
	} {
		if got := schedule.Forward(now.Add(-ago), now).Sub(now); got != want {
			t.Errorf("published %s ago: signs in %s, want %s", ago, got, want)
		}
	}
}

package policy

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// TestEveryChange compares before and after single changes of each kind: with the reference, with a compilation at once, and with
// Subjects that were found before. It asks for everything that anybody may do at some places.
func TestEveryChange(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 4))
			d := &drawing{rnd: rnd, bindings: 16, script: script{again: "once more", seed: seed, specs: worldSpecs, names: usualNames()}}
			for _, account := range d.names.accounts {
				for _, at := range []string{"/", "p/1/f/1", "q/*"} {
					for _, name := range []string{"w:read", "w.x:write", "docs.read", "plain", "identity:hold"} {
						d.questions = append(d.questions, naiveQuestion{account: account, perm: name, path: at, now: 15, attrs: map[string]bool{"x": true}})
					}
				}
			}
			for range 5 {
				for range 12 {
					d.steps = append(d.steps, d.of(verbs))
				}
				d.steps = append(d.steps, connected()...)
				d.steps = append(d.steps, freeze{Salt: rnd.Uint64(), Light: true}, v.draw(d), freeze{Salt: rnd.Uint64(), Rebuild: true})
			}
			compareScript(t, d.script)
		})
	}
}

// connected are steps after which nearly every change changes what somebody may do.
func connected() []step {
	steps := []step{
		addMember{"g1", "g2"}, addMember{"g2", "g3"}, addMember{"g3", "g4"}, addMember{"g4", "a1"}, addMember{"g3", "a2"}, addMember{"g2", "x1"},
		loadRole{ID: "r3", Permissions: []string{"w:read", "docs.*"}}, loadRole{ID: "r2", Includes: []string{"r3"}},
		loadRole{ID: "r1", Includes: []string{"r2"}, Exclusions: []string{"plain"}},
		putBinding{ID: "b1", Subject: "g1", Role: "r1", Scope: Root, Effect: Allow}, putBinding{ID: "b2", Subject: "g2", Role: "code:owner", Scope: Root, Effect: Allow, End: 20},
		putBinding{ID: "b3", Subject: "a3", Role: "r2", Scope: Root, Effect: Allow}, putBinding{ID: "b4", Subject: GroupUsers, Role: "r4", Scope: Root, Effect: Allow},
	}
	for i, a := range worldAccounts {
		steps = append(steps, putAccount{ID: a, Kind: User}, putGroup{worldGroups[i]})
	}
	return steps
}

// TestLargeWorlds plays a world that is large in each of the ways.
func TestLargeWorlds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for i, size := range sizes {
		t.Run(size.name, func(t *testing.T) {
			d := drawNames(seed, rand.New(rand.NewPCG(seed, 6)), func(want int) bool { return want == i })
			d.again = "once more"
			compareScript(t, d.complete())
		})
	}
}

// FuzzWorld lets coverage choose the edits and the questions: every byte is one choice.
func FuzzWorld(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(binary.LittleEndian.AppendUint64(nil, seed*0x9E3779B97F4A7C15))
		long := make([]byte, 100<<(seed%4))
		rnd := rand.New(rand.NewPCG(seed, 5))
		for i := range long {
			long[i] = byte(rnd.Uint32())
		}
		f.Add(long)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		choices := &choices{rest: data}
		d := &drawing{rnd: rand.New(choices), bindings: 12, script: script{again: "this input", specs: worldSpecs, names: usualNames()}}
		if d.rnd.IntN(2) == 0 {
			d.bindings = 2 * few
		}
		for range 8 {
			d.questions = append(d.questions, d.question())
		}
		for len(choices.rest) > 0 && len(d.steps) < 100 {
			next := d.of(verbs)
			if f, ok := next.(freeze); ok { // everything at the end, so that an input takes a moment only
				next = freeze{Salt: f.Salt, Light: true}
			}
			d.steps = append(d.steps, next)
		}
		d.steps = append(d.steps, freeze{Salt: 1, Rebuild: true})
		compareScript(t, d.script)
	})
}

// choices is a source of random numbers that are bytes, each so often that every part of the number shows it. What comes after
// the last is the same for ever, and such that no generator rejects it.
type choices struct{ rest []byte }

func (c *choices) Uint64() uint64 {
	if len(c.rest) == 0 {
		return 0x5555555555555555
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return uint64(b) * 0x0101010101010101
}

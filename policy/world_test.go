package policy

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// The random worlds run for about two seconds. For a long run:
//
//	go test ./policy -run TestWorlds -worlds 10m -timeout 0 -v
//
// and to repeat one, with the seed that a failure prints: go test ./policy -run TestWorlds -seed N
var (
	worldsFor = flag.Duration("worlds", 2*time.Second, "how long to compare random worlds")
	worldSeed = flag.Uint64("seed", 0, "the one world to compare; 0 for many")
)

// worldChecks are made of every snapshot, beside the comparison of decisions. Each has a w.rnd of its own, so that it makes the
// same choices while a failure is reduced.
var worldChecks = []func(*world, *Snapshot){
	(*world).compareSubjects, (*world).compareTimes, (*world).compareLists, (*world).compareBoundaries, (*world).compareCovers,
	(*world).compareQuestions, (*world).compareFilters,
}

// TestWorlds compares the engine with the reference over scripts of random edits: after each of them, with a warm and a cold
// Subject, against a compilation at once, through forks, abandoned drafts and new catalogs.
func TestWorlds(t *testing.T) {
	if *worldSeed != 0 {
		compareScript(t, drawScript(*worldSeed))
		return
	}
	base := uint64(time.Now().UnixNano())
	worlds, compared := 0, 0
	for until := time.Now().Add(*worldsFor); worlds < 10 || time.Now().Before(until); worlds++ {
		compared += compareScript(t, drawScript(base+uint64(worlds))).compared
	}
	t.Logf("%d worlds from seed %d, %d answers compared, 0 differences", worlds, base, compared)
}

// script is a random world before it runs.
type script struct {
	again     string // how to run it again
	seed      uint64
	names     names
	specs     []PermissionSpec
	steps     []step
	questions []naiveQuestion
}

// names are what the edits and questions of a world are made of.
type names struct{ accounts, groups, roles, subjects, scopes, paths, questions, patterns []string }

// world is a script while it runs.
type world struct {
	state
	t     *testing.T
	rnd   *rand.Rand
	seed  uint64
	salt  uint64
	names names
	// checks are worldChecks, or none where only decisions matter.
	checks []func(*world, *Snapshot)

	draft     *Draft
	questions []worldQuestion
	asked     *Catalog // for which the questions were prepared
	old       []frozen
	asides    []unfinished
	found     []Subject                  // of older snapshots
	groupsOf  map[string]map[string]bool // of the reference, while one snapshot is compared; see in
	compared  int
	playing   bool     // a failure ends the script, not the test
	drawing   *drawing // of a world that is edited by hand
}

// state is what the reference knows of a draft.
type state struct {
	*naive
	model   Model
	handles map[string]Handle
	dead    []Handle
}

// frozen is a snapshot with the state that it was compared with and what it answered.
type frozen struct {
	s         *Snapshot
	state     state
	questions []worldQuestion
	answers   []Decision
}

type unfinished struct {
	state state
	draft *Draft
}

func (s state) clone() state {
	n := *s.naive
	n.accounts, n.groups, n.members, n.roles = maps.Clone(n.accounts), maps.Clone(n.groups), maps.Clone(n.members), maps.Clone(n.roles)
	n.bindings, n.bounds = maps.Clone(n.bindings), maps.Clone(n.bounds)
	n.labels = maps.Clone(n.labels)
	s.naive, s.handles, s.dead = &n, maps.Clone(s.handles), slices.Clip(s.dead)
	return s
}

// newWorld is an empty world for tests that edit one by themselves, with w.edit.
func newWorld(t *testing.T, seed uint64) *world {
	rnd := rand.New(rand.NewPCG(seed, 1))
	d := &drawing{rnd: rnd, script: script{seed: seed, specs: worldSpecs, names: usualNames()}, bindings: 12}
	w := d.script.world(t)
	w.rnd, w.drawing = rnd, d
	return w
}

// edit makes one random change of the definitions.
func (w *world) edit() { w.drawing.of(verbs[:definitions]).do(w) }

// world is the world in which a script is played.
func (sc script) world(t *testing.T) *world {
	w := &world{t: t, seed: sc.seed, names: sc.names, checks: worldChecks}
	w.naive = &naive{home: "home", accounts: map[string]Kind{}, members: map[[2]string]bool{}, roles: map[string]Role{},
		groups: map[string]bool{GroupUsers: true, GroupServiceAccounts: true}, bindings: map[string]Binding{}, bounds: map[string]string{},
		labels: map[string]map[string]string{}}
	w.release(sc.specs, codeFor(sc.specs, len(worldCode)))
	for _, n := range sc.questions {
		w.questions = append(w.questions, worldQuestion{naiveQuestion: n})
	}
	w.resume(w.state, New(w.model, w.home).Edit())
	return w
}

// release replaces the catalog and the roles declared in code. What handles stood for is forgotten: every snapshot that uses the
// new ones is compiled anew.
func (w *world) release(specs []PermissionSpec, code []Role) {
	cat, err1 := NewCatalog(specs...)
	roles, err2 := NewRoles(cat, code)
	schema, err3 := NewSchema(AttributeSpec{Name: "x", Type: TypeBool}, AttributeSpec{Name: "y", Type: TypeBool},
		AttributeSpec{Name: "principal.z", Type: TypeBool})
	if err := errors.Join(err1, err2, err3); err != nil {
		w.fail("%v", err)
	}
	w.model = Model{Catalog: cat, Roles: roles, Conditions: NewConditions(toy{}, schema)}
	w.handles, w.dead = map[string]Handle{}, nil
	w.specs = specs
	maps.DeleteFunc(w.roles, func(id string, _ Role) bool { return strings.HasPrefix(id, CodePrefix) })
	for _, r := range code {
		w.roles[r.ID] = r
	}
}

// resume goes on with a draft.
func (w *world) resume(at state, d *Draft) {
	w.state, w.draft = at, d
	if w.asked != w.model.Catalog {
		w.asked, w.questions = w.model.Catalog, w.prepare(w.questions)
	}
}

// failure is what a world panics with, so that whoever runs it may try a smaller one. Two of one kind are the same fault.
type failure struct{ kind, text string }

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	if !w.playing {
		w.t.Fatalf("seed %d: %s", w.seed, fmt.Sprintf(format, args...))
	}
	panic(&failure{format, fmt.Sprintf(format, args...)})
}

// run plays the steps of a script and returns what failed, nil if nothing did.
func (w *world) run(steps []step) (failed *failure) {
	w.playing = true
	defer func() {
		w.playing = false
		switch r := recover().(type) {
		case nil:
		case *failure:
			failed = r
		default:
			failed = &failure{fmt.Sprint(r), fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	for _, s := range steps {
		s.do(w)
	}
	for i, k := range w.old {
		if !slices.Equal(k.answers, w.ask(k.s, k.questions)) {
			w.fail("snapshot %d changed its answers after later edits", i)
		}
	}
	return nil
}

// compareScript plays a script, and fails the test with a small one if it fails.
func compareScript(t *testing.T, sc script) *world {
	t.Helper()
	w := sc.world(t)
	if failed := w.run(sc.steps); failed != nil {
		t.Fatal(reduced(t, sc, failed))
	}
	return w
}

// compareAll compares everything about a snapshot, and returns its answers.
func (w *world) compareAll(s *Snapshot) []Decision {
	w.rnd = rand.New(rand.NewPCG(w.seed, w.salt))
	w.groupsOf = map[string]map[string]bool{}
	answers := w.compare(s)
	for i, check := range w.checks {
		w.rnd = rand.New(rand.NewPCG(w.seed^uint64(i+1), w.salt))
		check(w, s)
	}
	return answers
}

// in is naive.subjects, worked out once for a snapshot.
func (w *world) in(account string) map[string]bool {
	if w.groupsOf[account] == nil {
		w.groupsOf[account] = w.subjects(account)
	}
	return w.groupsOf[account]
}

func (w *world) account(id string) Account {
	return Account{ID: id, Kind: w.accounts[id], Boundary: w.bounds[id], Labels: w.labels[id]}
}

// rebuild makes a snapshot of the reference's definitions from nothing, in random order.
func (w *world) rebuild() *Snapshot {
	d := New(w.model, w.home).Edit()
	var puts []func() error
	for _, id := range slices.Sorted(maps.Keys(w.accounts)) {
		puts = append(puts, func() error { d.PutAccount(w.account(id)); return nil })
	}
	for _, id := range slices.Sorted(maps.Keys(w.groups)) {
		puts = append(puts, func() error { d.PutGroup(id); return nil })
	}
	for _, id := range slices.Sorted(maps.Keys(w.roles)) {
		if !strings.HasPrefix(id, CodePrefix) {
			puts = append(puts, func() error { return d.LoadRole(w.roles[id]) })
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.bindings)) {
		puts = append(puts, func() error { return d.PutBinding(w.bindings[id]) })
	}
	for _, m := range slices.SortedFunc(maps.Keys(w.members), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		put := func() error { return d.AddMember(m[0], m[1]) }
		if w.accounts[m[0]] == 0 {
			puts = append(puts, put)
		} else if err := put(); err != nil { // members of what is an account now came before it, or they would have been refused
			w.fail("rebuild: %v", err)
		}
	}
	rnd := rand.New(rand.NewPCG(w.seed, w.salt))
	rnd.Shuffle(len(puts), func(i, j int) { puts[i], puts[j] = puts[j], puts[i] })
	for _, put := range puts {
		if err := put(); err != nil {
			w.fail("rebuild: %v", err)
		}
	}
	return d.Snapshot()
}

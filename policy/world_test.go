package policy

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// The random worlds run for about two seconds. For a long run:
//
//	go test ./policy -run TestWorlds -worlds 10m -timeout 0
//
// and to repeat one, with the seed that a failure prints: go test ./policy -run TestWorlds -seed N
var (
	worldsFor = flag.Duration("worlds", 2*time.Second, "how long to compare random worlds")
	worldSeed = flag.Uint64("seed", 0, "the one world to compare; 0 for many")
)

var (
	worldSpecs = []PermissionSpec{
		{Name: "w:read"}, {Name: "w:write"}, {Name: "w.x:read"}, {Name: "w.x:write"}, {Name: "vault:open", Aliases: []string{"w:open"}},
		{Name: "doc.read", Aliases: []string{"docs.read"}}, {Name: "doc.write", Deprecated: true}, {Name: "plain"},
		{Name: "identity:accounts.read"}, {Name: "identity:escalate"}, {Name: "identity:contain", Aliases: []string{"identity:hold"}},
	}
	worldQuestions = []string{"w:read", "w:write", "w.x:read", "w.x:write", "vault:open", "w:open", "doc.read", "docs.read",
		"doc.write", "plain", "identity:accounts.read", "identity:escalate", "identity:hold", "w:none"}
	worldPatterns = []string{"w:read", "w:write", "w.x:read", "vault:open", "w:open", "docs.read", "plain", "w:*", "w.*", "w.x:*",
		"doc.*", "docs.*", "*", "*", "identity:*", "identity:escalate", "identity:contain", "identity:accounts.*"}
	worldForeign  = []string{"w:future", "new:*", "what?"} // also what only another release knows or can read
	worldAccounts = []string{"a1", "a2", "a3", "a4"}
	worldGroups   = []string{"g1", "g2", "g3", "g4"}
	worldRoles    = []string{"r1", "r2", "r3", "r4"}
	worldCode     = []Role{
		{ID: "code:reader", Permissions: []string{"w:read", "doc.*"}},
		{ID: "code:writer", Permissions: []string{"w:*"}, Includes: []string{"code:reader"}, Exclusions: []string{"vault:open"}},
		{ID: "code:owner", Permissions: []string{"*", "identity:*"}},
	}
	worldPaths = []string{"/", "p/1", "p/10", "p/1/f/1", "p/1/f/10", "p/1/f/1/i/1", "p/1/f/1/i/1/x/1/y/1", "q/*", "q/%2F"}
	worldOrgs  = []string{"", "home", "other", "third"}
	// See naiveTruth. The last ones are unreadable, unknown or fail.
	worldConditions = []string{"", "", "", "true", "false", "attr:x", "attr:y", "is:a1", "is:a2", "what?", "unknown", "panic"}
)

func pick[T any](rnd *rand.Rand, from []T) T { return from[rnd.IntN(len(from))] }

func some(rnd *rand.Rand, from []string, n int) []string {
	var out []string
	for range rnd.IntN(n + 1) {
		out = append(out, pick(rnd, from))
	}
	return out
}

func path(t testing.TB, s string) Path {
	p, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func perm(t testing.TB, s string) Permission {
	p, err := ParsePermission(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWorlds(t *testing.T) {
	if *worldSeed != 0 {
		newWorld(t, *worldSeed).run()
		return
	}
	base := uint64(time.Now().UnixNano())
	worlds, compared := 0, 0
	for until := time.Now().Add(*worldsFor); time.Now().Before(until) && !t.Failed(); worlds++ {
		w := newWorld(t, base+uint64(worlds))
		w.run()
		compared += w.compared
	}
	t.Logf("%d worlds from seed %d, %d answers compared", worlds, base, compared)
}

type world struct {
	*naive
	t         *testing.T
	rnd       *rand.Rand
	seed      uint64
	model     Model
	draft     *Draft
	handles   map[string]Handle
	dead      []Handle
	questions []worldQuestion
	compared  int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), seed: seed, handles: map[string]Handle{}}
	w.naive = &naive{home: "home", specs: worldSpecs, accounts: map[string]Kind{}, members: map[[2]string]bool{},
		groups: map[string]bool{"users": true, "service-accounts": true}, roles: map[string]Role{}, bindings: map[string]Binding{},
		bounds: map[string]string{}}
	var err error
	if w.model.Catalog, err = NewCatalog(worldSpecs...); err != nil {
		t.Fatal(err)
	}
	if w.model.Roles, err = NewRoles(w.model.Catalog, worldCode); err != nil {
		t.Fatal(err)
	}
	schema, err := NewSchema(AttributeSpec{Name: "x", Type: TypeBool}, AttributeSpec{Name: "y", Type: TypeBool})
	if err != nil {
		t.Fatal(err)
	}
	w.model.Conditions = NewConditions(toy{}, schema)
	for _, r := range worldCode {
		w.roles[r.ID] = r
	}
	w.draft = New(w.model, "home").Edit()
	w.draw(150)
	return w
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("-seed %d: %s", w.seed, fmt.Sprintf(format, args...))
}

func (w *world) run() {
	type kept struct {
		s       *Snapshot
		answers []Decision
	}
	var old []kept
	for range 8 {
		for range 1 + w.rnd.IntN(8) {
			w.edit()
		}
		s := w.draft.Snapshot()
		if w.rnd.IntN(3) == 0 {
			w.draft = s.Edit() // instead of going on with the same draft
		}
		w.compareHandles(s)
		old = append(old, kept{s, w.compare(s)})
		w.compareLists(s)
		w.compareCovers(s)
	}
	for i, k := range old {
		if !slices.Equal(k.answers, w.ask(k.s)) {
			w.fail("snapshot %d changed its answers after later edits", i)
		}
	}
	s := w.rebuild()
	w.compare(s)
	w.compareLists(s)
	w.compareCovers(s)
}

// edit makes one random change, to the draft and to the reference.
func (w *world) edit() {
	rnd := w.rnd
	subjects := slices.Concat(worldAccounts, worldGroups, []string{"users", "service-accounts"})
	switch rnd.IntN(20) {
	case 0, 1:
		a := Account{ID: pick(rnd, worldAccounts), Kind: Kind(1 + rnd.IntN(2))}
		if rnd.IntN(4) == 0 {
			a.Boundary = pick(rnd, append([]string{"code:reader", "code:writer", "code:gone"}, worldRoles...))
		}
		w.draft.PutAccount(a)
		w.accounts[a.ID], w.bounds[a.ID] = a.Kind, a.Boundary
	case 2:
		id := pick(rnd, worldAccounts)
		w.draft.RemoveAccount(id)
		if w.accounts[id] != 0 {
			if h, had := w.handles[id]; had {
				w.dead = append(w.dead, h)
				delete(w.handles, id)
			}
			w.forget(id)
			delete(w.accounts, id)
			delete(w.bounds, id)
		}
	case 3, 4:
		id := pick(rnd, worldGroups)
		w.draft.PutGroup(id)
		w.groups[id] = true
	case 5:
		id := pick(rnd, worldGroups)
		w.draft.RemoveGroup(id)
		if w.groups[id] {
			w.forget(id)
			delete(w.groups, id)
		}
	case 6, 7, 8:
		w.join(pick(rnd, worldGroups), pick(rnd, subjects))
	case 9:
		m := [2]string{pick(rnd, worldGroups), pick(rnd, subjects)}
		w.draft.RemoveMember(m[0], m[1])
		delete(w.members, m)
	case 10, 11:
		w.define(Role{ID: pick(rnd, worldRoles), Permissions: some(rnd, worldPatterns, 3), Exclusions: some(rnd, worldPatterns, 1),
			Includes: some(rnd, append([]string{"code:reader", "code:writer"}, worldRoles...), 2)}, w.draft.PutRole)
	case 12:
		patterns := append(slices.Clone(worldForeign), worldPatterns...)
		w.define(Role{ID: pick(rnd, worldRoles), Permissions: some(rnd, patterns, 4), Exclusions: some(rnd, patterns, 1),
			Includes: some(rnd, append([]string{"code:reader", "code:gone"}, worldRoles...), 2)}, w.draft.LoadRole)
	case 13:
		id := pick(rnd, worldRoles)
		w.draft.RemoveRole(id)
		delete(w.roles, id)
	case 14:
		id := fmt.Sprint("b", rnd.IntN(12))
		w.draft.RemoveBinding(id)
		delete(w.bindings, id)
	default:
		b := Binding{ID: fmt.Sprint("b", rnd.IntN(12)), Subject: pick(rnd, subjects), Scope: path(w.t, pick(rnd, worldPaths)), Effect: Allow,
			Role: pick(rnd, append([]string{"code:reader", "code:writer", "code:owner", "code:owner", "code:gone"}, worldRoles...))}
		if rnd.IntN(4) == 0 {
			b.Effect = Deny
		}
		if rnd.IntN(4) == 0 {
			b.Start, b.End = int64(rnd.IntN(4)*10), int64(rnd.IntN(4)*10)
		}
		if rnd.IntN(4) == 0 {
			b.Reach = pick(rnd, []string{"*", "home", "other"})
		}
		if rnd.IntN(3) == 0 {
			b.Condition = pick(rnd, worldConditions)
		}
		if err := w.draft.PutBinding(b); err != nil {
			w.fail("%v", err)
		}
		w.bindings[b.ID] = b
	}
}

func (w *world) forget(id string) {
	maps.DeleteFunc(w.members, func(m [2]string, _ bool) bool { return m[0] == id || m[1] == id })
}

func (w *world) join(g, m string) {
	// m would contain itself if g is m or is reached from m downwards in the reverse sense: going up from g meets m.
	up := map[string]bool{g: true}
	for range 10 {
		for e := range w.members {
			if up[e[1]] {
				up[e[0]] = true
			}
		}
	}
	err := w.draft.AddMember(g, m)
	if cycle := errors.Is(err, ErrCycle); cycle != up[m] || err != nil && !cycle {
		w.fail("AddMember(%s, %s): %v, want a cycle: %v", g, m, err, up[m])
	}
	if err == nil {
		w.members[[2]string{g, m}] = true
	}
}

func (w *world) define(r Role, put func(Role) error) {
	err := put(r)
	before, had := w.roles[r.ID]
	w.roles[r.ID] = r
	cycle := w.cyclic(r.ID, r.Includes, 0)
	if err == nil && cycle || errors.Is(err, ErrCycle) && !cycle {
		w.fail("put %v: %v, cycle: %v", r, err, cycle)
	}
	if err != nil {
		delete(w.roles, r.ID)
		if had {
			w.roles[r.ID] = before
		}
	}
}

func (w *world) cyclic(id string, includes []string, depth int) bool {
	return slices.ContainsFunc(includes, func(in string) bool {
		return in == id || depth < 10 && w.cyclic(id, w.roles[in].Includes, depth+1)
	})
}

// rebuild makes a snapshot of the reference's definitions from nothing, in random order.
func (w *world) rebuild() *Snapshot {
	d := New(w.model, "home").Edit()
	var puts []func() error
	for id, k := range w.accounts {
		puts = append(puts, func() error { d.PutAccount(Account{ID: id, Kind: k, Boundary: w.bounds[id]}); return nil })
	}
	for id := range w.groups {
		puts = append(puts, func() error { d.PutGroup(id); return nil })
	}
	for m := range w.members {
		puts = append(puts, func() error { return d.AddMember(m[0], m[1]) })
	}
	for id, r := range w.roles {
		if !strings.HasPrefix(id, "code:") {
			puts = append(puts, func() error { return d.LoadRole(r) })
		}
	}
	for _, b := range w.bindings {
		puts = append(puts, func() error { return d.PutBinding(b) })
	}
	w.rnd.Shuffle(len(puts), func(i, j int) { puts[i], puts[j] = puts[j], puts[i] })
	for _, put := range puts {
		if err := put(); err != nil {
			w.fail("rebuild: %v", err)
		}
	}
	return d.Snapshot()
}

func (w *world) compareHandles(s *Snapshot) {
	for _, id := range worldAccounts {
		h, ok := s.Account(id)
		if ok != (w.accounts[id] != 0) {
			w.fail("Account(%s) = %v", id, ok)
		}
		if was, had := w.handles[id]; had && was != h {
			w.fail("the handle of %s changed", id)
		}
		if ok {
			w.handles[id] = h
			if a, _ := s.AccountOf(h); a != (Account{ID: id, Kind: w.accounts[id], Boundary: w.bounds[id]}) {
				w.fail("AccountOf gave %v", a)
			}
		}
	}
	for _, h := range w.dead {
		if r := s.Decide(Query{Account: h, Permission: perm(w.t, "w:read"), Path: Root}).Reason; r != ReasonUnknownAccount {
			w.fail("a dead handle is answered %v", r)
		}
	}
}

// toy is the language that naiveTruth reads.
type toy struct{}

type toyCondition string

func (toy) Compile(source string, _ *Schema) (Condition, error) {
	if strings.Contains(source, "?") {
		return nil, errors.New("what?")
	}
	return toyCondition(source), nil
}

func (c toyCondition) Eval(env *Env) (Truth, string) {
	kind, rest, _ := strings.Cut(string(c), ":")
	truth := map[any]Truth{false: False, true: True}
	switch {
	case c == "panic":
		panic("a fault of the host")
	case c == "true" || c == "false":
		return truth[c == "true"], ""
	case kind == "attr":
		if v, ok := env.Lookup(rest); ok {
			return truth[v], ""
		}
		return Unknown, rest
	case kind == "is":
		id, _ := env.Lookup(AttributePrincipalID)
		return truth[id == rest], ""
	}
	return Unknown, ""
}

func (c toyCondition) Attributes() []string {
	switch kind, rest, _ := strings.Cut(string(c), ":"); kind {
	case "attr":
		return []string{rest}
	case "is", "unknown", "panic":
		return []string{AttributePrincipalID}
	}
	return nil
}

// worldQuestion is one question of a world, as the reference and as the engine are asked.
type worldQuestion struct {
	naiveQuestion
	q Query
}

// draw chooses the questions that a world asks again and again.
func (w *world) draw(n int) {
	rnd := w.rnd
	paths := append([]string{"p/2", "p/1/f/1/i/2"}, worldPaths...)
	for range n {
		n := naiveQuestion{
			account: pick(rnd, append([]string{"g1", "users"}, slices.Repeat(worldAccounts, 3)...)),
			org:     pick(rnd, append([]string{"", "home"}, worldOrgs...)), perm: pick(rnd, worldQuestions), path: pick(rnd, paths),
			now: pick(rnd, []int64{5, 10, 20, 35}), attrs: map[string]bool{},
		}
		q := Query{Org: n.org, Permission: perm(w.t, n.perm), Path: path(w.t, n.path), Now: n.now}
		for _, name := range []string{"x", "y"} {
			if rnd.IntN(3) > 0 {
				if q.Attrs == nil {
					q.Attrs = new(Attrs)
				}
				n.attrs[name] = rnd.IntN(2) == 0
				q.Attrs.SetBool(name, n.attrs[name])
			}
		}
		if rnd.IntN(4) == 0 {
			if n.limited = some(rnd, worldPatterns, 4); n.limited == nil {
				n.limited = []string{}
			}
			var under Path
			if rnd.IntN(2) == 0 {
				n.under = pick(rnd, paths)
				under = path(w.t, n.under)
			}
			q.Limits = NewLimits(w.model.Catalog, n.limited, under)
		}
		w.questions = append(w.questions, worldQuestion{n, q})
	}
}

func (w *world) ask(s *Snapshot) []Decision {
	var answers []Decision
	for _, x := range w.questions {
		x.q.Account, _ = s.Account(x.account)
		d := s.Decide(x.q)
		answers = append(answers, d)
		found := s.Find(x.q.Account)
		if x.q.Found = &found; s.Decide(x.q).Reason != d.Reason {
			w.fail("%v is answered otherwise once its account is found", x.naiveQuestion)
		}
	}
	return answers
}

// compare asks every question and compares the answers with the reference.
func (w *world) compare(s *Snapshot) []Decision {
	answers := w.ask(s)
	for i, x := range w.questions {
		w.compared++
		got := answers[i]
		want, because := w.decide(x.naiveQuestion)
		if got.Reason != want || got.Allowed != (want == ReasonAllowed) || len(because) > 0 != (got.Binding != "") || len(because) > 0 && !because[got.Binding] {
			w.fail("%+v: %+v, want %v because %v", x.naiveQuestion, got, want, because)
		}
	}
	return answers
}

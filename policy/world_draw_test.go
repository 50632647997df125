package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// drawing makes the script of a random world.
type drawing struct {
	script
	rnd *rand.Rand
	// What makes a world larger than the usual one.
	chain, crowd, fillers int
	bindings              int // ids of bindings
}

// verb is a kind of step.
type verb struct {
	name  string
	often int
	draw  func(d *drawing) step
}

// verbs are all of them; the first are about definitions.
var verbs = []verb{
	{"account", 4, (*drawing).account},
	{"account removed", 2, func(d *drawing) step { return removeAccount{pick(d.rnd, d.names.accounts)} }},
	{"group", 4, func(d *drawing) step { return putGroup{pick(d.rnd, d.names.groups)} }},
	{"group removed", 2, func(d *drawing) step { return removeGroup{pick(d.rnd, d.names.groups)} }},
	{"member", 6, func(d *drawing) step { return addMember{pick(d.rnd, d.names.groups), pick(d.rnd, d.names.subjects)} }},
	{"member removed", 2, func(d *drawing) step { return removeMember{pick(d.rnd, d.names.groups), pick(d.rnd, d.names.subjects)} }},
	{"role", 4, (*drawing).role},
	{"role of another release", 2, (*drawing).foreignRole},
	{"role removed", 2, func(d *drawing) step { return removeRole{pick(d.rnd, d.names.roles)} }},
	{"binding", 10, func(d *drawing) step { return d.binding() }},
	{"binding removed", 3, func(d *drawing) step { return removeBinding{d.bindingID()} }},
	{"snapshot", 9, func(d *drawing) step { return d.freeze() }},
	{"fork of the newest", 2, func(d *drawing) step { return edit{} }},
	{"fork of an old one", 1, func(d *drawing) step { return fork{d.rnd.IntN(100)} }},
	{"draft left aside", 1, func(d *drawing) step { return aside{} }},
	{"draft abandoned", 1, func(d *drawing) step { return abandon{} }},
	{"catalog", 1, func(d *drawing) step {
		specs, code := otherCatalog(d.rnd, d.fillers)
		return recatalog{specs, code}
	}},
}

const definitions = 11

// of draws a step of one of some kinds.
func (d *drawing) of(verbs []verb) step {
	total := 0
	for _, v := range verbs {
		total += v.often
	}
	n := d.rnd.IntN(total)
	for _, v := range verbs {
		if n -= v.often; n < 0 {
			return v.draw(d)
		}
	}
	panic("unreachable")
}

// sizes are the ways in which a world may be larger than the usual one.
var sizes = []struct {
	name string
	grow func(d *drawing)
}{
	{"groups in groups in groups", func(d *drawing) { d.chain = 1 + d.rnd.IntN(40) }},
	{"many accounts, in many groups", func(d *drawing) { d.crowd = 40 }},
	// About where entries begin to be looked up, and where buckets double.
	{"many bindings", func(d *drawing) { d.bindings = pick(d.rnd, []int{few - 1, few + 1, 2*few + 1, 255, 900}) }},
	{"more permissions than a word has bits", func(d *drawing) {
		d.fillers = pick(d.rnd, []int{64 - len(worldSpecs), 64, 128, 200})
		for i := range d.fillers {
			d.specs = append(slices.Clip(d.specs), PermissionSpec{Name: filler(i)})
			if i%9 == 0 {
				d.names.questions = append(d.names.questions, filler(i))
			}
		}
		d.names.patterns = append(d.names.patterns, "b0:*", "b1:*", "b2:*")
	}},
	{"scopes that share a tag", func(d *drawing) {
		d.names.scopes = []string{"/"}
		for range 3 {
			pair := pick(d.rnd, colliding())
			d.names.scopes = append(d.names.scopes, pair[0], pair[1], pair[0]+"/f/1", pair[1]+"/f/1")
		}
	}},
}

// drawing of the kinds of size that are wanted.
func drawNames(seed uint64, rnd *rand.Rand, large func(size int) bool) *drawing {
	d := &drawing{rnd: rnd, bindings: 12, script: script{seed: seed, specs: worldSpecs, names: usualNames()}}
	for i, size := range sizes {
		if large(i) {
			size.grow(d)
		}
	}
	for i := range max(d.chain, d.crowd) {
		d.names.groups = append(d.names.groups, fmt.Sprint("h", i))
	}
	for i := range d.crowd {
		d.names.accounts = append(d.names.accounts, fmt.Sprint("c", i))
	}
	d.names.complete()
	return d
}

// usualNames are those of a world that is not large in any way. The id x1 is now an account and now a group.
func usualNames() names {
	n := names{
		accounts: append(slices.Clone(worldAccounts), "x1"), groups: append([]string{"x1", "x2"}, worldGroups...), roles: slices.Clone(worldRoles),
		scopes: slices.Clone(worldPaths), patterns: slices.Clone(worldPatterns), questions: append([]string{"w:read.v2", "w:future"}, worldQuestions...),
	}
	n.complete()
	return n
}

func (n *names) complete() {
	n.paths = append([]string{"p/2", "p/1/f/1/i/2"}, n.scopes...)
	n.subjects = slices.Concat(n.accounts, n.groups[1:], []string{GroupUsers, GroupServiceAccounts})
	slices.Sort(n.accounts)
}

// start is what a large world is large by.
func (d *drawing) start() {
	var steps []step
	for i := range d.chain {
		steps = append(steps, putGroup{fmt.Sprint("h", i)})
		if i > 0 {
			steps = append(steps, addMember{fmt.Sprint("h", i-1), fmt.Sprint("h", i)})
		} else {
			steps = append(steps, addMember{"g1", "h0"})
		}
	}
	for i := range d.crowd {
		a, g := fmt.Sprint("c", i), fmt.Sprint("h", i)
		steps = append(steps, putAccount{ID: a, Kind: User}, addMember{"g2", a}, putGroup{g}, addMember{g, "a1"}, addMember{g, "g2"})
	}
	if d.chain > 0 {
		steps = append(steps, addMember{fmt.Sprint("h", d.chain-1), "a1"})
	}
	if len(steps) > 0 {
		steps = append(steps, putAccount{ID: "a1", Kind: User}, putGroup{"g1"}, putGroup{"g2"})
	}
	if d.bindings > 20 {
		for i := range d.bindings {
			b := d.binding()
			b.ID = fmt.Sprint("b", i)
			steps = append(steps, b)
		}
	}
	d.rnd.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	d.steps = append(d.steps, steps...)
}

// drawScript is the script of a random world, which in some ways may be large.
func drawScript(seed uint64) script {
	rnd := rand.New(rand.NewPCG(seed, 1))
	d := drawNames(seed, rnd, func(int) bool { return rnd.IntN(12) == 0 })
	d.again = fmt.Sprintf("-run TestWorlds -seed %d", seed)
	return d.complete()
}

// complete draws the steps and the questions.
func (d *drawing) complete() script {
	d.start()
	edits, questions := 60, 120
	if len(d.steps) > 0 || d.fillers > 0 {
		edits = 25
	}
	for range edits {
		d.steps = append(d.steps, d.of(verbs))
	}
	d.steps = append(d.steps, freeze{Salt: d.rnd.Uint64(), Rebuild: true})
	for range questions {
		d.questions = append(d.questions, d.question())
	}
	return d.script
}

func (d *drawing) freeze() step {
	return freeze{Salt: d.rnd.Uint64(), Rebuild: d.rnd.IntN(3) == 0, Light: d.rnd.IntN(2) == 0}
}

func (d *drawing) account() step {
	a := putAccount{ID: pick(d.rnd, d.names.accounts), Kind: Kind(1 + d.rnd.IntN(2))}
	if d.rnd.IntN(4) == 0 {
		a.Boundary = pick(d.rnd, append([]string{"code:reader", "code:writer", "code:gone"}, d.names.roles...))
	}
	if d.rnd.IntN(3) == 0 {
		a.Labels = map[string]string{"team": pick(d.rnd, []string{"red", "blue"})}
	}
	return a
}

func (d *drawing) role() step {
	return putRole{ID: pick(d.rnd, d.names.roles), Permissions: some(d.rnd, d.names.patterns, 3), Exclusions: some(d.rnd, d.names.patterns, 1),
		Includes: some(d.rnd, append([]string{"code:reader", "code:writer"}, d.names.roles...), 2)}
}

func (d *drawing) foreignRole() step {
	patterns := append(slices.Repeat(worldForeign, 3), d.names.patterns...)
	return loadRole{ID: pick(d.rnd, d.names.roles), Permissions: some(d.rnd, patterns, 4), Exclusions: some(d.rnd, patterns, 1),
		Includes: some(d.rnd, append([]string{"code:reader", "code:gone"}, d.names.roles...), 2)}
}

func (d *drawing) bindingID() string { return fmt.Sprint("b", d.rnd.IntN(d.bindings)) }

func (d *drawing) binding() putBinding {
	rnd := d.rnd
	scope, _ := ParsePath(pick(rnd, d.names.scopes))
	b := putBinding{ID: d.bindingID(), Subject: pick(rnd, d.names.subjects), Scope: scope, Effect: Allow,
		Role: pick(rnd, append([]string{"code:reader", "code:writer", "code:owner", "code:owner", "code:gone"}, d.names.roles...))}
	if d.bindings > 2*few && rnd.IntN(4) > 0 {
		b.Subject = pick(rnd, []string{"a1", "a1", "g1", GroupUsers})
	}
	if rnd.IntN(4) == 0 {
		b.Effect = Deny
	}
	if rnd.IntN(4) == 0 {
		b.Start, b.End = int64(rnd.IntN(4)*10), int64(rnd.IntN(4)*10)
	}
	if b.Effect == Allow && rnd.IntN(8) == 0 {
		b.Eligible = true
	}
	if rnd.IntN(4) == 0 {
		b.Reach = pick(rnd, []string{"*", "home", "other"})
	}
	if rnd.IntN(3) == 0 {
		b.Condition = pick(rnd, worldConditions)
	}
	return b
}

// question draws one of the questions that a world asks again and again.
func (d *drawing) question() naiveQuestion {
	rnd := d.rnd
	n := naiveQuestion{
		account: pick(rnd, append([]string{"g1", "users", "a1", "a1", "a2", "a2"}, slices.Repeat(d.names.accounts, 2)...)),
		org:     pick(rnd, append([]string{"", "home"}, worldOrgs...)), perm: pick(rnd, d.names.questions), path: pick(rnd, d.names.paths),
		now: pick(rnd, []int64{5, 9, 10, 20, 29, 35, -5, math.MaxInt64}), attrs: map[string]bool{},
	}
	for _, name := range []string{"x", "y", "principal.z"} {
		if rnd.IntN(3) > 0 {
			n.attrs[name] = rnd.IntN(2) == 0
		}
	}
	if rnd.IntN(4) == 0 {
		n.limited = append([]string{}, some(rnd, d.names.patterns, 4)...)
		if rnd.IntN(2) == 0 {
			n.under = pick(rnd, d.names.paths)
		}
	}
	return n
}

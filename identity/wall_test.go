package identity_test

import (
	"cmp"
	"reflect"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// compare makes a call twice, for what is another org's and for what is nowhere.
// The two answers are one but for what was asked for, and nothing else of the other
// org is in the first; nor does anything happen to it.
func (x *wall) compare(name string, there, absent one, v foreign) {
	x.t.Helper()
	a, b := x.ask(there), x.ask(absent)
	x.asked[there.method.Name]++
	if got, want := a.without(0, v.pairs), b.without(1, v.pairs); got != want {
		x.t.Errorf("%s: %s\nof another org: %s\nabsent:         %s", name, x.describe(there), got, want)
	}
	x.contained(name, there, a, v)
	if x.alone && a.trace == "" && !strings.HasPrefix(there.method.Name, "Follow") { // which waits for more
		x.outside(name, there, absent, v)
	}
}

// contained fails the test when an answer says something of the other org that was
// not in the question, or the call did something there.
func (x *wall) contained(name string, c one, a answer, v foreign) {
	x.t.Helper()
	said := a.without(0, v.pairs)
	for _, text := range x.there.texts() {
		if strings.Contains(said, text) {
			x.t.Errorf("%s: %s tells %q:\n%s", name, x.describe(c), text, said)
		}
	}
	if a.touched != "" {
		x.t.Errorf("%s: %s wrote rows of the other org: %s", name, x.describe(c), a.touched)
	}
}

// outside asks once more, without a transaction around it, for what
// writes nothing.
func (x *wall) outside(name string, there, absent one, v foreign) {
	x.t.Helper()
	var sides [2]string
	for i, c := range []one{there, absent} {
		x.random.from(1)
		sides[i] = c.call(x.ctx, c.by(nil)).without(i, v.pairs)
	}
	if sides[0] != sides[1] {
		x.t.Errorf("%s: %s, alone\nof another org: %s\nabsent:         %s", name, x.describe(there), sides[0], sides[1])
	}
}

// probe asks for every value of the other org in every place of every argument.
func (x *wall) probe(name string, by func(*identity.Tx) *identity.Admin, own *tenant, m reflect.Method, every int) {
	x.t.Helper()
	turn := 0
	for i, arg := range own.arguments(x.t, m) {
		for _, place := range x.values.sites(x.t, m.Name, arg.Type()) {
			for _, v := range x.values.fitting(place, &turn, every) {
				with := func(v reflect.Value) one {
					args := own.arguments(x.t, m)
					place.put(args[i], v)
					return one{by, own.org, m, args}
				}
				x.compare(name+", "+place.String()+" "+v.name, with(v.there), with(v.absent), v)
			}
		}
	}
}

// beyond asks in the other org itself, and in one that is nowhere.
func (x *wall) beyond(name string, by func(*identity.Tx) *identity.Admin, m reflect.Method) {
	x.t.Helper()
	absent := identity.OrgID(x.there.twin(string(x.there.org)))
	there := one{by, x.there.org, m, x.there.arguments(x.t, m)}
	nowhere := one{by, absent, m, x.there.arguments(x.t, m)}
	v := foreign{pairs: [][2]string{{string(x.there.org), string(absent)}}}
	a, b := x.ask(there), x.ask(nowhere)
	x.asked[m.Name]++
	if got, want := a.without(0, v.pairs), b.without(1, v.pairs); got != want || a.err == nil {
		x.t.Errorf("%s in another org: %s\nof another org: %s\nabsent:         %s", name, x.describe(there), got, want)
	}
	if !strings.HasPrefix(m.Name, "Follow") {
		x.outside(name, there, nowhere, v)
	}
}

// onlooker is who looks at the wall, and from where.
type onlooker struct {
	name  string
	own   *tenant
	who   identity.Principal // zero: the host
	every int                // texts are tried one in so many
}

func (o onlooker) by(w *wall) func(*identity.Tx) *identity.Admin {
	return func(tx *identity.Tx) *identity.Admin {
		switch {
		case o.who.IsZero() && tx == nil:
			return w.id.System("wall")
		case o.who.IsZero():
			return tx.System("wall")
		case tx == nil:
			return w.id.As(o.who)
		}
		return tx.As(o.who)
	}
}

// onlookers are an owner, a token that is less than its account, the host, an
// operator whose reach is the one org, and one of the system org without any.
func (x *wall) onlookers(own *tenant) []onlooker {
	x.t.Helper()
	made := must(x.in(own.org).CreateAPIToken(x.ctx, own.owner, identity.APITokenSpec{Name: "less", Permissions: []string{"wallets:*", "keys:use", "identity:*"}}))(x.t)
	less := must(x.id.Authenticate(x.ctx, made.Secret.Reveal()))(x.t)
	system := x.tenant(identity.SystemSlug, "system")
	operator := x.user(system.org, "operator")
	x.bind(system.org, identity.BindingSpec{Subject: identity.SubjectID(operator), Role: "owner", Scope: policy.Root, Reach: identity.ReachOrg(own.org)})
	var local []string // what says nothing of other orgs
	for _, p := range identity.ManagementCatalog() {
		if p.Name != identity.PermInstance && !strings.HasPrefix(p.Name, "identity:orgs.") {
			local = append(local, p.Name)
		}
	}
	colleague := x.user(system.org, "colleague", append(local, "*")...)
	return []onlooker{
		{"an owner", own, x.login(own.org, own.owner), 3},
		{"a limited token", own, less, 11},
		{"the host", own, identity.Principal{}, 11},
		{"an operator", own, x.login(system.org, operator), 11},
		{"a colleague of operators", system, x.login(system.org, colleague), 11},
	}
}

// TestSec49_Wall asks every method for everything of another org, wherever an id or a
// name can be given: the answer is that for what is nowhere, nothing of the other org
// is in it, and nothing happens there. A new method fails the test until it says
// what good arguments of it are.
func TestSec49_Wall(t *testing.T) {
	onOneGoroutine(t)
	watcher := &witness{}
	x, own := openWall(t, with(func(c *identity.Config) { c.Observer = watcher.see }))
	orgAdmin, admin := reflect.TypeFor[*identity.OrgAdmin](), reflect.TypeFor[*identity.Admin]()
	onlookers := x.onlookers(own)
	x.remember()
	from := len(watcher.seen)
	for _, o := range onlookers {
		by := o.by(x)
		x.alone = o.name == "an owner" // the others find no other way in there
		for _, m := range verbs(orgAdmin, admin) {
			x.inEachMode(o.own, m, func() {
				if a := x.ask(one{by, o.own.org, m, o.own.arguments(t, m)}); (a.err == nil) != o.may(m.Name) {
					t.Errorf("%s: %s with good arguments: %v", o.name, m.Name, a.err)
				}
				x.probe(o.name, by, o.own, m, o.every)
				if !o.who.IsZero() {
					x.beyond(o.name, by, m)
				}
			})
		}
		if o.who.IsZero() {
			continue // it is the host that all orgs belong to
		}
		for _, m := range verbs(admin) {
			x.probe(o.name, by, o.own, m, o.every)
		}
	}
	x.settled(watcher, from)
	x.report()
}

// may reports whether a call with good arguments succeeds: what is for the host
// alone does not, nor what a limited token cannot do.
func (o onlooker) may(method string) bool {
	switch {
	case calls()[method].hostOnly || method == "Vouch":
		return o.who.IsZero()
	case calls()[method].own:
		return o.name == "an owner"
	case method == "MoveSubtree": // which takes all that there is
		return o.name != "a limited token" && o.name != "a colleague of operators"
	}
	return true
}

// settled fails the test when something was noted of the other org that is written
// later, or told to somebody else.
func (x *wall) settled(o *witness, from int) {
	x.t.Helper()
	if err := x.id.WriteUses(x.ctx); err != nil {
		x.t.Fatal(err)
	}
	x.id.WriteLateUses(x.ctx)
	if now := x.stored(x.db, x.there.org); now != x.rows {
		x.t.Errorf("rows of the other org changed:\n%s\nwere\n%s", now, x.rows)
	}
	for _, seen := range o.all(x.world)[from:] {
		who := cmp.Or(string(seen.Account), string(seen.Credential), seen.TokenID)
		if seen.Org == x.there.org || strings.Contains(who, x.there.mark) {
			x.t.Errorf("observed of the other org: %+v", seen)
		}
	}
}

// report counts what was asked.
func (x *wall) report() {
	total := 0
	for _, n := range x.asked {
		total += n
	}
	x.t.Logf("%d methods, %d questions", len(x.asked), total)
}

package identity_test

import (
	"context"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// gainGame is a script while it is played.
type gainGame struct {
	gains
	w       *world
	rnd     *mathrand.Rand
	begin   time.Time
	org     identity.OrgID
	o       *modelOrg
	now     *atlas // of o
	cells   []cell
	callers []known
	// operators are accounts of the system org who reach the org, which is another one then; they stay as they are.
	operators, atHome *atlas                           // what they can do here, and in the system org
	keys, publicKeys  map[string]identity.CredentialID // an API token of each account, named "key", and a key
	escalate          bool                             // identity:escalate occurs
	set               []string                         // of a closed world: who acts, with what they have made
	reached           map[cell]names                   // and what they could do together when it began
	made              int
	trace             []string

	known // who makes the call under way
	who   maker
	attrs *policy.Attrs
	as    *identity.OrgAdmin
}

func (g *gainGame) note(format string, args ...any) {
	g.trace = append(g.trace, strings.ReplaceAll(fmt.Sprintf(format, args...), "0001-01-01 00:00:00 +0000 UTC", "-"))
}

func (g *gainGame) fail(format string, args ...any) {
	lose(g.trace, format, args...)
}

func playGain(t *testing.T, sc script) (counted gains, failed string) {
	g := &gainGame{gains: newGains(), begin: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), keys: map[string]identity.CredentialID{}, publicKeys: map[string]identity.CredentialID{}}
	defer func() {
		if why := endGame(recover(), g.w); why != "" {
			failed = why
		}
		if g.w != nil {
			if err := os.RemoveAll(g.w.dir); err != nil && failed == "" {
				failed = err.Error()
			}
		}
	}()
	g.rnd = mathrand.New(mathrand.NewPCG(sc.seed, 0))
	g.open(t, sc.seed)
	g.populate()
	for _, n := range sc.calls {
		g.rnd = mathrand.New(mathrand.NewPCG(sc.seed, n))
		if g.one(25) && g.w.clock.Now().Before(g.begin.Add(3*time.Hour)) {
			g.w.clock.advance(time.Duration(1+g.rnd.IntN(2)) * 30 * time.Minute)
			g.note("now %s", g.w.clock.Now().Format("15:04"))
			g.forget() // tokens last for 10 minutes
		}
		g.call()
	}
	return g.gains, ""
}

func (g *gainGame) open(t *testing.T, seed uint64) {
	dir, err := os.MkdirTemp("", "gains")
	if err != nil {
		t.Fatal(err)
	}
	g.w = &world{t: t, ctx: context.Background(), dir: dir, clock: &fakeClock{now: g.begin}}
	g.w.cfg = modelConfig(g.w, seed)
	g.w.cfg.LastUsedEvery, g.w.cfg.MaxCredentials, g.w.cfg.ServiceAccountsMayMint = time.Hour, 1000, !g.one(4)
	g.w.start()
	if g.org = g.w.id.SystemOrg(); g.rnd.IntN(4) > 0 {
		g.org = g.w.org("acme")
	}
	g.o = newModelOrg()
	g.escalate = g.one(2)
}

// populate makes what is there before the first call.
func (g *gainGame) populate() {
	in, ctx, t := g.w.in(g.org), g.w.ctx, g.w.t
	for i := range 3 {
		u := must(in.CreateUser(ctx, identity.UserSpec{Email: fmt.Sprintf("u%d@example.com", g.number())}))(t)
		g.o.accounts[string(u.ID)] = &modelAccount{kind: identity.User, state: identity.AccountActive}
		if i < 2 {
			sa := must(in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: fmt.Sprintf("s%d", g.number())}))(t)
			g.o.accounts[string(sa.ID)] = &modelAccount{kind: identity.ServiceAccount, state: identity.AccountActive}
		}
		gr := must(in.CreateGroup(ctx, identity.GroupSpec{Name: fmt.Sprintf("g%d", g.number())}))(t)
		g.o.groups[string(gr.ID)] = true
	}
	for _, id := range g.accountIDs() {
		made := must(in.CreateAPIToken(ctx, identity.AccountID(id), identity.APITokenSpec{Name: "key"}))(t)
		g.keys[id] = made.ID
		_, key := newKey(t)
		g.publicKeys[id] = must(in.AddPublicKey(ctx, identity.AccountID(id), identity.PublicKeySpec{UnprovenPublicKey: key}))(t).ID
	}
	for range 5 {
		r := &modelRole{permissions: g.patterns(3), exclusions: g.patterns(1)}
		if len(g.o.roles) > 0 && g.one(3) {
			r.includes = []string{g.anyRole()}
		}
		made := must(in.CreateRole(ctx, identity.RoleSpec{Name: fmt.Sprintf("r%d", g.number()), Permissions: r.permissions, Exclusions: r.exclusions, Includes: r.includes}))(t)
		g.o.roles[string(made.ID)] = r
	}
	manager := must(in.CreateRole(ctx, identity.RoleSpec{Name: "manager", Permissions: []string{"identity:*"}}))(t)
	g.o.roles[string(manager.ID)] = &modelRole{permissions: []string{"identity:*"}}
	everything := must(in.CreateRole(ctx, identity.RoleSpec{Name: "everything", Permissions: []string{"*"}}))(t)
	g.o.roles[string(everything.ID)] = &modelRole{permissions: []string{"*"}}
	g.chart()
	g.as = in
	for _, id := range g.accountIDs() {
		if !g.one(3) { // who manages nothing makes few calls
			b := modelBinding{subject: id, role: string(manager.ID), scope: "/"}
			g.o.bindings[string(must(in.CreateBinding(ctx, g.spec(b)))(t).ID)] = b
		}
		if !g.one(3) { // for a time or under a condition, some of it
			b := g.binding(id)
			b.role, b.deny = string(everything.ID), false
			if !b.end.After(maxTime(b.start, g.begin)) {
				b.end = time.Time{}
			}
			g.o.bindings[string(must(in.CreateBinding(ctx, g.spec(b)))(t).ID)] = b
		}
	}
	for range 6 + g.rnd.IntN(8) {
		a := pickFrom(g, []func() attempt{g.bind, g.bind, g.join, g.bound})()
		if a.do() == nil {
			a.after(g.o)
			g.chart()
		}
	}
	g.chart()
	for _, id := range slices.Sorted(maps.Keys(g.o.bindings)) {
		g.note("%s %+v", id, g.o.bindings[id])
	}
	for _, id := range slices.Sorted(maps.Keys(g.o.roles)) {
		g.note("%s %+v", id, *g.o.roles[id])
	}
	for _, id := range slices.Sorted(maps.Keys(g.o.accounts)) {
		g.note("%s bounded by %q, in %v", id, g.o.accounts[id].boundary, slices.Sorted(maps.Keys(g.o.above(id))))
	}
	if g.escalate || g.one(4) {
		g.operate()
		return
	}
	g.set = g.closure(g.now, []string{pickFrom(g, g.accountIDs())})
	g.reached = g.reach(g.now, g.set)
	g.closed++
	g.note("only %v act", g.set)
}

// operate makes operators who reach the org, if it is not their own.
func (g *gainGame) operate() {
	ctx, t, system := g.w.ctx, g.w.t, g.w.id.SystemOrg()
	if g.org == system || g.one(3) {
		return
	}
	in, o := g.w.in(system), newModelOrg()
	for range 2 {
		u := must(in.CreateUser(ctx, identity.UserSpec{Email: fmt.Sprintf("o%d@example.com", g.number())}))(t)
		o.accounts[string(u.ID)] = &modelAccount{kind: identity.User, state: identity.AccountActive}
		for range 3 {
			r := &modelRole{permissions: append(g.patterns(2), pickFrom(g, []string{"*", "identity:*"})), exclusions: g.patterns(1)}
			made := must(in.CreateRole(ctx, identity.RoleSpec{Name: fmt.Sprintf("r%d", g.number()), Permissions: r.permissions, Exclusions: r.exclusions}))(t)
			o.roles[string(made.ID)] = r
			b := modelBinding{subject: string(u.ID), role: string(made.ID), scope: pickFrom(g, []string{"/", "/", "projects/1"}), deny: g.one(8)}
			b.reach = pickFrom(g, []string{"", "*", string(g.org)})
			spec := g.spec(b)
			spec.Reach = identity.Reach(b.reach)
			o.bindings[string(must(in.CreateBinding(ctx, spec))(t).ID)] = b
			g.note("%+v", b)
			g.note("%s %+v", made.ID, *r)
		}
	}
	g.operators, g.atHome = chart(o), chart(o)
	g.operators.reach = string(g.org)
}

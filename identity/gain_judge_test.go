package identity_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// chart works out the org as it is now.
func (g *gainGame) chart() {
	g.now = chart(g.o)
	g.cells = gainCells(g.begin, g.w.clock.Now())
}

func (g *gainGame) hour(at time.Time) time.Time { return at.Truncate(time.Hour) }

// call makes one call, and compares what becomes of it with what the rules ask.
func (g *gainGame) call() {
	g.chart()
	if !g.enter() {
		return
	}
	kinds := []func() attempt{
		g.bind, g.bind, g.bind, g.bind, g.unbind, g.unbind, g.join, g.join, g.leave, g.leave, g.editRole, g.editRole, g.editRole, g.bound, g.bound,
		g.direct, g.shelve, g.setDefaults, g.make, g.make, g.end, g.end, g.end, g.prove, g.prove, g.handle, g.handle,
	}
	if g.one(12) {
		g.token()
		return
	}
	a := pickFrom(g, kinds)()
	for range 10 { // most calls are to be judged by more than their permission
		if a.never == "" && (a.needs == "" || g.permitted(a, g.w.clock.Now())) || g.one(8) {
			break
		}
		if !g.enter() {
			return
		}
		a = pickFrom(g, kinds)()
	}
	then := g.now
	if a.after != nil {
		o := g.o.clone()
		a.after(o)
		then = chart(o)
	}
	why := g.objection(a, then)
	do := a.do
	if g.one(10) {
		do = func() error {
			return g.w.id.Write(g.w.ctx, func(_ context.Context, tx *identity.Tx) error {
				g.as = tx.As(g.p).With(g.attrs).In(g.org)
				return a.do()
			})
		}
	}
	err := do()
	g.note("%s: %s %s: %v", g.who, a.kind, a.text, err)
	count := g.gains.kind(a.kind)
	switch {
	case err == nil && why != "":
		g.fail("wrongly permitted: %s", why)
	case err == nil:
		g.done++
		count.done++
		if a.learn != nil {
			a.learn()
		} else if a.after != nil {
			a.after(g.o)
		}
	case !errors.Is(err, identity.ErrEscalation) && !errors.Is(err, identity.ErrDenied):
		g.invalid++
		count.invalid++
	case why != "":
		g.because[because(why)]++
		g.refused++
		count.refused++
	default:
		g.needless[g.cause(a, then)]++
		count.needless++
	}
	g.chart()
	if err == nil && g.reached != nil {
		g.compareReach()
	}
	g.ask()
}

// enter picks who makes the next call, and what is said of the request.
func (g *gainGame) enter() bool {
	from := g.accountIDs()
	if g.reached != nil {
		from = slices.DeleteFunc(from, func(id string) bool { return !slices.Contains(g.set, id) })
	}
	if len(from) == 0 {
		return false
	}
	if len(g.callers) == 0 || len(g.callers) < 12 && g.one(3) {
		who := pickFrom(g, from)
		if g.operators != nil && g.one(3) {
			who = pickFrom(g, slices.Sorted(maps.Keys(g.operators.modelOrg.accounts)))
		}
		if k, ok := g.callerOf(who); ok {
			g.callers = append(g.callers, k)
		}
	}
	if len(g.callers) == 0 {
		return false
	}
	g.known = pickFrom(g, g.callers)
	g.who = g.known.maker
	g.attrs = new(policy.Attrs)
	g.who.office, g.who.mfa = g.say(g.attrs, "office"), g.say(g.attrs, "principal.mfa")
	g.as = g.w.id.As(g.p).With(g.attrs).In(g.org)
	return true
}

func (g *gainGame) say(attrs *policy.Attrs, name string) policy.Truth {
	truth := pickFrom(g, truths)
	if truth != policy.Unknown {
		attrs.SetBool(name, truth == policy.True)
	}
	return truth
}

// objection says why a call must be refused, or nothing.
func (g *gainGame) objection(a attempt, then *atlas) string {
	now := g.w.clock.Now()
	if a.never != "" {
		return a.never
	}
	if a.needs != "" && !g.permitted(a, now) {
		return "the caller has no " + a.needs + " at " + a.at
	}
	for _, c := range g.cells {
		sure := g.now.surely(g.who, c)
		if then != g.now {
			for _, id := range then.everybody() {
				if gained := then.can(id, c) &^ g.now.can(id, c) &^ sure; gained != 0 {
					return fmt.Sprintf("%s gains %s at %+v", id, gained, c)
				}
			}
		}
		if a.controls != "" {
			if more := g.now.couldHave(a.controls, c, true) &^ sure; more != 0 {
				return fmt.Sprintf("%s could have %s at %+v", a.controls, more, c)
			}
		}
		if a.path != "" && under(a.path, c.path) && a.names&^sure != 0 {
			return fmt.Sprintf("it names %s at %+v", a.names&^sure, c)
		}
	}
	if g.now.may(g.who, "identity:contain", "/", now) {
		return ""
	}
	for _, x := range a.narrows {
		if more := g.stronger(x); more != 0 && !g.who.is(x) && (then == g.now || g.loses(x, then)) {
			return fmt.Sprintf("%s is narrowed and manages more: %s", x, more)
		}
	}
	return ""
}

// because is what an objection is about.
func because(why string) string {
	for _, about := range [][2]string{
		{"the caller has no", "the caller lacks the permission of the call"}, {"gains", "somebody would gain"}, {"could have", "the account is stronger"},
		{"it names", "it names what the caller lacks"}, {"is narrowed", "who would be narrowed manages more"},
	} {
		if strings.Contains(why, about[0]) {
			return about[1]
		}
	}
	return why
}

func (g *gainGame) permitted(a attempt, now time.Time) bool {
	w := g.who
	if a.instance {
		w.parts = slices.Clone(w.parts)
		for i := range w.parts {
			if w.parts[i].home == nil {
				return false
			}
			w.parts[i].home = g.atHome
		}
	}
	for _, more := range a.also {
		if !g.now.may(w, more[0], more[1], now) {
			return false
		}
	}
	return g.now.may(w, a.needs, a.at, now)
}

// stronger is what a subject manages and the caller does not.
func (g *gainGame) stronger(subject string) (out names) {
	for _, c := range g.cells {
		out |= g.now.can(subject, c) & managing &^ g.now.surely(g.who, c)
	}
	return out
}

// loses reports whether an account, or one in a group, can do less afterwards.
func (g *gainGame) loses(subject string, then *atlas) bool {
	for _, id := range g.now.within(subject) {
		for _, c := range g.cells {
			if g.now.can(id, c)&^then.can(id, c) != 0 {
				return true
			}
		}
	}
	return false
}

// cause is what stands in the way of a call that the rules let through.
func (g *gainGame) cause(a attempt, then *atlas) string {
	gains := false
	for _, c := range g.cells {
		sure := g.now.surely(g.who, c)
		if a.controls != "" && g.now.couldHave(a.controls, c, false)&^sure != 0 {
			return "the boundary of the account leaves less"
		}
		for _, id := range then.everybody() {
			gains = gains || then.can(id, c)&^g.now.can(id, c) != 0
		}
	}
	for _, x := range a.narrows {
		for _, c := range g.cells {
			if g.now.couldHave(x, c, false)&managing&^g.now.surely(g.who, c) != 0 && g.now.accounts[x] != nil {
				return "denies or a boundary leave less to whom it narrows"
			}
		}
	}
	switch {
	case a.controls != "":
		return "the caller holds all of it, in pieces"
	case gains:
		return "the caller holds what is gained, in pieces or not all that is given"
	case then != g.now:
		return "nobody gains: " + g.idle(a)
	}
	return "the caller holds it in pieces"
}

// idle is why nobody gains by a call that gives something.
func (g *gainGame) idle(a attempt) string {
	switch a.kind {
	case "CreateServiceAccount", "CreateServiceAccount like the caller", "CreateUser", "Invite":
		return "denies or a boundary leave nothing to the new account"
	case "UpdateRole", "AddRolePermissions", "RemoveRolePermissions", "AddPermissions", "RemovePermissions":
		return "who has the role has it otherwise, or is denied or bounded"
	case "SetBoundary":
		return "the old boundary is not wider by its definition, only for this account"
	case "DeleteBinding", "DeleteBindings", "RemoveMember", "RemoveMembers":
		return "what a deny that goes denied they have not, or are denied otherwise"
	}
	return "they have it already, are denied or bounded, or there is nobody"
}

// compareReach holds what a closed set can do together against what it could do when it began.
func (g *gainGame) compareReach() {
	for c, can := range g.reach(g.now, g.closure(g.now, g.set)) {
		if more := can &^ g.reached[c]; more != 0 {
			g.fail("together %v have grown by %s at %+v", g.set, more, c)
		}
	}
}

// ask compares some answers with the model, so that what it says of a call is said of what is there.
func (g *gainGame) ask() {
	for range 6 {
		if len(g.callers) == 0 {
			return
		}
		k := pickFrom(g, g.callers)
		attrs := new(policy.Attrs)
		k.office, k.mfa = g.say(attrs, "office"), g.say(attrs, "principal.mfa")
		name, at := pickFrom(g, gainNames)[0], pickFrom(g, g.cells).path
		permission, err := policy.ParsePermission(name)
		if err != nil {
			continue // a name that stands for a pattern
		}
		where, err := policy.ParsePath(at)
		if err != nil {
			g.fail("%v", err)
		}
		d := g.w.id.Authorize(g.w.ctx, identity.Request{Principal: k.p, Org: g.org, Permission: permission, Path: where, Attrs: attrs})
		g.asked++
		if want := g.now.may(k.maker, name, at, g.w.clock.Now()); d.Allowed != want {
			g.fail("may %v %s at %s: %+v, want %v", k.maker, name, at, d, want)
		}
	}
}

// refusedToken counts a token that was not made.
func (g *gainGame) refusedToken(err error, wider bool) {
	count := g.gains.kind("IssueToken")
	switch {
	case !errors.Is(err, identity.ErrEscalation):
		g.invalid++
		count.invalid++
	case wider:
		g.refused++
		count.refused++
	default:
		g.needless["tokens are cut down by patterns alone"]++
		count.needless++
	}
}

package identity_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// The managed worlds run for about two seconds, or with CLAVIGER_SOAK=long for ten minutes. For another time, and to repeat one
// with the seed that a failure prints:
//
//	go test ./identity -run ManagedWorlds -worlds 1h -timeout 0 -v
//	go test ./identity -run ManagedWorlds -seed N
var (
	managedFor  = flag.Duration("worlds", 2*time.Second, "how long to compare managed worlds")
	managedSeed = flag.Uint64("seed", 0, "the one managed world to compare; 0 for many")
)

const callsOfAWorld = 150

// TestSec51_ManagedWorlds makes random management calls in two Authorities over one database, and compares what each of them
// answers, at once and after it has read the log, and after it was closed and opened again, with a model that knows only the
// calls: what should succeed, who is alive, and who may do what as time passes.
func TestSec51_ManagedWorlds(t *testing.T) {
	onOneGoroutine(t)
	if *managedSeed != 0 {
		playManaged(t, *managedSeed)
		return
	}
	if os.Getenv("CLAVIGER_SOAK") == "long" {
		*managedFor = max(*managedFor, 10*time.Minute)
	}
	base := uint64(time.Now().UnixNano())
	worlds, all := 0, tally{}
	for until := time.Now().Add(*managedFor); worlds == 0 || time.Now().Before(until); worlds++ {
		all.add(playManaged(t, base+uint64(worlds)))
	}
	t.Logf("%d worlds from seed %d, %d calls done and %d refused, %d answers compared, 0 differences: %v", worlds, base, all.done, all.refused, all.asked, all.reasons)
}

func playManaged(t *testing.T, seed uint64) tally {
	t.Helper()
	return play(t, newScript(seed, 51, callsOfAWorld), "-run ManagedWorlds -seed", playManagedWorld)
}

// game is a script while it is played.
type game struct {
	w        [2]*world // two Authorities over one database
	rnd      *mathrand.Rand
	clock    *fakeClock
	model    model
	orgs     []identity.OrgID // acme, beta, and the system org
	sessions []*session
	trace    []string
	made     int
	tally
}

func (g *game) fail(format string, args ...any) {
	lose(g.trace, format, args...)
}

func playManagedWorld(t *testing.T, sc script) (counted tally, failed string) {
	g := &game{tally: tally{reasons: map[policy.Reason]int{}}, clock: &fakeClock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}}
	defer func() {
		if why := endGame(recover(), g.w[:]...); why != "" {
			failed = why
		}
	}()
	g.open(t, sc.seed)
	for _, n := range sc.calls {
		g.rnd = mathrand.New(mathrand.NewPCG(sc.seed, n))
		if g.rnd.IntN(8) == 0 {
			g.pass()
		}
		if g.rnd.IntN(40) == 0 {
			g.reopen()
		}
		g.call()
		g.look()
	}
	for i := range g.w {
		g.reopenOne(i)
		g.ask(i, 40, false)
	}
	return g.tally, ""
}

// modelConfig is what an Authority has that the model knows of.
func modelConfig(w *world, seed uint64) identity.Config {
	c := identity.Config{
		Issuer: issuer, Seal: token.SealFile(filepath.Join(w.dir, "app.key")), MaxStaleness: time.Hour, Now: w.clock.Now,
		Random: newSeeded(seed), Conditions: toy{},
		Attributes: []policy.AttributeSpec{{Name: "office", Type: policy.TypeBool}, {Name: "principal.mfa", Type: policy.TypeBool}},
	}
	for _, names := range modelNames {
		if !strings.HasPrefix(names[0], "identity:") {
			c.Permissions = append(c.Permissions, policy.PermissionSpec{Name: names[0], Aliases: names[1:]})
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(modelCode)) {
		role := identity.CodeRole{Name: strings.TrimPrefix(ref, "code:"), Permissions: modelCode[ref].permissions, Exclusions: modelCode[ref].exclusions}
		for _, in := range modelCode[ref].includes {
			role.Includes = append(role.Includes, strings.TrimPrefix(in, "code:"))
		}
		if role.Name != "owner" { // built in
			c.Roles = append(c.Roles, role)
		}
	}
	return c
}

// open makes the two Authorities and the orgs.
func (g *game) open(t *testing.T, seed uint64) {
	dir := t.TempDir()
	for i := range g.w {
		w := &world{t: t, ctx: context.Background(), dir: dir, clock: g.clock, opts: sqlite.Options{Shared: true}}
		w.cfg = modelConfig(w, seed+uint64(i))
		w.start()
		g.w[i] = w
	}
	g.model = model{system: g.w[0].id.SystemOrg(), orgs: map[identity.OrgID]*modelOrg{}}
	g.orgs = []identity.OrgID{g.w[0].org("acme"), g.w[0].org("beta"), g.model.system}
	for _, id := range g.orgs {
		g.model.orgs[id] = newModelOrg()
	}
	g.w[1].poll()
}

func (g *game) slug(org identity.OrgID) string {
	return [...]string{"acme", "beta", "system"}[slices.Index(g.orgs, org)]
}

// pass lets time pass: by any amount, or to just before or at the next instant that matters.
func (g *game) pass() {
	now := g.clock.Now()
	by := pickOf(g, []time.Duration{time.Microsecond, time.Second, time.Minute, 10 * time.Minute, 30 * time.Minute, 7 * time.Hour})
	if g.rnd.IntN(2) == 0 {
		next := time.Time{}
		at := func(t time.Time) {
			if t.After(now) && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
		for _, o := range g.model.orgs {
			for _, b := range o.bindings {
				at(b.start)
				at(b.end)
			}
			for _, a := range o.accounts {
				at(a.until)
			}
		}
		if !next.IsZero() {
			by = next.Sub(now) - time.Duration(g.rnd.IntN(2))*time.Microsecond
		}
	}
	g.clock.advance(by)
	g.trace = append(g.trace, fmt.Sprintf("%s passes", by))
}

// reopen ends one of the processes, so to speak, and starts it again.
func (g *game) reopen() { g.reopenOne(g.rnd.IntN(2)) }

func (g *game) reopenOne(i int) {
	g.w[i].reopen()
	g.trace = append(g.trace, fmt.Sprintf("Authority %d is opened again", i))
	for _, s := range g.sessions {
		if old := s.held[i]; !old.IsZero() {
			s.held[i] = identity.Principal{}
			if d := g.w[i].may(old, s.org, "wallets:read", policy.Root); d.Reason != policy.ReasonUnauthenticated {
				g.fail("a principal of an Authority that is closed: %+v", d)
			}
		}
	}
}

// look asks the Authority that wrote last at once, and now and then the other one.
func (g *game) look() {
	newest := 0
	if g.w[1].id.Revision() > g.w[0].id.Revision() {
		newest = 1
	}
	for range 2 {
		g.login(newest)
	}
	g.ask(newest, 12, false)
	switch other := 1 - newest; g.rnd.IntN(6) {
	case 0:
		g.ask(other, 12, true) // of what it knows of; it must catch up by itself
	case 1, 2:
		g.w[other].poll()
		g.ask(other, 12, false)
	}
}

// login vouches for an account, which succeeds exactly if it is alive.
func (g *game) login(i int) {
	org := pickOf(g, g.orgs)
	ids := slices.Sorted(maps.Keys(g.model.orgs[org].accounts))
	if len(ids) == 0 {
		return
	}
	w := g.w[i]
	s := &session{org: org, account: pickOf(g, ids), revision: w.id.Revision(), notAfter: g.clock.Now().Add(time.Duration(1+g.rnd.IntN(30)) * time.Hour)}
	if g.vouch(s, i, 0); !s.held[i].IsZero() {
		if s.revision = s.held[i].Revision(); s.revision != w.id.Revision() {
			g.fail("a login is of revision %d", s.revision)
		}
		if len(g.sessions) < 24 {
			g.sessions = append(g.sessions, s)
		} else {
			g.sessions[g.rnd.IntN(24)] = s // some stay for long
		}
	}
}

func (g *game) vouch(s *session, i int, revision uint64) {
	now := g.clock.Now()
	login := identity.Login{Method: "test", AuthTime: now, NotAfter: s.notAfter, Revision: revision}
	p, err := g.w[i].in(s.org).Vouch(g.w[i].ctx, identity.AccountID(s.account), login)
	if errors.Is(err, identity.ErrStale) {
		g.w[i].poll()
		p, err = g.w[i].in(s.org).Vouch(g.w[i].ctx, identity.AccountID(s.account), login)
	}
	if dead := g.model.alive(s, now); (err == nil) != (dead == policy.ReasonUnspecified) {
		g.fail("Authority %d: Vouch for %s of %s at revision %d: %v, want %v", i, s.account, g.slug(s.org), s.revision, err, dead)
	}
	s.held[i] = p
}

var (
	gamePaths = []string{"/", "projects/1", "projects/10", "projects/1/wallets/2"}
	gameAsks  = []string{"/", "projects/1", "projects/10", "projects/1/wallets/2", "projects/1/wallets/2/keys/3/uses/4/x/5", "projects/2"}

	gamePermissions = []string{"wallets:read", "wallets:create", "wallets:delete", "keys:use", "vaults:open", "wallets:open", "identity:groups.create", "identity:escalate"}
)

// ask asks an Authority n questions. With behind, it has perhaps not read the log, and is told how far it must have.
func (g *game) ask(i, n int, behind bool) {
	w := g.w[i]
	for range n {
		if len(g.sessions) == 0 {
			return
		}
		q := modelQuestion{who: pickOf(g, g.sessions), now: g.clock.Now(), attrs: map[string]bool{}}
		q.org, q.permission, q.path = q.who.org, pickOf(g, gamePermissions), pickOf(g, gameAsks)
		switch g.rnd.IntN(20) {
		case 0:
			q.permission = pickOf(g, []string{"", "wallets:none"})
		case 1:
			q.path = ""
		case 2:
			q.org = pickOf(g, []identity.OrgID{"", "or_none"})
		case 3, 4, 5:
			q.org = pickOf(g, g.orgs)
		}
		req := identity.Request{Org: q.org}
		for _, name := range []string{"office", "principal.mfa"} {
			if g.rnd.IntN(3) > 0 {
				if req.Attrs == nil {
					req.Attrs = new(policy.Attrs)
				}
				q.attrs[name] = g.rnd.IntN(2) == 0
				req.Attrs.SetBool(name, q.attrs[name])
			}
		}
		req.Permission, _ = policy.ParsePermission(q.permission)
		req.Path, _ = policy.ParsePath(q.path)
		if behind {
			req.AtLeast = max(g.w[0].id.Revision(), g.w[1].id.Revision())
		} else if q.who.held[i].IsZero() {
			g.vouch(q.who, i, q.who.revision)
		}
		if req.Principal = q.who.held[i]; req.Principal.IsZero() {
			continue
		}
		d := w.id.Authorize(w.ctx, req)
		if d.Reason == policy.ReasonStale { // it had 250 ms to look, which a busy machine may not give it
			w.poll()
			d = w.id.Authorize(w.ctx, req)
		}
		g.asked++
		g.reasons[d.Reason]++
		want, because := g.model.decide(q)
		gone := g.model.orgs[q.who.org].accounts[q.who.account].state == identity.AccountDeleted && d.Reason == policy.ReasonUnknownAccount
		if !gone && d.Reason != want || d.Allowed != (want == policy.ReasonAllowed) || len(because) > 0 && !because[d.Binding] {
			g.fail("Authority %d: may %s of %s (login at %d) %s at %q of %s with %v, at %s: %+v, want %v because of %v", i, q.who.account,
				g.slug(q.who.org), q.who.revision, q.permission, q.path, q.org, q.attrs, q.now, d, want, slices.Collect(maps.Keys(because)))
		}
	}
}

package soak

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// slowPage is the most that a page of 100 takes in the long form, whatever it is
// filtered by and wherever it begins.
const slowPage = 50 * time.Millisecond

// TestLargeOrg works with an org of 100,000 accounts, 1,000,000 bindings, an API
// token for each account and an event for each row, through what a host calls, and
// logs what that takes. The long form is
//
//	CLAVIGER_SOAK=long go test ./internal/soak -run TestLargeOrg -v -timeout 60m
//
// and CLAVIGER_ACCOUNTS=10000 before it makes an org of a tenth. It needs 6 GB of
// disk in the folder of temporary files. In it no page may take longer than
// slowPage. The short form, of 1,000 accounts, checks the answers only.
func TestLargeOrg(t *testing.T) {
	if raceDetector {
		t.Skip("what it measures, and all that it checks, is done without the race detector; other tests run the same calls with it")
	}
	m := &measured{t: t}
	var l *large
	m.time("fill the tables", largeSize().Bindings, func() { l = newLarge(t) })
	before := heapInUse()
	m.time("first load", 1, func() { must(l.h.System("measure").In(l.org).Vouch(t.Context(), l.accounts[0], l.login()))(t) })
	m.note("memory of the org, in bytes for a binding: %.0f", float64(heapInUse()-before)/float64(l.bindings))
	o := l.admin(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *measured, *identity.OrgAdmin)
	}{
		{"lists", l.lists}, {"events", l.lookBack}, {"bindings", l.bindMany}, {"one subject", l.bindOne}, {"members", l.fillGroup},
		{"accounts", l.manyAccounts}, {"questions", l.ask}, {"audit", l.audit},
	} {
		m.peak(func() { part.run(t, m, o) }, part.name)
	}
	m.report()
}

func (l *large) login() identity.Login {
	now := time.Now()
	return identity.Login{Method: "soak", AuthTime: now, NotAfter: now.Add(24 * time.Hour)}
}

// admin is an owner of the org, through As: what it does is judged.
func (l *large) admin(t *testing.T) *identity.OrgAdmin {
	t.Helper()
	owner := l.accounts[3]
	must(l.h.System("measure").In(l.org).GrantOwner(t.Context(), owner))(t)
	p := must(l.h.System("measure").In(l.org).Vouch(t.Context(), owner, l.login()))(t)
	return l.h.As(p).In(l.org)
}

// measured collects what calls took.
type measured struct {
	t    *testing.T
	rows []string
	slow bool // pages may take longer than slowPage
}

func (m *measured) note(format string, args ...any) {
	m.rows = append(m.rows, fmt.Sprintf(format, args...))
	m.t.Logf(format, args...)
}

// time runs something once that does n things.
func (m *measured) time(name string, n int, fn func()) time.Duration {
	start := time.Now()
	fn()
	took := time.Since(start)
	m.note("%-46s %9.1f ms   %8.1f µs each", name, float64(took.Microseconds())/1000, float64(took.Nanoseconds())/1000/float64(max(n, 1)))
	return took
}

// peak notes the most memory that was in use while something ran.
func (m *measured) peak(fn func(), name string) {
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-tick.C:
			case <-stop:
				done <- most
				return
			}
		}
	}()
	fn()
	close(stop)
	m.note("%-46s %9.1f MB", "heap at most during: "+name, float64(<-done)/1e6)
}

// report logs everything again in one piece.
func (m *measured) report() {
	text := fmt.Sprintf("%s, GOMAXPROCS %d", largeSize().Name, runtime.GOMAXPROCS(0))
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		text += ", load " + strings.TrimSpace(string(load))
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmHWM") {
				text += ", resident at most" + strings.TrimSpace(strings.TrimPrefix(line, "VmHWM:"))
			}
		}
	}
	m.t.Logf("%s\n%s", text, strings.Join(m.rows, "\n"))
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return now.HeapAlloc
}

// pages measures the first page of 100 of a list, one in the middle and the last.
// The list has want items; less than 0 is any number.
func pages[T any](m *measured, name string, want int, list func(identity.Page) (identity.List[T], error)) {
	m.t.Helper()
	start := time.Now()
	cursors, n := walk(m.t, list, "", 1000)
	all := time.Since(start)
	if want >= 0 && n != want {
		m.t.Errorf("%s: %d items, want %d", name, n, want)
	}
	tail, _ := walk(m.t, list, cursors[len(cursors)-1], 100)
	var took [3]time.Duration
	for i, cursor := range []string{"", cursors[len(cursors)/2], tail[len(tail)-1]} {
		var runs []time.Duration
		for range rounds(1, 5) {
			start := time.Now()
			part, err := list(identity.Page{Limit: 100, Cursor: cursor})
			runs = append(runs, time.Since(start))
			if err != nil || len(part.Items) > 100 || i == 2 && part.Next != "" {
				m.t.Fatalf("%s: page %d has %d items, next %q: %v", name, i, len(part.Items), part.Next, err)
			}
		}
		slices.Sort(runs)
		took[i] = runs[len(runs)/2]
		if long() && took[i] > slowPage && !m.slow {
			m.t.Errorf("%s: page %d takes %s, %s is the most", name, i, took[i], slowPage)
		}
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	m.note("%-46s %9.1f ms   middle %.1f ms, last %.1f ms; all %d in %.0f ms", name, ms(took[0]), ms(took[1]), ms(took[2]), n, ms(all))
}

// walk reads a list from a cursor to its end, and returns the cursor of every page.
func walk[T any](t *testing.T, list func(identity.Page) (identity.List[T], error), cursor string, limit int) (cursors []string, n int) {
	t.Helper()
	for {
		part, err := list(identity.Page{Limit: limit, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		cursors, n = append(cursors, cursor), n+len(part.Items)
		if part.Next == "" {
			return cursors, n
		}
		cursor = part.Next
	}
}

// lists measures the pages of everything but the log.
func (l *large) lists(t *testing.T, m *measured, o *identity.OrgAdmin) {
	ctx := t.Context()
	for i, r := range must(o.DeactivateAccounts(ctx, l.accounts[len(l.accounts)-10:]))(t) {
		if !r.Changed {
			t.Fatalf("account %d is not stopped: %v", i, r.Err)
		}
	}
	all := len(l.accounts)
	for _, c := range []struct {
		name string
		f    identity.AccountFilter
		want int
	}{
		{"accounts", identity.AccountFilter{}, all},
		{"accounts, kind", identity.AccountFilter{Kind: identity.ServiceAccount}, (all + 4) / 5},
		{"accounts, state, of few", identity.AccountFilter{State: identity.AccountInactive}, 10},
		{"accounts, state, of nearly all", identity.AccountFilter{State: identity.AccountActive}, all - 10},
		{"accounts, name prefix of one", identity.AccountFilter{NamePrefix: string(l.accounts[7])}, 1},
		{"accounts, name prefix of some", identity.AccountFilter{NamePrefix: string(l.accounts[7])[:5]}, -1},
		{"accounts, name prefix of most", identity.AccountFilter{NamePrefix: "us_"}, all - (all+4)/5},
		{"accounts, kind and name prefix of most", identity.AccountFilter{Kind: identity.User, NamePrefix: "us_"}, all - (all+4)/5},
		{"accounts, kind, state and name prefix", identity.AccountFilter{Kind: identity.User, State: identity.AccountInactive, NamePrefix: "us_"}, 8},
		{"accounts, external id of nobody", identity.AccountFilter{External: identity.ExternalID{Issuer: "https://x.example", Subject: "x"}}, 0},
		{"accounts, boundary of nobody", identity.AccountFilter{Boundary: identity.RoleRef(l.role)}, 0},
	} {
		pages(m, c.name, c.want, func(p identity.Page) (identity.List[identity.Account], error) { return o.Accounts(ctx, c.f, p) })
	}
	for name, prefix := range map[string]string{"groups": "", "groups, name prefix of some": string(l.groups[1])[:5], "groups, name prefix of all": "gr_"} {
		pages(m, name, -1, func(p identity.Page) (identity.List[identity.Group], error) {
			return o.Groups(ctx, identity.GroupFilter{NamePrefix: prefix}, p)
		})
	}
	pages(m, "members of a group", -1, func(p identity.Page) (identity.List[identity.Member], error) { return o.Members(ctx, l.groups[0], p) })
	pages(m, "roles", 4, func(p identity.Page) (identity.List[identity.Role], error) {
		return o.Roles(ctx, identity.RoleFilter{}, p)
	})
	item := l.places[len(l.places)-1]
	for _, c := range []struct {
		name string
		f    identity.BindingFilter
		want int
	}{
		{"bindings", identity.BindingFilter{}, l.bindings + 1},
		{"bindings of an account or a group", identity.BindingFilter{Subject: l.subject}, -1},
		{"bindings of a role", identity.BindingFilter{Role: l.code}, -1},
		{"bindings at the root", identity.BindingFilter{Scope: policy.Root}, -1},
		{"bindings at an item", identity.BindingFilter{Scope: item}, -1},
		{"bindings of a role at the root", identity.BindingFilter{Role: l.code, Scope: policy.Root}, -1},
		{"bindings of a role at an item", identity.BindingFilter{Role: l.code, Scope: item}, -1},
		{"bindings of few, of a role at the root", identity.BindingFilter{Role: identity.RoleOwner, Scope: policy.Root}, 1},
		{"bindings of a role that is not bound", identity.BindingFilter{Role: "code:viewer", Scope: policy.Root}, 0},
		{"bindings of a subject and a role", identity.BindingFilter{Subject: l.subject, Role: l.code}, -1},
	} {
		pages(m, c.name, c.want, func(p identity.Page) (identity.List[identity.Binding], error) { return o.Bindings(ctx, c.f, p) })
	}
	for _, c := range []struct {
		name string
		f    identity.CredentialFilter
		want int
	}{
		{"credentials", identity.CredentialFilter{}, all},
		{"credentials of an account", identity.CredentialFilter{Account: l.accounts[5]}, 1},
		{"credentials, type", identity.CredentialFilter{Type: identity.APIToken}, all},
		{"credentials, type of none", identity.CredentialFilter{Type: identity.PublicKey}, 0},
		{"credentials, state, of few", identity.CredentialFilter{State: identity.CredentialRevoked}, all / 100},
		{"credentials, state, of none", identity.CredentialFilter{State: identity.CredentialHeld}, 0},
		{"credentials, name of all", identity.CredentialFilter{Name: "first"}, all},
		{"credentials, name of none", identity.CredentialFilter{Name: "second"}, 0},
		{"credentials, thumbprint of none", identity.CredentialFilter{Thumbprint: strings.Repeat("A", 43)}, 0},
	} {
		pages(m, c.name, c.want, func(p identity.Page) (identity.List[identity.Credential], error) { return o.Credentials(ctx, c.f, p) })
	}
}

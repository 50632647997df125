package identitytest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
)

func TestExample(t *testing.T) { testApp(t) }

func wallets(c *identity.Config) {
	c.Permissions = []policy.PermissionSpec{{Name: "wallets:read"}}
	c.Roles = []identity.CodeRole{{Name: "reader", Permissions: []string{"wallets:read"}}}
}

func ask(t *testing.T, id *identitytest.Env, p identity.Principal, path string) bool {
	t.Helper()
	read, ok := id.Permission("wallets:read")
	if !ok {
		t.Fatal("wallets:read is not in the catalog")
	}
	at, err := policy.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	return id.Authorize(context.Background(), identity.Request{Principal: p, Org: p.Org(), Permission: read, Path: at}).Allowed
}

func TestGrants(t *testing.T) {
	id := identitytest.New(t, wallets)
	for _, c := range []struct {
		grants      []string
		root, p1, b bool
	}{
		{nil, false, false, false},
		{[]string{"reader"}, true, true, true},
		{[]string{"reader@/"}, true, true, true},
		{[]string{"reader@projects/p1"}, false, true, false},
		{[]string{"reader@projects/p1", "reader@mails/a@b.example"}, false, true, true},
	} {
		p := identitytest.Principal(t, id, identitytest.Account(t, id, c.grants...))
		if root, p1, b := ask(t, id, p, "/"), ask(t, id, p, "projects/p1"), ask(t, id, p, "mails/a@b.example"); root != c.root || p1 != c.p1 || b != c.b {
			t.Errorf("%q: root %t, p1 %t, mail %t", c.grants, root, p1, b)
		}
	}
}

func TestOrgs(t *testing.T) {
	id := identitytest.New(t, wallets)
	globex := identitytest.Org(t, id, "globex")
	if again := identitytest.Org(t, id, "globex"); again.ID != globex.ID {
		t.Errorf("the org was made twice: %s, %s", globex.ID, again.ID)
	}
	there, here := identitytest.AccountIn(t, id, globex.ID, "reader"), identitytest.Account(t, id, "reader")
	if acme := identitytest.Org(t, id, "acme"); there.Org != globex.ID || here.Org != acme.ID {
		t.Errorf("accounts are in %s and %s", there.Org, here.Org)
	}
}

func TestTokens(t *testing.T) {
	id := identitytest.New(t, wallets)
	ctx := context.Background()
	account := identitytest.Account(t, id, "reader")
	one, two := identitytest.Bearer(t, id, account), identitytest.Bearer(t, id, account)
	if one == two {
		t.Error("two tokens are the same")
	}
	keys, err := id.System("test").In(account.Org).Credentials(ctx, identity.CredentialFilter{Account: account.ID}, identity.Page{})
	if err != nil || len(keys.Items) != 1 {
		t.Errorf("%d keys, %v; want one for both tokens", len(keys.Items), err)
	}
	raw, ok := strings.CutPrefix(one, "Bearer ")
	if !ok {
		t.Fatal("no Bearer header")
	}
	p, err := id.Authenticate(ctx, raw)
	if err != nil || p.Account() != account.ID || !p.Expires().After(id.Clock.Now()) {
		t.Errorf("principal %s until %s: %v", p, p.Expires(), err)
	}
	id.Clock.Advance(p.Expires().Sub(id.Clock.Now()) + 2*time.Minute)
	if _, err := id.Authenticate(ctx, raw); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
	if _, err := id.Authenticate(ctx, strings.TrimPrefix(identitytest.Bearer(t, id, account), "Bearer ")); err != nil {
		t.Errorf("a new token by the new time: %v", err)
	}
}

// TestConcurrentUse is for the race detector: parallel subtests share an Env.
func TestConcurrentUse(t *testing.T) {
	id := identitytest.New(t, wallets)
	shared := identitytest.Account(t, id, "reader")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, a := range []identity.Account{identitytest.Account(t, id), shared} {
				if p := identitytest.Principal(t, id, a); p.Account() != a.ID {
					t.Errorf("%s became %s", a.ID, p)
				}
			}
			id.Clock.Advance(time.Second)
		})
	}
	wg.Wait()
}

func TestSameSeedSameRun(t *testing.T) {
	run := func(seed string) string {
		t.Setenv(identitytest.SeedVariable, seed)
		id := identitytest.New(t, wallets)
		account := identitytest.Account(t, id, "reader")
		return fmt.Sprint(id.Seed, account.ID, identitytest.Bearer(t, id, account))
	}
	first, again, other := run("7"), run("7"), run("8")
	if first != again {
		t.Errorf("the same seed gave\n%s\n%s", first, again)
	}
	if first == other {
		t.Error("another seed gave the same run")
	}
}

// fakeT is a test that ends when it fails, and remembers what it logged.
type fakeT struct {
	testing.TB
	failed   bool
	logged   []string
	cleanups []func()
}

type ended struct{}

func (f *fakeT) Helper()                 {}
func (f *fakeT) Failed() bool            { return f.failed }
func (f *fakeT) Cleanup(fn func())       { f.cleanups = append(f.cleanups, fn) }
func (f *fakeT) Logf(s string, a ...any) { f.logged = append(f.logged, fmt.Sprintf(s, a...)) }
func (f *fakeT) Errorf(s string, a ...any) {
	f.failed = true
	f.Logf(s, a...)
}
func (f *fakeT) Fatalf(s string, a ...any) {
	f.Errorf(s, a...)
	panic(ended{})
}

// play runs a test function and its clean-up.
func (f *fakeT) play(fn func()) {
	defer func() {
		if r := recover(); r != nil && r != (ended{}) {
			panic(r)
		}
		for _, c := range slices.Backward(f.cleanups) {
			c()
		}
	}()
	fn()
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(*fakeT)
		want string
	}{
		"bad scope":    {func(f *fakeT) { identitytest.Account(f, identitytest.New(f, wallets), "reader@projects") }, `grant "reader@projects"`},
		"empty scope":  {func(f *fakeT) { identitytest.Account(f, identitytest.New(f, wallets), "reader@") }, `grant "reader@"`},
		"unknown role": {func(f *fakeT) { identitytest.Account(f, identitytest.New(f, wallets), "writer") }, `"writer"`},
		"bad config":   {func(f *fakeT) { identitytest.New(f, func(c *identity.Config) { c.Issuer = "" }) }, "Issuer"},
		"bad slug":     {func(f *fakeT) { identitytest.Org(f, identitytest.New(f), "Not A Slug") }, "org Not A Slug"},
		"inactive account": {func(f *fakeT) {
			id := identitytest.New(f, wallets)
			a := identitytest.Account(f, id)
			identitytest.Bearer(f, id, a)
			if _, err := id.System("test").In(a.Org).DeactivateAccount(context.Background(), a.ID); err != nil {
				f.Fatalf("%v", err)
			}
			identitytest.Bearer(f, id, a)
		}, "token for sa_"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeT{TB: t}
			f.play(func() { c.run(f) })
			text := strings.Join(f.logged, "\n")
			if !f.failed || !strings.Contains(text, c.want) || !strings.Contains(text, identitytest.SeedVariable+"=") {
				t.Errorf("failed %t: %s", f.failed, text)
			}
		})
	}
	f := &fakeT{TB: t}
	f.play(func() { identitytest.New(f) })
	if f.failed || len(f.logged) != 0 {
		t.Errorf("a test that passes logs %q", f.logged)
	}
}

func TestClock(t *testing.T) {
	id := identitytest.New(t)
	start := id.Clock.Now()
	if want := time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC); !start.Equal(want) {
		t.Errorf("starts at %s", start)
	}
	id.Clock.Advance(90 * time.Second)
	if got := id.Clock.Now().Sub(start); got != 90*time.Second {
		t.Errorf("advanced by %s", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("went back")
		}
	}()
	id.Clock.Advance(-1)
}

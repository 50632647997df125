package identity_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
)

const day = 24 * time.Hour

// mailbox collects warnings.
type mailbox struct {
	mu   sync.Mutex
	got  []identity.ExpiryWarning
	fail error
}

func (m *mailbox) put(_ context.Context, w identity.ExpiryWarning) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.got = append(m.got, w)
	return nil
}

// breaks says what is wrong with it from now on.
func (m *mailbox) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// take empties it: who was warned, and how long before the end.
func (m *mailbox) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []string{}
	for _, w := range m.got {
		what := "account " + w.AccountName
		if w.Credential != "" {
			what = "key of " + w.AccountName
		}
		out = append(out, fmt.Sprintf("%s %g", what, w.Within.Hours()/24))
	}
	m.got = nil
	slices.Sort(out)
	return out
}

// postal is a world with a mailbox.
func postal(t testing.TB, settings ...func(*world)) (*world, *mailbox) {
	t.Helper()
	m := &mailbox{}
	return open(t, append(settings, with(func(c *identity.Config) { c.OnExpiry = m.put }))...), m
}

// TestSec45_WarnedOnce jumps through the last weeks of an account and of a key, with
// restarts: each threshold is warned of once, also if it passed while nothing ran.
func TestSec45_WarnedOnce(t *testing.T) {
	w, mail := postal(t)
	org := w.org("acme")
	admin := w.user(org, "admin", allManagement()...)
	_, public := newKey(t)
	must(w.in(org).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "quiet", Validity: 20 * time.Hour}))(t) // never lived as long as a day
	ci := must(w.as(org, admin).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "ci", Validity: 51 * day}))(t)
	must(w.in(org).AddPublicKey(w.ctx, ci.ID, identity.PublicKeySpec{Name: "laptop", UnprovenPublicKey: public, Validity: 36 * day}))(t)
	step := func(d time.Duration, want ...string) {
		t.Helper()
		w.clock.advance(d)
		for range 3 {
			if err := w.id.WarnExpiry(w.ctx); err != nil {
				t.Fatal(err)
			}
			w.reopen()
		}
		if got := mail.take(); !slices.Equal(got, append([]string{}, want...)) {
			t.Errorf("day %v: %v, want %v", w.clock.Now(), got, want)
		}
	}
	step(0)
	step(20*day, "key of ci 30")                                // 31 and 16 days are left
	step(20*day, "account ci 30", "key of ci 1", "key of ci 7") // 11 days are left; of the key, -4: it ended meanwhile
	step(day)
	step(3*day, "account ci 7")
	must(w.in(org).ExtendAccount(w.ctx, ci.ID, w.clock.Now().Add(20*day)))(t) // another end
	step(0, "account ci 30")
	step(20*day-time.Hour, "account ci 1", "account ci 7")
	step(time.Hour)
	step(100 * day)
	var marks int
	if err := w.db.QueryRowContext(w.ctx, `SELECT count(*) FROM identity_expiry_mark`).Scan(&marks); err != nil || marks != 0 {
		t.Errorf("%d marks are left (%v)", marks, err)
	}
}

// TestWarningNamesWho: a warning says whom to ask.
func TestWarningNamesWho(t *testing.T) {
	w, mail := postal(t)
	org := w.org("acme")
	owner := w.user(org, "owner", allManagement()...)
	clerk := w.user(org, "clerk", allManagement()...)
	_, public := newKey(t)
	ci := must(w.as(org, owner).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "ci", Validity: 90 * day}))(t)
	key := must(w.as(org, clerk).AddPublicKey(w.ctx, ci.ID, identity.PublicKeySpec{Name: "laptop", UnprovenPublicKey: public, Validity: 40 * day}))(t)
	w.clock.advance(11 * day)
	same := w.id.Revision()
	if err := w.id.WarnExpiry(w.ctx); err != nil {
		t.Fatal(err)
	}
	want := identity.ExpiryWarning{
		Org: org, Account: ci.ID, Kind: identity.ServiceAccount, AccountName: "ci", Credential: key.ID, CredentialName: "laptop",
		EndsAt: key.ValidUntil, Within: 30 * day, Owner: string(owner), Creator: string(clerk),
	}
	if len(mail.got) != 1 || mail.got[0] != want {
		t.Errorf("%+v, want %+v", mail.got, want)
	}
	if w.id.Revision() != same {
		t.Error("a warning has a revision")
	}
}

// TestWarnsOnlyOfTheLiving: nobody is warned of what cannot be used anyway.
func TestWarnsOnlyOfTheLiving(t *testing.T) {
	w, mail := postal(t)
	org, gone := w.org("acme"), w.org("gone")
	made := map[string]identity.ServiceAccountResult{}
	for _, name := range []string{"alive", "inactive", "archived", "deleted", "disabled", "revoked"} {
		_, public := newKey(t)
		made[name] = must(w.in(org).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: name, Validity: 40 * day}))(t)
		sa := made[name]
		sa.Key = must(w.in(org).AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public, Validity: 40 * day}))(t)
		made[name] = sa
	}
	must(w.in(gone).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "lost", Validity: 40 * day}))(t)
	must(w.sys().DeleteOrg(w.ctx, gone))(t)
	must(w.in(org).DeactivateAccount(w.ctx, made["inactive"].ID))(t)
	must(w.in(org).ArchiveAccount(w.ctx, made["archived"].ID))(t)
	must(w.in(org).DeleteAccount(w.ctx, made["deleted"].ID))(t)
	must(w.in(org).DisableCredential(w.ctx, made["disabled"].Key.ID))(t)
	must(w.in(org).RevokeCredential(w.ctx, made["revoked"].Key.ID))(t)
	w.clock.advance(11 * day)
	if err := w.id.WarnExpiry(w.ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{"account alive 30", "account disabled 30", "account revoked 30", "key of alive 30"}
	if got := mail.take(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	// The report says the same.
	seen := map[string]int{}
	for e, err := range w.in(org).Expiring(w.ctx, 30*day) {
		if err != nil {
			t.Fatal(err)
		}
		if !e.EndsAt.Equal(made["alive"].ValidUntil) || e.Owner != "system" || e.Creator != "system" || e.Org != org {
			t.Errorf("%+v", e)
		}
		what := "account "
		if e.Credential != "" {
			what = "key of "
		}
		seen[what+e.AccountName]++
	}
	if want := map[string]int{"account alive": 1, "account disabled": 1, "account revoked": 1, "key of alive": 1}; !maps.Equal(seen, want) {
		t.Errorf("%v, want %v", seen, want)
	}
	for e, err := range w.in(org).Expiring(w.ctx, 28*day) {
		t.Errorf("%+v %v", e, err)
	}
	for range w.in(org).Expiring(w.ctx, 30*day) {
		break
	}
}

// TestRotatedEndsUnwarned: what was rotated ends when that was said to be, so
// nobody is warned of it; the report has it, and the successor is warned of.
func TestRotatedEndsUnwarned(t *testing.T) {
	w, mail := postal(t)
	org := w.org("acme")
	sa := must(w.in(org).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "ci", Validity: 90 * day}))(t)
	old := must(w.in(org).CreateAPIToken(w.ctx, sa.ID, identity.APITokenSpec{Name: "t", Validity: 36 * day}))(t)
	held := w.clock.Now().Add(2 * day)
	next := must(w.in(org).RotateSecret(w.ctx, old.ID, 2*day))(t)
	w.clock.advance(day)
	ends := map[identity.CredentialID]time.Time{}
	for e, err := range w.in(org).Expiring(w.ctx, 50*day) {
		if err != nil {
			t.Fatal(err)
		}
		ends[e.Credential] = e.EndsAt
	}
	want := map[identity.CredentialID]time.Time{old.ID: held, next.ID: next.ValidUntil}
	if !maps.EqualFunc(ends, want, time.Time.Equal) {
		t.Errorf("%v, want %v", ends, want)
	}
	must(w.in(org).DisableCredential(w.ctx, old.ID))(t)
	for e := range w.in(org).Expiring(w.ctx, 2*day) {
		t.Errorf("disabled: %+v", e)
	}
	w.clock.advance(20 * day)
	if err := w.id.WarnExpiry(w.ctx); err != nil {
		t.Fatal(err)
	}
	if len(mail.got) != 1 || mail.got[0].Credential != next.ID {
		t.Errorf("%+v", mail.got)
	}
}

// TestWarningIsTriedAgain: one that could not be given is given later, once, and
// more than go into one batch are all given.
func TestWarningIsTriedAgain(t *testing.T) {
	w, mail := postal(t, with(func(c *identity.Config) { c.ExpiryThresholds = []time.Duration{2 * day} }))
	org := w.org("acme")
	const n = 130
	for i := range n {
		must(w.in(org).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: fmt.Sprint("sa", i), Validity: 3 * day}))(t)
	}
	broken := errors.New("no connection to the mail server")
	mail.breaks(broken) // before anything is due: the background may look at any time
	w.clock.advance(2 * day)
	if err := w.id.WarnExpiry(w.ctx); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	mail.breaks(nil)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := w.id.WarnExpiry(w.ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got := mail.take()
	if len(got) != n || len(slices.Compact(got)) != n {
		t.Errorf("%d warnings, want %d", len(got), n)
	}
}

// TestTwoProcessesWarnOnce: of two that share a database one gives each warning; what
// one of them took up and did not finish, the other gives later.
func TestTwoProcessesWarnOnce(t *testing.T) {
	w, _ := share(t)
	mail := &mailbox{}
	mail.breaks(errors.New("not yet"))
	w.cfg.OnExpiry = mail.put
	first := w.join(t, nil)
	other := w.join(t, nil)
	org := w.org("acme")
	must(w.in(org).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "ci", Validity: 40 * day}))(t)
	w.clock.advance(11 * day)
	entered, failed := make(chan struct{}), make(chan struct{})
	release := make(chan struct{})
	w.cfg.OnExpiry = func(context.Context, identity.ExpiryWarning) error {
		close(entered)
		<-release
		return nil
	}
	slow := w.join(t, nil)
	var all sync.WaitGroup
	all.Go(func() {
		// Every process looks once as it starts, at a time of its own choice: those two give the warning
		// back as it cannot be given yet, and until then this one finds that somebody is at it.
		for {
			if err := slow.id.WarnExpiry(w.ctx); err != nil {
				t.Error(err)
				close(failed)
				return
			}
			select {
			case <-entered:
				return
			default:
				runtime.Gosched()
			}
		}
	})
	select {
	case <-entered:
	case <-failed:
		t.FailNow()
	}
	mail.breaks(nil)
	for _, p := range []*world{first, other} {
		if err := p.id.WarnExpiry(w.ctx); err != nil {
			t.Error(err)
		}
	}
	if got := mail.take(); len(got) != 0 {
		t.Errorf("while another is at it: %v", got)
	}
	w.clock.advance(11 * time.Minute)
	for range 2 {
		for _, p := range []*world{first, other} {
			if err := p.id.WarnExpiry(w.ctx); err != nil {
				t.Error(err)
			}
		}
	}
	if got := mail.take(); !slices.Equal(got, []string{"account ci 30"}) {
		t.Errorf("%v", got)
	}
	close(release)
	all.Wait()
}

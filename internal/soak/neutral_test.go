package soak

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// neutralScore is what came of the checks.
type neutralScore struct {
	sets, checks, passed, failed, wrong int
	across                              int            // questions about an org by an account of another
	skipped                             map[string]int // checks, by set and reason
}

func (s *neutralScore) skip(set string, checks int, why error) {
	s.skipped[set+": "+why.Error()] += checks
}

func (s *neutralScore) report(t *testing.T, what string) {
	t.Helper()
	n := 0
	for _, name := range slices.Sorted(maps.Keys(s.skipped)) {
		n += s.skipped[name]
		t.Logf("%s: skipped %d of %s", what, s.skipped[name], name)
	}
	t.Logf("%s: %d sets, %d checks: %d passed, %d failed, %d skipped, %d contradict the form; %d questions across orgs",
		what, s.sets, s.checks, s.passed, s.failed, n, s.wrong, s.across)
	if s.passed+s.failed+n+s.wrong != s.checks {
		t.Errorf("%s: %d checks are not accounted for", what, s.checks-s.passed-s.failed-n-s.wrong)
	}
}

// inexpressible says whether a set cannot be built for a limit of the library,
// and not by mistake.
func inexpressible(err error) bool { return errors.Is(err, identity.ErrLimit) }

// runNeutral builds sets in one database, each in orgs of its own, and asks
// their checks, then once more after opening the database again.
func runNeutral(t *testing.T, sets []set) neutralScore {
	t.Helper()
	ctx := t.Context()
	s := neutralScore{sets: len(sets), skipped: map[string]int{}}
	// What ends while the world is built could not be bound any more.
	var now atomic.Int64
	built := neutralNow.Add(-time.Hour)
	now.Store(built.UnixMicro())
	settings := func(c *identity.Config) {
		c.MaxWrite = 5 * time.Minute
		c.Permissions, c.Roles = actions(sets), nil
		c.Now = func() time.Time { return time.UnixMicro(now.Load()).UTC() }
	}
	file := filepath.Join(t.TempDir(), "app.db")
	id, err := open(ctx, file, sqlite.Options{}, settings)
	if err != nil {
		t.Fatal(err)
	}
	var worlds []*neutralWorld
	for i := range sets {
		set := &sets[i]
		s.checks += len(set.Checks)
		err := id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
			w, err := settle(ctx, tx, set, "set-"+strconv.Itoa(i), built)
			if err == nil {
				worlds = append(worlds, w)
			}
			return err
		})
		switch {
		case err == nil:
		case inexpressible(err):
			s.skip(set.Name, len(set.Checks), err)
		default:
			t.Errorf("build %s: %v", set.Name, err)
			s.failed += len(set.Checks)
		}
	}
	now.Store(neutralNow.UnixMicro())
	failed := map[*neutralWorld]map[int]bool{}
	for _, w := range worlds {
		failed[w] = w.ask(ctx, t, id)
	}
	mustClose(t, id)
	if id, err = open(ctx, file, sqlite.Options{}, settings); err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, id)
	for _, w := range worlds {
		maps.Copy(failed[w], w.ask(ctx, t, id))
		w.count(t, &s, failed[w])
		s.across += w.askAcross(ctx, t, id)
	}
	return s
}

// question is a check as the library is asked it.
func (w *neutralWorld) question(ctx context.Context, id *identity.Authority, c setCheck) (identity.Request, error) {
	o := w.orgs[orgName(c.Org)]
	at, err := w.asked(c.On)
	if err != nil {
		return identity.Request{}, err
	}
	who, err := id.System("neutral").In(o.id).Vouch(ctx, o.accounts[c.Subject], identity.Login{
		AuthTime: neutralNow, NotAfter: neutralNow.Add(time.Hour),
	})
	return identity.Request{Principal: who, Org: o.id, Permission: permission(permissionName(c.Action)), Path: at}, err
}

// ask compares the library's answers with those expected, and returns the
// checks that failed.
func (w *neutralWorld) ask(ctx context.Context, t *testing.T, id *identity.Authority) map[int]bool {
	t.Helper()
	failed := map[int]bool{}
	for i, c := range w.Checks {
		req, err := w.question(ctx, id, c)
		if unplaced(err) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %s: %v", w.name, c, err)
		}
		if d := id.Authorize(ctx, req); d.Allowed != c.Expect {
			failed[i] = true
			if want, err := w.decide(c); err == nil && want == c.Expect {
				t.Errorf("%s: %s: %+v, want %t", w.name, c, d, c.Expect)
			}
		}
	}
	return failed
}

func unplaced(err error) bool {
	return errors.Is(err, errSeveralParents) || errors.Is(err, errLoosePrefix) || errors.Is(err, errLongPath)
}

// count puts every check of a set where it belongs. One whose expectation the
// form itself contradicts says nothing about the library.
func (w *neutralWorld) count(t *testing.T, s *neutralScore, failed map[int]bool) {
	t.Helper()
	for i, c := range w.Checks {
		want, err := w.decide(c)
		_, place := w.asked(c.On)
		switch {
		case err != nil || want != c.Expect:
			s.wrong++
			t.Errorf("%s: %s: the file expects %t, its own rules say %t (%v)", w.name, c, c.Expect, want, err)
		case place != nil:
			s.skip(w.name, 1, place)
		case failed[i]:
			s.failed++
		default:
			s.passed++
		}
	}
}

// askAcross asks every check about the other orgs of the set: an account means
// nothing there, whatever it may at home.
func (w *neutralWorld) askAcross(ctx context.Context, t *testing.T, id *identity.Authority) (asked int) {
	t.Helper()
	for _, c := range w.Checks {
		req, err := w.question(ctx, id, c)
		if err != nil {
			continue
		}
		for _, o := range w.orgs {
			if o.id == req.Principal.Org() {
				continue
			}
			asked++
			req.Org = o.id
			if d := id.Authorize(ctx, req); d.Allowed || d.Reason != policy.ReasonOtherOrg {
				t.Errorf("%s: %s, asked of %s: %+v", w.name, c, o.id, d)
			}
		}
	}
	return asked
}

// TestNeutral asks the decision tables of third parties, which other engines
// have answered, through the public interface. It needs CLAVIGER_DATA.
func TestNeutral(t *testing.T) {
	dir := os.Getenv("CLAVIGER_DATA")
	if dir == "" {
		t.Skip("CLAVIGER_DATA does not name the folder of neutral/*.json")
	}
	files := must(filepath.Glob(filepath.Join(dir, "neutral", "*.json")))(t)
	if len(files) == 0 {
		t.Fatalf("%s has no neutral/*.json", dir)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			sets := must(parseSets(must(os.ReadFile(file))(t)))(t)
			s := runNeutral(t, sets)
			s.report(t, filepath.Base(file))
			if s.passed == 0 {
				t.Error("nothing was checked")
			}
		})
	}
}

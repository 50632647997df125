package policy

import (
	"reflect"
	"slices"
)

// worldQuestion is one question of a world, as the reference and as the engine are asked.
type worldQuestion struct {
	naiveQuestion
	q Query
}

// prepare makes the engine's questions for the catalog of now.
func (w *world) prepare(questions []worldQuestion) []worldQuestion {
	out := make([]worldQuestion, len(questions))
	for i, x := range questions {
		n := x.naiveQuestion
		q := Query{Org: n.org, Permission: perm(w.t, n.perm), Path: path(w.t, n.path), Now: n.now}
		for name, v := range n.attrs {
			if q.Attrs == nil {
				q.Attrs = new(Attrs)
			}
			q.Attrs.SetBool(name, v)
		}
		if n.limited != nil || n.under != "" {
			var under Path
			if n.under != "" {
				under = path(w.t, n.under)
			}
			q.Limits = NewLimits(w.model.Catalog, n.limited, under)
		}
		out[i] = worldQuestion{n, q}
	}
	return out
}

// ask takes the answers of a snapshot, first with a cold cache and then with a warm one.
func (w *world) ask(s *Snapshot, questions []worldQuestion) []Decision {
	answers := make([]Decision, len(questions))
	for i, x := range questions {
		x.q.Account, _ = s.Account(x.account)
		answers[i] = s.Decide(&x.q)
		found := s.Find(x.q.Account)
		if x.q.Found = &found; s.Decide(&x.q) != answers[i] {
			w.fail("%s is answered otherwise once its account is found", show(x.naiveQuestion))
		}
	}
	return answers
}

// compare asks every question and compares the answers with the reference.
func (w *world) compare(s *Snapshot) []Decision {
	answers := w.ask(s, w.questions)
	for i, x := range w.questions {
		w.compared++
		got := answers[i]
		want, because := w.decide(x.naiveQuestion)
		if got.Reason != want || got.Allowed != (want == ReasonAllowed) || len(because) > 0 != (got.Binding != "") || len(because) > 0 && !because[got.Binding] {
			w.fail("%s: %s, want %v because %v", show(x.naiveQuestion), show(got), want, because)
		}
	}
	return answers
}

// compareSubjects asks with Subjects that are of another snapshot or of another account: they must make no difference.
func (w *world) compareSubjects(s *Snapshot) {
	var here []Subject
	for _, id := range w.names.accounts {
		h, _ := s.Account(id)
		here = append(here, s.Find(h))
	}
	for i, x := range w.questions {
		x.q.Account, _ = s.Account(x.account)
		want := s.Decide(&x.q)
		for j, f := range slices.Concat(here, w.found) {
			if j >= len(here) && f.account != x.q.Account {
				if i >= 5 {
					continue
				}
				x.q.Account, x.q.Found = f.account, nil // perhaps of an account that is gone
				want = s.Decide(&x.q)
			}
			if x.q.Found = &f; s.Decide(&x.q) != want {
				w.fail("%s: %s with what was found elsewhere, want %s", show(x.naiveQuestion), show(s.Decide(&x.q)), show(want))
			}
		}
	}
}

// remember keeps the Subjects of a snapshot, to be asked with in later ones.
func (w *world) remember(s *Snapshot) {
	for _, id := range w.names.accounts {
		if h, ok := s.Account(id); ok {
			w.found = append(w.found, s.Find(h))
		}
	}
	w.found = w.found[max(0, len(w.found)-60):]
}

// compareTimes holds that no answer changes between two boundaries, and that time that passes changes what the reference says.
func (w *world) compareTimes(s *Snapshot) {
	for _, b := range w.bindings {
		if b.Condition == "late" {
			return // changes its mind without a boundary
		}
	}
	for _, x := range w.questions[:min(len(w.questions), 20)] {
		x.q.Account, _ = s.Account(x.account)
		x.now = int64(w.rnd.IntN(45))
		for range 6 {
			x.q.Now = x.now
			got := s.Decide(&x.q)
			if want, _ := w.decide(x.naiveQuestion); got.Reason != want {
				w.fail("%s: %s, want %v", show(x.naiveQuestion), show(got), want)
			}
			next, more := s.NextBoundary(x.now)
			last := x.now + 1000
			if more {
				last = next - 1
			}
			x.q.Now = x.now + w.rnd.Int64N(last-x.now+1)
			if w.rnd.IntN(2) == 0 {
				x.q.Now = last
			}
			if then := s.Decide(&x.q); then.Reason != got.Reason {
				w.fail("%s: %s, and at %d already %s, before the boundary %d", show(x.naiveQuestion), show(got), x.q.Now, show(then), next)
			}
			if x.now = next; !more {
				break
			}
		}
	}
}

func (w *world) compareHandles(s *Snapshot) {
	for _, id := range w.names.accounts {
		h, ok := s.Account(id)
		if ok != (w.accounts[id] != 0) {
			w.fail("Account(%s) = %v", id, ok)
		}
		if was, had := w.handles[id]; had && was != h {
			w.fail("the handle of %s changed", id)
		}
		if ok {
			w.handles[id] = h
			if a, _ := s.AccountOf(h); !reflect.DeepEqual(a, w.account(id)) {
				w.fail("AccountOf(%s) gave %s", id, show(a))
			}
		}
	}
	for _, h := range w.dead {
		if slices.ContainsFunc(w.names.accounts, func(id string) bool { return w.handles[id] == h }) {
			w.fail("a dead handle lives again")
		}
		if r := s.Decide(&Query{Account: h, Permission: perm(w.t, w.specs[0].Name), Path: Root}).Reason; r != ReasonUnknownAccount {
			w.fail("a dead handle is answered %v", r)
		}
	}
}

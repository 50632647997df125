package policy

import (
	"slices"
	"strings"
)

// compareFilters compares filters with decisions, on the paths of the world and on random ones.
func (w *world) compareFilters(s *Snapshot) {
	paths := slices.Concat(w.names.scopes, []string{"p/2", "p/1/f/2", "p/1/f/1/i/2", "p/1-/f/1", "p/1!", "p", "p/1/f/100", "pp/1", "q/*/p/1", "p/1/f/1/i/1/x/1"})
	for range 10 {
		text := ""
		for range 1 + w.rnd.IntN(4) {
			text += "/" + pick(w.rnd, []string{"p", "f", "q", "i"}) + "/" + pick(w.rnd, []string{"1", "10", "*", "%2F", "-", "1-"})
		}
		paths = append(paths, text[1:])
	}
	var before Filter
	for range 20 {
		x := pick(w.rnd, w.questions)
		x.q.Account, _ = s.Account(x.account)
		f := s.Filter(x.q)
		w.compareShape(x, f)
		missing, partial := f.Partial()
		hope, lacks := w.hopeful(x.naiveQuestion)
		sound, complete, anything, more := true, true, false, false
		both := f.And(before)
		for _, text := range paths {
			p, err := ParsePath(text)
			if err != nil {
				continue
			}
			q, n := x.q, x.naiveQuestion
			q.Path, n.path = p, text
			want := s.Decide(&q).Allowed
			got := f.Match(p)
			sound, complete, anything = sound && (!got || want), complete && (got || !want), anything || got
			if hope != nil && !more {
				reason, _ := hope.decide(n)
				more = got != (reason == ReasonAllowed)
			}
			if both.Match(p) != (got && before.Match(p)) {
				w.fail("%v and %v at %s is %v", f, before, p, both)
			}
			w.compared++
		}
		before = f
		if !sound || !complete && !partial || anything && f.Nothing() {
			w.fail("%+v: %+v", x.naiveQuestion, f)
		}
		if again := s.Filter(x.q); !slices.Equal(again.allowed, f.allowed) || !slices.Equal(again.denied, f.denied) {
			w.fail("%+v: %+v, then %+v", x.naiveQuestion, f, again)
		}
		if partial != more || slices.ContainsFunc(missing, func(name string) bool { return !lacks[name] }) {
			w.fail("%+v: partial is %v for %q, want %v of %v", x.naiveQuestion, partial, missing, more, lacks)
		}
	}
}

// compareShape checks what a filter promises of its parts.
func (w *world) compareShape(x worldQuestion, f Filter) {
	allowed, denied := f.Allowed(), f.Denied()
	over := func(scopes []Path, p Path) int {
		n := 0
		for _, scope := range scopes {
			if scope.Contains(p) {
				n++
			}
		}
		return n
	}
	ok := f.Nothing() == (len(allowed) == 0) && f.Everything() == (len(allowed) == 1 && allowed[0] == Root && len(denied) == 0) &&
		f.Nothing() == (f.Reason() != ReasonAllowed) && !f.Match(Path{})
	for _, p := range allowed {
		ok = ok && f.Match(p) && over(allowed, p) == 1 && over(denied, p) == 0
	}
	for _, p := range denied {
		ok = ok && !f.Match(p) && over(denied, p) == 1 && over(allowed, p) == 1
	}
	if !ok {
		w.fail("%+v: %+v is not in its form", x.naiveQuestion, f)
	}
}

// hopeful is the reference with every condition that without a path is unknown, and can be read, as good for the account as it
// may be, nil if there is none such. It also returns what those conditions lack.
func (w *world) hopeful(n naiveQuestion) (*naive, map[string]bool) {
	n.path = ""
	hope, lacks, open := *w.naive, map[string]bool{}, false
	hope.bindings = map[string]Binding{}
	for id, b := range w.bindings {
		if !strings.Contains(b.Condition, "?") && w.truth(b.Condition, n) == Unknown {
			open = true
			for part := range strings.SplitSeq(b.Condition, "|") {
				switch kind, name, _ := strings.Cut(part, ":"); kind {
				case "at":
					lacks[AttributePath] = true
				case "attr":
					lacks[name] = true
				}
			}
			b.Condition = map[Effect]string{Allow: "true", Deny: "false"}[b.Effect]
		}
		hope.bindings[id] = b
	}
	if !open {
		return nil, nil
	}
	return &hope, lacks
}

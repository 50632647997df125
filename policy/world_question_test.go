package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// compareQuestions compares the other questions with the reference, and with decisions.
func (w *world) compareQuestions(s *Snapshot) {
	for range 6 {
		x := pick(w.rnd, w.questions)
		x.q.Account, _ = s.Account(x.account)
		w.comparePermissions(s, x)
		w.compareHolders(s, x)
		w.compareExplanation(s, x)
	}
	for range 20 {
		id, name, doubt := pick(w.rnd, append([]string{"code:reader", "code:writer"}, worldRoles...)), pick(w.rnd, worldQuestions), w.rnd.IntN(2) == 0
		permission := perm(w.t, name)
		at, known := s.cat.find(&permission)
		if slot, ok := s.roles.find(hashName(id), id); ok && known {
			w.checkContained(s.contained(slot, at, doubt), id, name, doubt)
		}
	}
}

// open says what the reference decides, and whether a denial hangs on conditions that are unknown: were they to come out well,
// each for itself, it would allow. lacking are the attributes that these lack.
func (w *world) open(q naiveQuestion) (decided Reason, open bool, lacking map[string]bool) {
	decided, _ = w.decide(q)
	lacking = map[string]bool{}
	allowed, denied, unknown := false, false, map[string]Effect{}
	for _, b := range w.bindings {
		if w.fits(b, q) != 5 {
			continue
		}
		switch t := w.truth(b.Condition, q); {
		case t == Unknown:
			unknown[b.Condition] |= 1 << b.Effect
		case b.Effect == Deny && t == True:
			denied = true
		case b.Effect == Allow && t == True:
			allowed = true
		}
	}
	for condition, effects := range unknown {
		if effects&(1<<Deny) != 0 || !allowed {
			for part := range strings.SplitSeq(condition, "|") {
				if attr, ok := strings.CutPrefix(part, "attr:"); ok {
					lacking[attr] = true
				}
			}
		}
		open = open || effects&(1<<Allow) != 0
	}
	cut := w.bounds[q.account] != "" && !w.contains(w.bounds[q.account], q.perm, false) ||
		q.limited != nil && !w.defines(Role{Permissions: q.limited}, q.perm, false) || q.under != "" && !naiveWithin(q.under, q.path)
	known := decided != ReasonUnknownPermission && decided != ReasonUnknownAccount && decided != ReasonOtherOrg
	open = known && decided != ReasonAllowed && (open || allowed) && !denied && !cut
	return decided, open, lacking
}

// fits counts what of a binding fits a question, its condition apart: 5 is all.
func (w *world) fits(b Binding, q naiveQuestion) int {
	n := 0
	for _, fits := range []bool{
		w.in(q.account)[b.Subject], b.Start == 0 || q.now >= b.Start, b.End == 0 || q.now < b.End, w.reaches(b, q.org) && !b.Eligible,
		naiveWithin(b.Scope.String(), q.path) && w.contains(b.Role, q.perm, b.Effect == Deny),
	} {
		if fits {
			n++
		}
	}
	return n
}

func (w *world) comparePermissions(s *Snapshot, x worldQuestion) {
	got := s.PermissionsOn(x.q)
	var names []string
	partial, missing := false, map[string]bool{}
	for _, spec := range w.specs {
		x.perm = spec.Name
		decided, open, lacking := w.open(x.naiveQuestion)
		w.compared++
		if decided == ReasonAllowed {
			names = append(names, spec.Name)
		}
		if partial = partial || open; open {
			maps.Copy(missing, lacking)
		}
		for _, spelling := range append([]string{spec.Name}, spec.Aliases...) {
			if got.Has(spelling) != (decided == ReasonAllowed) {
				w.fail("%+v: PermissionsOn has %s: %v, want %v", x.naiveQuestion, spelling, got.Has(spelling), decided)
			}
		}
	}
	if !slices.Equal(got.Names(), names) || got.Has("w:none") || (got.Reason == ReasonAllowed) != (len(names) > 0) {
		w.fail("%+v: PermissionsOn gave %v because %v, want %v", x.naiveQuestion, got.Names(), got.Reason, names)
	}
	if want := slices.Sorted(maps.Keys(missing)); got.Partial != partial || !slices.Equal(got.Missing, want) {
		w.fail("%+v: PermissionsOn is partial: %v %q, want %v %q", x.naiveQuestion, got.Partial, got.Missing, partial, want)
	}
	other := pick(w.rnd, w.questions)
	other.q.Account, _ = s.Account(other.account)
	actor := s.PermissionsOn(other.q)
	both, more := got.And(actor), false
	for _, spec := range w.specs {
		x.perm, other.perm = spec.Name, spec.Name
		_, opens, _ := w.open(x.naiveQuestion)
		_, opens2, _ := w.open(other.naiveQuestion)
		more = more || (opens || got.Has(x.perm)) && (opens2 || actor.Has(x.perm)) && (opens || opens2)
		if both.Has(spec.Name) != (got.Has(spec.Name) && actor.Has(spec.Name)) {
			w.fail("%+v and %+v: And has %s: %v", x.naiveQuestion, other.naiveQuestion, spec.Name, both.Has(spec.Name))
		}
	}
	if both.Partial != more || !more && len(both.Missing) > 0 {
		w.fail("%+v and %+v: And is partial: %v, want %v", x.naiveQuestion, other.naiveQuestion, both.Partial, more)
	}
}

func (w *world) compareHolders(s *Snapshot, x worldQuestion) {
	x.attrs = maps.Clone(x.attrs)
	delete(x.attrs, "principal.z")
	x.limited, x.under = nil, ""
	var want, got []string
	for _, x.account = range w.names.accounts {
		switch decided, open, lacking := w.open(x.naiveQuestion); {
		case decided == ReasonAllowed:
			want = append(want, x.account)
		case open && len(lacking) == 0:
			want = append(want, x.account+" without ?")
		case open:
			want = append(want, x.account+" without "+strings.Join(slices.Sorted(maps.Keys(lacking)), " or "))
		}
	}
	for h := range s.WhoCan(x.q) {
		w.compared++
		x.account = h.Account
		b := w.bindings[w.named(x.naiveQuestion)]
		if b.ID != h.Binding {
			w.fail("%+v: WhoCan names %+v, want %+v", x.naiveQuestion, h, b)
		}
		w.checkVia(h.Account, h.Via, b.Subject)
		if h.Kind != w.accounts[h.Account] {
			w.fail("WhoCan says that %s is of kind %v", h.Account, h.Kind)
		}
		line := h.Account
		if h.Conditional {
			// One of what is lacking is named, or a condition that names nothing.
			_, _, lacking := w.open(x.naiveQuestion)
			if h.Missing != "" && !lacking[h.Missing] {
				w.fail("%+v: %+v: want one of %v missing", x.naiveQuestion, h, lacking)
			}
			if line = h.Account + " without ?"; len(lacking) > 0 {
				line = h.Account + " without " + strings.Join(slices.Sorted(maps.Keys(lacking)), " or ")
			}
		} else if h.Missing != "" {
			w.fail("%+v: %+v", x.naiveQuestion, h)
		}
		got = append(got, line)
	}
	if !slices.Equal(got, want) {
		w.fail("%+v: WhoCan gave %q, want %q", x.naiveQuestion, got, want)
	}
}

// named is the binding that gives an account something: a sure one if there is, then one of its own, then the first id.
func (w *world) named(q naiveQuestion) string {
	best, least := "", 8
	for _, id := range slices.Sorted(maps.Keys(w.bindings)) {
		b, far := w.bindings[id], 0
		t := w.truth(b.Condition, q)
		if b.Effect != Allow || w.fits(b, q) != 5 || t == False {
			continue
		}
		if t == Unknown {
			far += 2
		}
		if b.Subject != q.account {
			far++
		}
		if far < least {
			best, least = id, far
		}
	}
	return best
}

// checkVia fails unless a chain of groups leads from an account to a subject, and no shorter one does.
func (w *world) checkVia(account string, via []string, subject string) {
	is := func(g, m string) bool {
		return w.groups[g] && (w.members[[2]string{g, m}] || m == account &&
			(g == "users" && w.accounts[m] == User || g == "service-accounts" && w.accounts[m] == ServiceAccount))
	}
	at := account
	for _, g := range via {
		if !is(g, at) {
			w.fail("%s is not in %s on the way %v", at, g, via)
		}
		at = g
	}
	steps, here := 0, map[string]bool{account: true}
	for ; !here[subject] && steps < 100; steps++ {
		next := map[string]bool{}
		for g := range w.groups {
			for m := range here {
				if is(g, m) {
					next[g] = true
				}
			}
		}
		here = next
	}
	if at != subject || len(via) != steps {
		w.fail("%v does not lead from %s to %s in %d steps", via, account, subject, steps)
	}
}

func (w *world) compareExplanation(s *Snapshot, x worldQuestion) {
	e := s.Explain(x.q)
	if d := s.Decide(&x.q); e.Decision != d {
		w.fail("%+v: explained as %+v, decided as %+v", x.naiveQuestion, e.Decision, d)
	}
	want := map[string]bool{}
	if decided, _ := w.decide(x.naiveQuestion); decided != ReasonUnknownPermission && decided != ReasonUnknownAccount {
		for id, b := range w.bindings {
			want[id] = w.in(x.account)[b.Subject]
		}
	}
	for _, t := range e.Bindings {
		w.compared++
		b := t.Binding
		if !want[b.ID] || b != w.bindings[b.ID] {
			w.fail("%+v: %+v was tried", x.naiveQuestion, t)
		}
		delete(want, b.ID)
		w.checkVia(x.account, t.Via, b.Subject)
		before, after := b.Start != 0 && x.now < b.Start, b.End != 0 && x.now >= b.End
		condition := w.truth(b.Condition, x.naiveQuestion)
		applies := condition
		if w.fits(b, x.naiveQuestion) != 5 {
			applies = False
		}
		if t.Applies != applies || t.Condition != condition || t.Covers != naiveWithin(b.Scope.String(), x.path) || t.Counts != w.reaches(b, x.org) ||
			(t.Dates == Before) != before || (t.Dates == After) != (after && !before) || (t.Dates == During) != (!before && !after) {
			w.fail("%+v: %+v, want %v", x.naiveQuestion, t, applies)
		}
		w.checkContained(t.Role, b.Role, x.perm, b.Effect == Deny)
	}
	for id := range want {
		if want[id] {
			w.fail("%+v: %s was not tried", x.naiveQuestion, id)
		}
	}
	if bound := w.bounds[x.account]; e.Boundary != nil {
		w.checkContained(*e.Boundary, bound, x.perm, false)
	}
	if (len(e.Needed) > 0) == e.Decision.Allowed || e.String() != s.Explain(x.q).String() {
		w.fail("%+v: needed %v", x.naiveQuestion, e.Needed)
	}
	w.followNeeds(s, x, e)
}

// checkContained holds an account of what a role contains to the definition: the way through the includes is one, and the text
// at its end says so.
func (w *world) checkContained(c Contained, role, name string, doubt bool) {
	r, exists := w.roles[role]
	if c.Role != role || c.Exists != exists || c.Contains != w.contains(role, name, doubt) {
		w.fail("%+v, want %s contains %s: %v", c, role, name, w.contains(role, name, doubt))
	}
	if c.Contains && c.InDoubt != !w.contains(role, name, false) {
		w.fail("%+v: in doubt", c)
	}
	for _, id := range c.Through {
		if !slices.Contains(r.Includes, id) {
			w.fail("%+v: %s does not include %s", c, r.ID, id)
		}
		r, exists = w.roles[id]
	}
	spellings := w.spellings(name)
	switch fits := func(text string) bool { return !naiveReadable(text) || naiveMatch(text, spellings) }; {
	case c.Contains && c.Pattern != "" && !(slices.Contains(r.Permissions, c.Pattern) && fits(c.Pattern)),
		c.Contains && c.Pattern == "" && exists, c.Pattern != "" && !c.Contains,
		c.Exclusion != "" && !(slices.Contains(r.Exclusions, c.Exclusion) && fits(c.Exclusion) && !c.Contains):
		w.fail("%+v does not fit %+v", c, r)
	}
	if !c.Contains && c.Exclusion == "" {
		w.checkNothingExcluded(role, name, doubt)
	}
}

// checkNothingExcluded fails if a role, or one that it includes, would contain a name were it not for its exclusions.
func (w *world) checkNothingExcluded(id, name string, doubt bool) {
	r, ok := w.roles[id]
	if !ok {
		return
	}
	for _, in := range r.Includes {
		w.checkNothingExcluded(in, name, doubt)
	}
	if r.Exclusions = nil; w.defines(r, name, doubt) {
		w.fail("%s excludes %s, which the explanation does not say", id, name)
	}
}

// followNeeds does what an explanation says would be needed, in a fork: then it is allowed.
func (w *world) followNeeds(s *Snapshot, x worldQuestion, e Explanation) {
	d := s.Edit()
	must := func(err error) {
		if err != nil {
			w.fail("%v", err)
		}
	}
	for i, n := range e.Needed {
		if len(n.Ways) == 0 || fmt.Sprint(n.Ways[0]) == "none" {
			w.fail("%+v: needs nothing", x.naiveQuestion)
		}
		sure := slices.IndexFunc(n.Ways, func(way Way) bool {
			return way.Kind == WayBind || way.Kind == WayUnbind || way.Kind == WayBoundary || way.Kind == WayToken
		})
		if sure < 0 {
			if k := n.Ways[0].Kind; len(e.Needed) != 1 || k != WayPermission && k != WayAccount && k != WayPath {
				w.fail("%+v: %v has no sure way", x.naiveQuestion, n)
			}
			return
		}
		switch way := n.Ways[sure]; way.Kind {
		case WayBind:
			must(d.PutRole(Role{ID: "needed", Permissions: []string{way.Permission}}))
			must(d.PutBinding(Binding{ID: fmt.Sprint("needed", i), Subject: way.Account, Role: "needed", Scope: way.Path, Effect: Allow, Reach: way.Org}))
		case WayUnbind:
			d.RemoveBinding(way.Binding)
		case WayBoundary:
			a := e.Account
			a.Boundary = ""
			d.PutAccount(a)
		case WayToken:
			x.q.Limits = NewLimits(w.model.Catalog, []string{way.Permission}, way.Path)
		}
		if after := d.Snapshot().Decide(&x.q); after.Allowed != (i == len(e.Needed)-1) {
			w.fail("%+v: %+v after %d of %+v", x.naiveQuestion, after, i+1, e.Needed)
		}
	}
	for _, n := range e.Needed {
		for _, way := range n.Ways {
			w.followWay(s, x, n, way)
		}
	}
}

// followWay follows one of several ways: what it clears is not needed any more. What else comes of it may deny.
func (w *world) followWay(s *Snapshot, x worldQuestion, n Need, way Way) {
	d := s.Edit()
	b, _ := s.Binding(way.Binding)
	switch way.Kind {
	case WayBegin:
		x.q.Now = way.At
	case WayEnd:
		if b.End = 0; way.Effect == Deny {
			b.End = x.now
		}
	case WayReach:
		b.Reach = way.Org
	case WayCondition, WayAttribute:
		b.Condition = map[Effect]string{Allow: "true", Deny: "false"}[way.Effect]
	case WayRole:
		if strings.HasPrefix(way.Role, CodePrefix) {
			return
		}
		if err := d.LoadRole(Role{ID: way.Role, Permissions: []string{way.Permission}}); err != nil {
			w.fail("%v", err)
		}
	default:
		return
	}
	if b.ID != "" {
		if err := d.PutBinding(b); err != nil {
			w.fail("%v", err)
		}
	}
	for _, t := range d.Snapshot().Explain(x.q).Bindings {
		if id := t.Binding.ID; id == way.Binding && (t.Applies == True) != (way.Effect == Allow) {
			w.fail("%+v: %v of %v leaves %+v", x.naiveQuestion, way, n, t)
		}
	}
}

// TestQuestionsRefuse holds the answers to what is absent.
func TestQuestionsRefuse(t *testing.T) {
	var none *Snapshot
	q := Query{Permission: perm(t, "w:read"), Path: Root}
	if p := none.PermissionsOn(q); p.Has("w:read") || p.Names() != nil || p.Reason != ReasonUnavailable {
		t.Errorf("a nil snapshot gives %+v", p)
	}
	for h := range none.WhoCan(q) {
		t.Errorf("a nil snapshot knows %+v", h)
	}
	if e := none.Explain(q); e.Decision.Reason != ReasonUnavailable || len(e.Needed) != 0 {
		t.Errorf("a nil snapshot explains %+v", e)
	}
	if p := (Permissions{}).And(Permissions{}); p.Has("w:read") || p.Reason != ReasonUnspecified {
		t.Errorf("nothing and nothing is %+v", p)
	}
	w := newWorld(t, 1)
	d := New(w.model, "home").Edit()
	d.PutAccount(Account{ID: "a1", Kind: User})
	if err := d.PutBinding(Binding{ID: "b", Subject: "a1", Role: "code:reader", Scope: Root, Effect: Allow}); err != nil {
		t.Fatal(err)
	}
	s := d.Snapshot()
	q.Account, _ = s.Account("a1")
	reasons := map[Reason]Query{
		ReasonMissingPath: {Account: q.Account}, ReasonUnknownAccount: {Path: Root}, ReasonOtherOrg: {Account: q.Account, Path: Root, Org: "other"},
		ReasonTokenLimits: {Account: q.Account, Path: Root, Limits: NewLimits(w.model.Catalog, []string{}, Path{})},
	}
	for want, q := range reasons {
		if p := s.PermissionsOn(q); p.Reason != want || p.Names() != nil || p.Partial {
			t.Errorf("PermissionsOn gives %+v, want %v", p, want)
		}
	}
	// What a sure allow gives waits for the deny alone.
	for id, b := range map[string]Binding{"c": {Effect: Allow, Condition: "attr:x"}, "d": {Effect: Deny, Condition: "attr:y"}} {
		b.ID, b.Subject, b.Role, b.Scope = id, "a1", "code:reader", Root
		if err := d.PutBinding(b); err != nil {
			t.Fatal(err)
		}
	}
	if p := d.Snapshot().PermissionsOn(q); !p.Partial || !slices.Equal(p.Missing, []string{"y"}) {
		t.Errorf("an unknown deny leaves %+v", p)
	}
	held, other := s.PermissionsOn(q), s.PermissionsOn(Query{})
	if both := held.And(other); both.Reason != ReasonDelegation || both.Has("w:read") {
		t.Errorf("an actor without rights leaves %+v", both)
	}
	for _, q := range []Query{{Path: Root}, {Permission: perm(t, "w:none"), Path: Root}, {Permission: q.Permission}} {
		for h := range s.WhoCan(q) {
			t.Errorf("%+v may %+v", h, q)
		}
	}
}

package policy

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// step is one line of the script of a world. Any list of steps is a script, so that one can be cut down to what fails.
type step interface{ do(w *world) }

type (
	putAccount    Account
	removeAccount struct{ ID string }
	putGroup      struct{ ID string }
	removeGroup   struct{ ID string }
	addMember     struct{ Group, Member string }
	removeMember  struct{ Group, Member string }
	putRole       Role
	loadRole      Role
	removeRole    struct{ ID string }
	putBinding    Binding
	removeBinding struct{ ID string }

	// freeze makes a snapshot, and compares it; with Rebuild also one that is made of the reference's definitions at once.
	freeze struct {
		Salt    uint64 // of what is chosen while comparing
		Rebuild bool
		Light   bool // compare decisions alone
	}
	// edit goes on with a fork of the newest snapshot instead of the same draft; fork with one of an older snapshot.
	edit struct{}
	fork struct{ Of int }
	// aside leaves the draft as it is and goes on with another fork of the newest snapshot; abandon goes back to that draft.
	aside   struct{}
	abandon struct{}
	// recatalog is another release of the program, which compiles what is stored anew.
	recatalog struct {
		Specs []PermissionSpec
		Code  []Role
	}
)

func (e putAccount) do(w *world) {
	w.draft.PutAccount(Account(e))
	if w.groups[e.ID] {
		removeGroup{e.ID}.remember(w)
	}
	w.accounts[e.ID], w.bounds[e.ID], w.labels[e.ID] = e.Kind, e.Boundary, e.Labels
}

func (e removeAccount) do(w *world) {
	w.draft.RemoveAccount(e.ID)
	e.remember(w)
}

func (e removeAccount) remember(w *world) {
	if w.accounts[e.ID] == 0 {
		return
	}
	if h, had := w.handles[e.ID]; had {
		w.dead = append(slices.Clip(w.dead), h)
		delete(w.handles, e.ID)
	}
	w.forget(e.ID)
	delete(w.accounts, e.ID)
	delete(w.bounds, e.ID)
	delete(w.labels, e.ID)
}

func (e putGroup) do(w *world) {
	w.draft.PutGroup(e.ID)
	removeAccount(e).remember(w)
	w.groups[e.ID] = true
}

func (e removeGroup) do(w *world) {
	w.draft.RemoveGroup(e.ID)
	e.remember(w)
}

func (e removeGroup) remember(w *world) {
	if w.groups[e.ID] {
		w.forget(e.ID)
		delete(w.groups, e.ID)
	}
}

func (w *world) forget(id string) {
	maps.DeleteFunc(w.members, func(m [2]string, _ bool) bool { return m[0] == id || m[1] == id })
}

func (e addMember) do(w *world) {
	// The member would contain itself if it is the group, or is met on the way up from it, through what exists and what does not.
	up := map[string]bool{e.Group: true}
	for grown := true; grown; {
		grown = false
		for m := range w.members {
			if up[m[1]] && !up[m[0]] {
				up[m[0]], grown = true, true
			}
		}
	}
	var want error
	switch {
	case w.accounts[e.Group] != 0 && e.Group != e.Member:
		want = ErrNotGroup
	case up[e.Member]:
		want = ErrCycle
	}
	if err := w.draft.AddMember(e.Group, e.Member); !errors.Is(err, want) || want == nil && err != nil {
		w.fail("AddMember(%s, %s): %v, want %v", e.Group, e.Member, err, want)
	}
	if want == nil {
		w.members[[2]string{e.Group, e.Member}] = true
	}
}

func (e removeMember) do(w *world) {
	w.draft.RemoveMember(e.Group, e.Member)
	delete(w.members, [2]string{e.Group, e.Member})
}

// includes returns the ids of the roles that roles include, through any number of others, and their own.
func (w *world) includes(roles []string) map[string]bool {
	in := map[string]bool{}
	for todo := slices.Clone(roles); len(todo) > 0; {
		id := todo[len(todo)-1]
		if todo = todo[:len(todo)-1]; !in[id] {
			in[id] = true
			todo = append(todo, w.roles[id].Includes...)
		}
	}
	return in
}

func (e putRole) do(w *world) {
	r := Role(e)
	known := func(id string) bool { return w.roles[id].ID != "" || id == r.ID }
	refused := slices.ContainsFunc(r.Includes, func(id string) bool { return !known(id) }) || w.includes(r.Includes)[r.ID]
	for _, p := range slices.Concat(r.Permissions, r.Exclusions) {
		exact := !strings.HasSuffix(p, "*")
		refused = refused || !naiveReadable(p) || exact && !slices.ContainsFunc(w.specs, func(s PermissionSpec) bool { return slices.Contains(w.spellings(p), s.Name) })
	}
	w.define("PutRole", r, w.draft.PutRole(r), refused)
}

func (e loadRole) do(w *world) {
	r := Role(e)
	w.define("LoadRole", r, w.draft.LoadRole(r), w.includes(r.Includes)[r.ID])
}

func (w *world) define(how string, r Role, err error, refused bool) {
	if (err != nil) != refused {
		w.fail("%s(%v): %v, refused by the reference: %v", how, r, err, refused)
	}
	if err == nil {
		w.roles[r.ID] = r
	}
}

func (e removeRole) do(w *world) {
	w.draft.RemoveRole(e.ID)
	delete(w.roles, e.ID)
}

func (e putBinding) do(w *world) {
	if err := w.draft.PutBinding(Binding(e)); err != nil {
		w.fail("PutBinding(%v): %v", e, err)
	}
	w.bindings[e.ID] = Binding(e)
}

func (e removeBinding) do(w *world) {
	w.draft.RemoveBinding(e.ID)
	delete(w.bindings, e.ID)
}

func (e freeze) do(w *world) {
	checks := w.checks
	defer func() { w.checks = checks }()
	if w.salt = e.Salt; e.Light {
		w.checks = nil
	}
	s := w.draft.Snapshot()
	w.compareHandles(s)
	answers := w.compareAll(s)
	w.old = append(w.old, frozen{s, w.state.clone(), w.questions, answers})
	w.remember(s)
	if e.Rebuild {
		w.compareAll(w.rebuild())
	}
}

func (edit) do(w *world) { fork{len(w.old) - 1}.do(w) }

func (e fork) do(w *world) {
	if len(w.old) > 0 {
		at := w.old[e.Of%len(w.old)]
		w.resume(at.state.clone(), at.s.Edit())
	}
}

func (aside) do(w *world) {
	if len(w.old) > 0 {
		w.asides = append(w.asides, unfinished{w.state, w.draft})
		edit{}.do(w)
	}
}

func (abandon) do(w *world) {
	if n := len(w.asides); n > 0 {
		w.resume(w.asides[n-1].state, w.asides[n-1].draft)
		w.asides = w.asides[:n-1]
	}
}

func (e recatalog) do(w *world) {
	w.release(e.Specs, e.Code)
	w.resume(w.state, w.rebuild().Edit())
}

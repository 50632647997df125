package policy

import (
	"iter"
	"slices"
)

// MaxGroupDepth is the greatest number of groups nested in one another. [Draft.AddMember] refuses more; a decision has no limit
// of its own.
const MaxGroupDepth = 256

// PutGroup adds a group. Bindings and memberships put earlier under its id take effect. An account of this id is removed first.
// A group without an id is ignored, as is one that exists.
func (d *Draft) PutGroup(id string) {
	if id == "" || systemGroup(id) {
		return
	}
	d.RemoveAccount(id)
	slot := d.name(id)
	if d.kind(slot) == nobody {
		w := d.touch(slot)
		w.kind, w.wide = group, true
	}
}

// RemoveGroup removes a group, the memberships in it and its own. Its bindings stay until they are removed, without effect. A
// system group stays.
func (d *Draft) RemoveGroup(id string) {
	slot, ok := d.s.subjects.find(hashName(id), id)
	if !ok || systemGroup(id) || d.kind(slot) != group {
		return
	}
	// Members are touched by leaving, so nothing needs to be passed down to them any more.
	d.leaveAll(slot)
	d.touch(slot).kind = nobody
}

// AddMember puts an account or a group into a group. Neither needs to exist yet: the membership takes effect once both do. What
// is a member already stays one. A system group may be a member, and holds its kind alone: adding to it is [ErrReserved]. A
// group that would contain itself is [ErrCycle], groups nested deeper than [MaxGroupDepth] are [ErrDepth], and an account as
// the group is [ErrNotGroup]. An empty id is [ErrSyntax].
func (d *Draft) AddMember(groupID, memberID string) error {
	refuse := func(kind error) error {
		return &Error{Kind: kind, Noun: "group", ID: groupID, Field: "member", Value: memberID}
	}
	switch {
	case groupID == "" || memberID == "":
		return refuse(ErrSyntax)
	case systemGroup(groupID):
		return refuse(ErrReserved)
	case groupID == memberID:
		return refuse(ErrCycle)
	}
	// Only an id that something has named before can be part of a chain, or be an account.
	up, knownUp := d.s.subjects.find(hashName(groupID), groupID)
	down, knownDown := d.s.subjects.find(hashName(memberID), memberID)
	if knownUp {
		if k := d.kind(up); k == User || k == ServiceAccount {
			return refuse(ErrNotGroup)
		}
	}
	if knownUp && knownDown {
		for _, g := range d.ups(down) {
			if g == up {
				return nil
			}
		}
	}
	above, below := 1, 0
	if knownDown {
		below = d.height(down, map[uint32]int{})
	}
	if knownUp {
		depths := map[uint32]int{}
		above = d.depth(up, depths)
		if _, cycle := depths[down]; cycle && knownDown {
			return refuse(ErrCycle)
		}
	}
	if above+below > MaxGroupDepth {
		return refuse(ErrDepth)
	}
	up, down = d.name(groupID), d.name(memberID)
	u, w := d.touch(up), d.touch(down)
	u.members = append(u.members, down)
	w.ups, w.wide = append(w.ups, up), true
	return nil
}

// RemoveMember ends a membership, if there is one.
func (d *Draft) RemoveMember(groupID, memberID string) {
	up, ok1 := d.s.subjects.find(hashName(groupID), groupID)
	down, ok2 := d.s.subjects.find(hashName(memberID), memberID)
	if !ok1 || !ok2 {
		return
	}
	for _, g := range d.ups(down) {
		if g == up {
			u, w := d.touch(up), d.touch(down)
			u.members = without(u.members, down)
			w.ups, w.wide = without(w.ups, up), true
			return
		}
	}
}

// depth is the number of groups on the longest chain that begins with this group and goes up. seen receives every group met.
func (d *Draft) depth(slot uint32, seen map[uint32]int) int {
	if n, ok := seen[slot]; ok {
		return n
	}
	n := 0
	for _, up := range d.ups(slot) {
		n = max(n, d.depth(up, seen))
	}
	seen[slot] = n + 1
	return n + 1
}

// height is the number of groups on the longest chain that begins with this subject and goes down. An id that is nothing yet
// counts as a group once it has members.
func (d *Draft) height(slot uint32, seen map[uint32]int) int {
	n, ok := seen[slot]
	if ok {
		return n
	}
	switch members := d.members(slot); d.kind(slot) {
	case nobody:
		if len(members) == 0 {
			return 0
		}
		fallthrough
	case group:
		for _, m := range members {
			n = max(n, d.height(m, seen))
		}
		n++
	}
	seen[slot] = n
	return n
}

// groups returns the groups that a subject is in, directly or through groups that exist, each once. For an account the groups
// of its kind's system group are not among them. up gives the direct memberships of a slot, kind what it is.
func groups(slot uint32, up func(uint32) []uint32, kind func(uint32) Kind) []uint32 {
	var found []uint32
	var seen slotSet
	todo := slices.Clone(up(slot))
	for len(todo) > 0 {
		g := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if kind(g) == group && seen.add(g) {
			found = append(found, g)
			todo = append(todo, up(g)...)
		}
	}
	return found
}

// slotSet is a set that stays a short list while it is small, as nearly all are.
type slotSet struct {
	list []uint32
	more map[uint32]bool
}

func (s *slotSet) clear() { s.list, s.more = s.list[:0], nil }

func (s *slotSet) add(slot uint32) bool {
	if s.more != nil {
		if s.more[slot] {
			return false
		}
		s.more[slot] = true
		return true
	}
	for _, x := range s.list {
		if x == slot {
			return false
		}
	}
	if s.list = append(s.list, slot); len(s.list) > 32 {
		s.more = make(map[uint32]bool, 2*len(s.list))
		for _, x := range s.list {
			s.more[x] = true
		}
	}
	return true
}

// GroupsOf yields the ids of the groups that an account or a group is in, directly or through other groups, each once. For an
// account these include the system group of its kind and the groups that one is in.
func (s *Snapshot) GroupsOf(id string) iter.Seq[string] {
	return func(yield func(string) bool) {
		slot, g := s.subject(id)
		if g.kind() == nobody {
			return
		}
		for _, slot := range s.groupsOf(slot, g.kind()) {
			if !yield(s.subjects.name(slot)) {
				return
			}
		}
	}
}

func (s *Snapshot) groupsOf(slot uint32, k Kind) []uint32 {
	up := func(slot uint32) []uint32 { return s.subjects.row(slot).ups() }
	return groups(slot, func(of uint32) []uint32 {
		if of == slot && (k == User || k == ServiceAccount) {
			return append(up(of), systemSlot(k))
		}
		return up(of)
	}, func(slot uint32) Kind { return s.subjects.row(slot).kind() })
}

func systemSlot(k Kind) uint32 {
	if k == User {
		return slotUsers
	}
	return slotServiceAccounts
}

// Members yields the ids of the direct members of a group, accounts and groups that exist. For a system group these are the
// accounts of its kind.
func (s *Snapshot) Members(groupID string) iter.Seq[string] {
	return func(yield func(string) bool) {
		slot, g := s.subject(groupID)
		if g.kind() != group {
			return
		}
		for m := range s.members(slot, g) {
			if s.subjects.row(m).kind() != nobody && !yield(s.subjects.name(m)) {
				return
			}
		}
	}
}

// Accounts yields the ids of the accounts that a binding to this subject applies to, each once: the account itself, or the
// members of the group, directly or through other groups.
func (s *Snapshot) Accounts(subject string) iter.Seq[string] {
	return func(yield func(string) bool) {
		slot, _ := s.subject(subject)
		for a := range s.accounts(slot) {
			if !yield(s.subjects.name(a)) {
				return
			}
		}
	}
}

// accounts yields the slots of the accounts that a binding to one of the subjects applies to, each once.
func (s *Snapshot) accounts(subjects ...uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if s == nil {
			return
		}
		seen := make(map[uint32]bool, len(subjects))
		for _, slot := range subjects {
			seen[slot] = true
		}
		todo := slices.Clone(subjects)
		for len(todo) > 0 {
			at := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			switch g := *s.subjects.row(at); g.kind() {
			case User, ServiceAccount:
				if !yield(at) {
					return
				}
			case group:
				for m := range s.members(at, g) {
					if !seen[m] {
						seen[m] = true
						todo = append(todo, m)
					}
				}
			}
		}
	}
}

func (s *Snapshot) members(slot uint32, g grants) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if slot != slotUsers && slot != slotServiceAccounts {
			for _, m := range g.members() {
				if !yield(m) {
					return
				}
			}
			return
		}
		for n, p := range s.subjects.dir.all() {
			for i := range p.cell {
				k := p.cell[i].row.kind()
				if (k == User || k == ServiceAccount) && systemSlot(k) == slot && !yield(n*pageSize+uint32(i)) {
					return
				}
			}
		}
	}
}

package workload

import (
	"slices"

	"github.com/claviger-go/claviger/policy"
)

// Memberships is the number of groups that every account is in.
const Memberships = 3

// Org is one organisation. Accounts, groups and nodes are named by their positions in its lists, bindings by the id of
// their subject.
type Org struct {
	ID       string
	Accounts []string // one in five a service account, see ServiceAccount
	Groups   []string
	MemberOf [][Memberships]int32 // groups by account
	Roles    []Role               // the shared ones first
	Nodes    []Node               // the resource tree: root, projects, folders, items
	Bindings []Binding

	granted map[string][]int32 // subject id to positions in Bindings
}

// Node is one resource.
type Node struct {
	Path   policy.Path
	Parent int32 // -1 for the root

	first, past int32 // of the items under it: the first, and the one after the last
}

// Binding is an allow of a role to an account or a group at a node.
type Binding struct {
	ID, Subject string
	Role, Scope int32
}

// ServiceAccount says whether the account at a position is one, rather than a user.
func ServiceAccount(account int) bool { return account%5 == 0 }

func (w *World) newOrg() (*Org, error) {
	s := w.Size
	o := &Org{ID: w.id("or_"), granted: map[string][]int32{}}
	for range s.Groups / s.Orgs {
		o.Groups = append(o.Groups, w.id("gr_"))
	}
	for i := range s.Accounts / s.Orgs {
		prefix := "us_"
		if ServiceAccount(i) {
			prefix = "sa_"
		}
		o.Accounts = append(o.Accounts, w.id(prefix))
		o.MemberOf = append(o.MemberOf, w.distinct(len(o.Groups)))
	}
	o.Roles = append(o.Roles, w.Roles...)
	for range orgRoles {
		o.Roles = append(o.Roles, Role{w.id("ro_"), w.contents()})
	}
	if err := w.plant(o); err != nil {
		return nil, err
	}
	for i := range s.Bindings / s.Orgs {
		b := Binding{ID: w.id("bi_"), Role: int32(w.rng.IntN(len(o.Roles))), Scope: w.scope()}
		if w.rng.IntN(10) == 0 {
			b.Subject = o.Groups[w.rng.IntN(len(o.Groups))]
		} else {
			b.Subject = o.Accounts[w.rng.IntN(len(o.Accounts))]
		}
		o.Bindings = append(o.Bindings, b)
		o.granted[b.Subject] = append(o.granted[b.Subject], int32(i))
	}
	return o, nil
}

// plant grows the resource tree level by level, so that a level is a range of nodes.
func (w *World) plant(o *Org) error {
	s := w.Size
	projects, folders, items := s.levels()
	past := items + s.itemsOf()
	o.Nodes = []Node{{Path: policy.Root, Parent: -1, first: items, past: past}}
	for i := projects; i < past; i++ {
		n := Node{first: i, past: i + 1}
		kind, start, width := "items", items, s.Items
		switch {
		case i < folders:
			kind, width = "projects", 1
			n.first = items + (i-projects)*int32(s.Folders*s.Items)
			n.past = n.first + int32(s.Folders*s.Items)
		case i < items:
			kind, start, width = "folders", folders, s.Folders
			n.Parent = projects
			n.first = items + (i-folders)*int32(s.Items)
			n.past = n.first + int32(s.Items)
		default:
			n.Parent = folders
		}
		if i >= folders {
			n.Parent += (i - start) / int32(width)
		}
		text := kind + "/" + w.id("")
		if parent := o.Nodes[n.Parent].Path; !parent.IsRoot() {
			text = parent.String() + "/" + text
		}
		var err error
		if n.Path, err = policy.ParsePath(text); err != nil {
			return err
		}
		o.Nodes = append(o.Nodes, n)
	}
	return nil
}

// scope picks where a binding sits: 3 % at the org, 12 % at a project, 25 % at a folder, 60 % at an item.
func (w *World) scope() int32 {
	s := w.Size
	projects, folders, items := s.levels()
	switch n := w.rng.IntN(100); {
	case n < 3:
		return 0
	case n < 15:
		return projects + w.rng.Int32N(int32(s.Projects))
	case n < 40:
		return folders + w.rng.Int32N(int32(s.Projects*s.Folders))
	default:
		return items + w.rng.Int32N(s.itemsOf())
	}
}

func (w *World) distinct(n int) (picked [Memberships]int32) {
	if n > 1000 { // a permutation of so many for a few of them takes longer than all the rest
		for i := 0; i < len(picked); {
			picked[i] = w.rng.Int32N(int32(n))
			if !slices.Contains(picked[:i], picked[i]) {
				i++
			}
		}
		return picked
	}
	for i, g := range w.rng.Perm(n)[:Memberships] {
		picked[i] = int32(g)
	}
	return picked
}

// GroupsOf lists the ids of the groups that an account is in.
func (o *Org) GroupsOf(account int) []string {
	out := make([]string, 0, Memberships)
	for _, g := range o.MemberOf[account] {
		out = append(out, o.Groups[g])
	}
	return out
}

// Effective gives the positions of the bindings of an account and of its groups.
func (o *Org) Effective(account int) []int32 {
	all := slices.Clone(o.granted[o.Accounts[account]])
	for _, g := range o.MemberOf[account] {
		all = append(all, o.granted[o.Groups[g]]...)
	}
	return all
}

// Covers says whether the node at scope is the node n or lies above it.
func (o *Org) Covers(scope, n int32) bool {
	for ; n >= 0; n = o.Nodes[n].Parent {
		if n == scope {
			return true
		}
	}
	return false
}

package main

import (
	"fmt"
	"math/bits"
	"math/rand/v2"

	"github.com/claviger-go/claviger/policy"
)

// seed makes every run ask the same questions of the same world.
const seed = 0x636c617669676572

// A size is one column of workload W. Counts are totals over all orgs, except those of the resource tree.
type size struct {
	name                             string
	orgs, accounts, groups, bindings int
	projects, folders, items         int // in an org, in a project, in a folder
}

var (
	small  = size{"S", 10, 1_000, 200, 5_000, 4, 5, 10}
	medium = size{"M", 50, 10_000, 2_000, 50_000, 4, 5, 10}
	large  = size{"L", 200, 100_000, 20_000, 1_000_000, 10, 4, 12}
)

const (
	permissions = 60 // that the host registers
	sharedRoles = 12 // code roles
	orgRoles    = 4  // stored roles of each org
	memberships = 3  // groups an account is in
	idSize      = 32 // bytes of an id
)

// A world is workload W: the definitions, before anything is compiled from them.
type world struct {
	size    size
	rng     *rand.Rand
	names   []string // of permissions
	shared  []role
	tenants []*tenant
}

// A role is a set of permissions as one word, bit n for names[n].
type role struct {
	id       string
	contents uint64
}

// A tenant is one org.
type tenant struct {
	id       string
	accounts []string // one in five a service account
	groups   []string
	memberOf [][memberships]int32 // by account
	roles    []role               // shared ones first
	nodes    []node               // the resource tree: root, projects, folders, items
	bindings []binding
	granted  map[string][]int32 // subject id to positions in bindings
}

// A node is one resource, its parent, and the first and the last but one of the items under it.
type node struct {
	path        policy.Path
	parent      int32
	first, past int32
}

// A binding is an allow of a role to a subject at a node.
type binding struct {
	id, subject string
	role, scope int32
}

func newWorld(s size) (*world, error) {
	w := &world{size: s, rng: rand.New(rand.NewPCG(seed, uint64(s.accounts)))}
	for i := range permissions {
		w.names = append(w.names, fmt.Sprintf("resource%02d:verb%d", i/5, i%5))
	}
	for i := range sharedRoles {
		w.shared = append(w.shared, role{fmt.Sprintf("code:shared-%02d", i), w.contents()})
	}
	for range s.orgs {
		t, err := w.newTenant()
		if err != nil {
			return nil, err
		}
		w.tenants = append(w.tenants, t)
	}
	return w, nil
}

func (w *world) newTenant() (*tenant, error) {
	s := w.size
	t := &tenant{id: w.id("or_"), granted: map[string][]int32{}}
	for range s.groups / s.orgs {
		t.groups = append(t.groups, w.id("gr_"))
	}
	for i := range s.accounts / s.orgs {
		prefix := "us_"
		if serviceAccount(i) {
			prefix = "sa_"
		}
		t.accounts = append(t.accounts, w.id(prefix))
		t.memberOf = append(t.memberOf, w.distinct(len(t.groups)))
	}
	t.roles = append(t.roles, w.shared...)
	for range orgRoles {
		t.roles = append(t.roles, role{w.id("ro_"), w.contents()})
	}
	if err := w.plant(t); err != nil {
		return nil, err
	}
	for i := range s.bindings / s.orgs {
		b := binding{id: w.id("bi_"), role: int32(w.rng.IntN(len(t.roles))), scope: w.scope()}
		if w.rng.IntN(10) == 0 {
			b.subject = t.groups[w.rng.IntN(len(t.groups))]
		} else {
			b.subject = t.accounts[w.rng.IntN(len(t.accounts))]
		}
		t.bindings = append(t.bindings, b)
		t.granted[b.subject] = append(t.granted[b.subject], int32(i))
	}
	return t, nil
}

// plant grows the resource tree level by level, so that a level is a range of nodes.
func (w *world) plant(t *tenant) error {
	s := w.size
	projects, folders, items := s.levels()
	t.nodes = []node{{path: policy.Root, parent: -1, first: items, past: items + int32(s.projects*s.folders*s.items)}}
	for i := projects; i < t.nodes[0].past; i++ {
		n := node{first: i, past: i + 1}
		kind, start, width := "items", items, s.items
		switch {
		case i < folders:
			kind, width = "projects", 1
			n.first = items + (i-projects)*int32(s.folders*s.items)
			n.past = n.first + int32(s.folders*s.items)
		case i < items:
			kind, start, width = "folders", folders, s.folders
			n.parent = projects
			n.first = items + (i-folders)*int32(s.items)
			n.past = n.first + int32(s.items)
		default:
			n.parent = folders
		}
		if i >= folders {
			n.parent += (i - start) / int32(width)
		}
		text := kind + "/" + w.id("")
		if parent := t.nodes[n.parent].path; !parent.IsRoot() {
			text = parent.String() + "/" + text
		}
		var err error
		if n.path, err = policy.ParsePath(text); err != nil {
			return err
		}
		t.nodes = append(t.nodes, n)
	}
	return nil
}

// levels gives the first project, folder and item among the nodes of an org.
func (s size) levels() (projects, folders, items int32) {
	projects = 1
	folders = projects + int32(s.projects)
	return projects, folders, folders + int32(s.projects*s.folders)
}

// scope picks where a binding sits: 3 % at the org, 12 % at a project, 25 % at a folder, 60 % at an item.
func (w *world) scope() int32 {
	s := w.size
	projects, folders, items := s.levels()
	switch n := w.rng.IntN(100); {
	case n < 3:
		return 0
	case n < 15:
		return projects + w.rng.Int32N(int32(s.projects))
	case n < 40:
		return folders + w.rng.Int32N(int32(s.projects*s.folders))
	default:
		return items + w.rng.Int32N(int32(s.projects*s.folders*s.items))
	}
}

// contents picks 10 to 50 of the permissions.
func (w *world) contents() uint64 {
	var set uint64
	for n := 10 + w.rng.IntN(41); bits.OnesCount64(set) < n; {
		set |= 1 << w.rng.IntN(permissions)
	}
	return set
}

func (w *world) distinct(n int) (picked [memberships]int32) {
	for i, g := range w.rng.Perm(n)[:memberships] {
		picked[i] = int32(g)
	}
	return picked
}

// id makes a 32-byte id.
func (w *world) id(prefix string) string {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	b := append(make([]byte, 0, idSize), prefix...)
	for len(b) < idSize {
		b = append(b, alphabet[w.rng.IntN(len(alphabet))])
	}
	return string(b)
}

func serviceAccount(i int) bool { return i%5 == 0 }

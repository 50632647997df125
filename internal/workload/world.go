package workload

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// seed makes every run ask the same questions of the same world.
const seed = 0x636c617669676572

const (
	permissions = 60 // that the host registers

	// SharedRoles is the number of roles that every org has alike; they come first in its Roles.
	SharedRoles = 12

	orgRoles = 4  // stored roles of each org
	idSize   = 32 // bytes of an id
)

// World is workload W at one size: the definitions, before anything is compiled from them.
type World struct {
	Size        Size
	Permissions []string // their names
	Roles       []Role   // those shared by all orgs
	Orgs        []*Org

	rng *rand.Rand
}

// Role is a set of permissions as one word, bit n for the world's Permissions[n]. The id of a shared role begins with
// "code:".
type Role struct {
	ID       string
	Contents uint64
}

// New makes the world of a size. It fails only for a size that is none of this package's.
func New(s Size) (*World, error) {
	w := &World{Size: s, rng: rand.New(rand.NewPCG(seed, uint64(s.Accounts)))}
	for i := range permissions {
		w.Permissions = append(w.Permissions, fmt.Sprintf("resource%02d:verb%d", i/5, i%5))
	}
	for i := range SharedRoles {
		w.Roles = append(w.Roles, Role{fmt.Sprintf("code:shared-%02d", i), w.contents()})
	}
	for range s.Orgs {
		o, err := w.newOrg()
		if err != nil {
			return nil, err
		}
		w.Orgs = append(w.Orgs, o)
	}
	return w, nil
}

// PermissionsOf lists the names of the permissions in a role.
func (w *World) PermissionsOf(r Role) []string {
	var names []string
	for i, n := range w.Permissions {
		if r.Contents&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// contents picks 10 to 50 of the permissions.
func (w *World) contents() uint64 {
	var set uint64
	for n := 10 + w.rng.IntN(41); bits.OnesCount64(set) < n; {
		set |= 1 << w.rng.IntN(permissions)
	}
	return set
}

// id makes a 32-byte id.
func (w *World) id(prefix string) string {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	b := append(make([]byte, 0, idSize), prefix...)
	for len(b) < idSize {
		b = append(b, alphabet[w.rng.IntN(len(alphabet))])
	}
	return string(b)
}

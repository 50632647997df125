package policy

import "reflect"

// Size estimates the bytes that the snapshot keeps in memory, those that it shares with the snapshots it was edited from included
// and those of the catalog, the roles declared in code and the conditions not. It is for deciding what to keep, within a quarter
// of the truth for an organisation of some size, and costs the same whatever the size. It is 0 for a nil snapshot.
func (s *Snapshot) Size() int64 {
	if s == nil {
		return 0
	}
	n := s.subjects.size() + s.scopes.size() + s.roles.size() + s.bindings.size()
	if s.code != nil {
		n -= s.code.table.size()
	}
	n += 8 * s.words
	for _, g := range s.system {
		n += 8 * len(g)
	}
	perRole := 8 * s.cat.words() // contents, in the usual case that all of it can be read
	n += s.defined + perRole*max(0, s.roles.held()-s.codeRoles())
	n += s.terms.used*int(reflect.TypeFor[placed[terms]]().Size()) + 8*int(s.terms.dir.len())
	n += s.labels.size()
	n += 4 * (len(s.root) + len(s.including))
	return int64(n)
}

func (s *Snapshot) codeRoles() int {
	if s.code == nil {
		return 0
	}
	return s.code.table.held()
}

// held is the number of names.
func (t *table[T]) held() int { return int(t.index.live) }

func (t *table[T]) size() int {
	const perFreed = 16
	n := int(t.dir.len()) * (int(reflect.TypeFor[page[T]]().Size()) + 8)
	n += t.text + 4*int(t.index.dir.len()*min(chunkSize, t.index.mask+1))
	if free := int(t.top) - t.held() - 1; free > 0 {
		n += perFreed * free
	}
	return n
}

// size is what a definition takes: the names of permissions are the catalog's.
func (r *Role) size() int {
	if r == nil {
		return 0
	}
	const perRole, perName = 128, 16
	return perRole + perName*(len(r.Permissions)+len(r.Exclusions)+len(r.Includes))
}

// pack replaces the packed form of a subject, and counts its words.
func (d *Draft) pack(slot uint32, p packed, entries []uint64) {
	row := d.s.subjects.edit(d.own, slot)
	packed := packGrants(p, entries)
	d.s.words += len(packed) - len(*row)
	*row = packed
}

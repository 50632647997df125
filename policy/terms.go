package policy

import "slices"

// terms are what few bindings have: dates, a reach and a condition, or that they are not in force.
type terms struct {
	pos        uint32 // of the binding in its page
	start, end int64
	reach      string
	eligible   bool       // gives nothing
	condition  *condition // nil if there is none
}

func (l *terms) holds(now int64) bool {
	return (l.start == 0 || l.start <= now) && (l.end == 0 || now < l.end)
}

// termsTable is kept beside the table of bindings, page by page.
type termsTable struct {
	dir  directory[termsPage]
	used int // bindings that have them
}

type termsPage struct {
	list  []terms // ascending by pos
	owner *stamp
}

// at returns the terms of a binding that has one.
func (l *termsTable) at(slot uint32) *terms {
	list := l.dir.at(slot / pageSize).list
	for i := range list {
		if list[i].pos == slot%pageSize {
			return &list[i]
		}
	}
	return nil
}

// set replaces the terms of a binding; nil takes them away.
func (l *termsTable) set(own *stamp, slot uint32, to *terms) {
	n := slot / pageSize
	for l.dir.len() <= n {
		l.dir.set(own, l.dir.len(), &termsPage{owner: own})
	}
	p := l.dir.at(n)
	if p.owner != own {
		p = &termsPage{list: slices.Clone(p.list), owner: own}
		l.dir.set(own, n, p)
	}
	i, found := slices.BinarySearchFunc(p.list, slot%pageSize, func(x terms, pos uint32) int { return int(x.pos) - int(pos) })
	switch {
	case to == nil && found:
		p.list = slices.Delete(p.list, i, i+1)
		l.used--
	case to != nil && found:
		p.list[i] = *to
	case to != nil:
		p.list = slices.Insert(p.list, i, *to)
		l.used++
	}
}

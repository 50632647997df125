package policy

import "slices"

// limit holds what few bindings have: dates, a reach and a condition.
type limit struct {
	pos        uint32 // of the binding in its page
	start, end int64
	reach      string
	condition  *condition // nil if there is none
}

func (l *limit) holds(now int64) bool {
	return (l.start == 0 || l.start <= now) && (l.end == 0 || now < l.end)
}

// limits is kept beside the table of bindings, page by page.
type limits struct {
	dir  directory[limitPage]
	used int // limits held
}

type limitPage struct {
	list  []limit // ascending by pos
	owner *stamp
}

// at returns the limit of a binding that has one.
func (l *limits) at(slot uint32) *limit {
	list := l.dir.at(slot / pageSize).list
	for i := range list {
		if list[i].pos == slot%pageSize {
			return &list[i]
		}
	}
	return nil
}

// set replaces the limit of a binding; nil takes it away.
func (l *limits) set(own *stamp, slot uint32, to *limit) {
	n := slot / pageSize
	for l.dir.len() <= n {
		l.dir.set(own, l.dir.len(), &limitPage{owner: own})
	}
	p := l.dir.at(n)
	if p.owner != own {
		p = &limitPage{list: slices.Clone(p.list), owner: own}
		l.dir.set(own, n, p)
	}
	i, found := slices.BinarySearchFunc(p.list, slot%pageSize, func(x limit, pos uint32) int { return int(x.pos) - int(pos) })
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

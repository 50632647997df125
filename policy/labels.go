package policy

import (
	"maps"
	"slices"
)

// labelled is what few accounts have: labels, which conditions can read. A map is never changed once it is here.
type labelled struct {
	pos    uint32 // of the account in its page
	labels map[string]string
}

// labelsTable is kept beside the table of subjects, page by page.
type labelsTable struct {
	dir  directory[labelsPage]
	used int // accounts that have some
	text int // bytes of all keys and values
	each int // keys of all accounts
}

type labelsPage struct {
	list  []labelled // ascending by pos
	owner *stamp
}

func (l *labelsTable) place(list []labelled, pos uint32) (int, bool) {
	return slices.BinarySearchFunc(list, pos, func(x labelled, pos uint32) int { return int(x.pos) - int(pos) })
}

// at returns the labels of an account, nil if it has none.
func (l *labelsTable) at(slot uint32) map[string]string {
	n := slot / pageSize
	if n >= l.dir.len() {
		return nil
	}
	list := l.dir.at(n).list
	if i, found := l.place(list, slot%pageSize); found {
		return list[i].labels
	}
	return nil
}

// set replaces the labels of an account by a copy of some; none takes them away.
func (l *labelsTable) set(own *stamp, slot uint32, to map[string]string) {
	old := l.at(slot)
	if len(old) == 0 && len(to) == 0 {
		return
	}
	n := slot / pageSize
	for l.dir.len() <= n {
		l.dir.set(own, l.dir.len(), &labelsPage{owner: own})
	}
	p := l.dir.at(n)
	if p.owner != own {
		p = &labelsPage{list: slices.Clone(p.list), owner: own}
		l.dir.set(own, n, p)
	}
	i, found := l.place(p.list, slot%pageSize)
	switch row := (labelled{slot % pageSize, maps.Clone(to)}); {
	case len(to) == 0:
		p.list = slices.Delete(p.list, i, i+1)
		l.used--
	case found:
		p.list[i] = row
	default:
		p.list = slices.Insert(p.list, i, row)
		l.used++
	}
	l.text += textOf(to) - textOf(old)
	l.each += len(to) - len(old)
}

func textOf(labels map[string]string) (n int) {
	for k, v := range labels {
		n += len(k) + len(v)
	}
	return n
}

// size estimates the bytes that all of it takes.
func (l *labelsTable) size() int {
	const perAccount, perLabel = 72, 48 // of the row and an empty map; of two strings in a map
	return perAccount*l.used + perLabel*l.each + l.text + 8*int(l.dir.len())
}

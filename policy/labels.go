package policy

import "maps"

// labelsTable has what few accounts have: labels, which conditions can read.
type labelsTable struct {
	sparse[map[string]string]
	text int // bytes of all keys and values
	each int // keys of all accounts
}

// at returns the labels of an account, nil if it has none.
func (l *labelsTable) at(slot uint32) map[string]string {
	if labels := l.sparse.at(slot); labels != nil {
		return *labels
	}
	return nil
}

// set replaces the labels of an account by a copy of some; none takes them away.
func (l *labelsTable) set(own *stamp, slot uint32, to map[string]string) {
	old := l.at(slot)
	l.text += textOf(to) - textOf(old)
	l.each += len(to) - len(old)
	if len(to) == 0 {
		l.sparse.set(own, slot, nil)
		return
	}
	labels := maps.Clone(to)
	l.sparse.set(own, slot, &labels)
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

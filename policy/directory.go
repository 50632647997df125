package policy

import "iter"

// A snapshot's tables are made of pages that are never written once frozen. A draft copies a page the first time it writes to
// it and marks the copy with its stamp; a page, or a directory of pages, that bears the stamp of the draft is the draft's own.
// Freezing takes a new stamp, which gives up the ownership of everything at once.

// stamp is compared by address, so it must not have size zero.
type stamp struct{ _ byte }

const leafSize = 128

// directory is a copy-on-write list of pages. The first leafSize of them are found directly; the others lie in leaves, so that in
// a large organisation, too, an edit copies little.
type directory[P any] struct {
	near  []*P
	far   []*leaf[P]
	owner *stamp // of near and far, not of the leaves
}

type leaf[P any] struct {
	pages []*P
	owner *stamp
}

func (d *directory[P]) len() uint32 {
	if len(d.far) == 0 {
		return uint32(len(d.near))
	}
	return uint32(len(d.far))*leafSize + uint32(len(d.far[len(d.far)-1].pages))
}

// at returns a page that is there.
func (d *directory[P]) at(n uint32) *P {
	if n < uint32(len(d.near)) {
		return d.near[n]
	}
	return d.distant(n)
}

func (d *directory[P]) distant(n uint32) *P {
	return d.far[n/leafSize-1].pages[n%leafSize]
}

// all yields the pages with their numbers.
func (d *directory[P]) all() iter.Seq2[uint32, *P] {
	return func(yield func(uint32, *P) bool) {
		for n := range d.len() {
			if !yield(n, d.at(n)) {
				return
			}
		}
	}
}

// set replaces a page, or appends one.
func (d *directory[P]) set(own *stamp, n uint32, p *P) {
	if d.owner != own {
		d.near, d.far, d.owner = forked(d.near), forked(d.far), own
	}
	if n < leafSize {
		d.near = put(d.near, n, p)
		return
	}
	i := n/leafSize - 1
	if i == uint32(len(d.far)) {
		d.far = append(d.far, &leaf[P]{owner: own})
	}
	l := d.far[i]
	if l.owner != own {
		l = &leaf[P]{pages: forked(l.pages), owner: own}
		d.far[i] = l
	}
	l.pages = put(l.pages, n%leafSize, p)
}

// forked copies a list, with room to append one.
func forked[E any](list []E) []E { return append(make([]E, 0, len(list)+1), list...) }

func put[E any](list []E, i uint32, e E) []E {
	if i == uint32(len(list)) {
		return append(list, e)
	}
	list[i] = e
	return list
}

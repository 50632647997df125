package policy

import "strings"

const pageSize = 64

// page holds the names and rows of pageSize slots. The names lie in one text, so that a name costs its length and an offset, and
// so that handing one out allocates nothing.
type page[T any] struct {
	text  string
	names []string // instead of end and text, while names are being written
	owner *stamp
	cell  [pageSize]cell[T]
}

type cell[T any] struct {
	row T
	end uint32 // where the slot's name ends in text; it begins where its predecessor's ends
}

func (p *page[T]) name(i uint32) string {
	if p.names != nil {
		return p.names[i]
	}
	return p.text[p.begin(i):p.cell[i].end]
}

// begin is where a slot's name begins in text.
func (p *page[T]) begin(i uint32) uint32 {
	if i == 0 {
		return 0
	}
	return p.cell[i-1].end
}

// extend writes a name behind all others, and reports false when it does not belong there. For one name this is less work than to unseal them all and seal
// them again; for many it is more.
func (p *page[T]) extend(i uint32, name string) bool {
	if p.names != nil || int(p.begin(i)) != len(p.text) {
		return false
	}
	p.text += name
	for ; i < pageSize; i++ {
		p.cell[i].end = uint32(len(p.text))
	}
	return true
}

// unseal makes the names writable, one by one.
func (p *page[T]) unseal() {
	if p.names == nil {
		names := make([]string, pageSize)
		for i := range names {
			names[i] = p.name(uint32(i))
		}
		p.names = names
	}
}

// seal gathers the names into one text.
func (p *page[T]) seal() {
	if p.names == nil {
		return
	}
	size := 0
	for _, s := range p.names {
		size += len(s)
	}
	var b strings.Builder
	b.Grow(size)
	for i, s := range p.names {
		b.WriteString(s)
		p.cell[i].end = uint32(b.Len())
	}
	p.text, p.names = b.String(), nil
}

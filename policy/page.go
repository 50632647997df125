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
	begin := uint32(0)
	if i > 0 {
		begin = p.cell[i-1].end
	}
	return p.text[begin:p.cell[i].end]
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

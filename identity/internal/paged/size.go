package paged

import "reflect"

// What one key and one page take, beside the values, about: the text of a key is that of an id, and the buckets of the index are two thirds full.
const (
	perKey  = 32 + 36
	perPage = pageLen * 16 // of keys
	perNode = 700
)

// Size estimates the bytes that the table keeps in memory, those that it shares with other versions included and what its values point to not. It
// costs the same whatever the size.
func (t Table[V]) Size() int64 {
	pages := (int64(t.next) + pageLen - 1) / pageLen
	return pages*(perPage+pageLen*int64(reflect.TypeFor[V]().Size())) + int64(len(t.nodes))*perNode + int64(t.live)*perKey
}

// Same reports whether nothing was put into or deleted from either table since they were one. It may report false for equal tables.
func (t Table[V]) Same(o Table[V]) bool {
	if len(t.nodes) != len(o.nodes) || t.index != o.index || t.next != o.next || t.live != o.live {
		return false
	}
	return len(t.nodes) == 0 || &t.nodes[0] == &o.nodes[0]
}

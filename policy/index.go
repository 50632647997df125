package policy

// index finds slots by the hash of their name: an open-addressed table of slots with linear probing, cut into chunks that are
// copied on write. It holds neither hashes nor names: whoever probes compares the name of each slot it meets.
type index struct {
	dir  directory[chunk]
	mask uint32 // number of places less one; places is a power of two
	used uint32 // places that are not empty, graves included
	live uint32 // slots held
}

type chunk struct {
	place []uint32 // 0 is empty
	owner *stamp
}

const (
	chunkSize = 512
	// grave marks a place whose slot was dropped: probing goes on over it.
	grave = ^uint32(0)
)

func (x *index) size() uint32 { return x.dir.len() }

func (x *index) at(i uint32) uint32 { return x.dir.at(i / chunkSize).place[i%chunkSize] }

func (x *index) set(own *stamp, i, slot uint32) {
	c := x.dir.at(i / chunkSize)
	if c.owner != own {
		c = &chunk{place: append([]uint32(nil), c.place...), owner: own}
		x.dir.set(own, i/chunkSize, c)
	}
	c.place[i%chunkSize] = slot
}

// add enters a slot that is not there. hash gives the hash of a slot's name, for when the places run out.
func (x *index) add(own *stamp, h uint64, slot uint32, hash func(slot uint32) uint64) {
	// At most three places in four are taken, so that every probe meets an empty one soon.
	if places := uint64(x.mask) + 1; x.size() == 0 || uint64(x.used+1)*4 > places*3 {
		x.grow(own, hash)
	}
	i := uint32(h) & x.mask
	for x.at(i) != 0 && x.at(i) != grave {
		i = (i + 1) & x.mask
	}
	if x.at(i) == 0 {
		x.used++
	}
	x.live++
	x.set(own, i, slot)
}

func (x *index) drop(own *stamp, h uint64, slot uint32) {
	for i := uint32(h) & x.mask; x.size() > 0; i = (i + 1) & x.mask {
		switch x.at(i) {
		case slot:
			x.set(own, i, grave)
			x.live--
			return
		case 0:
			return
		}
	}
}

// grow rebuilds the index with room for one more slot, without graves.
func (x *index) grow(own *stamp, hash func(slot uint32) uint64) {
	places := uint32(8)
	for uint64(places) < uint64(x.live+1)*2 {
		places *= 2
	}
	next := index{mask: places - 1, live: x.live, used: x.live}
	for n := uint32(0); n < places; n += chunkSize {
		next.dir.set(own, n/chunkSize, &chunk{place: make([]uint32, min(places, chunkSize)), owner: own})
	}
	for _, c := range x.dir.all() {
		for _, slot := range c.place {
			if slot == 0 || slot == grave {
				continue
			}
			i := uint32(hash(slot)) & next.mask
			for next.at(i) != 0 {
				i = (i + 1) & next.mask
			}
			next.dir.at(i / chunkSize).place[i%chunkSize] = slot
		}
	}
	*x = next
}

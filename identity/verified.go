package identity

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/claviger-go/claviger/policy"
)

// verified remembers access tokens whose signatures were found good, by their
// texts, so that those who show the same one again and again are known at the cost
// of finding it. What the text fixes is remembered, and nothing of what can
// change: whether all that the token stands on is alive is asked at every use.
//
// Only what was verified gets in, so nobody without a token of ours can push
// others out. A text has a few places where it can lie, found by its hash; readers
// take no lock. An entry counts as long as the instance is the one that it was
// verified in, which the key ring and the incarnation are part of: turning the
// ring, compromising a key and restoring a backup empty it.
type verified struct {
	seed   maphash.Seed
	places []atomic.Pointer[verifiedToken] // a power of two, at least associativity
	most   int64                           // bytes
	shift  int                             // of a hash, to get a place

	mu    sync.Mutex // of those who put in and take out
	bytes int64
	count int
	hand  int // who goes next when there are too many bytes
}

// verifiedToken is one entry. But for when its use was last noted it never changes.
// It is 64 bytes, which a processor fetches at once: to find that a token is still
// alive nothing else of it is looked at but its text.
type verifiedToken struct {
	text   string // a clone: nothing of the request is kept
	inst   *instance
	p      *principal
	cell   *cell  // of p
	number uint64 // of the view that p was looked at in; 0 if more than that has to be asked
	until  int64  // p lives in that view, Unix microseconds
	noted  atomic.Int64
}

func newVerifiedToken(text string, inst *instance, p *principal) *verifiedToken {
	e := &verifiedToken{text: text, inst: inst, p: p, cell: p.cell}
	if p.inst == inst && !p.bound() { // p.inst is nil if others act through it
		e.number, e.until = p.number, p.until
	}
	return e
}

const (
	associativity = 4
	// verifiedSize is what an entry takes beside the text, about.
	verifiedSize = 640
	// bytesPerPlace spreads the bytes that may be taken over places.
	bytesPerPlace = 1024
)

// newVerified makes a memory of about as many bytes; 0 remembers nothing.
func newVerified(most int64) *verified {
	v := &verified{seed: maphash.MakeSeed(), most: most}
	if most > 0 {
		places := 1 << bits.Len64(uint64(max(most/bytesPerPlace, associativity)-1))
		v.places, v.shift = make([]atomic.Pointer[verifiedToken], places), 64-bits.Len(uint(places-1))
	}
	return v
}

// find returns who a text was found to speak for in an instance, or nil.
func (v *verified) find(text string, inst *instance) *verifiedToken {
	if len(v.places) == 0 {
		return nil
	}
	first := v.first(text)
	for i := range associativity {
		if e := v.places[first+i].Load(); e != nil && e.inst == inst && e.text == text {
			return e
		}
	}
	return nil
}

// first is the first of the places where a text can lie, side by side.
func (v *verified) first(text string) int {
	return int(maphash.String(v.seed, text)>>v.shift) &^ (associativity - 1)
}

// put remembers what was verified.
func (v *verified) put(text string, inst *instance, p *principal) {
	if len(v.places) > 0 {
		v.add(newVerifiedToken(strings.Clone(text), inst, p))
	}
}

func (v *verified) add(e *verifiedToken) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.set(v.place(e), e)
	for v.bytes > v.most { // ends at the latest when e itself is gone
		v.hand = (v.hand + 1) & (len(v.places) - 1)
		v.set(v.hand, nil)
	}
}

// place is where an entry goes: where the same text lies, or what is no use any
// more, or else the one that ends first of the few that can lie there. mu is held.
func (v *verified) place(e *verifiedToken) int {
	first := v.first(e.text)
	best, least := first, int64(never)
	for i := first; i < first+associativity; i++ {
		old := v.places[i].Load()
		worth := int64(0)
		switch {
		case old == nil || old.inst != e.inst:
		case old.text == e.text:
			return i
		default:
			worth = old.p.expires
		}
		if worth < least {
			best, least = i, worth
		}
	}
	return best
}

// set changes a place. mu is held.
func (v *verified) set(i int, e *verifiedToken) {
	if old := v.places[i].Load(); old != nil {
		v.bytes -= old.size()
		v.count--
	}
	if e != nil {
		v.bytes += e.size()
		v.count++
	}
	v.places[i].Store(e)
}

func (e *verifiedToken) size() int64 { return int64(len(e.text)) + verifiedSize }

// sweep lets go of what has ended, and of what has not been shown since its org was
// dropped from memory or changed: it would keep the org as it was.
func (v *verified) sweep(now int64) {
	for i := range v.places {
		e := v.places[i].Load()
		if e == nil {
			continue
		}
		org := e.p.cell.view.Load()
		if !ended(e.p.expires, now) && org != nil && (e.p.number == 0 || e.p.number == org.number) {
			continue
		}
		v.mu.Lock()
		if v.places[i].Load() == e {
			v.set(i, nil)
		}
		v.mu.Unlock()
	}
}

// size is how many tokens are remembered, and the bytes that they take, about.
func (v *verified) size() (count int, bytes int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.count, v.bytes
}

// recallAlive returns who an access token speaks for if that is known and nothing has
// changed in its org since it was last shown; nil says nothing.
func (a *Authority) recallAlive(raw string, now int64) *principal {
	if a.lost.Load() || a.closed.Load() || !a.upToDate(now) {
		return nil
	}
	inst := a.instance.Load()
	e := a.verified.find(raw, inst)
	if e == nil || e.number == 0 || now >= e.until || a.bars.count.Load() != 0 {
		return nil
	}
	if v := e.cell.view.Load(); v == nil || v.number != e.number {
		return nil
	}
	e.cell.touch(now)
	if m := now >> useGrain; e.noted.Load() != m && e.noted.Swap(m) != m {
		a.used(e.p, now)
	}
	return e.p
}

// recall returns who an access token speaks for if it was verified before and all
// that it stands on is alive; nil says nothing.
func (a *Authority) recall(raw string, now int64) *principal {
	if a.lost.Load() || a.closed.Load() || !a.upToDate(now) {
		return nil
	}
	inst := a.instance.Load()
	e := a.verified.find(raw, inst)
	if e == nil {
		return nil
	}
	v := e.p.cell.view.Load()
	if v == nil {
		return nil
	}
	if v.stillLive(inst, e.p, now) {
		e.p.cell.touch(now)
		return e.p
	}
	return a.lookAgain(e, v, now)
}

// lookAgain is for a token that was not looked at in this view yet. What is found
// is remembered in its place.
func (a *Authority) lookAgain(e *verifiedToken, v *view, now int64) *principal {
	if e.p.chain != nil && e.p.line == v.line {
		if v.live(e.inst, e.p, now) != policy.ReasonUnspecified {
			return nil
		}
		e.p.cell.touch(now)
		return e.p // is looked at every time
	}
	p := *e.p
	if p.line != v.line && !p.locate(v) {
		return nil
	}
	if v.live(e.inst, &p, now) != policy.ReasonUnspecified {
		return nil // the whole way says why
	}
	p.cell.touch(now)
	p.see(v, e.inst)
	a.verified.add(newVerifiedToken(e.text, e.inst, &p))
	return &p
}

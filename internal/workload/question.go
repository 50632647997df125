package workload

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Questions is the number of questions in a stream.
const Questions = 65_536

// Stream says which account a question is about.
type Stream int

const (
	Uniform Stream = iota // every account alike
	Zipf                  // a few accounts ask most questions, s = 1.1
)

// String is the name of the stream.
func (s Stream) String() string {
	if s == Zipf {
		return "zipf"
	}
	return "uniform"
}

// Question is always on an item, which lies at depth 3. All but Allowed are positions in the lists of the world and of
// its orgs.
type Question struct {
	Home, Account    int // who asks: the account's org, the account
	Org              int // of the item
	Item, Permission int
	Allowed          bool // what the definitions say, see World.Decide
}

// Ask makes a stream: 70 % allow, 30 % deny, a tenth of the denies on an item of a foreign org. It goes on with the
// world's generator, so a second call gives other questions.
func (w *World) Ask(s Stream) []Question {
	each := len(w.Orgs[0].Accounts)
	order := w.rng.Perm(each * len(w.Orgs)) // busy accounts are not neighbours
	skewed := rand.NewZipf(w.rng, 1.1, 1, uint64(len(order)-1))
	out := make([]Question, 0, Questions)
	for len(out) < Questions {
		n := w.rng.IntN(len(order))
		if s == Zipf {
			n = order[skewed.Uint64()]
		}
		q := Question{Home: n / each, Org: n / each, Account: n % each}
		ok := false
		switch share := w.rng.IntN(100); {
		case share < 70:
			ok = w.allow(&q)
		case share < 97:
			ok = w.deny(&q)
		default:
			q.Org = (q.Home + 1 + w.rng.IntN(len(w.Orgs)-1)) % len(w.Orgs)
			q.Item, q.Permission, ok = w.item(0, q.Org), w.rng.IntN(permissions), true
		}
		if ok {
			out = append(out, q)
		}
	}
	return out
}

// Decide is the reference evaluator: it answers from the definitions alone.
func (w *World) Decide(q Question) bool {
	if q.Org != q.Home {
		return false
	}
	o := w.Orgs[q.Home]
	return slices.ContainsFunc(o.Effective(q.Account), func(i int32) bool {
		b := o.Bindings[i]
		return o.Roles[b.Role].Contents&(1<<q.Permission) != 0 && o.Covers(b.Scope, int32(q.Item))
	})
}

// allow turns q into a question that one of the account's bindings answers. An account may have none.
func (w *World) allow(q *Question) bool {
	o := w.Orgs[q.Home]
	effective := o.Effective(q.Account)
	if len(effective) == 0 {
		return false
	}
	b := o.Bindings[effective[w.rng.IntN(len(effective))]]
	q.Item = w.item(int(b.Scope), q.Org)
	contents := o.Roles[b.Role].Contents
	for skip := w.rng.IntN(bits.OnesCount64(contents)); skip > 0; skip-- {
		contents &= contents - 1
	}
	q.Permission = bits.TrailingZeros64(contents)
	q.Allowed = true
	return true
}

// deny turns q into a question that no binding answers. An account may be allowed nearly everything.
func (w *World) deny(q *Question) bool {
	for range 20 {
		q.Item, q.Permission = w.item(0, q.Org), w.rng.IntN(permissions)
		if !w.Decide(*q) {
			return true
		}
	}
	return false
}

// item picks an item of an org at or under a node.
func (w *World) item(n, org int) int {
	at := w.Orgs[org].Nodes[n]
	return int(at.first + w.rng.Int32N(at.past-at.first))
}

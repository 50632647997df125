package main

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

const questions = 65_536 // in a stream

// A stream says which account a question is about.
type stream int

const (
	uniform stream = iota // every account alike
	zipf                  // a few accounts ask most questions, s = 1.1
)

// A question is always on an item, which lies at depth 3.
type question struct {
	tenant, account  int // who asks
	org              int // of the item
	item, permission int
	allowed          bool // what the reference evaluator says
}

// ask makes the stream: 70 % allow, 30 % deny, a tenth of the denies on an item of a foreign org.
func (w *world) ask(s stream) []question {
	each := len(w.tenants[0].accounts)
	order := w.rng.Perm(each * len(w.tenants)) // busy accounts are not neighbours
	skewed := rand.NewZipf(w.rng, 1.1, 1, uint64(len(order)-1))
	out := make([]question, 0, questions)
	for len(out) < questions {
		n := w.rng.IntN(len(order))
		if s == zipf {
			n = order[skewed.Uint64()]
		}
		q := question{tenant: n / each, org: n / each, account: n % each}
		ok := false
		switch share := w.rng.IntN(100); {
		case share < 70:
			ok = w.allow(&q)
		case share < 97:
			ok = w.deny(&q)
		default:
			q.org = (q.tenant + 1 + w.rng.IntN(len(w.tenants)-1)) % len(w.tenants)
			q.item, q.permission, ok = w.item(0, q.org), w.rng.IntN(permissions), true
		}
		if ok {
			out = append(out, q)
		}
	}
	return out
}

// allow turns q into a question that one of the account's bindings answers. An account may have none.
func (w *world) allow(q *question) bool {
	t := w.tenants[q.tenant]
	effective := t.effective(q.account)
	if len(effective) == 0 {
		return false
	}
	b := t.bindings[effective[w.rng.IntN(len(effective))]]
	q.item = w.item(int(b.scope), q.org)
	contents := t.roles[b.role].contents
	for skip := w.rng.IntN(bits.OnesCount64(contents)); skip > 0; skip-- {
		contents &= contents - 1
	}
	q.permission = bits.TrailingZeros64(contents)
	q.allowed = true
	return true
}

// deny turns q into a question that no binding answers. An account may be allowed nearly everything.
func (w *world) deny(q *question) bool {
	for range 20 {
		q.item, q.permission = w.item(0, q.org), w.rng.IntN(permissions)
		if !w.reference(*q) {
			return true
		}
	}
	return false
}

// reference decides from the definitions alone.
func (w *world) reference(q question) bool {
	if q.org != q.tenant {
		return false
	}
	t := w.tenants[q.tenant]
	return slices.ContainsFunc(t.effective(q.account), func(i int32) bool {
		b := t.bindings[i]
		return t.roles[b.role].contents&(1<<q.permission) != 0 && t.covers(b.scope, int32(q.item))
	})
}

// effective gives the bindings of an account and of its groups.
func (t *tenant) effective(account int) []int32 {
	all := slices.Clone(t.granted[t.accounts[account]])
	for _, g := range t.memberOf[account] {
		all = append(all, t.granted[t.groups[g]]...)
	}
	return all
}

// covers says whether scope is the node or lies above it.
func (t *tenant) covers(scope, n int32) bool {
	for ; n >= 0; n = t.nodes[n].parent {
		if n == scope {
			return true
		}
	}
	return false
}

// item picks an item of an org at or under a node.
func (w *world) item(n, org int) int {
	at := w.tenants[org].nodes[n]
	return int(at.first + w.rng.Int32N(at.past-at.first))
}

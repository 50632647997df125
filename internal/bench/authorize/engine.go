// Package authorize compares authorization decisions: workload W at several sizes on this library and on the engines that
// people use in its place. Every engine is used as its own documentation recommends, holds the same world, and is timed
// only after its answers agree with the definitions.
//
// Call [Run]. To add an engine, write its file and add it to contenders.
package authorize

import (
	"strings"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
)

// contender is an engine before it holds anything.
type contender struct {
	module string // whose version is reported
	ours   bool
	ways   []way

	// stage does what is not counted as loading, such as writing the rows of a database. What it returns is: it ends when
	// the engine can answer the first question about every org. The world is the engine's own, so that texts which the
	// engine keeps are counted as its memory.
	stage func(w *workload.World) (load func() (engine, error), err error)
}

// way is one of the ways to ask an engine, a row of the table.
type way struct {
	name    string
	setting string // how the engine is used, and what is not as in production
}

// engine holds a world.
type engine interface {
	// prepare turns questions into the engine's own requests, for the way at a position in the contender's list. Each
	// request has texts of its own, as every HTTP request does.
	prepare(way int, w *workload.World, stream []workload.Question) (measure.Answer, error)
	close() error
}

func contenders() []contender {
	return []contender{claviger(), decide(), kubernetesRBAC(), openPolicyAgent(), casbinRBAC(), cedarPolicies()}
}

// at stages a load that needs no preparation.
func at(load func(w *workload.World) (engine, error)) func(*workload.World) (func() (engine, error), error) {
	return func(w *workload.World) (func() (engine, error), error) {
		return func() (engine, error) { return load(w) }, nil
	}
}

// scope names a node for engines that know no paths: the org, and the path in it.
func scope(o *workload.Org, node int32) string {
	if p := o.Nodes[node].Path; !p.IsRoot() {
		return o.ID + "/" + p.String()
	}
	return strings.Clone(o.ID)
}

// scopes names the item of a question and everything above it, from the item to the org.
func scopes(w *workload.World, q workload.Question) []string {
	o := w.Orgs[q.Org]
	var out []string
	for n := int32(q.Item); n >= 0; n = o.Nodes[n].Parent {
		out = append(out, scope(o, n))
	}
	return out
}

// account is the id of who asks.
func account(w *workload.World, q workload.Question) string {
	return strings.Clone(w.Orgs[q.Home].Accounts[q.Account])
}

// permission is the name of what is asked for.
func permission(w *workload.World, q workload.Question) string {
	return strings.Clone(w.Permissions[q.Permission])
}

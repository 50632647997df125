package identity

import (
	"context"
	"iter"
	"strings"

	"github.com/claviger-go/claviger/policy"
)

// BindingsOver iterates over the bindings that cover a path: those at the path
// itself, then those at each path above it, at Root last. It is the access list
// of a resource, whatever the roles say; [OrgAdmin.WhoCan] asks for one
// permission.
func (o *OrgAdmin) BindingsOver(ctx context.Context, path policy.Path) iter.Seq2[Binding, error] {
	return func(yield func(Binding, error) bool) {
		if path.IsZero() {
			yield(Binding{}, wrap("BindingsOver", invalid(nounBinding, "Scope", "a path is required; policy.Root is the whole org")))
			return
		}
		for at := range above(path) {
			q := Query{Where: []Cond{{Field: FieldScope, Value: at}}}
			for b, err := range everyRow(ctx, &o.Admin, "BindingsOver", nounBinding, o.org, q, Txn.Bindings) {
				if !yield(b, err) || err != nil {
					return
				}
			}
		}
	}
}

// above yields the text of a path and of every path that contains it.
func above(path policy.Path) iter.Seq[string] {
	return func(yield func(string) bool) {
		text := path.String()
		for text != policy.Root.String() {
			if !yield(text) {
				return
			}
			pair := strings.LastIndexByte(text[:max(0, strings.LastIndexByte(text, '/'))], '/')
			if pair < 0 {
				break
			}
			text = text[:pair]
		}
		yield(policy.Root.String())
	}
}

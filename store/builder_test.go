package store

import (
	"math/rand/v2"

	"github.com/claviger-go/claviger/identity"
)

// builder is how a table makes a statement of a query.
type builder func(identity.Query) (string, []any, error)

// query makes a random query twice: with harmless values and with hostile
// ones in the same places.
func query(random *rand.Rand, values ...string) (harmless, hostile identity.Query) {
	const drop = "'; DROP TABLE identity_org; --\" $1 ?"
	if random.IntN(2) == 0 {
		harmless.Org, hostile.Org = "or_1", drop
	} else {
		harmless.Everywhere, hostile.Everywhere = true, true
	}
	for range random.IntN(4) {
		c := identity.Cond{Field: identity.Field(random.IntN(int(identity.FieldID) + 2)), Prefix: random.IntN(2) == 0,
			Value: values[random.IntN(len(values))]}
		harmless.Where = append(harmless.Where, c)
		c.Value = drop
		hostile.Where = append(hostile.Where, c)
	}
	if random.IntN(2) == 0 {
		harmless.After, hostile.After = "a/b", drop
	}
	return harmless, hostile
}

// Package archtest holds the rules the shape of this repository keeps: which package may import which, how large a
// file may grow, what never appears in library code. It has no code of its own; running its tests checks the tree.
//
// The import table in arrows_test.go is a statement of policy, not a record of what happens to be there. A red test
// is answered by moving the code, or by a decision about the architecture that changes ARCHITECTURE.md in the same
// commit. It is never answered by adding a line here so that a build passes.
//
// The rules read source text only, every file under every build tag, so they also see what the current platform
// would not compile. Each rule has fixtures in fixture_test.go that it must flag and others that it must leave alone.
package archtest

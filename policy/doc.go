// Package policy decides whether an account may use a permission on a path.
//
// It is a pure evaluator: values in, a [Decision] out. It knows no database, no clock and no token; ids are plain strings and
// the current time is part of the [Query].
//
// The definitions are a [Catalog] of permissions, roles declared in code ([Roles]), and per organisation the accounts, groups,
// stored roles and bindings. An organisation is compiled into a [Snapshot], which never changes and may be asked by any number
// of goroutines. [Snapshot.Edit] forks a [Draft]; [Draft.Snapshot] freezes it into the next snapshot, which shares with its
// predecessor every page that the edit did not touch.
//
// Everything refuses by default: the zero Decision, the zero [Path], the zero [Permission], the zero [Handle] and a nil
// Snapshot all deny. A deny binding wins wherever it sits.
package policy

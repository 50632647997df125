// Package workload makes workload W: one deterministic world of organisations, accounts, groups, roles and bindings, and
// streams of questions about it with the answer that the definitions give. Whatever is compared (this library with itself
// on another day, or with other engines) is compared on it, so that figures can be set side by side.
//
// Begin with [New] and ask the world with [World.Ask]. The same size and the same calls give the same world and the same
// questions on every machine; a change to the generator makes older figures meaningless, so a test holds it still. A World
// is not safe for concurrent use while it is being asked.
package workload

// Package store is every SQL statement of Claviger: it implements
// [identity.Store] on sqlx, with one file for each noun and one SQL text for
// all engines. What engines differ in is a [Dialect]; an engine is opened by a
// package of its own, such as store/sqlite.
//
// Statements use $1-style bound parameters, keyset paging and byte-order
// comparison. A prefix is a range, never LIKE. Times are Unix microseconds, 0
// when absent.
package store

// Package soak holds the tests that wear the whole library down: writers that
// are interrupted, processes that are killed, files that are cut, full and
// replaced, and a catalogue of thousands of roles. They use what a host uses,
// identity over store/sqlite, and nothing below it.
//
// A plain go test runs each in a short form. The long form is
//
//	CLAVIGER_SOAK=long go test -timeout 60m ./internal/soak
//
// CLAVIGER_SEED=<number> repeats a run with the seed that it printed, and
// CLAVIGER_DATA names the folder of third-party data that the catalogue needs.
// Other processes are this test binary, started again.
package soak

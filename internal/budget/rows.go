package main

import "github.com/claviger-go/claviger/internal/workload"

// A row is one line of the budget table.
type row struct {
	name     string
	bound    float64 // the largest ratio allowed; 0 reports without judging
	noAllocs bool    // an operation of ours may not allocate
	prepare  func() (pair, error)
	// read is instead of prepare where a figure is held against a fixed one: it gives the figure as a fraction of that, and as a
	// text with its unit.
	read func() (ratio float64, value string, err error)
}

// rows is the table. Nothing is built before its row is measured.
var rows = []row{
	{name: "authorize-s", bound: 2.0, noAllocs: true, prepare: func() (pair, error) { return authorize(workload.Small(), workload.Uniform) }},
	{name: "authorize-m", bound: 1.8, noAllocs: true, prepare: func() (pair, error) { return authorize(workload.Medium(), workload.Uniform) }},
	{name: "authorize-l", bound: 1.8, noAllocs: true, prepare: func() (pair, error) { return authorize(workload.Large(), workload.Uniform) }},
	{name: "authorize-s-zipf", noAllocs: true, prepare: func() (pair, error) { return authorize(workload.Small(), workload.Zipf) }},
	{name: "authorize-m-zipf", noAllocs: true, prepare: func() (pair, error) { return authorize(workload.Medium(), workload.Zipf) }},
	{name: "authorize-l-zipf", noAllocs: true, prepare: func() (pair, error) { return authorize(workload.Large(), workload.Zipf) }},
	{name: "two-cores", bound: 1 / 1.7, noAllocs: false, prepare: twoCores},
	{name: "edit-l", bound: 1, read: editBinding},
	{name: "edit-group-10k", read: editGroup},
	{name: "edit-role-l", read: editRole},
	{name: "load-l", bound: 3, prepare: loadOrg},
	{name: "memory-l", bound: 1, read: memory},
	{name: "verify-eddsa", bound: 1.2, prepare: func() (pair, error) { return verifyToken(edDSA()) }},
	{name: "issue-eddsa", bound: 1.3, prepare: func() (pair, error) { return issueToken(edDSA()) }},
	{name: "api-token", bound: 3, noAllocs: true, prepare: func() (pair, error) { return apiToken(1_000) }},
	{name: "api-token-10k", prepare: func() (pair, error) { return apiToken(10_000) }},
	{name: "verify-again", bound: 2.5, noAllocs: true, prepare: verifyAgain},
	{name: "verify-es256", prepare: func() (pair, error) { return verifyToken(es256()) }},
	{name: "issue-es256", prepare: func() (pair, error) { return issueToken(es256()) }},
	{name: "write", bound: 1.6, prepare: writeOne},
	{name: "write-16", bound: 0.25, prepare: writeSixteen},
}

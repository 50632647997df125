package main

// A row is one line of the budget table.
type row struct {
	name     string
	bound    float64 // the largest ratio allowed; 0 reports without judging
	noAllocs bool    // an operation of ours may not allocate
	prepare  func() (pair, error)
}

// rows is the table. Nothing is built before its row is measured.
var rows = []row{
	{"authorize-s", 2.0, true, func() (pair, error) { return authorize(small, uniform) }},
	{"authorize-m", 1.8, true, func() (pair, error) { return authorize(medium, uniform) }},
	{"authorize-l", 1.8, true, func() (pair, error) { return authorize(large, uniform) }},
	{"authorize-s-zipf", 0, true, func() (pair, error) { return authorize(small, zipf) }},
	{"authorize-m-zipf", 0, true, func() (pair, error) { return authorize(medium, zipf) }},
	{"authorize-l-zipf", 0, true, func() (pair, error) { return authorize(large, zipf) }},
	{"verify-eddsa", 1.2, false, verifyEdDSA},
	{"issue-eddsa", 1.3, false, issueEdDSA},
	{"write", 1.6, false, writeOne},
	{"write-16", 0.25, false, writeSixteen},
}

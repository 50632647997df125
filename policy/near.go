package policy

import (
	"cmp"
	"slices"
	"strings"
)

// near returns up to three spellings of the catalog that look like a name that it does not have, the nearest first.
func (c *Catalog) near(name string) []string {
	type candidate struct {
		name string
		far  int
	}
	var found []candidate
	folded, most := strings.ToLower(name), 1+len(name)/4
	for _, s := range c.sorted {
		if d := len(s) - len(name); d > most || -d > most {
			continue
		}
		if far := distance(folded, strings.ToLower(s)); far <= most {
			found = append(found, candidate{s, far})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	var names []string
	for _, f := range found[:min(len(found), 3)] {
		names = append(names, f.name)
	}
	return names
}

// distance is the number of bytes to insert, remove or replace that make one text of another, where swapping two neighbours
// counts as one too.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

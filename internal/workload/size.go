package workload

// Size is one column of workload W. Counts are totals over all orgs, except those of the resource tree.
type Size struct {
	Name                             string
	Orgs, Accounts, Groups, Bindings int
	Projects, Folders, Items         int // in an org, in a project, in a folder
}

// Small is S: 1,000 accounts and 5,000 bindings in 10 orgs.
func Small() Size { return Size{"S", 10, 1_000, 200, 5_000, 4, 5, 10} }

// Medium is M: 10,000 accounts and 50,000 bindings in 50 orgs.
func Medium() Size { return Size{"M", 50, 10_000, 2_000, 50_000, 4, 5, 10} }

// Large is L: 100,000 accounts and 1,000,000 bindings in 200 orgs.
func Large() Size { return Size{"L", 200, 100_000, 20_000, 1_000_000, 10, 4, 12} }

// Sizes gives S, M and L.
func Sizes() []Size { return []Size{Small(), Medium(), Large()} }

// levels gives the first project, folder and item among the nodes of an org.
func (s Size) levels() (projects, folders, items int32) {
	projects = 1
	folders = projects + int32(s.Projects)
	return projects, folders, folders + int32(s.Projects*s.Folders)
}

// itemsOf is the number of items of an org.
func (s Size) itemsOf() int32 { return int32(s.Projects * s.Folders * s.Items) }

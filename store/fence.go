package store

import "github.com/claviger-go/claviger/identity"

type fenceRow struct {
	ID int64 // always 1
	identity.Fence
	RaisedAt micros
}

// fenceTable is used for its columns only; the row has no id to ask for.
func fenceTable() table[identity.Fence, string, fenceRow] {
	return table[identity.Fence, string, fenceRow]{
		layout: layout{
			entity:  "fence",
			name:    "identity_fence",
			key:     []string{"id"},
			columns: []string{"id", "marked", "raised_at"},
		},
		row: func(f identity.Fence) fenceRow { return fenceRow{1, f, micros{f.RaisedAt}} },
		noun: func(r fenceRow) identity.Fence {
			r.Fence.RaisedAt = r.RaisedAt.Time
			return r.Fence
		},
	}
}

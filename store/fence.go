package store

import (
	"context"

	"github.com/claviger-go/claviger/identity"
)

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

// fenceRows implements [identity.FenceRow].
type fenceRows struct {
	run runner
	t   *table[identity.Fence, string, fenceRow]
}

func (f fenceRows) Load(ctx context.Context) (identity.Fence, error) {
	var row fenceRow
	if err := f.run.one(ctx, &row, f.t.find, 1); err != nil {
		return identity.Fence{}, f.t.dialect.fail(f.t.entity, "", err)
	}
	return f.t.noun(row), nil
}

func (f fenceRows) Save(ctx context.Context, fence identity.Fence) error {
	row := f.t.row(fence)
	changed, err := f.run.exec(ctx, f.t.update, values(row, f.t.updateFrom)...)
	if err == nil && changed == 0 {
		_, err = f.run.exec(ctx, f.t.insert, values(row, f.t.insertFrom)...)
	}
	return f.t.dialect.fail(f.t.entity, "", err)
}

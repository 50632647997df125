package store

import (
	"context"

	"github.com/claviger-go/claviger/identity"
)

// single is the one row of a table that has no other.
type single[T, R any] struct {
	run runner
	t   *table[T, string, R]
}

var (
	_ identity.InstanceRow = single[identity.Instance, instanceRow]{}
	_ identity.FenceRow    = single[identity.Fence, fenceRow]{}
)

func (s single[T, R]) Load(ctx context.Context) (noun T, err error) {
	var row R
	if err := s.run.one(ctx, &row, s.t.find, 1); err != nil {
		return noun, s.t.dialect.fail(s.t.entity, "", err)
	}
	return s.t.noun(row), nil
}

func (s single[T, R]) Save(ctx context.Context, noun T) error {
	row := s.t.row(noun)
	changed, err := s.t.put(ctx, s.run, s.t.update, &row, s.t.updateFrom)
	if err == nil && changed == 0 {
		_, err = s.t.put(ctx, s.run, s.t.insert, &row, s.t.insertFrom)
	}
	return s.t.dialect.fail(s.t.entity, "", err)
}

package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// groups returns which of the numbered groups of home exist.
func groups(t *testing.T, ctx context.Context, tx identity.Txn) []int {
	t.Helper()
	var found []int
	for i := range 10 {
		_, err := tx.Groups().Find(ctx, home, group(home, i).ID)
		switch {
		case err == nil:
			found = append(found, i)
		case !errors.Is(err, identity.ErrNotFound):
			t.Fatal(err)
		}
	}
	return found
}

func has(t *testing.T, s identity.Store, want ...int) {
	t.Helper()
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		got := groups(t, ctx, tx)
		if len(got) != len(want) {
			t.Fatalf("there are the groups %v, there should be %v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("there are the groups %v, there should be %v", got, want)
			}
		}
	})
}

// savepoints: each part is kept or undone by itself, also inside another, and
// an error in a part leaves the rest.
func savepoints(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		insert := func(i int) { t.Helper(); ok(t, tx.Groups().Insert(ctx, group(home, i))) }
		insert(0)
		ok(t, tx.Savepoint())
		insert(1)
		ok(t, tx.RollbackTo())
		ok(t, tx.Savepoint())
		insert(2)
		ok(t, tx.Release())
		ok(t, tx.Savepoint())
		insert(3)
		is(t, tx.Groups().Insert(ctx, group(home, 3)), identity.ErrConflict)
		ok(t, tx.RollbackTo())

		ok(t, tx.Savepoint()) // outer, kept
		insert(4)
		ok(t, tx.Savepoint()) // inner, undone
		insert(5)
		ok(t, tx.RollbackTo())
		ok(t, tx.Release())
		ok(t, tx.Savepoint()) // outer, undone
		ok(t, tx.Savepoint()) // inner, kept by an outer part that is not
		insert(6)
		ok(t, tx.Release())
		ok(t, tx.RollbackTo())
		insert(7)
	})
	has(t, s, 0, 2, 4, 7)

	// There is no part to undo or keep, also after one has ended either way. A
	// transaction in which that was tried can only be rolled back.
	for _, end := range []func(identity.WriteTxn) error{
		identity.WriteTxn.RollbackTo,
		func(tx identity.WriteTxn) error {
			ok(t, tx.Savepoint())
			ok(t, tx.RollbackTo())
			return tx.Release()
		},
		func(tx identity.WriteTxn) error {
			ok(t, tx.Savepoint())
			ok(t, tx.Release())
			return tx.RollbackTo()
		},
	} {
		tx, err := s.Begin()
		ok(t, err)
		is(t, end(tx), identity.ErrStorage)
		is(t, tx.Savepoint(), identity.ErrStorage)
		is(t, tx.Groups().Insert(t.Context(), group(home, 8)), identity.ErrStorage)
		is(t, tx.Commit(), identity.ErrStorage)
		ok(t, tx.Rollback())
	}
	has(t, s, 0, 2, 4, 7)
}

// written: what has changed something is counted, also when it is undone, and
// nothing else is.
func written(t *testing.T, s identity.Store) {
	write(t, s, func(_ context.Context, tx identity.WriteTxn) { settle(t, tx) })
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		want := 0
		counts := func(n int) {
			t.Helper()
			want += n
			got, err := tx.Written()
			ok(t, err)
			if got != want {
				t.Fatalf("%d statements have changed something, not %d", got, want)
			}
		}
		counts(0)
		ok(t, tx.Groups().Insert(ctx, group(home, 1)))
		counts(1)
		is(t, tx.Groups().Insert(ctx, group(home, 1)), identity.ErrConflict)
		is(t, tx.Groups().Update(ctx, group(home, 2)), identity.ErrNotFound)
		is(t, tx.Groups().Delete(ctx, home, group(home, 2).ID), identity.ErrNotFound)
		_, err := tx.Groups().Find(ctx, home, group(home, 1).ID)
		ok(t, err)
		_, err = tx.Groups().Page(ctx, identity.Query{Org: home})
		ok(t, err)
		counts(0)
		ok(t, tx.Savepoint())
		ok(t, tx.Changes().Append(ctx, []identity.Event{event(home, 1, 0, 1), event(home, 1, 1, 2)}))
		counts(2)
		ok(t, tx.RollbackTo())
		counts(0)
		for _, fresh := range []int{1, 0} {
			_, err = tx.Nonces().Use(ctx, "a", "b", at(1))
			ok(t, err)
			counts(fresh)
		}
		_, err = tx.ExecContext(ctx, "SELECT 1") // whatever the host does may change something
		ok(t, err)
		counts(1)
	})
	tx, err := s.Begin()
	ok(t, err)
	ok(t, tx.Rollback())
	_, err = tx.Written()
	is(t, err, identity.ErrStorage)
}

// rollback leaves nothing: no row, no event, no nonce.
func rollback(t *testing.T, s identity.Store) {
	write(t, s, func(_ context.Context, tx identity.WriteTxn) { settle(t, tx) })
	tx, err := s.Begin()
	ok(t, err)
	ctx := t.Context()
	ok(t, tx.Groups().Insert(ctx, group(home, 1)))
	ok(t, tx.Changes().Append(ctx, []identity.Event{event(home, 1, 0, 1)}))
	_, err = tx.Nonces().Use(ctx, "a", "b", at(1))
	ok(t, err)
	ok(t, tx.Savepoint())
	ok(t, tx.Groups().Insert(ctx, group(home, 2)))
	ok(t, tx.Rollback())
	ok(t, tx.Rollback())

	has(t, s)
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		revision, err := tx.Changes().Revision(ctx)
		ok(t, err)
		fresh, err := tx.Nonces().Use(ctx, "a", "b", at(1))
		ok(t, err)
		if revision != 0 || !fresh {
			t.Fatalf("a rollback left revision %d and nonce %t", revision, !fresh)
		}
	})
}

// ended: after its end a transaction does nothing, least of all in the one
// that came after it.
func ended(t *testing.T, s identity.Store) {
	write(t, s, func(_ context.Context, tx identity.WriteTxn) { settle(t, tx) })
	ctx := t.Context()
	dead := func(tx identity.WriteTxn) {
		t.Helper()
		is(t, tx.Groups().Insert(ctx, group(home, 1)), identity.ErrStorage)
		_, err := tx.Groups().Find(ctx, home, "gr_1")
		is(t, err, identity.ErrStorage)
		_, err = tx.Groups().Page(ctx, identity.Query{Org: home})
		is(t, err, identity.ErrStorage)
		for _, err := range tx.World().Groups(ctx, home) {
			is(t, err, identity.ErrStorage)
		}
		is(t, tx.Savepoint(), identity.ErrStorage)
		is(t, tx.RollbackTo(), identity.ErrStorage)
		is(t, tx.Release(), identity.ErrStorage)
		is(t, tx.Commit(), identity.ErrStorage)
		ok(t, tx.Rollback())
	}
	first, err := s.Begin()
	ok(t, err)
	ok(t, first.Commit())
	dead(first)
	second, err := s.Begin()
	ok(t, err)
	dead(first)
	ok(t, second.Groups().Insert(ctx, group(home, 2)))
	ok(t, second.Commit())
	third, err := s.Begin()
	ok(t, err)
	ok(t, third.Rollback())
	dead(third)
	has(t, s, 2)

	var kept identity.Txn
	read(t, s, func(_ context.Context, tx identity.Txn) { kept = tx })
	_, err = kept.Groups().Find(ctx, home, "gr_1")
	is(t, err, identity.ErrStorage)
}

// moment: a read transaction does not see what is committed while it runs, and
// does not wait for it.
func moment(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		ok(t, tx.Groups().Insert(ctx, group(home, 1)))
	})
	read(t, s, func(ctx context.Context, before identity.Txn) {
		if got := groups(t, ctx, before); len(got) != 1 {
			t.Fatalf("there are the groups %v", got)
		}
		tx, err := s.Begin()
		ok(t, err)
		ok(t, tx.Groups().Insert(ctx, group(home, 2)))
		ok(t, tx.Groups().Delete(ctx, home, group(home, 1).ID))
		has(t, s, 1) // not committed
		ok(t, tx.Commit())
		has(t, s, 2) // committed, for those who come now
		if got := groups(t, ctx, before); len(got) != 1 || got[0] != 1 {
			t.Fatalf("a read transaction saw the groups %v of a later moment", got)
		}
	})
}

// readOnly: nothing can be written by way of Read, and what fn returns comes
// back as it is.
func readOnly(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		ok(t, tx.Groups().Insert(ctx, group(home, 1)))
	})
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		is(t, tx.Groups().Insert(ctx, group(home, 2)), identity.ErrStorage)
		is(t, tx.Groups().Update(ctx, group(home, 1)), identity.ErrStorage)
		is(t, tx.Groups().Delete(ctx, home, group(home, 1).ID), identity.ErrStorage)
		is(t, tx.Instance().Save(ctx, identity.Instance{}), identity.ErrStorage)
		is(t, tx.Changes().Append(ctx, []identity.Event{event(home, 1, 0, 1)}), identity.ErrStorage)
		_, err := tx.Nonces().Use(ctx, "a", "b", at(1))
		is(t, err, identity.ErrStorage)
		_, err = tx.Nonces().Sweep(ctx, at(1))
		is(t, err, identity.ErrStorage)
	})
	has(t, s, 1)
	mine := errors.New("mine")
	if err := s.Read(t.Context(), func(identity.Txn) error { return mine }); !errors.Is(err, mine) {
		t.Fatalf("Read returned %v", err)
	}
}

// claims: a store has one user at a time, and who let go of it has nothing more to say.
func claims(t *testing.T, s identity.Store) {
	release, err := s.Claim()
	ok(t, err)
	_, err = s.Claim()
	is(t, err, identity.ErrLocked)
	release()
	other, err := s.Claim()
	ok(t, err)
	release() // it is not this one's any more
	_, err = s.Claim()
	is(t, err, identity.ErrLocked)
	other()
}

// busy: there is one write at a time, and the wait for it ends.
func busy(t *testing.T, s identity.Store) {
	write(t, s, func(context.Context, identity.WriteTxn) {
		_, err := s.Begin()
		is(t, err, identity.ErrBusy)
	})
	write(t, s, func(context.Context, identity.WriteTxn) {})
}

// cancelled: a caller that goes away does not take the others of its
// transaction along; a reader that goes away stops.
func cancelled(t *testing.T, s identity.Store) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		ok(t, tx.Groups().Insert(ctx, group(home, 1)))
		ok(t, tx.Groups().Insert(gone, group(home, 2)))
		_, err := tx.Groups().Find(gone, home, group(home, 1).ID)
		ok(t, err)
		for _, err := range tx.World().Groups(gone, home) {
			ok(t, err)
		}
	})
	has(t, s, 1, 2)
	err := s.Read(gone, func(identity.Txn) error { return nil })
	is(t, err, identity.ErrStorage)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v does not say that the caller is gone", err)
	}
	has(t, s, 1, 2)
}

// panics: a read that panics gives its connection back.
func panics(t *testing.T, s identity.Store) {
	for range 20 {
		func() {
			defer func() { _ = recover() }()
			_ = s.Read(t.Context(), func(identity.Txn) error { panic("in the caller's code") })
		}()
	}
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		_, err := tx.Instance().Load(ctx)
		is(t, err, identity.ErrNotFound)
	})
}

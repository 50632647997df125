package commit

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// chain is the state of the tests: a persistent list of the ids that have been inserted, newest first. nil is empty.
type chain struct {
	id   int
	prev *chain
}

func (l *chain) with(id int) *chain { return &chain{id: id, prev: l} }

func (l *chain) ids() []int {
	var ids []int
	for ; l != nil; l = l.prev {
		ids = append(ids, l.id)
	}
	slices.Reverse(ids)
	return ids
}

var (
	errFault = errors.New("injected fault")
	errHard  = errors.New("injected fault that rolls the transaction back")
)

// fault is what an injected failure does.
type fault int

const (
	none      fault = iota
	soft            // the statement fails and the transaction stays
	hard            // the statement fails and the transaction is gone, as after SQLITE_FULL or SQLITE_IOERR
	panics          // the driver panics
	tookBoth        // only for COMMIT: it takes, and an error is returned
	operation       // number of kinds
)

// fakeDB is a database of ids with at most one write transaction. Its fields are deliberately unsynchronised: the door is what must make
// the race detector quiet.
type fakeDB struct {
	rows     []int // committed
	open     *fakeTxn
	commits  int
	begins   int
	inject   func(step string) fault // if set, asked before each operation
	inside   atomic.Int32            // closures running now
	groups   []int                   // ids per commit
	finished []*fakeTxn

	mu         sync.Mutex
	violations []string

	published atomic.Pointer[chain]
	doubts    int
}

func newFakeDB() *fakeDB { return &fakeDB{} }

// violated records a broken law. It does not use t.FailNow, which would end the wrong goroutine.
func (db *fakeDB) violated(format string, args ...any) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.violations = append(db.violations, fmt.Sprintf(format, args...))
}

func (db *fakeDB) fault(step string) fault {
	if db.inject == nil {
		return none
	}
	return db.inject(step)
}

func (db *fakeDB) config() Config[*fakeTxn, *chain] {
	return Config[*fakeTxn, *chain]{Begin: db.begin, Publish: db.publish, Doubt: db.doubt}
}

func (db *fakeDB) begin() (*fakeTxn, *chain, error) {
	db.begins++
	if db.open != nil {
		db.violated("BEGIN while a transaction is open")
	}
	switch db.fault("begin") {
	case none:
	case panics:
		panic("driver: begin")
	default:
		return nil, nil, errFault
	}
	db.open = &fakeTxn{db: db, mark: -1}
	return db.open, db.stored(), nil
}

// stored reads the state back from the rows.
func (db *fakeDB) stored() *chain {
	var l *chain
	for _, id := range db.rows {
		l = l.with(id)
	}
	return l
}

func (db *fakeDB) publish(l *chain) {
	if got := l.ids(); !slices.Equal(got, db.rows) {
		db.violated("published %v, stored %v", got, db.rows)
	}
	if db.fault("publish") != none {
		panic("publish")
	}
	db.published.Store(l)
}

func (db *fakeDB) doubt(err error) {
	db.doubts++
	if err == nil {
		db.violated("Doubt(nil)")
	}
	db.published.Store(db.stored())
}

// fakeTxn emulates what SQLite does with savepoints, and complains about what must never be asked of it.
type fakeTxn struct {
	db    *fakeDB
	rows  []int
	wrote int
	mark  int  // length of rows at the savepoint, -1 when there is none
	gone  bool // rolled back by the engine
	over  bool // Commit or Rollback has ended it
}

func (x *fakeTxn) check(step string) error {
	if x.over {
		x.db.violated("%s after the end of the transaction", step)
	}
	switch x.db.fault(step) {
	case soft, tookBoth:
		return errFault
	case hard:
		x.lose()
		return errHard
	case panics:
		panic("driver: " + step)
	}
	if x.gone {
		return fmt.Errorf("%s: no transaction is active", step)
	}
	return nil
}

func (x *fakeTxn) lose() { x.gone, x.rows, x.mark = true, nil, -1 }

// insert is the statement that closures run. While it runs no other closure may.
func (x *fakeTxn) insert(id int) error {
	if x.mark < 0 && !x.gone {
		x.db.violated("insert of %d outside a savepoint", id)
	}
	if x.gone {
		x.db.violated("insert of %d would commit by itself", id)
	}
	x.rows = append(x.rows, id)
	x.wrote++
	return x.check("insert")
}

func (x *fakeTxn) Savepoint() error {
	if x.gone {
		x.db.violated("SAVEPOINT outside a transaction would commit by itself")
	}
	if x.mark >= 0 {
		x.db.violated("SAVEPOINT inside a savepoint")
	}
	if err := x.check("savepoint"); err != nil {
		return err
	}
	x.mark = len(x.rows)
	return nil
}

func (x *fakeTxn) RollbackTo() error {
	if err := x.check("rollback to"); err != nil {
		return err
	}
	if x.mark < 0 {
		x.db.violated("ROLLBACK TO without a savepoint")
		return errFault
	}
	x.rows = x.rows[:x.mark:x.mark]
	x.mark = -1
	return nil
}

func (x *fakeTxn) Release() error {
	if err := x.check("release"); err != nil {
		return err
	}
	if x.mark < 0 {
		x.db.violated("RELEASE without a savepoint")
	}
	x.mark = -1
	return nil
}

func (x *fakeTxn) Written() (int, error) {
	if x.gone {
		return x.wrote, errHard
	}
	return x.wrote, nil
}

func (x *fakeTxn) Commit() error {
	if x.gone || x.mark >= 0 {
		x.db.violated("COMMIT with gone=%v, savepoint=%d", x.gone, x.mark)
	}
	if len(x.rows) == 0 {
		x.db.violated("COMMIT of nothing")
	}
	f := x.db.fault("commit")
	if f == none || f == tookBoth {
		x.db.rows = append(x.db.rows, x.rows...)
		x.db.groups = append(x.db.groups, len(x.rows))
		x.db.commits++
		x.db.open = nil
		x.gone = true
	}
	switch f {
	case none:
		x.over = true
		return nil
	case panics:
		panic("driver: commit")
	}
	return errFault
}

// Rollback drops the transaction whatever it returns, as the interface demands.
func (x *fakeTxn) Rollback() error {
	if x.over {
		x.db.violated("ROLLBACK after the end of the transaction")
	}
	x.over = true
	x.db.finished = append(x.db.finished, x)
	if x.db.open == x {
		x.db.open = nil
	}
	switch x.db.fault("rollback") {
	case none:
		return nil
	case panics:
		panic("driver: rollback")
	}
	return errFault
}

// enter and leave bracket every closure.
func (db *fakeDB) enter(x *fakeTxn, l *chain) {
	if n := db.inside.Add(1); n != 1 {
		db.violated("%d closures at once", n)
	}
	if want := slices.Concat(db.rows, x.rows); !slices.Equal(l.ids(), want) {
		db.violated("candidate is %v, the transaction sees %v", l.ids(), want)
	}
}

func (db *fakeDB) leave() { db.inside.Add(-1) }

// add is the plainest closure: insert id.
func (db *fakeDB) add(id int) func(*fakeTxn, *chain) (*chain, error) {
	return func(x *fakeTxn, l *chain) (*chain, error) {
		db.enter(x, l)
		defer db.leave()
		if err := x.insert(id); err != nil {
			return nil, err
		}
		return l.with(id), nil
	}
}

// laws fails the test for every recorded violation.
func (db *fakeDB) laws(t testing.TB) {
	t.Helper()
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, v := range db.violations {
		t.Error(v)
	}
}

package store

import (
	"context"
	"database/sql/driver"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx/reflectx"

	"github.com/claviger-go/claviger/identity"
)

// layout is how the rows of one noun lie in their table. A noun's file fills
// the first part; build derives the statements.
type layout struct {
	entity  string                    // the noun, in errors
	name    string                    // the SQL table
	org     string                    // the column of the org; empty when rows belong to the instance
	key     []string                  // the columns of the key, in the order of its parts
	split   func(string) []string     // the parts of the key, when it has several columns
	columns []string                  // every column
	fields  map[identity.Field]string // what conditions may name, and its column
	sparse  []string                  // columns whose index leaves out the empty value
	sorted  []identity.Field          // what is selected by one of these has to be sorted, see sorts
	repeats bool                      // other orgs have rows with the same key
	log     bool                      // rows are only appended

	dialect                            Dialect
	selects, find, insert, update, cut string
	insertFrom, updateFrom             [][]int // where in a row the parameters are
}

// table is how one noun T, identified by K inside its org, is kept as rows R.
type table[T any, K ~string, R any] struct {
	layout
	row  func(T) R
	noun func(R) T
}

// build derives the statements.
func (t table[T, K, R]) build(mapper *reflectx.Mapper, dialect Dialect) *table[T, K, R] {
	t.layout.build(mapper, dialect, reflect.TypeFor[R]())
	return &t
}

// build derives the statements for rows of a type. It panics when a column has
// no field in it: that is a defect of this package, and shows in every test.
func (l *layout) build(mapper *reflectx.Mapper, dialect Dialect, row reflect.Type) {
	l.dialect = dialect
	list := strings.Join(l.columns, ", ")
	l.selects = "SELECT " + list + " FROM " + l.name

	marks := make([]string, len(l.columns))
	for i := range marks {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	insert := "INSERT INTO"
	if l.log {
		insert = dialect.Append
	}
	l.insert = insert + " " + l.name + " (" + list + ") VALUES (" + strings.Join(marks, ", ") + ")"
	l.insertFrom = l.places(mapper, row, l.columns)

	// The conditions that pick one row: the org, then the parts of the key.
	picks := slices.Clone(l.key)
	if l.org != "" {
		picks = append([]string{l.org}, picks...)
	}
	var set []string
	for _, c := range l.columns {
		if !slices.Contains(picks, c) {
			set = append(set, c)
		}
	}
	l.find = l.selects + " WHERE " + equals(picks, " AND ", 1)
	l.cut = "DELETE FROM " + l.name + " WHERE " + equals(picks, " AND ", 1)
	l.update = "UPDATE " + l.name + " SET " + equals(set, ", ", 1) + " WHERE " + equals(picks, " AND ", len(set)+1)
	l.updateFrom = l.places(mapper, row, append(set, picks...))
}

// equals writes "a = $1, b = $2" for columns, counting from first.
func equals(columns []string, separator string, first int) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = c + " = $" + strconv.Itoa(first+i)
	}
	return strings.Join(parts, separator)
}

func (l *layout) places(mapper *reflectx.Mapper, row reflect.Type, columns []string) [][]int {
	places := mapper.TraversalsByName(row, columns)
	for i, place := range places {
		if len(place) == 0 {
			panic("store: " + l.name + ": no field for column " + columns[i])
		}
	}
	return places
}

// values are what the driver stores for columns of a row, to which row points.
func values(row any, places [][]int) ([]any, error) {
	v := reflect.ValueOf(row).Elem()
	out := make([]any, len(places))
	for i, place := range places {
		var err error
		if out[i], err = value(reflectx.FieldByIndexesReadOnly(v, place)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// value is what the driver would make of a field, with less effort.
func value(field reflect.Value) (driver.Value, error) {
	if own, ok := field.Addr().Interface().(driver.Valuer); ok {
		return own.Value()
	}
	switch {
	case field.Kind() == reflect.String:
		return field.String(), nil
	case field.Kind() == reflect.Bool:
		return field.Bool(), nil
	case field.CanInt():
		return field.Int(), nil
	case field.CanUint() && field.Uint() <= math.MaxInt64:
		return int64(field.Uint()), nil
	}
	return driver.DefaultParameterConverter.ConvertValue(field.Interface())
}

func (t *table[T, K, R]) in(run runner) identity.Table[T, K] { return rows[T, K, R]{t, run} }

// parts are the parameters that pick one row.
func (l *layout) parts(org identity.OrgID, id string) []any {
	var args []any
	if l.org != "" {
		args = append(args, string(org))
	}
	for _, part := range l.splitKey(id) {
		args = append(args, part)
	}
	return args
}

func (l *layout) splitKey(id string) []string {
	if l.split == nil {
		return []string{id}
	}
	return l.split(id)
}

// rows is a table in one transaction.
type rows[T any, K ~string, R any] struct {
	t   *table[T, K, R]
	run runner
}

func (r rows[T, K, R]) Find(ctx context.Context, org identity.OrgID, id K) (T, error) {
	var row R
	if err := r.run.one(ctx, &row, r.t.find, r.t.parts(org, string(id))...); err != nil {
		var none T
		return none, r.t.dialect.fail(r.t.entity, string(id), err)
	}
	return r.t.noun(row), nil
}

func (r rows[T, K, R]) Page(ctx context.Context, q identity.Query) ([]T, error) {
	text, args, err := r.t.page(q)
	if err != nil {
		return nil, err
	}
	var found []R
	if err := r.run.all(ctx, &found, text, args...); err != nil {
		return nil, r.t.dialect.fail(r.t.entity, "", err)
	}
	nouns := make([]T, len(found))
	for i := range found {
		nouns[i] = r.t.noun(found[i])
	}
	return nouns, nil
}

func (r rows[T, K, R]) Count(ctx context.Context, q identity.Query) (int, error) {
	text, args, err := r.t.count(q)
	if err != nil {
		return 0, err
	}
	var n int
	if err := r.run.one(ctx, &n, text, args...); err != nil {
		return 0, r.t.dialect.fail(r.t.entity, "", err)
	}
	return n, nil
}

func (r rows[T, K, R]) Insert(ctx context.Context, noun T) error {
	row := r.t.row(noun)
	_, err := r.t.put(ctx, r.run, r.t.insert, &row, r.t.insertFrom)
	if err == nil {
		return nil
	}
	return r.t.dialect.fail(r.t.entity, r.t.nameOf(row), err)
}

func (r rows[T, K, R]) Update(ctx context.Context, noun T) error {
	row := r.t.row(noun)
	changed, err := r.t.put(ctx, r.run, r.t.update, &row, r.t.updateFrom)
	switch {
	case err != nil:
		return r.t.dialect.fail(r.t.entity, r.t.nameOf(row), err)
	case changed == 0:
		return notFound(r.t.entity, r.t.nameOf(row))
	}
	return nil
}

// put runs a statement whose parameters are columns of a row, to which row points.
func (l *layout) put(ctx context.Context, run runner, text string, row any, places [][]int) (changed int64, err error) {
	args, err := values(row, places)
	if err != nil {
		return 0, err
	}
	return run.exec(ctx, text, args...)
}

func (r rows[T, K, R]) Delete(ctx context.Context, org identity.OrgID, id K) error {
	changed, err := r.run.exec(ctx, r.t.cut, r.t.parts(org, string(id))...)
	if err == nil && changed == 0 {
		return notFound(r.t.entity, string(id))
	}
	return r.t.dialect.fail(r.t.entity, string(id), err)
}

// nameOf is the key of a row, for errors: the last parameters of an update.
func (l *layout) nameOf(row any) string {
	v := reflect.ValueOf(row)
	var parts []string
	for _, place := range l.updateFrom[len(l.updateFrom)-len(l.key):] {
		parts = append(parts, reflectx.FieldByIndexesReadOnly(v, place).String())
	}
	return strings.Join(parts, "/")
}

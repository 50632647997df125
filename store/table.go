package store

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx/reflectx"

	"github.com/claviger-go/claviger/identity"
)

// table is how one noun T, identified by K inside its org, is kept as rows R.
// A noun's file fills the first part; build derives the statements.
type table[T any, K ~string, R any] struct {
	entity  string                    // the noun, in errors
	name    string                    // the SQL table
	org     string                    // the column of the org; empty when rows belong to the instance
	key     []string                  // the columns of K, in the order of K's parts
	split   func(K) []string          // the parts of K, when the key has several columns
	columns []string                  // every column
	fields  map[identity.Field]string // what conditions may name, and its column
	sparse  []string                  // columns whose index leaves out the empty value
	repeats bool                      // other orgs have rows with the same key
	row     func(T) R
	noun    func(R) T

	dialect                            Dialect
	selects, find, insert, update, cut string
	insertFrom, updateFrom             [][]int // where in R the parameters are
}

// build derives the statements. It panics when a column has no field in R:
// that is a defect of this package, and shows in every test.
func (t table[T, K, R]) build(mapper *reflectx.Mapper, dialect Dialect) *table[T, K, R] {
	t.dialect = dialect
	list := strings.Join(t.columns, ", ")
	t.selects = "SELECT " + list + " FROM " + t.name

	marks := make([]string, len(t.columns))
	for i := range marks {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	t.insert = "INSERT INTO " + t.name + " (" + list + ") VALUES (" + strings.Join(marks, ", ") + ")"
	t.insertFrom = t.places(mapper, t.columns)

	// The conditions that pick one row: the org, then the parts of the key.
	picks := slices.Clone(t.key)
	if t.org != "" {
		picks = append([]string{t.org}, picks...)
	}
	var set []string
	for _, c := range t.columns {
		if !slices.Contains(picks, c) {
			set = append(set, c)
		}
	}
	t.find = t.selects + " WHERE " + equals(picks, " AND ", 1)
	t.cut = "DELETE FROM " + t.name + " WHERE " + equals(picks, " AND ", 1)
	t.update = "UPDATE " + t.name + " SET " + equals(set, ", ", 1) + " WHERE " + equals(picks, " AND ", len(set)+1)
	t.updateFrom = t.places(mapper, append(set, picks...))
	return &t
}

// equals writes "a = $1, b = $2" for columns, counting from first.
func equals(columns []string, separator string, first int) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = c + " = $" + strconv.Itoa(first+i)
	}
	return strings.Join(parts, separator)
}

func (t table[T, K, R]) places(mapper *reflectx.Mapper, columns []string) [][]int {
	places := mapper.TraversalsByName(reflect.TypeFor[R](), columns)
	for i, place := range places {
		if len(place) == 0 {
			panic("store: " + t.name + ": no field for column " + columns[i])
		}
	}
	return places
}

func values(row any, places [][]int) []any {
	v := reflect.ValueOf(row)
	out := make([]any, len(places))
	for i, place := range places {
		out[i] = reflectx.FieldByIndexesReadOnly(v, place).Interface()
	}
	return out
}

func (t *table[T, K, R]) in(run runner) identity.Table[T, K] { return rows[T, K, R]{t, run} }

// parts are the parameters that pick one row.
func (t *table[T, K, R]) parts(org identity.OrgID, id K) []any {
	var args []any
	if t.org != "" {
		args = append(args, string(org))
	}
	for _, part := range t.splitKey(id) {
		args = append(args, part)
	}
	return args
}

func (t *table[T, K, R]) splitKey(id K) []string {
	if t.split == nil {
		return []string{string(id)}
	}
	return t.split(id)
}

// rows is a table in one transaction.
type rows[T any, K ~string, R any] struct {
	t   *table[T, K, R]
	run runner
}

func (r rows[T, K, R]) Find(ctx context.Context, org identity.OrgID, id K) (T, error) {
	var row R
	if err := r.run.one(ctx, &row, r.t.find, r.t.parts(org, id)...); err != nil {
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
	_, err := r.run.exec(ctx, r.t.insert, values(row, r.t.insertFrom)...)
	return r.t.dialect.fail(r.t.entity, r.name(row), err)
}

func (r rows[T, K, R]) Update(ctx context.Context, noun T) error {
	row := r.t.row(noun)
	changed, err := r.run.exec(ctx, r.t.update, values(row, r.t.updateFrom)...)
	if err == nil && changed == 0 {
		return notFound(r.t.entity, r.name(row))
	}
	return r.t.dialect.fail(r.t.entity, r.name(row), err)
}

func (r rows[T, K, R]) Delete(ctx context.Context, org identity.OrgID, id K) error {
	changed, err := r.run.exec(ctx, r.t.cut, r.t.parts(org, id)...)
	if err == nil && changed == 0 {
		return notFound(r.t.entity, string(id))
	}
	return r.t.dialect.fail(r.t.entity, string(id), err)
}

// name is the key of a row, for errors: the last parameters of an update.
func (r rows[T, K, R]) name(row R) string {
	v := reflect.ValueOf(row)
	var parts []string
	for _, place := range r.t.updateFrom[len(r.t.updateFrom)-len(r.t.key):] {
		parts = append(parts, reflectx.FieldByIndexesReadOnly(v, place).String())
	}
	return strings.Join(parts, "/")
}

package identity_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/claviger-go/claviger/identity"
)

// querier reads the database: from outside, or in a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// orgTables are the tables of the database that have an org_id, whichever they are.
func (w *world) orgTables() []string {
	w.t.Helper()
	tables := w.texts(w.ctx, w.db, `SELECT t.name FROM sqlite_schema t
		WHERE t.type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_info(t.name) c WHERE c.name = 'org_id') ORDER BY t.name`)
	if len(tables) < 8 {
		w.t.Fatalf("only %q", tables)
	}
	return tables
}

// watchRows has the database itself tell when a row of an org is written, in a
// table of the test.
func (w *world) watchRows(org identity.OrgID) {
	w.t.Helper()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		statements := []string{`CREATE TABLE touched (what TEXT)`}
		for _, table := range append(w.orgTables(), "identity_org") {
			column := "org_id"
			if table == "identity_org" {
				column = "id"
			}
			for verb, row := range map[string]string{"INSERT": "NEW", "UPDATE": "OLD", "DELETE": "OLD"} {
				statements = append(statements, fmt.Sprintf(`CREATE TRIGGER touched_%[1]s_%[2]s AFTER %[2]s ON %[1]s WHEN %[3]s.%[4]s = '%[5]s'
					BEGIN INSERT INTO touched VALUES ('%[2]s %[1]s'); END`, table, verb, row, column, org))
			}
		}
		for _, statement := range statements {
			if _, err := tx.SQL().ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// remember takes the rows of the tenant as they are now to be how they stay.
func (x *wall) remember() {
	x.t.Helper()
	x.rows, x.known = x.stored(x.db, x.there.org), 0
	x.known = len(x.touched(x.db))
}

// touched are the tables in which rows of the tenant were written since, each as
// often as it was.
func (x *wall) touched(db querier) []string {
	x.t.Helper()
	return x.texts(x.ctx, db, `SELECT what FROM touched WHERE rowid > $1 ORDER BY rowid`, x.known)
}

// stored is all that there is of an org, in every table, as text.
func (w *world) stored(db querier, org identity.OrgID) string {
	w.t.Helper()
	var b strings.Builder
	rows := func(query string) {
		for _, row := range w.texts(w.ctx, db, query, string(org)) {
			b.WriteString(row + "\n")
		}
	}
	for _, table := range w.orgTables() {
		fmt.Fprintln(&b, table)
		rows(`SELECT * FROM ` + table + ` WHERE org_id = $1 ORDER BY 1, 2, 3, 4`)
	}
	rows(`SELECT * FROM identity_org WHERE id = $1`)
	return b.String()
}

// texts are the rows that a query gives, each as a text.
func (w *world) texts(ctx context.Context, db querier, query string, args ...any) (out []string) {
	w.t.Helper()
	_, rows := w.fields(ctx, db, query, args...)
	for _, fields := range rows {
		out = append(out, strings.Join(fields, "|"))
	}
	return out
}

// fields are the rows that a query gives, each with its columns as texts.
func (w *world) fields(ctx context.Context, db querier, query string, args ...any) (columns []string, out [][]string) {
	w.t.Helper()
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	if columns, err = rows.Columns(); err != nil {
		w.t.Fatal(err)
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			if raw, ok := v.([]byte); ok && json.Valid(raw) {
				v = string(raw)
			} else if ok {
				v = hex.EncodeToString(raw)
			}
			texts[i] = fmt.Sprint(v)
		}
		out = append(out, texts)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return columns, out
}

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the bare driver

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/internal/workload/host"
	"github.com/claviger-go/claviger/migrations"
)

// writeOne compares one management write with the same statements, event row included, on the bare driver at the same
// durability.
func writeOne() (pair, error) {
	h, org, err := newWriter()
	if err != nil {
		return pair{}, err
	}
	bare, err := openBare(filepath.Join(h.Dir(), "bare.db"))
	if err != nil {
		return pair{}, errors.Join(err, h.Close())
	}
	n := 0
	return pair{
		ours: side{1, func() { must(h.create(org)) }},
		yard: side{1, func() { n++; must(bare.create(n)) }},
		done: func() error { return errors.Join(bare.conn.Close(), bare.db.Close(), h.Close()) },
	}, nil
}

// writeSixteen compares a write among 16 concurrent ones with one alone: a ratio of 0.25 is four times the throughput.
func writeSixteen() (pair, error) {
	cost, err := fsyncCost()
	if err != nil {
		return pair{}, err
	}
	if cost < 300*time.Microsecond {
		return pair{}, skip(fmt.Sprintf("one fsync costs %s, less than 0.3 ms", cost))
	}
	h, org, err := newWriter()
	if err != nil {
		return pair{}, err
	}
	const writers, each = 16, 8
	return pair{
		ours: side{writers * each, func() {
			var all sync.WaitGroup
			for range writers {
				all.Go(func() {
					for range each {
						must(h.create(org))
					}
				})
			}
			all.Wait()
		}},
		yard: side{each, func() {
			for range each {
				must(h.create(org))
			}
		}},
		done: h.Close,
	}, nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// A writer is an empty host that groups are made in.
type writer struct {
	*host.Host
	made atomic.Int64 // groups
}

// newWriter opens an empty host with one org.
func newWriter() (*writer, identity.OrgID, error) {
	empty, err := host.Open(&workload.World{})
	if err != nil {
		return nil, "", err
	}
	h := &writer{Host: empty}
	org, err := h.System("measure").EnsureOrg(context.Background(), identity.OrgSpec{Slug: "org"})
	if err != nil {
		return nil, "", errors.Join(err, h.Close())
	}
	return h, org.ID, nil
}

// create makes a group of a new name.
func (h *writer) create(org identity.OrgID) error {
	name := fmt.Sprint("group ", h.made.Add(1))
	_, err := h.System("measure").In(org).CreateGroup(context.Background(), identity.GroupSpec{Name: name})
	return err
}

// fsyncCost is the median of what it takes to make 4 KiB durable.
func fsyncCost() (time.Duration, error) {
	f, err := os.CreateTemp("", "budget-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
	var costs []float64
	block := make([]byte, 4096)
	for range 21 {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		costs = append(costs, float64(time.Since(start)))
	}
	return time.Duration(median(costs)), nil
}

// A bareWriter runs the statements that making a group comes to, prepared, on the driver alone.
type bareWriter struct {
	db                          *sql.DB
	conn                        *sql.Conn
	begin, group, event, commit *sql.Stmt
}

func openBare(path string) (*bareWriter, error) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=foreign_keys(on)&_pragma=recursive_triggers(on)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := migrations.Up(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	b := &bareWriter{db: db}
	if b.conn, err = db.Conn(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	_, err = b.conn.ExecContext(ctx, `INSERT INTO identity_org (id, slug, display_name, state, settings, min_revision, created_at, created_by, updated_at, updated_by, revision)
		VALUES ($1, 'org', 'org', 'active', '{}', 0, 1, 'system', 1, 'system', 1)`, bareOrg)
	prepare := func(text string) *sql.Stmt {
		stmt, e := b.conn.PrepareContext(ctx, text)
		err = errors.Join(err, e)
		return stmt
	}
	b.begin, b.commit = prepare("BEGIN IMMEDIATE"), prepare("COMMIT")
	b.group = prepare(`INSERT INTO identity_group (org_id, id, name, description, system, deleted, created_at, created_by, updated_at, updated_by, revision)
		VALUES ($5, $1, $2, '', 0, 0, $3, 'system', $3, 'system', $4)`)
	b.event = prepare(`INSERT OR FAIL INTO identity_event (revision, item, org_id, seq, at, noun, id, verb, actor, reason, on_behalf_of, credential, request_id, before, after, before_hash, after_hash, prev, mac)
		VALUES ($1, 0, $6, $1, $2, 'group', $3, 'create', 'system', 'measure', '', '', '', NULL, $4, NULL, $5, $5, $5)`)
	if err != nil {
		return nil, errors.Join(err, b.conn.Close(), db.Close())
	}
	return b, nil
}

// instant is some time, in Unix microseconds.
const instant = 1_767_225_600_000_000

// What goes into a row has the size that it has in ours: an id, which most indexes begin with, and a group in the log.
var (
	bareOrg = fmt.Sprintf("or_%026d", 1)
	after   = []byte(fmt.Sprintf("%-282s", `{"ID":""}`))
)

func (b *bareWriter) create(n int) error {
	ctx := context.Background()
	id, mac := fmt.Sprintf("gr_%026d", n), make([]byte, 32)
	_, err := b.begin.ExecContext(ctx)
	if err == nil {
		_, err = b.group.ExecContext(ctx, id, fmt.Sprint("group ", n), int64(instant), n, bareOrg)
	}
	if err == nil {
		_, err = b.event.ExecContext(ctx, n, int64(instant), id, after, mac, bareOrg)
	}
	if err == nil {
		_, err = b.commit.ExecContext(ctx)
	}
	return err
}

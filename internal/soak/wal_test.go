package soak

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
)

// The sizes in a WAL file (https://sqlite.org/fileformat.html, section 4.1).
const (
	walHeader   = 32
	frameHeader = 24
)

// step is how long the WAL was when a transaction was acknowledged.
type step struct {
	unit unit
	wal  int64
}

// TestTruncatedWAL cuts the WAL at and inside its frames, as a crash of the
// machine does with what was not synced: every copy opens, holds no half
// transaction, and misses nothing that was acknowledged before the cut.
//
// The long form cuts at every frame, and at three places inside each:
//
//	CLAVIGER_SOAK=long go test -run TestTruncatedWAL -v -timeout 60m ./internal/soak
func TestTruncatedWAL(t *testing.T) {
	ctx := t.Context()
	rng := seeded(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "app.db")
	id := mustOpen(t, file)
	org := must(id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: "office"}))(t).ID
	mustClose(t, id) // what came before is in the database file, not in the WAL

	id = mustOpen(t, file)
	var steps []step
	for i := range rounds(6, 12) {
		u := must(writeWhole(ctx, id, org, "u-"+strconv.Itoa(i)))(t)
		info := must(os.Stat(file + "-wal"))(t)
		steps = append(steps, step{u, info.Size()})
	}
	// The copies are of a running database: closing it would fold the WAL in.
	database, wal := must(os.ReadFile(file))(t), must(os.ReadFile(file+"-wal"))(t)
	key := must(os.ReadFile(filepath.Join(dir, "app.key")))(t)
	frame := frameHeader + int(binary.BigEndian.Uint32(wal[8:]))
	if (len(wal)-walHeader)%frame != 0 || int64(len(wal)) != steps[len(steps)-1].wal {
		t.Fatalf("the WAL has %d bytes, frames have %d", len(wal), frame)
	}

	var cuts []int
	for at := walHeader; at <= len(wal); at += frame {
		cuts = append(cuts, at)
		if at < len(wal) {
			cuts = append(cuts, at+1+rng.IntN(frameHeader-1), at+frameHeader+rng.IntN(frame-frameHeader), at+frame-1)
		}
	}
	frames := (len(wal) - walHeader) / frame
	if !long() {
		rng.Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
		cuts = cuts[:fewer(60, len(cuts))]
		for _, s := range steps { // where an acknowledged transaction is just whole, and just not
			cuts = append(cuts, int(s.wal), int(s.wal)-1)
		}
	}
	var missing int
	for _, cut := range cuts {
		copied := filepath.Join(dir, strconv.Itoa(cut))
		if err := copyOf(copied, database, wal[:cut], key); err != nil {
			t.Fatal(err)
		}
		var kept []unit
		for _, s := range steps {
			if s.wal <= int64(cut) {
				kept = append(kept, s.unit)
			}
		}
		n, err := inspect(ctx, filepath.Join(copied, "app.db"), org, kept)
		if err != nil {
			t.Errorf("cut at %d of %d, inside frame %d at %d: %v", cut, len(wal), (cut-walHeader)/frame, (cut-walHeader)%frame, err)
		}
		if n > len(kept) {
			t.Errorf("cut at %d: %d transactions are there, %d can be", cut, n, len(kept))
		}
		missing += len(steps) - n
		if err := os.RemoveAll(copied); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d frames, %d cuts, %d transactions lost with their frames", frames, len(cuts), missing)
	if missing == 0 {
		t.Error("no cut lost anything")
	}
}

// copyOf makes a folder with a database, its WAL and the key.
func copyOf(dir string, database, wal, key []byte) error {
	file := filepath.Join(dir, "app.db")
	return errors.Join(
		os.Mkdir(dir, 0o700),
		os.WriteFile(file, database, 0o600),
		os.WriteFile(file+"-wal", wal, 0o600),
		os.WriteFile(filepath.Join(dir, "app.key"), key, 0o600),
	)
}

// inspect opens a copy and counts its whole transactions.
func inspect(ctx context.Context, file string, org identity.OrgID, kept []unit) (n int, err error) {
	id, err := open(ctx, file, sqlite.Options{})
	if err != nil {
		return 0, fmt.Errorf("open: %w", err)
	}
	defer func() { err = errors.Join(err, id.Close()) }()
	if n, err = noHalves(ctx, id, org, kept); err != nil {
		return n, err
	}
	_, err = writeWhole(ctx, id, org, "after")
	return n, err
}

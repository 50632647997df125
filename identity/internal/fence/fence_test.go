package fence

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

var key = bytes.Repeat([]byte{7}, 32)

func sample(revision uint64) Record {
	return Record{Revision: revision, Org: "or_1", Noun: "credential", ID: "cr_1", Verb: "sign out", State: "revoked", SignedOut: true, Until: 5, Ends: 6}
}

func file(base uint64, records ...Record) []byte {
	l := Log{Base: base}
	l.Add(records...)
	return l.Bytes(key)
}

func parse(t testing.TB, data []byte) Log {
	t.Helper()
	l, err := Parse(key, data)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRoundTrip(t *testing.T) {
	want := []Record{Seen(3), sample(4), {Revision: 1 << 63, Org: "ö", Noun: "n", ID: "gr_1/us_2", State: "x y"}}
	l := parse(t, file(2, want...))
	if l.Base != 2 || l.Broken != 0 || !reflect.DeepEqual(l.Records, want) {
		t.Errorf("got %+v", l)
	}
	if l.Newest() != 1<<63 {
		t.Errorf("newest %d", l.Newest())
	}
	if got := (Log{Base: 9}).Newest(); got != 9 {
		t.Errorf("newest of nothing is %d", got)
	}
}

// TestEveryBitCounts: a file in which one bit is another is not read as if it
// were whole.
func TestEveryBitCounts(t *testing.T) {
	data := file(2, sample(4), sample(5))
	header := bytes.IndexByte(data, '\n')
	for i := range data {
		for bit := range 8 {
			altered := bytes.Clone(data)
			altered[i] ^= 1 << bit
			l, err := Parse(key, altered)
			switch {
			case i <= header && !errors.Is(err, ErrForeign):
				t.Fatalf("byte %d, bit %d of the first line: %+v, %v", i, bit, l, err)
			case i > header && (err != nil || l.Broken == 0 && i != len(data)-1):
				t.Fatalf("byte %d, bit %d: %+v, %v", i, bit, l, err)
			}
			if i > header && len(l.Records) > 1 {
				t.Fatalf("byte %d, bit %d: both records were read", i, bit)
			}
		}
	}
	if _, err := Parse(bytes.Repeat([]byte{8}, 32), data); !errors.Is(err, ErrForeign) {
		t.Errorf("another key: %v", err)
	}
}

// TestTornTail: of every beginning of a file, the lines that are whole are read,
// and what follows them is no alteration.
func TestTornTail(t *testing.T) {
	data := file(2, sample(4), sample(5), sample(6))
	for n := range len(data) {
		l, err := Parse(key, data[:n])
		lines := bytes.Count(data[:n], []byte{'\n'})
		if lines == 0 && n < bytes.IndexByte(data, '\n') {
			if !errors.Is(err, ErrForeign) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if err != nil || l.Broken != 0 || len(l.Records) != max(0, lines-1) {
			t.Fatalf("cut at %d: %+v, %v", n, l, err)
		}
	}
}

func TestAfter(t *testing.T) {
	other := sample(5)
	other.ID = "cr_2"
	given := sample(8)
	given.State, given.SignedOut = "active", false
	l := parse(t, file(2, sample(4), other, given))
	for _, test := range []struct {
		revision uint64
		missing  []uint64
		complete bool
	}{
		{1, []uint64{5, 8}, false}, {2, []uint64{5, 8}, true}, {4, []uint64{5, 8}, true}, {5, []uint64{8}, true}, {8, nil, true},
	} {
		missing, complete := l.After(test.revision)
		var got []uint64
		for _, r := range missing {
			got = append(got, r.Revision)
			if r.ID == "cr_1" && (r.State != "active" || !r.SignedOut) {
				t.Errorf("after %d: the last state and every sign-out count: %+v", test.revision, r)
			}
		}
		if !reflect.DeepEqual(got, test.missing) || complete != test.complete {
			t.Errorf("after %d: %v, complete %v", test.revision, got, complete)
		}
	}
}

// TestUnwritable: what no line can hold makes the file incomplete up to it,
// instead of being forgotten.
func TestUnwritable(t *testing.T) {
	bad := sample(5)
	bad.ID = "a\nb"
	l := parse(t, Append(file(2), key, sample(4), bad, sample(6)))
	if _, complete := l.After(4); complete || l.Broken != 0 || l.Newest() != 6 {
		t.Errorf("%+v", l)
	}
	if _, complete := l.After(5); !complete {
		t.Error("from there on it is complete")
	}
}

// TestCompact compares a compacted file with a naive reading of all that was
// written, for random histories and every revision to go back to.
func TestCompact(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var all []Record
		revision := uint64(0)
		for range rng.IntN(30) {
			revision += rng.Uint64N(3)
			r := Record{Revision: revision, Org: "or", Noun: "account", ID: fmt.Sprint(rng.IntN(5)), Verb: "v",
				State: []string{"active", "inactive"}[rng.IntN(2)], SignedOut: rng.IntN(3) == 0}
			all = append(all, r)
		}
		most := 1 + rng.IntN(6)
		l := parse(t, parse(t, file(0, all...)).Compact(most).Bytes(key))
		if len(all) > 0 && l.Newest() != revision {
			t.Fatalf("the newest is %d, not %d", l.Newest(), revision)
		}
		if len(l.Records) > most+1 {
			t.Fatalf("%d records, at most %d things", len(l.Records), most)
		}
		for back := range revision + 1 {
			missing, complete := l.After(back)
			if !complete {
				if back >= l.Base {
					t.Fatalf("back to %d with base %d is not complete", back, l.Base)
				}
				continue
			}
			got := map[string]Record{}
			for _, r := range missing {
				got[r.ID] = r
			}
			for id, want := range naive(all, back) {
				r, ok := got[id]
				if !ok || r.State != want.State || want.SignedOut && !r.SignedOut {
					t.Fatalf("back to %d: %s is %+v, it was left %+v", back, id, r, want)
				}
			}
		}
	}
}

// naive is how each thing was left, of those that were narrowed after a revision.
func naive(all []Record, back uint64) map[string]Record {
	out := map[string]Record{}
	for _, r := range all {
		if r.Revision > back {
			r.SignedOut = r.SignedOut || out[r.ID].SignedOut
			out[r.ID] = r
		}
	}
	return out
}

// TestBrokenMakesIncomplete: after a line was altered, nobody knows of what is
// missing, also once the file was compacted.
func TestBrokenMakesIncomplete(t *testing.T) {
	data := file(2, sample(4), sample(5))
	data[bytes.IndexByte(data, '\n')+3] ^= 1
	l := parse(t, data)
	if _, complete := l.After(3); complete {
		t.Error("complete with an altered line")
	}
	compact := l.Compact(10)
	if _, complete := compact.After(3); complete || compact.Broken != 0 {
		t.Errorf("after compaction: %+v", compact)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(2, sample(4)), uint64(3))
	f.Add([]byte("claviger-fence/1\t2\t00"), uint64(0))
	f.Add(Append(file(0, Seen(1)), key, Record{ID: "\x00"}), uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, revision uint64) {
		l, err := Parse(key, data)
		if err != nil {
			return
		}
		again, err := Parse(key, l.Bytes(key))
		if err != nil || again.Base != l.Base || len(again.Records) != len(l.Records) {
			t.Fatalf("%+v was read back as %+v, %v", l, again, err)
		}
		l.After(revision)
		l.Compact(3)
	})
}

// FuzzRecord: what is read as a record is written the same.
func FuzzRecord(f *testing.F) {
	f.Add(sample(4).line())
	f.Add("1\t\t\t\t\t\t0\t0\t0")
	f.Fuzz(func(t *testing.T, line string) {
		if r, ok := parseRecord(line); ok && r.line() != line {
			t.Fatalf("%q came back as %q", line, r.line())
		}
	})
}

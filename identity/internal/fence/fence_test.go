package fence

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
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
		missing, complete, _ := l.After(test.revision)
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
	if _, complete, _ := l.After(4); complete || l.Broken != 0 || l.Newest() != 6 {
		t.Errorf("%+v", l)
	}
	if _, complete, _ := l.After(5); !complete {
		t.Error("from there on it is complete")
	}
}

// TestCompact compares a compacted file with a naive reading of all that was
// written, for random histories of some orgs and every revision to go back to: of an
// org that is not said to be partial everything is known.
func TestCompact(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	whole, parts := 0, 0
	for range 300 {
		var all []Record
		revision := uint64(0)
		for range rng.IntN(30) {
			revision += rng.Uint64N(3)
			r := Record{Revision: revision, Org: fmt.Sprint("or", min(rng.IntN(6), 3)), Noun: "account", ID: fmt.Sprint(rng.IntN(5)), Verb: "v",
				State: []string{"active", "inactive"}[rng.IntN(2)], SignedOut: rng.IntN(3) == 0}
			all = append(all, r)
		}
		most := 1 + rng.IntN(12)
		l := parse(t, parse(t, file(0, all...)).Compact(most).Bytes(key))
		if len(all) > 0 && l.Newest() != revision {
			t.Fatalf("the newest is %d, not %d", l.Newest(), revision)
		}
		if len(l.Records) > most+1 {
			t.Fatalf("%d records, at most %d things", len(l.Records), most)
		}
		again := parse(t, parse(t, l.Bytes(key)).Compact(most).Bytes(key))
		if !bytes.Equal(again.Bytes(key), l.Bytes(key)) {
			t.Fatalf("compacted twice, it is another:\n%s\n%s", l.Bytes(key), again.Bytes(key))
		}
		for back := range revision + 1 {
			missing, complete, partial := l.After(back)
			if !complete {
				if back >= l.Base {
					t.Fatalf("back to %d with base %d is not complete", back, l.Base)
				}
				continue
			}
			got := map[string]Record{}
			for _, r := range missing {
				got[r.Org+r.ID] = r
			}
			for _, want := range naive(all, back) {
				if slices.Contains(partial, want.Org) {
					parts++
					continue
				}
				whole++
				r, ok := got[want.Org+want.ID]
				if !ok || r.State != want.State || want.SignedOut && !r.SignedOut {
					t.Fatalf("back to %d: %s is %+v, it was left %+v", back, want.ID, r, want)
				}
			}
		}
	}
	if whole == 0 || parts == 0 {
		t.Errorf("%d things were known, and %d not: nothing was shown", whole, parts)
	}
}

// TestNobodyPushesOthersOut: an org that narrows without end loses its own records, and
// those of others stay whole.
func TestNobodyPushesOthersOut(t *testing.T) {
	var all []Record
	add := func(org string, n int) {
		for range n {
			all = append(all, Record{Revision: uint64(len(all) + 1), Org: org, Noun: "credential", ID: fmt.Sprint("cr_", len(all)), Verb: "revoke", State: "revoked"})
		}
	}
	add("small", 3)
	add("loud", 200)
	add("other", 10)
	add("louder", 300)
	l := parse(t, parse(t, file(0, all...)).Compact(50).Bytes(key))
	missing, complete, partial := l.After(0)
	counts := map[string]int{}
	for _, r := range missing {
		counts[r.Org]++
	}
	if !complete || !slices.Equal(partial, []string{"loud", "louder"}) || counts["small"] != 3 || counts["other"] != 10 || counts["loud"] != 18 || counts["louder"] != 18 {
		t.Errorf("complete %v but for %v: %v", complete, partial, counts)
	}
	if _, _, partial := l.After(uint64(len(all))); partial != nil {
		t.Errorf("%v, of what is not missing", partial)
	}
	if _, _, partial := l.After(203 - 18); !slices.Equal(partial, []string{"louder"}) {
		t.Errorf("%v, of what loud has kept", partial)
	}
	// When there are more orgs than room, the oldest go, and everybody is told.
	few := parse(t, parse(t, file(0, all...)).Compact(3).Bytes(key))
	if _, complete, _ := few.After(0); complete || len(few.Records) > 4 {
		t.Errorf("complete %v with %d records", complete, len(few.Records))
	}
}

// naive is how each thing was left, of those that were narrowed after a revision.
func naive(all []Record, back uint64) map[string]Record {
	out := map[string]Record{}
	for _, r := range all {
		if r.Revision > back {
			r.SignedOut = r.SignedOut || out[r.Org+"/"+r.ID].SignedOut
			out[r.Org+"/"+r.ID] = r
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
	if _, complete, _ := l.After(3); complete {
		t.Error("complete with an altered line")
	}
	compact := l.Compact(10)
	if _, complete, _ := compact.After(3); complete || compact.Broken != 0 {
		t.Errorf("after compaction: %+v", compact)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(2, sample(4)), uint64(3))
	f.Add([]byte("claviger-fence/1\t2\t00"), uint64(0))
	f.Add(Append(file(0, Seen(1)), key, Record{ID: "\x00"}), uint64(1))
	f.Add(seal(file(0), key, "1\tor_1"), uint64(0))
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

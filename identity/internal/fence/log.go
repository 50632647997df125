package fence

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ErrForeign means that a file is not one of this key: it belongs to another
// database, or is none of ours.
var ErrForeign = errors.New("fence: the file is of another database, or was altered")

// Log is what a file holds.
type Log struct {
	Base    uint64            // of what was narrowed after this revision, everything is here, but for
	Partial map[string]uint64 // orgs of which that is so only after a later revision
	Records []Record          // in the order of their revisions
	Broken  int               // lines that were altered
}

// Parse reads a file. It fails only with ErrForeign, when the first line is not
// of the key. Other lines that are not are counted and left out. What follows
// the last line feed is a line that a crash has torn: nobody was told that it was
// written, and it is left out.
func Parse(key, data []byte) (Log, error) {
	first, rest, _ := bytes.Cut(data, []byte{'\n'})
	text, ok := unseal(key, first)
	if !ok {
		return Log{}, ErrForeign
	}
	base, ok := parseHeader(text)
	if !ok {
		return Log{}, ErrForeign
	}
	l := Log{Base: base}
	for {
		line, more, whole := bytes.Cut(rest, []byte{'\n'})
		if !whole {
			break
		}
		rest = more
		r, ok := Record{}, false
		if text, sealed := unseal(key, line); sealed {
			r, ok = parseRecord(text)
		}
		switch {
		case !ok:
			l.Broken++
		case r.Noun == forgotten:
			l.forget(r.Org, r.Revision)
		case r.Noun == unwritable:
			l.Base = max(l.Base, r.Revision)
			l.Records = append(l.Records, Seen(r.Revision))
		default:
			l.Records = append(l.Records, r)
		}
	}
	slices.SortStableFunc(l.Records, func(x, y Record) int { return cmp.Compare(x.Revision, y.Revision) })
	return l, nil
}

func parseHeader(text string) (base uint64, ok bool) {
	name, number, ok := strings.Cut(text, "\t")
	if !ok || name != format {
		return 0, false
	}
	base, err := strconv.ParseUint(number, 10, 64)
	return base, err == nil && header(base) == text
}

func header(base uint64) string { return format + "\t" + strconv.FormatUint(base, 10) }

// Newest is the last revision that the file knows to have been committed.
func (l Log) Newest() uint64 {
	if len(l.Records) == 0 {
		return l.Base
	}
	return max(l.Base, l.Records[len(l.Records)-1].Revision)
}

// forget notes that of an org not everything is here that was narrowed up to a revision.
func (l *Log) forget(org string, revision uint64) {
	if l.Partial == nil {
		l.Partial = map[string]uint64{}
	}
	l.Partial[org] = max(l.Partial[org], revision)
}

// After is what was narrowed after a revision, each thing once, and whether that
// is all of it, but for some orgs, in order.
func (l Log) After(revision uint64) (missing []Record, complete bool, partial []string) {
	for _, r := range l.merged() {
		if r.Revision > revision && r.Noun != "" {
			missing = append(missing, r)
		}
	}
	for org, known := range l.Partial {
		if revision < known {
			partial = append(partial, org)
		}
	}
	slices.Sort(partial)
	return missing, revision >= l.Base && l.Broken == 0, partial
}

// merged is one record of each thing: how it was left, when that was, and
// whether it was signed out on the way.
func (l Log) merged() []Record {
	last := make(map[subject]Record, len(l.Records))
	for _, r := range l.Records {
		if r.Noun == "" {
			continue
		}
		r.SignedOut = r.SignedOut || last[r.subject()].SignedOut
		last[r.subject()] = r
	}
	records := make([]Record, 0, len(last)+1)
	for _, r := range last {
		records = append(records, r)
	}
	slices.SortFunc(records, func(x, y Record) int {
		return cmp.Or(cmp.Compare(x.Revision, y.Revision), cmp.Compare(x.Org, y.Org), cmp.Compare(x.Noun, y.Noun), cmp.Compare(x.ID, y.ID))
	})
	return records
}

// Compact keeps one record of each thing, and of at most so many things. Beyond
// them the oldest go of those orgs that have the most, down to the same number of each:
// nobody pushes out what others have. Only when there are more orgs than things are
// the oldest of all to go, and the base rises to the last that went; so it does over
// lines that were altered.
func (l Log) Compact(most int) Log {
	newest, records := l.Newest(), l.merged()
	out := Log{Base: l.Base}
	if l.Broken > 0 {
		out.Base = newest // nobody knows what they were
	}
	for org, revision := range l.Partial {
		out.forget(org, revision)
	}
	counts := map[string]int{}
	for _, r := range records {
		counts[r.Org]++
	}
	if each := share(counts, most); each > 0 {
		records = out.trim(records, each)
	} else {
		over := len(records) - most
		out.Base = max(out.Base, records[over-1].Revision)
		records = records[over:]
	}
	for org, revision := range out.Partial {
		if revision <= out.Base {
			delete(out.Partial, org)
		}
	}
	if len(records) == 0 || records[len(records)-1].Revision < newest {
		records = append(records, Seen(newest))
	}
	out.Records = records
	return out
}

// share is how many things of each org are kept so that there are at most so many.
func share(counts map[string]int, most int) int {
	sizes := slices.Sorted(maps.Values(counts))
	for i, n := range sizes {
		left := len(sizes) - i
		if n*left > most {
			return most / left
		}
		most -= n
	}
	return math.MaxInt
}

// trim keeps the newest records of each org.
func (l *Log) trim(records []Record, each int) []Record {
	counts, kept := map[string]int{}, make([]Record, 0, len(records))
	for _, r := range slices.Backward(records) {
		if counts[r.Org]++; counts[r.Org] > each {
			l.forget(r.Org, r.Revision)
			continue
		}
		kept = append(kept, r)
	}
	slices.Reverse(kept)
	return kept
}

// Bytes is the whole file.
func (l Log) Bytes(key []byte) []byte {
	out := seal(nil, key, header(l.Base))
	for _, org := range slices.Sorted(maps.Keys(l.Partial)) {
		out = Append(out, key, Record{Revision: l.Partial[org], Org: org, Noun: forgotten})
	}
	return Append(out, key, l.Records...)
}

// Add adds records.
func (l *Log) Add(records ...Record) {
	l.Records = append(l.Records, records...)
	slices.SortStableFunc(l.Records, func(x, y Record) int { return cmp.Compare(x.Revision, y.Revision) })
}

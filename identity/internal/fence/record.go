// Package fence writes and reads the file that remembers, outside of a
// database, what was taken from whom: the proof that a database which does not
// know of it was rolled back, and what is needed to take it away again.
//
// The file is text. Its first line names the format and the base, the revision
// from which on nothing is missing; every other line is a [Record]. Each line
// ends in the first 16 bytes of an HMAC-SHA256 (RFC 2104) over what precedes it,
// in hexadecimal, after which comes a line feed. What a crash has torn has no
// such end, and is left out when the file is read.
package fence

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

const (
	format  = "claviger-fence/1"
	domain  = "claviger/fence/v1\n"
	macLen  = 16
	maxLine = 4096
)

// Record is one thing that a committed change took away. Its texts are of
// printable characters and spaces.
type Record struct {
	Revision  uint64 // of the change
	Org       string
	Noun      string // what was narrowed; empty says only that the revision was committed
	ID        string
	Verb      string // what the log calls it
	State     string // the state it was left in
	SignedOut bool   // what was issued for it before the revision is dead
	Until     int64  // Unix microseconds: the end that it was given, 0 for none
	Ends      int64  // the end of its grace, 0 for none
}

// Seen is the record of a revision that took nothing away.
func Seen(revision uint64) Record { return Record{Revision: revision} }

// subject is what records are about.
type subject struct{ org, noun, id string }

func (r Record) subject() subject { return subject{r.Org, r.Noun, r.ID} }

// valid reports whether the record can be written in one line and read back.
func (r Record) valid() bool {
	for _, text := range r.texts() {
		for i := 0; i < len(text); i++ {
			if text[i] < ' ' || text[i] == 0x7f {
				return false
			}
		}
	}
	return r.Until >= 0 && r.Ends >= 0 && len(r.line()) <= maxLine
}

func (r Record) texts() []string { return []string{r.Org, r.Noun, r.ID, r.Verb, r.State} }

func (r Record) line() string {
	out := "0"
	if r.SignedOut {
		out = "1"
	}
	fields := append([]string{strconv.FormatUint(r.Revision, 10)}, r.texts()...)
	return strings.Join(append(fields, out, strconv.FormatInt(r.Until, 10), strconv.FormatInt(r.Ends, 10)), "\t")
}

// parseRecord is the inverse of line. It accepts nothing that line does not
// write.
func parseRecord(line string) (Record, bool) {
	f := strings.Split(line, "\t")
	if len(f) != 9 {
		return Record{}, false
	}
	revision, err1 := strconv.ParseUint(f[0], 10, 64)
	until, err2 := strconv.ParseInt(f[7], 10, 64)
	ends, err3 := strconv.ParseInt(f[8], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return Record{}, false
	}
	r := Record{Revision: revision, Org: f[1], Noun: f[2], ID: f[3], Verb: f[4], State: f[5], SignedOut: f[6] == "1", Until: until, Ends: ends}
	return r, r.valid() && r.line() == line
}

// Append writes records for the end of a file. One that no line can hold is
// written as its revision alone, which makes what reads it incomplete no later
// than that.
func Append(dst, key []byte, records ...Record) []byte {
	for _, r := range records {
		if !r.valid() {
			r = Record{Revision: r.Revision, Noun: unwritable}
		}
		dst = seal(dst, key, r.line())
	}
	return dst
}

// forgotten is the noun of a line that says up to which revision things of an org were
// dropped, when it had too many.
const forgotten = "forgotten"

// unwritable is the noun of a record whose texts no line can hold.
const unwritable = "unwritable"

func seal(dst, key []byte, line string) []byte {
	dst = append(dst, line...)
	dst = append(dst, '\t')
	dst = hex.AppendEncode(dst, sum(key, line))
	return append(dst, '\n')
}

func sum(key []byte, line string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(domain))
	h.Write([]byte(line))
	return h.Sum(nil)[:macLen]
}

// unseal checks the end of a line and takes it off.
func unseal(key, line []byte) (string, bool) {
	at := bytes.LastIndexByte(line, '\t')
	if at < 0 || len(line)-at-1 != 2*macLen {
		return "", false
	}
	text := string(line[:at])
	var mac [macLen]byte
	if _, err := hex.Decode(mac[:], line[at+1:]); err != nil {
		return "", false
	}
	if !bytes.Equal(hex.AppendEncode(nil, mac[:]), line[at+1:]) { // capital digits are not ours
		return "", false
	}
	return text, hmac.Equal(mac[:], sum(key, text))
}

package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Event is one row of the log: the audit, the change feed and the refresh feed
// at once. Rows are never deleted, and nothing in them is altered but that a purge
// forgets Before and After; each is chained to the one before it in its org by an
// HMAC.
type Event struct {
	Revision   uint64 // the change it belongs to
	Item       uint32 // its place in that change, from 0
	Org        OrgID
	Seq        uint64 // its place in the org's chain, from 1
	At         time.Time
	Noun       string // what changed: "account", "binding", …
	ID         string // its id
	Verb       string // what happened: "create", "update", "delete", …
	Actor      string // the account that acted, or "system"; of a delegation the current actor
	Reason     string // the reason given to System
	OnBehalfOf string // of a delegation: the account that was acted for
	Credential string // the credential that the actor used
	RequestID  string
	Before     []byte // JSON, nil when there was nothing, or when it was purged: then there is a hash
	After      []byte // JSON, nil when there is nothing, or when it was purged
	BeforeHash []byte // SHA-256 of Before, kept when Before is purged
	AfterHash  []byte
	Prev       []byte // MAC of the org's event before this one
	MAC        []byte
}

// chainHead is the end of an org's chain.
type chainHead struct {
	seq uint64
	mac []byte
}

// chain places the event after head and computes its hashes and MAC. It
// returns the new head.
func (e *Event) chain(key []byte, head chainHead) chainHead {
	e.Seq, e.Prev = head.seq+1, head.mac
	e.BeforeHash, e.AfterHash = hashOf(e.Before), hashOf(e.After)
	e.MAC = e.mac(key)
	return chainHead{seq: e.Seq, mac: e.MAC}
}

func hashOf(b []byte) []byte {
	if b == nil {
		return nil
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// mac is HMAC-SHA256 over every field, each preceded by its length, with the
// hashes in the place of Before and After.
func (e *Event) mac(key []byte) []byte {
	text := make([]byte, 0, 512) // few are longer
	for _, n := range []uint64{e.Revision, uint64(e.Item), e.Seq, uint64(e.At.UnixMicro())} {
		text = binary.BigEndian.AppendUint64(text, n)
	}
	for _, s := range []string{string(e.Org), e.Noun, e.ID, e.Verb, e.Actor, e.Reason, e.OnBehalfOf, e.Credential, e.RequestID} {
		text = appendField(text, s)
	}
	for _, b := range [][]byte{e.BeforeHash, e.AfterHash, e.Prev} {
		text = appendField(text, b)
	}
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}

func appendField[T string | []byte](text []byte, field T) []byte {
	return append(binary.BigEndian.AppendUint64(text, uint64(len(field))), field...)
}

package identity

import (
	"crypto/sha256"
	"crypto/subtle"
)

// provenSecret is what an entry of the index proved last. Whoever shows the very same
// text again need not have it read and checked again: that it is the same is one hash.
// Of the text itself nothing is kept.
type provenSecret struct {
	p     *principal
	proof [sha256.Size]byte // of the text and of the entry, see shownSecret.proof
}

const (
	// maxShown is more than an opaque secret has, and what two blocks of SHA-256 have room for.
	maxShown = 119
	// secretID is the length of a ULID.
	secretID = 26
)

// shownSecret is the SHA-256 of a text that may be an opaque secret, and is not read
// yet. It is one of nothing that is stored, which is of other texts; see [token.Opaque].
type shownSecret [sha256.Size]byte

// proof ties a text to what is stored of a secret: that it was good for one entry says
// nothing of another one, be it in the same place or under the same name.
func (s *shownSecret) proof(stored *[sha256.Size]byte) (proof [sha256.Size]byte) {
	subtle.XORBytes(proof[:], s[:], stored[:])
	return proof
}

// recall finds the entry of a text, with the beginning of all secrets of a kind, if
// it is the one that was shown for the entry last; proven is nil if the text has to be
// read. For a name that is not there, and for one of which nothing or another text is
// remembered, it does the same work.
func (x *secretIndex) recall(raw, begins string) (shown shownSecret, entry *secretEntry, slot uint32, proven *provenSecret) {
	table, ends := x.entries.Load(), len(begins)+secretID
	if table == nil || len(raw) < ends || len(raw) > maxShown {
		return shown, nil, 0, nil
	}
	var text [maxShown]byte
	shown = sha256.Sum256(text[:copy(text[:], raw)])
	var stored, kept [sha256.Size]byte
	slot, known := table.Lookup(raw[len(begins)-len("at_") : ends])
	if known {
		entry = table.At(slot)
		stored = entry.digest
	}
	if proven = x.warm[slot%warmSecrets].Load(); proven != nil {
		kept = proven.proof
	}
	proof := shown.proof(&stored)
	if subtle.ConstantTimeCompare(proof[:], kept[:]) != 1 || !known || proven == nil {
		return shown, nil, 0, nil
	}
	return shown, entry, slot, proven
}

// keep remembers who an entry proved, and by which text.
func (x *secretIndex) keep(slot uint32, entry *secretEntry, shown shownSecret, p *principal) {
	x.warm[slot%warmSecrets].Store(&provenSecret{p: p, proof: shown.proof(&entry.digest)})
}

// again is the principal that an entry proved last, if it is still alive in what is
// published now.
func (s *provenSecret) again(entry *secretEntry, inst *instance, now int64) *principal {
	if s.p.credential != entry.credential {
		return nil
	}
	v := s.p.cell.view.Load()
	if v == nil || !v.stillLive(inst, s.p, now) {
		return nil
	}
	s.p.cell.touch(now)
	return s.p
}

package identity

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/claviger-go/claviger/identity/internal/paged"
	"github.com/claviger-go/claviger/token"
)

// withoutSecret adds to what the index is told that a credential is gone, whose row is
// deleted.
func withoutSecret(told []Credential, gone Credential) []Credential {
	if gone.Digest == nil {
		return told
	}
	gone.State = CredentialRevoked // which the index takes for gone
	return append(told, gone)
}

// secretIndex finds the opaque secrets of every org. It is always in memory, so
// that nothing is read for whoever has not shown one: an org is loaded only after
// a digest has matched. It knows nothing of who is alive.
type secretIndex struct {
	entries atomic.Pointer[paged.Table[secretEntry]]  // by kind and ULID, such as "at_01…"; changed under Authority.publishing
	warm    [warmSecrets]atomic.Pointer[provenSecret] // what some of them proved last, by slot
}

// secretEntry is one secret, in 64 bytes.
type secretEntry struct {
	digest     [sha256.Size]byte
	org        OrgID
	credential CredentialID
}

// warmSecrets bounds the principals that are kept; about 400 bytes each.
const warmSecrets = 1 << 12

// secretName is what the index has a credential under; "" for what is no opaque
// secret, or none of a form that was ever made.
func secretName(c Credential) string {
	id, ok := strings.CutPrefix(string(c.ID), "cr_")
	kind := c.Type.opaque()
	if !ok || kind == "" || len(c.Digest) != sha256.Size {
		return ""
	}
	return kind + "_" + id
}

// apply brings the index up to date with rows. Of a credential nothing in it ever
// changes, so that the order of revisions does not matter.
func (x *secretIndex) apply(rows []Credential) {
	if len(rows) == 0 {
		return
	}
	var table paged.Table[secretEntry]
	if old := x.entries.Load(); old != nil {
		table = *old
	}
	e := table.Edit()
	for _, row := range rows {
		name := secretName(row)
		switch {
		case name == "":
		case row.State == CredentialRevoked:
			e.Delete(name)
		case e.Get(name) == nil:
			e.Put(name, secretEntry{digest: [sha256.Size]byte(row.Digest), org: row.Org, credential: row.ID})
		}
	}
	table = e.Table()
	x.entries.Store(&table)
}

// forget takes the secrets of some orgs out.
func (x *secretIndex) forget(orgs []OrgID) {
	old := x.entries.Load()
	if len(orgs) == 0 || old == nil {
		return
	}
	e := old.Edit()
	for name, entry := range old.All() {
		if slices.Contains(orgs, entry.org) {
			e.Delete(name)
		}
	}
	table := e.Table()
	x.entries.Store(&table)
}

// find returns the entry that a secret matches. For a name that is not there it
// does the same work.
func (x *secretIndex) find(o token.Opaque) (entry *secretEntry, slot uint32) {
	digest := [sha256.Size]byte{}
	known := false
	if table := x.entries.Load(); table != nil {
		if slot, known = table.Lookup(o.Name()); known {
			entry = table.At(slot)
			digest = entry.digest
		}
	}
	if !o.Matches(digest) || !known {
		return nil, 0
	}
	return entry, slot
}

// loadSecrets fills the index at the start.
func (a *Authority) loadSecrets(ctx context.Context, tx Txn) error {
	var rows []Credential
	orgs := map[OrgID]OrgID{} // one text for each
	for row, err := range tx.World().Secrets(ctx) {
		if err != nil {
			return err
		}
		org, known := orgs[row.Org]
		if !known {
			org = row.Org
			orgs[org] = org
		}
		row.Org = org
		if rows = append(rows, row); len(rows) == 1000 {
			a.secrets.apply(rows)
			rows = rows[:0]
		}
	}
	a.secrets.apply(rows)
	return nil
}

// noteSecret keeps of a credential that another process has written what the
// index needs, whether or not its org is loaded, and of an org that was purged that
// none of its secrets is needed any more.
func noteSecret(ctx context.Context, tx Txn, cand *candidate, e Event) error {
	if e.Noun == nounOrg && e.Verb == verbPurge && !slices.Contains(cand.purged, e.Org) {
		cand.purged = append(slices.Clip(cand.purged), e.Org) // its credentials went without events of their own
	}
	if e.Noun != nounCredential {
		return nil
	}
	row, err := tx.Credentials().Find(ctx, e.Org, CredentialID(e.ID))
	return settle(err, func() error { cand.note(row); return nil }, func() { // purged: of which type it was is not known
		for _, kind := range []CredentialType{APIToken, ClientSecret, Invitation, EnrollCode} {
			cand.note(Credential{ID: CredentialID(e.ID), Org: e.Org, Type: kind, Digest: make([]byte, sha256.Size), State: CredentialRevoked})
		}
	})
}

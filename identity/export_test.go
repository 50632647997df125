package identity

import (
	"context"
	"slices"

	"github.com/claviger-go/claviger/identity/internal/fence"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// This file opens to the tests of package identity_test what they cannot reach
// from outside. Tests in this package itself could not open a database: the
// stores import it.

// RequiredPermissions is the table of management methods and their permissions.
func RequiredPermissions() map[string]string { return required() }

// ManagementCatalog is the catalog of management.
func ManagementCatalog() []policy.PermissionSpec { return managementPermissions() }

// Kinds lists every kind of error.
func Kinds() []error { return kinds() }

// Poll looks once whether others have written, as the background poll does.
func (a *Authority) Poll(ctx context.Context) error { return a.look(ctx) }

// MAC recomputes the MAC of an event from its fields.
func (a *Authority) MAC(e Event) []byte {
	if e.Before != nil { // it was not purged
		e.BeforeHash = hashOf(e.Before)
	}
	if e.After != nil {
		e.AfterHash = hashOf(e.After)
	}
	return e.mac(a.instance.Load().macKey)
}

// SigningKeys are the rows of the ring, the sealed halves included.
func (a *Authority) SigningKeys() []SigningKey { return a.instance.Load().ring.rows }

// Incarnation is that of the instance.
func (a *Authority) Incarnation() string { return a.instance.Load().row.Incarnation }

// SignClaims signs an access token with the current key, whatever it says.
func (a *Authority) SignClaims(ctx context.Context, c token.Claims) (string, error) {
	return a.instance.Load().ring.signer.Sign(ctx, c)
}

// ReadView reads an org as the first question about it does, and returns the
// step that follows: to offer what was read. It reports whether that was taken.
func (a *Authority) ReadView(ctx context.Context, org OrgID) (offer func() bool, err error) {
	var v *view
	c := a.cell(org)
	err = a.store.Read(ctx, func(tx Txn) (err error) {
		v, err = a.loadView(ctx, tx, org)
		return err
	})
	return func() bool { return a.offer(c, v) != nil }, err
}

// Loaded are the orgs in memory with their estimated sizes, and what they are
// counted as together.
func (a *Authority) Loaded() (sizes map[OrgID]int64, held int64) {
	a.publishing.Lock()
	defer a.publishing.Unlock()
	sizes = map[OrgID]int64{}
	a.cells.Range(func(id, value any) bool {
		if v := value.(*cell).view.Load(); v != nil {
			sizes[id.(OrgID)] = v.size()
		}
		return true
	})
	return sizes, a.held
}

// Cells counts the orgs that are known to memory.
func (a *Authority) Cells() (n int) {
	a.cells.Range(func(any, any) bool { n++; return true })
	return n
}

// Watched counts the watches.
func (a *Authority) Watched() (n int) {
	a.watches.mu.Lock()
	defer a.watches.mu.Unlock()
	for _, set := range a.watches.orgs {
		n += len(set)
	}
	return n
}

// SignOutInstance publishes an instance whose tokens of before now are dead.
func (a *Authority) SignOutInstance() {
	inst := *a.instance.Load()
	inst.row.MinRevision = a.revision.Load() + 1
	a.publish(candidate{revision: a.revision.Load(), instance: &inst})
}

// Bars counts the bars that stand, and the calls that are tried again.
func (a *Authority) Bars() (all, tried int) {
	return int(a.bars.count.Load()), len(a.bars.list())
}

// BarAccount puts up a bar by hand.
func (a *Authority) BarAccount(org OrgID, id AccountID) {
	a.raiseBar(subject{org: org, noun: nounAccount, id: string(id)}, policy.ReasonAccountInactive, nil)
}

// MaxBars is when an org is refused whole.
const MaxBars = maxBars

// Retry makes the barred calls again, as the background does after a poll.
func (a *Authority) Retry(ctx context.Context) { a.retryBars(ctx) }

// Narrowing reports whether a call leaves a bar.
func Narrowing(op string) bool { _, _, ok := narrowing(op); return ok }

// WriteLateUses writes the late uses, as the background does.
func (a *Authority) WriteLateUses(ctx context.Context) { a.writeLateUses(ctx) }

// Outlives reports whether the host may make a call on a deleted org.
func Outlives(name string) bool { return outlives(name) || name == "AllEvents" }

// PurgeStep is about how many rows one transaction of PurgeOrg removes, and of how many events one of PurgeAccount forgets what they say.
const PurgeStep = purgeStep

// HashOf is the hash that an event keeps of a text.
func HashOf(b []byte) []byte { return hashOf(b) }

// ForgetNarrowed has the sidecar lose what an org has narrowed so far, as if it had been
// too much.
func (a *Authority) ForgetNarrowed(org OrgID) error {
	key := a.instance.Load().fenceKey
	return a.store.Sidecar().Rewrite(func(old []byte) ([]byte, error) {
		log, err := fence.Parse(key, old)
		if err != nil {
			return nil, err
		}
		log.Partial = map[string]uint64{string(org): log.Newest()}
		log.Records = slices.DeleteFunc(log.Records, func(r fence.Record) bool { return r.Org == string(org) })
		return log.Bytes(key), nil
	})
}

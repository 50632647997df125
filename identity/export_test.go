package identity

import (
	"context"

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
	e.BeforeHash, e.AfterHash = hashOf(e.Before), hashOf(e.After)
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
	err = a.store.Read(ctx, func(tx Txn) (err error) {
		v, err = a.loadView(ctx, tx, org)
		return err
	})
	return func() bool { return a.offer(a.cell(org), v) }, err
}

package storetest

import (
	"context"
	"reflect"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

func instanceLaws(t *testing.T, s identity.Store) {
	first := identity.Instance{Incarnation: "in_1" + hostile, SystemOrg: "or_system", SealedSecret: []byte{0, 1, 0xff},
		MinRevision: 9, MinTokenRevision: 8, CreatedAt: at(1)}
	full(t, first)
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		_, err := tx.Instance().Load(ctx)
		is(t, err, identity.ErrNotFound)
	})
	for _, want := range []identity.Instance{first, {Incarnation: "in_2"}, first} {
		write(t, s, func(ctx context.Context, tx identity.WriteTxn) { ok(t, tx.Instance().Save(ctx, want)) })
		read(t, s, func(ctx context.Context, tx identity.Txn) {
			got, err := tx.Instance().Load(ctx)
			ok(t, err)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		})
	}
}

func signingKeyLaws(t *testing.T, s identity.Store) {
	noun[identity.SigningKey, string]{
		table:  identity.Txn.SigningKeys,
		settle: settle,
		full:   signingKey,
		bare: func(k identity.SigningKey) identity.SigningKey {
			return identity.SigningKey{ID: k.ID, State: identity.KeyNext}
		},
		key:    func(k identity.SigningKey) (identity.OrgID, string) { return "", k.ID },
		shared: true,
	}.laws(t, s)
}

package storetest

import (
	"context"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// orgLaws has laws of its own where an org differs: its id is also its org.
func orgLaws(t *testing.T, s identity.Store) {
	one := org(home, 1)
	full(t, one)
	bare := identity.Org{ID: foreign, Slug: "bare", State: identity.OrgActive}
	n := noun[identity.Org, identity.OrgID]{key: func(o identity.Org) (identity.OrgID, identity.OrgID) { return o.ID, o.ID }}
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		ok(t, tx.Orgs().Insert(ctx, one))
		ok(t, tx.Orgs().Insert(ctx, bare))
		n.same(t, ctx, tx.Orgs(), one)
		n.same(t, ctx, tx.Orgs(), bare)
		is(t, tx.Orgs().Insert(ctx, one), identity.ErrConflict)

		_, err := tx.Orgs().Find(ctx, foreign, home)
		is(t, err, identity.ErrNotFound)
		is(t, tx.Orgs().Delete(ctx, foreign, home), identity.ErrNotFound)

		changed := one
		changed.Settings, changed.DisplayName, changed.State = identity.OrgSettings{}, "", identity.OrgDeleted
		changed.Meta = identity.Meta{}
		ok(t, tx.Orgs().Update(ctx, changed))
		n.same(t, ctx, tx.Orgs(), changed)
		n.same(t, ctx, tx.Orgs(), bare)
		is(t, tx.Orgs().Update(ctx, org("or_3", 3)), identity.ErrNotFound)

		ok(t, tx.Orgs().Delete(ctx, home, home))
		is(t, tx.Orgs().Delete(ctx, home, home), identity.ErrNotFound)
		n.same(t, ctx, tx.Orgs(), bare)
	})
}

func orgKeys(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		taken := org("or_3", 3)
		taken.Slug = org(home, 0).Slug
		is(t, tx.Orgs().Insert(ctx, taken), identity.ErrConflict)
		stateless := org("or_4", 4)
		stateless.State = ""
		is(t, tx.Orgs().Insert(ctx, stateless), identity.ErrStorage)

		bySlug := identity.Query{Everywhere: true, Where: []identity.Cond{{Field: identity.FieldSlug, Value: taken.Slug}}}
		found, err := tx.Orgs().Page(ctx, bySlug)
		ok(t, err)
		if len(found) != 1 || found[0].ID != home {
			t.Fatalf("the slug %q finds %v", taken.Slug, found)
		}
		count, err := tx.Orgs().Count(ctx, identity.Query{Everywhere: true})
		ok(t, err)
		if count != 2 {
			t.Fatalf("there are %d orgs, there should be 2", count)
		}
		// Rows of an org keep it from being removed.
		ok(t, tx.Groups().Insert(ctx, group(home, 1)))
		is(t, tx.Orgs().Delete(ctx, home, home), identity.ErrStorage)
	})
}

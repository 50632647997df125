package identity_test

import (
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// TestSlugs: which slugs an org can get, and that what SlugAvailable says is so.
func TestSlugs(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.ReservedSlugs = []string{"www", "api"} }))
	used := w.org("used")
	gone := w.org("gone")
	must(w.sys().DeleteOrg(w.ctx, gone))(t)
	for slug, free := range map[string]bool{"www": false, "api": false, "used": false, "gone": false, identity.SystemSlug: false, "new": true, "www2": true} {
		if got := must(w.sys().SlugAvailable(w.ctx, slug))(t); got != free {
			t.Errorf("%s: %v", slug, got)
		}
		_, err := w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: slug})
		if free && err != nil {
			t.Errorf("%s: %v", slug, err)
		}
		if !free {
			wantKind(t, err, identity.ErrConflict)
		}
	}
	wantKind(t, last(w.sys().SlugAvailable(w.ctx, "No Slug")), identity.ErrInvalid)
	wantKind(t, last(w.sys().EnsureOrg(w.ctx, identity.OrgSpec{Slug: "www"})), identity.ErrConflict)
	if got := must(w.sys().EnsureOrg(w.ctx, identity.OrgSpec{Slug: "used"}))(t); got.ID != used || got.Created {
		t.Errorf("%+v", got)
	}
}

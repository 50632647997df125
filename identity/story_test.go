package identity_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// TestStory plays the main job: register, prove, ask, disable, ask again.
func TestStory(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	st, err := sqlite.Open(ctx, filepath.Join(dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.New(ctx, st, identity.Config{
		Issuer:      "https://app.example",
		Seal:        token.SealFile(filepath.Join(dir, "app.key")),
		Permissions: []policy.PermissionSpec{{Name: "wallets:read"}, {Name: "wallets:create"}},
		Roles:       []identity.CodeRole{{Name: "wallet-reader", Permissions: []string{"wallets:read"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := id.Close(); err != nil {
			t.Error(err)
		}
	}()
	sys := id.System("setup")
	acme, err := sys.EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	private, public := newKey(t)
	ci, err := sys.In(acme.ID).EnsureServiceAccount(ctx, identity.ServiceAccountSpec{
		Name: "ci", UnprovenPublicKey: public, Roles: []string{"wallet-reader"},
	})
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := token.SignAssertion(ctx, private, token.AssertionSpec{
		KeyID: string(ci.Key.ID), Account: string(ci.ID), Audience: "https://app.example", Life: time.Minute, Now: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	access, err := id.ExchangeAssertion(ctx, assertion, identity.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := id.ExchangeAssertion(ctx, assertion, identity.TokenRequest{}); !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrRevoked) {
		t.Fatalf("second use of an assertion: %v", err)
	}
	p, err := id.Authenticate(ctx, access.Token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	read, _ := policy.ParsePermission("wallets:read")
	create, _ := policy.ParsePermission("wallets:create")
	path, _ := policy.NewPath("projects", "p1", "wallets", "w1")
	ask := func(org identity.OrgID, perm policy.Permission) policy.Decision {
		return id.Authorize(ctx, identity.Request{Principal: p, Org: org, Permission: perm, Path: path})
	}
	if d := ask(acme.ID, read); !d.Allowed || d.Reason != policy.ReasonAllowed || d.Binding == "" {
		t.Fatalf("read: %+v", d)
	}
	if d := ask(acme.ID, create); d.Allowed || d.Reason != policy.ReasonNoBinding {
		t.Fatalf("create: %+v", d)
	}
	if d := ask(id.SystemOrg(), read); d.Allowed || d.Reason != policy.ReasonOtherOrg {
		t.Fatalf("other org: %+v", d)
	}
	if _, err := sys.In(acme.ID).DeactivateAccount(ctx, ci.ID); err != nil {
		t.Fatal(err)
	}
	if d := ask(acme.ID, read); d.Allowed || d.Reason != policy.ReasonAccountInactive {
		t.Fatalf("after deactivation: %+v", d)
	}
	if _, err := id.Authenticate(ctx, access.Token.Reveal()); !errors.Is(err, identity.ErrDisabled) {
		t.Fatalf("after deactivation: %v", err)
	}
	events, err := sys.In(acme.ID).Events(ctx, identity.EventFilter{}, identity.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events.Items {
		if e.Seq != uint64(i+1) || len(e.MAC) != 32 {
			t.Fatalf("event %d: %+v", i, e)
		}
	}
}

package identity_test

import (
	"context"
	"errors"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestGivenUp reads for callers who have given up: that is ErrBusy, like a change that they gave up, and not ErrStorage,
// which would say that the database failed.
func TestGivenUp(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in, u := w.in(org), w.user(org, "u")
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	about := identity.AccountRequest{Account: u, Permission: perm(t, "wallets:read"), Path: policy.Root}
	calls := map[string]func() error{
		"Account":       func() error { return last(in.Account(ctx, u)) },
		"Accounts":      func() error { return last(in.Accounts(ctx, identity.AccountFilter{}, identity.Page{})) },
		"AccountsByID":  func() error { return last(in.AccountsByID(ctx, []identity.AccountID{u})) },
		"PermissionsOn": func() error { return last(in.PermissionsOn(ctx, about)) },
		"Explain":       func() error { return last(in.Explain(ctx, about)) },
		"AccountsByExternalID": func() error {
			return last(w.sys().AccountsByExternalID(ctx, identity.ExternalID{Issuer: "i", Subject: "s"}))
		},
		"AuditHead":   func() error { return last(in.AuditHead(ctx)) },
		"Orgs":        func() error { return last(w.sys().Orgs(ctx, identity.OrgFilter{}, identity.Page{})) },
		"CreateGroup": func() error { return last(in.CreateGroup(ctx, identity.GroupSpec{Name: "g"})) },
		"WhoCan": func() (err error) {
			for _, err = range in.WhoCan(ctx, identity.WhoCanRequest{Permission: about.Permission, Path: about.Path}) {
			}
			return err
		},
	}
	for _, reopened := range []bool{false, true} { // then the org is to be read first
		if reopened {
			w.reopen()
			in = w.in(org)
		}
		for what, call := range calls {
			switch err := call(); {
			case !errors.Is(err, identity.ErrBusy), !errors.Is(err, context.Canceled), errors.Is(err, identity.ErrStorage), identity.PublicText(err) != "busy":
				t.Errorf("%s, reopened %v: %v", what, reopened, err)
			}
		}
	}
}

package identity_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestFiltersOfNothing asks lists for what there cannot be: that fails, since an empty list would say that there is
// nothing, and to revoke by it that all of it is revoked. What could be there and is not is an empty list.
func TestFiltersOfNothing(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	u := w.user(org, "u")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: policy.Root})
	accounts := func(f identity.AccountFilter) error { return last(in.Accounts(w.ctx, f, identity.Page{})) }
	bindings := func(f identity.BindingFilter) error { return last(in.Bindings(w.ctx, f, identity.Page{})) }
	credentials := func(f identity.CredentialFilter) error { return last(in.Credentials(w.ctx, f, identity.Page{})) }
	revoke := func(f identity.CredentialFilter) error { return last(in.RevokeCredentials(w.ctx, f)) }

	for what, err := range map[string]error{
		"an account of no kind":      accounts(identity.AccountFilter{Kind: "robot"}),
		"an account of no state":     accounts(identity.AccountFilter{State: "' OR ''='"}),
		"a boundary by its name":     accounts(identity.AccountFilter{Boundary: "wallet-reader"}),
		"a binding of nobody":        bindings(identity.BindingFilter{Subject: "alice"}),
		"a role by its name":         bindings(identity.BindingFilter{Role: "wallet-reader"}),
		"a code role without a name": bindings(identity.BindingFilter{Role: "code:"}),
		"a credential of a group":    credentials(identity.CredentialFilter{Account: "gr_users"}),
		"a credential of no type":    credentials(identity.CredentialFilter{Type: "api_token"}),
		"a credential of no state":   credentials(identity.CredentialFilter{State: "expired"}),
		"to revoke by no thumbprint": revoke(identity.CredentialFilter{Thumbprint: "SHA256:not-a-thumbprint"}),
		"a padded thumbprint":        credentials(identity.CredentialFilter{Thumbprint: strings.Repeat("A", 43) + "="}),
		"to revoke what is nobody's": revoke(identity.CredentialFilter{Account: "ci"}),
		"to revoke what is no type":  revoke(identity.CredentialFilter{Type: "token"}),
		"a role of no state":         last(in.Roles(w.ctx, identity.RoleFilter{State: "deleted"}, identity.Page{})),
		"an org of no state":         last(w.sys().Orgs(w.ctx, identity.OrgFilter{State: "closed"}, identity.Page{})),
		"to release what is no type": last(w.sys().ReleaseHeld(w.ctx, identity.HeldFilter{Type: "token"})),
	} {
		if !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"everything":             accounts(identity.AccountFilter{}),
		"a state of nobody":      accounts(identity.AccountFilter{State: identity.AccountArchived}),
		"a boundary that is not": accounts(identity.AccountFilter{Boundary: "ro_absent"}),
		"a key that is not":      revoke(identity.CredentialFilter{Thumbprint: strings.Repeat("A", 43)}),
		"a group":                bindings(identity.BindingFilter{Subject: "gr_absent"}),
		"a code role of before":  bindings(identity.BindingFilter{Role: "code:gone"}),
		"an account that is not": revoke(identity.CredentialFilter{Account: "us_absent", State: identity.CredentialHeld}),
		"held enroll codes":      last(w.sys().ReleaseHeld(w.ctx, identity.HeldFilter{Type: identity.EnrollCode})),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for b, err := range in.AllBindings(w.ctx, identity.BindingFilter{Role: "wallet-reader"}) {
		if !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("AllBindings by a name: %v, %v", b, err)
		}
	}
}

package identitytest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

const (
	reason     = "test"
	defaultOrg = "acme"
)

// Org returns the org with a slug, made when it is not there.
func Org(t testing.TB, id *Env, slug string) identity.Org {
	t.Helper()
	org, err := id.System(reason).EnsureOrg(context.Background(), identity.OrgSpec{Slug: slug})
	if err != nil {
		t.Fatalf("identitytest: org %s: %v", slug, err)
	}
	return org.Org
}

// Account makes a service account in the org "acme". Each grant binds a role,
// by name or id, at a scope: "reader@projects/p1"; "reader@/" and "reader" are
// the whole org. Without grants the account may do nothing.
func Account(t testing.TB, id *Env, grants ...string) identity.Account {
	t.Helper()
	return AccountIn(t, id, Org(t, id, defaultOrg).ID, grants...)
}

// AccountIn is Account in another org; see [Org].
func AccountIn(t testing.TB, id *Env, org identity.OrgID, grants ...string) identity.Account {
	t.Helper()
	bindings := make([]identity.BindingSpec, 0, len(grants))
	for _, g := range grants {
		role, scope, scoped := strings.Cut(g, "@")
		path := policy.Root
		if scoped {
			var err error
			if path, err = policy.ParsePath(scope); err != nil {
				t.Fatalf("identitytest: grant %q: %v", g, err)
			}
		}
		bindings = append(bindings, identity.BindingSpec{Role: role, Scope: path})
	}
	id.mu.Lock()
	id.made++
	name := fmt.Sprintf("account-%d", id.made)
	id.mu.Unlock()
	account, err := id.System(reason).In(org).CreateServiceAccount(context.Background(), identity.ServiceAccountSpec{Name: name, Bindings: bindings})
	if err != nil {
		t.Fatalf("identitytest: account with grants %q: %v", grants, err)
	}
	return account.Account
}

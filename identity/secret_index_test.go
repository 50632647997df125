package identity_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestSecretsElsewhere: a process that shares the database knows secrets that
// another one makes, changes and ends, at its next poll; whether or not it has the
// org in memory, and even if it read the org after they were made.
func TestSecretsElsewhere(t *testing.T) {
	for _, loaded := range []string{"not loaded", "loaded before", "loaded between"} {
		t.Run(loaded, func(t *testing.T) {
			a, b := share(t)
			acme := a.org("acme")
			ci, _ := a.service(acme, "ci", "wallets:read")
			b.poll()
			load := func() {
				if _, err := b.in(acme).Account(b.ctx, ci.ID); err != nil {
					t.Fatal(err)
				}
			}
			if loaded == "loaded before" {
				load()
			}
			row, raw := a.apiToken(acme, ci.ID, identity.APITokenSpec{})
			if loaded == "loaded between" {
				load()
			}
			b.poll()
			p := must(b.id.Authenticate(b.ctx, raw))(t)
			if d := b.may(p, acme, "wallets:read", policy.Root); !d.Allowed {
				t.Errorf("%+v", d)
			}
			must(a.in(acme).DisableCredential(a.ctx, row.ID))(t)
			b.poll()
			wantKind(t, last(b.id.Authenticate(b.ctx, raw)), identity.ErrDisabled)
			must(a.in(acme).EnableCredential(a.ctx, row.ID))(t)
			b.poll()
			must(b.id.Authenticate(b.ctx, raw))(t)
			next := must(a.in(acme).RotateSecret(a.ctx, row.ID, 0))(t)
			b.poll()
			wantKind(t, last(b.id.Authenticate(b.ctx, raw)), identity.ErrUnauthenticated)
			must(b.id.Authenticate(b.ctx, next.Secret.Reveal()))(t)
		})
	}
}

// TestSecretsOfPurgedOrgElsewhere: a process that shares the database forgets the
// secrets of an org that another one has purged, in one poll, and no other's; whether
// or not it has the org in memory, and when it sees them made and purged at once.
func TestSecretsOfPurgedOrgElsewhere(t *testing.T) {
	for _, seen := range []string{"not loaded", "loaded", "at once", "before a write"} {
		t.Run(seen, func(t *testing.T) {
			a, b := share(t)
			acme, other := a.org("acme"), a.org("other")
			ci, _ := a.service(acme, "ci", "wallets:read")
			theirs, _ := a.service(other, "theirs", "wallets:read")
			_, kept := a.apiToken(other, theirs.ID, identity.APITokenSpec{})
			b.poll()
			before := b.id.Secrets()
			_, raw := a.apiToken(acme, ci.ID, identity.APITokenSpec{})
			must(a.in(acme).CreateClientSecret(a.ctx, ci.ID, identity.ClientSecretSpec{}))(t)
			must(a.in(acme).NewEnrollCode(a.ctx, ci.ID, identity.EnrollCodeSpec{}))(t)
			if seen != "at once" {
				b.poll()
				if n := b.id.Secrets(); n != before+3 {
					t.Errorf("%d secrets are known after %d", n, before)
				}
			}
			if seen == "loaded" {
				must(b.id.Authenticate(b.ctx, raw))(t)
			}
			must(a.sys().DeleteOrg(a.ctx, acme))(t)
			must(a.sys().PurgeOrg(a.ctx, acme))(t)
			if seen == "before a write" {
				b.user(other, "somebody")
			} else {
				b.poll()
			}
			if n := b.id.Secrets(); n != before || a.id.Secrets() != before {
				t.Errorf("%d secrets are known, and %d here; want %d", n, a.id.Secrets(), before)
			}
			wantKind(t, last(b.id.Authenticate(b.ctx, raw)), identity.ErrUnauthenticated)
			must(b.id.Authenticate(b.ctx, kept))(t)
		})
	}
}

// TestSecretsOfWhatWasNotKept: a secret that was made in a transaction that
// failed proves nobody, and is not in memory.
func TestSecretsOfWhatWasNotKept(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	ci, _ := w.service(acme, "ci")
	failed := errors.New("failed")
	var raw, kept string
	before := w.id.Secrets()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("test").In(acme)
		raw = must(in.CreateAPIToken(ctx, ci.ID, identity.APITokenSpec{Name: "a"}))(t).Secret.Reveal()
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	wantKind(t, last(w.id.Authenticate(w.ctx, raw)), identity.ErrUnauthenticated)
	if n := w.id.Secrets(); n != before {
		t.Errorf("%d secrets are known, before %d", n, before)
	}
	err = w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("test").In(acme)
		kept = must(in.CreateAPIToken(ctx, ci.ID, identity.APITokenSpec{Name: "a"}))(t).Secret.Reveal()
		wantKind(t, last(in.CreateAPIToken(ctx, ci.ID, identity.APITokenSpec{Name: "a"})), identity.ErrConflict)
		wantKind(t, last(w.id.Authenticate(ctx, kept)), identity.ErrUnauthenticated)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	must(w.id.Authenticate(w.ctx, kept))(t)
	if n := w.id.Secrets(); n != before+1 {
		t.Errorf("%d secrets are known, before %d", n, before)
	}
	if size := identity.SecretEntryBytes; size > 64 {
		t.Errorf("a secret takes %d bytes", size)
	}
}

// TestSecretsOfManyOrgs: the index is the same after a restart, knows what is
// revoked no longer, and each secret proves its own account, loaded or not.
func TestSecretsOfManyOrgs(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.MaxMemory = 1 })) // every org is dropped at once
	type one struct {
		org     identity.OrgID
		account identity.AccountID
		row     identity.Credential
		raw     string
	}
	var all []one
	for i := range 5 {
		org := w.org(fmt.Sprintf("org-%d", i))
		for j := range 3 {
			u := w.user(org, fmt.Sprintf("u%d", j))
			row, raw := w.apiToken(org, u, identity.APITokenSpec{})
			all = append(all, one{org, u, row, raw})
		}
	}
	for i := range 3 {
		must(w.in(all[i].org).RevokeCredential(w.ctx, all[i].row.ID))(t)
	}
	for range 2 {
		if n := w.id.Secrets(); n != 12 {
			t.Errorf("%d secrets are known, 12 are alive", n)
		}
		var wg sync.WaitGroup
		for i, x := range all {
			wg.Go(func() {
				p, err := w.id.Authenticate(w.ctx, x.raw)
				if i < 3 && err == nil || i >= 3 && (err != nil || p.Account() != x.account || p.Org() != x.org || p.Credential() != x.row.ID) {
					t.Errorf("%d: %s, %v", i, p, err)
				}
			})
		}
		wg.Wait()
		w.reopen()
	}
}

// TestRevokeCredentials: one result for each that the filter selects, and nothing
// of what it does not.
func TestRevokeCredentials(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	weak, _ := w.service(acme, "weak")
	strong, _ := w.service(acme, "strong", "identity:*")
	var raws []string
	for i := range 6 {
		account := []identity.AccountID{weak.ID, strong.ID}[i%2]
		_, raw := w.apiToken(acme, account, identity.APITokenSpec{Name: fmt.Sprintf("t%d", i/2)})
		raws = append(raws, raw)
	}
	must(w.in(acme).RevokeCredential(w.ctx, must(w.id.Authenticate(w.ctx, raws[0]))(t).Credential()))(t)
	guard := w.user(acme, "guard", "identity:credentials.revoke")
	wantKind(t, last(w.as(acme, guard).RevokeCredentials(w.ctx, identity.CredentialFilter{})), identity.ErrInvalid)
	wantKind(t, last(w.as(acme, w.user(acme, "nobody")).RevokeCredentials(w.ctx, identity.CredentialFilter{Type: identity.APIToken})), identity.ErrDenied)
	results := must(w.as(acme, guard).RevokeCredentials(w.ctx, identity.CredentialFilter{Type: identity.APIToken}))(t)
	if len(results) != 5 {
		t.Fatalf("%d results: %+v", len(results), results)
	}
	refused := 0
	for i, r := range results {
		row := must(w.in(acme).Credential(w.ctx, r.Item))(t)
		if i > 0 && r.Item <= results[i-1].Item {
			t.Error("they are not in order")
		}
		switch row.Account {
		case weak.ID:
			if r.Err != nil || !r.Changed || row.State != identity.CredentialRevoked {
				t.Errorf("of the weak: %+v, %s", r, row.State)
			}
		case strong.ID:
			refused++
			if !errors.Is(r.Err, identity.ErrEscalation) || r.Changed || row.State != identity.CredentialActive {
				t.Errorf("of the strong: %+v, %s", r, row.State)
			}
		}
	}
	if refused != 3 {
		t.Errorf("%d of 3 were refused", refused)
	}
	if rest := must(w.in(acme).RevokeCredentials(w.ctx, identity.CredentialFilter{Account: strong.ID, Name: "t1"}))(t); len(rest) != 1 || !rest[0].Changed {
		t.Errorf("by name: %+v", rest)
	}
	if n := len(must(w.in(acme).Credentials(w.ctx, identity.CredentialFilter{Type: identity.APIToken, State: identity.CredentialActive}, identity.Page{}))(t).Items); n != 2 {
		t.Errorf("%d are left", n)
	}
	if n := len(must(w.in(acme).Credentials(w.ctx, identity.CredentialFilter{Type: identity.PublicKey, State: identity.CredentialActive}, identity.Page{}))(t).Items); n != 2 {
		t.Errorf("%d keys are left of 2", n)
	}
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		all := must(tx.System("test").In(acme).RevokeCredentials(ctx, identity.CredentialFilter{Type: identity.APIToken, State: identity.CredentialActive}))(t)
		wantKind(t, last(tx.System("test").In(acme).RevokeCredentials(ctx, identity.CredentialFilter{State: identity.CredentialActive})), identity.ErrInvalid)
		if len(all) != 2 {
			t.Errorf("in a transaction: %+v", all)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOwnAPITokens: for itself an account needs no permission, and gets nothing that lives
// longer than what it came with.
func TestOwnAPITokens(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.MaxCredentials = 3 }))
	acme := w.org("acme")
	user := w.user(acme, "u", "wallets:read")
	own := must(w.as(acme, user).CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "pat", Validity: time.Hour}))(t)
	p := must(w.id.Authenticate(w.ctx, own.Secret.Reveal()))(t)
	second := must(w.id.As(p).In(acme).CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "second"}))(t)
	if second.ValidUntil.After(own.ValidUntil) {
		t.Errorf("it lives until %s, what made it until %s", second.ValidUntil, own.ValidUntil)
	}
	wantKind(t, last(w.as(acme, user).CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "pat"})), identity.ErrConflict)
	wantKind(t, last(w.as(acme, user).CreateAPIToken(w.ctx, user, identity.APITokenSpec{})), identity.ErrInvalid)
	wantKind(t, last(w.as(acme, user).CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "x", Validity: 1000 * 24 * time.Hour})), identity.ErrInvalid)
	wantKind(t, last(w.as(acme, user).CreateAPIToken(w.ctx, w.user(acme, "other"), identity.APITokenSpec{Name: "x"})), identity.ErrDenied)
	must(w.as(acme, user).CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "third"}))(t)
	wantKind(t, last(w.as(acme, user).CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "fourth"})), identity.ErrLimit)
	must(w.id.As(p).In(acme).RenameCredential(w.ctx, second.ID, "renamed"))(t)
	must(w.id.As(p).In(acme).DisableCredential(w.ctx, second.ID))(t)
	wantKind(t, last(w.id.As(p).In(acme).EnableCredential(w.ctx, second.ID)), identity.ErrDenied)
	theirs, _ := w.apiToken(acme, w.user(acme, "another"), identity.APITokenSpec{})
	wantKind(t, last(w.id.As(p).In(acme).RenameCredential(w.ctx, theirs.ID, "mine")), identity.ErrDenied)
	wantKind(t, last(w.id.As(p).In(acme).RevokeCredential(w.ctx, theirs.ID)), identity.ErrDenied)
	wantKind(t, last(w.id.As(p).In(acme).RevokeCredential(w.ctx, "cr_none")), identity.ErrDenied)
	must(w.id.As(p).In(acme).RevokeCredential(w.ctx, own.ID))(t)
	wantKind(t, last(w.id.As(p).In(acme).RenameCredential(w.ctx, second.ID, "x")), identity.ErrUnauthenticated)
	must(w.as(acme, user).CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "pat"}))(t) // its name is free again
	must(w.in(acme).DeactivateAccount(w.ctx, user))(t)
	wantKind(t, last(w.in(acme).CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "x"})), identity.ErrDisabled)
	wantKind(t, last(w.in(acme).CreateAPIToken(w.ctx, "us_none", identity.APITokenSpec{Name: "x"})), identity.ErrNotFound)
}

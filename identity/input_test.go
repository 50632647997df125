package identity_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// refusal is a call with bad input and what its error must say.

type refusal struct {
	name   string
	kind   error
	entity string
	field  string
	call   func() error
}

// refuses makes the calls: each fails as it says, and nothing is written, also

// when other calls of the same transaction are kept.

func (w *world) refuses(t *testing.T, list []refusal) {
	t.Helper()
	for _, r := range list {
		t.Run(r.name, func(t *testing.T) {
			w := w.on(t)
			same := w.unchanged()
			e := wantKind(t, r.call(), r.kind)
			if e.Entity != r.entity || e.Field != r.field {
				t.Errorf("%v: names entity %q, field %q, want %q, %q", e, e.Entity, e.Field, r.entity, r.field)
			}
			same()
		})
	}
}

// badText are texts that no field takes.

func badText(most int) map[string]string {
	return map[string]string{
		"too long": long(most + 1), "NUL": "a\x00b", "escape": "a\x1b[2Jb", "C1 control": "a\u0085b", "not UTF-8": "a\xffb", "cut rune": "a\xe2\x82",
	}
}

func TestBadText(t *testing.T) {
	onOneGoroutine(t)
	w := open(t)
	var x targets
	var o *identity.OrgAdmin
	fields := []struct {
		name, entity, field string
		most                int
		call                func(text string) error
	}{
		{"CreateOrg display name", "org", "DisplayName", 255, func(s string) error {
			return last(w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: "new-" + x.Slug, DisplayName: s}))
		}},
		{"UpdateOrg display name", "org", "DisplayName", 255, func(s string) error {
			return last(w.sys().UpdateOrg(w.ctx, x.Org, identity.OrgPatch{DisplayName: &s}))
		}},
		{"CreateUser e-mail", "account", "Email", 254 - len("@e.com"), func(s string) error {
			return last(o.CreateUser(w.ctx, identity.UserSpec{Email: s + "@e.com"}))
		}},
		{"CreateUser display name", "account", "DisplayName", 255, func(s string) error {
			return last(o.CreateUser(w.ctx, identity.UserSpec{Email: "n@e.com", DisplayName: s}))
		}},
		{"CreateUser description", "account", "Description", 1024, func(s string) error {
			return last(o.CreateUser(w.ctx, identity.UserSpec{Email: "n@e.com", Description: s}))
		}},
		{"CreateUser label", "account", "Labels", 128, func(s string) error {
			return last(o.CreateUser(w.ctx, identity.UserSpec{Email: "n@e.com", Labels: map[string]string{"k": s}}))
		}},
		{"CreateUser label key", "account", "Labels", 128, func(s string) error {
			return last(o.CreateUser(w.ctx, identity.UserSpec{Email: "n@e.com", Labels: map[string]string{s: "v"}}))
		}},
		{"CreateUser external issuer", "account", "External.Issuer", 255, func(s string) error {
			return last(o.CreateUser(w.ctx, identity.UserSpec{Email: "n@e.com", External: identity.ExternalID{Issuer: s, Subject: "s"}}))
		}},
		{"CreateUser external subject", "account", "External.Subject", 255, func(s string) error {
			return last(o.CreateUser(w.ctx, identity.UserSpec{Email: "n@e.com", External: identity.ExternalID{Issuer: "i", Subject: s}}))
		}},
		{"CreateServiceAccount description", "account", "Description", 1024, func(s string) error {
			return last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "n", Description: s}))
		}},
		{"CreateServiceAccount key name", "credential", "Name", 255, func(s string) error {
			return last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "n", UnprovenPublicKey: x.Key, KeyName: s}))
		}},
		{"UpdateAccount e-mail", "account", "Email", 254 - len("@e.com"), func(s string) error {
			s += "@e.com"
			return last(o.UpdateAccount(w.ctx, x.User, identity.AccountPatch{Email: &s}))
		}},
		{"UpdateAccount display name", "account", "DisplayName", 255, func(s string) error {
			return last(o.UpdateAccount(w.ctx, x.User, identity.AccountPatch{DisplayName: &s}))
		}},
		{"UpdateAccount description", "account", "Description", 1024, func(s string) error {
			return last(o.UpdateAccount(w.ctx, x.User, identity.AccountPatch{Description: &s}))
		}},
		{"UpdateAccount external subject", "account", "External.Subject", 255, func(s string) error {
			return last(o.UpdateAccount(w.ctx, x.User, identity.AccountPatch{External: &identity.ExternalID{Issuer: "i", Subject: s}}))
		}},
		{"CreateGroup name", "group", "Name", 128, func(s string) error { return last(o.CreateGroup(w.ctx, identity.GroupSpec{Name: s})) }},
		{"CreateGroup description", "group", "Description", 1024, func(s string) error {
			return last(o.CreateGroup(w.ctx, identity.GroupSpec{Name: "n", Description: s}))
		}},
		{"UpdateGroup name", "group", "Name", 128, func(s string) error {
			return last(o.UpdateGroup(w.ctx, x.Group, identity.GroupPatch{Name: &s}))
		}},
		{"CreateRole name", "role", "Name", 128, func(s string) error { return last(o.CreateRole(w.ctx, identity.RoleSpec{Name: s})) }},
		{"CreateRole display name", "role", "DisplayName", 255, func(s string) error {
			return last(o.CreateRole(w.ctx, identity.RoleSpec{Name: "n", DisplayName: s}))
		}},
		{"CreateRole description", "role", "Description", 1024, func(s string) error {
			return last(o.CreateRole(w.ctx, identity.RoleSpec{Name: "n", Description: s}))
		}},
		{"UpdateRole description", "role", "Description", 1024, func(s string) error {
			return last(o.UpdateRole(w.ctx, x.Role, identity.RolePatch{Description: &s}))
		}},
		{"CreateBinding reason", "binding", "Reason", 1024, func(s string) error {
			return last(o.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(x.User), Role: "role", Scope: policy.Root, Reason: s}))
		}},
		{"AddPublicKey name", "credential", "Name", 255, func(s string) error {
			return last(o.AddPublicKey(w.ctx, x.User, identity.PublicKeySpec{Name: s, UnprovenPublicKey: x.Key}))
		}},
		{"RenameCredential", "credential", "Name", 255, func(s string) error { return last(o.RenameCredential(w.ctx, x.Credential, s)) }},
	}
	for i, f := range fields {
		x = w.targets(fmt.Sprintf("acme-%d", i))
		o = w.in(x.Org)
		t.Run(f.name, func(t *testing.T) {
			w := w.on(t)
			same := w.unchanged()
			for name, text := range badText(f.most) {
				if e := wantKind(t, f.call(text), identity.ErrInvalid); e.Entity != f.entity || e.Field != f.field {
					t.Errorf("%s: %v names entity %q, field %q, want %q, %q", name, e, e.Entity, e.Field, f.entity, f.field)
				}
			}
			same()
			// The longest text is taken, which also shows that the call was good but for its text.
			if err := f.call(long(f.most)); err != nil {
				t.Errorf("%d bytes: %v", f.most, err)
			}
		})
	}
}

// TestBadIDs gives every method that takes an id a malformed one.

func TestBadIDs(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	o, s := w.in(x.Org), w.sys()
	bad := []string{"", "x", "or_", "us_", "gr_UPPER", "us_a b", "ro_a/b", "bi_\x00", "cr_" + long(65), "zz_01", "us_é", "gr_users' OR 1=1"}
	until := w.clock.Now().Add(time.Hour)
	methods := map[string]struct {
		entity string
		call   func(id string) error
	}{
		"Org":        {"org", func(id string) error { return last(s.Org(w.ctx, identity.OrgID(id))) }},
		"UpdateOrg":  {"org", func(id string) error { return last(s.UpdateOrg(w.ctx, identity.OrgID(id), identity.OrgPatch{})) }},
		"SuspendOrg": {"org", func(id string) error { return last(s.SuspendOrg(w.ctx, identity.OrgID(id))) }},
		"ResumeOrg":  {"org", func(id string) error { return last(s.ResumeOrg(w.ctx, identity.OrgID(id))) }},
		"DeleteOrg":  {"org", func(id string) error { return last(s.DeleteOrg(w.ctx, identity.OrgID(id))) }},
		"SignOutOrg": {"org", func(id string) error { return last(s.SignOutOrg(w.ctx, identity.OrgID(id))) }},
		"Account":    {"account", func(id string) error { return last(o.Account(w.ctx, identity.AccountID(id))) }},
		"UpdateAccount": {"account", func(id string) error {
			return last(o.UpdateAccount(w.ctx, identity.AccountID(id), identity.AccountPatch{}))
		}},
		"ActivateAccount":   {"account", func(id string) error { return last(o.ActivateAccount(w.ctx, identity.AccountID(id))) }},
		"ExtendAccount":     {"account", func(id string) error { return last(o.ExtendAccount(w.ctx, identity.AccountID(id), until)) }},
		"DeactivateAccount": {"account", func(id string) error { return last(o.DeactivateAccount(w.ctx, identity.AccountID(id))) }},
		"SignOutAccount":    {"account", func(id string) error { return last(o.SignOutAccount(w.ctx, identity.AccountID(id))) }},
		"ArchiveAccount":    {"account", func(id string) error { return last(o.ArchiveAccount(w.ctx, identity.AccountID(id))) }},
		"DeleteAccount":     {"account", func(id string) error { return last(o.DeleteAccount(w.ctx, identity.AccountID(id))) }},
		"ResendInvitation":  {"account", func(id string) error { return last(o.ResendInvitation(w.ctx, identity.AccountID(id), 0)) }},
		"RevokeInvitation":  {"account", func(id string) error { return last(o.RevokeInvitation(w.ctx, identity.AccountID(id))) }},
		"Vouch":             {"account", func(id string) error { return last(o.Vouch(w.ctx, identity.AccountID(id), w.session(0))) }},
		"GrantOwner":        {"account", func(id string) error { return last(o.GrantOwner(w.ctx, identity.AccountID(id))) }},
		"AddPublicKey": {"account", func(id string) error {
			return last(o.AddPublicKey(w.ctx, identity.AccountID(id), identity.PublicKeySpec{UnprovenPublicKey: x.Key}))
		}},
		"CreateAPIToken": {"account", func(id string) error {
			return last(o.CreateAPIToken(w.ctx, identity.AccountID(id), identity.APITokenSpec{Name: "t"}))
		}},
		"CreateClientSecret": {"account", func(id string) error {
			return last(o.CreateClientSecret(w.ctx, identity.AccountID(id), identity.ClientSecretSpec{}))
		}},
		"NewEnrollCode": {"account", func(id string) error {
			return last(o.NewEnrollCode(w.ctx, identity.AccountID(id), identity.EnrollCodeSpec{}))
		}},
		"RotateSecret": {"credential", func(id string) error { return last(o.RotateSecret(w.ctx, identity.CredentialID(id), 0)) }},
		"Group":        {"group", func(id string) error { return last(o.Group(w.ctx, identity.GroupID(id))) }},
		"Members":      {"group", func(id string) error { return last(o.Members(w.ctx, identity.GroupID(id), identity.Page{})) }},
		"UpdateGroup":  {"group", func(id string) error { return last(o.UpdateGroup(w.ctx, identity.GroupID(id), identity.GroupPatch{})) }},
		"DeleteGroup":  {"group", func(id string) error { return o.DeleteGroup(w.ctx, identity.GroupID(id), identity.IfUnused) }},
		"AddMember": {"group", func(id string) error {
			return last(o.AddMember(w.ctx, identity.GroupID(id), identity.SubjectID(x.User)))
		}},
		"AddMember member": {"subject", func(id string) error {
			return last(o.AddMember(w.ctx, x.Group, identity.SubjectID(id)))
		}},
		"RemoveMember": {"group", func(id string) error {
			return last(o.RemoveMember(w.ctx, identity.GroupID(id), identity.SubjectID(x.User)))
		}},
		"RemoveMember member": {"subject", func(id string) error {
			return last(o.RemoveMember(w.ctx, x.Group, identity.SubjectID(id)))
		}},
		"Role":          {"role", func(id string) error { return last(o.Role(w.ctx, identity.RoleID(id))) }},
		"UpdateRole":    {"role", func(id string) error { return last(o.UpdateRole(w.ctx, identity.RoleID(id), identity.RolePatch{})) }},
		"ArchiveRole":   {"role", func(id string) error { return last(o.ArchiveRole(w.ctx, identity.RoleID(id))) }},
		"UnarchiveRole": {"role", func(id string) error { return last(o.UnarchiveRole(w.ctx, identity.RoleID(id))) }},
		"DeleteRole":    {"role", func(id string) error { return o.DeleteRole(w.ctx, identity.RoleID(id), identity.IfUnused) }},
		"Binding":       {"binding", func(id string) error { return last(o.Binding(w.ctx, identity.BindingID(id))) }},
		"DeleteBinding": {"binding", func(id string) error { return o.DeleteBinding(w.ctx, identity.BindingID(id)) }},
		"Elevate":       {"binding", func(id string) error { return last(o.Elevate(w.ctx, identity.BindingID(id), time.Minute, "why")) }},
		"EndElevation":  {"binding", func(id string) error { return last(o.EndElevation(w.ctx, identity.BindingID(id))) }},
		"CreateBinding": {"subject", func(id string) error {
			return last(o.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(id), Role: "role", Scope: policy.Root}))
		}},
		"PurgeOrg":          {"org", func(id string) error { return last(w.sys().PurgeOrg(w.ctx, identity.OrgID(id))) }},
		"PurgeAccount":      {"account", func(id string) error { return last(o.PurgeAccount(w.ctx, identity.AccountID(id))) }},
		"PurgeGroup":        {"group", func(id string) error { return last(o.PurgeGroup(w.ctx, identity.GroupID(id))) }},
		"PurgeRole":         {"role", func(id string) error { return last(o.PurgeRole(w.ctx, identity.RoleID(id))) }},
		"Credential":        {"credential", func(id string) error { return last(o.Credential(w.ctx, identity.CredentialID(id))) }},
		"RenameCredential":  {"credential", func(id string) error { return last(o.RenameCredential(w.ctx, identity.CredentialID(id), "n")) }},
		"EnableCredential":  {"credential", func(id string) error { return last(o.EnableCredential(w.ctx, identity.CredentialID(id))) }},
		"DisableCredential": {"credential", func(id string) error { return last(o.DisableCredential(w.ctx, identity.CredentialID(id))) }},
		"RevokeCredential":  {"credential", func(id string) error { return last(o.RevokeCredential(w.ctx, identity.CredentialID(id))) }},
	}
	same := w.unchanged()
	for name, m := range methods {
		for _, id := range bad {
			if e := wantKind(t, m.call(id), identity.ErrInvalid); e.Entity != m.entity {
				t.Errorf("%s(%q): %v names entity %q, want %q", name, id, e, e.Entity, m.entity)
			}
		}
		// An id of another kind is malformed here.
		for kind, id := range map[string]string{"org": "or_01", "account": "us_01", "group": "gr_01", "role": "ro_01", "binding": "bi_01", "credential": "cr_01"} {
			if kind == m.entity || m.entity == "subject" && (kind == "account" || kind == "group") {
				continue
			}
			wantKind(t, m.call(id), identity.ErrInvalid)
		}
	}
	for _, org := range []identity.OrgID{"", "x", "or_", "or_ABSENT", "or_absent", "us_01"} {
		err := last(w.in(org).Accounts(w.ctx, identity.AccountFilter{}, identity.Page{}))
		wantKind(t, err, identity.ErrNotFound)
		wantKind(t, last(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"})), identity.ErrNotFound)
		if _, err := w.in(org).Vouch(w.ctx, x.User, w.session(0)); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("vouching in org %q: %v", org, err)
		}
	}
	same()
}

// pemOf wraps a public key.

func TestWhatIsStoredComesBack(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	o := w.in(org)
	_, key := newKey(t)
	made := must(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{
		Name: "ci", DisplayName: "CI ☃", Description: "line\nline", Labels: map[string]string{"a": "b"}, Validity: 48 * time.Hour,
		External: identity.ExternalID{Issuer: "i", Subject: "s"}, UnprovenPublicKey: key, KeyName: "laptop",
	}))(t)
	role := must(o.CreateRole(w.ctx, identity.RoleSpec{
		Name: "r", Permissions: []string{"wallets:*"}, Exclusions: []string{"wallets:delete"}, Includes: []string{"wallet-reader"}, ResourceTypes: []string{"projects"},
		Locks: identity.RoleLocks{Name: true, Deletion: true},
	}))(t)
	start := w.clock.Now().Add(time.Hour)
	binding := must(o.CreateBinding(w.ctx, identity.BindingSpec{
		Subject: identity.SubjectID(made.ID), Role: "r", Scope: path(t, "projects/p"), Start: start, End: start.Add(time.Hour), Reason: "because",
	}))(t)
	made.Key.OwnerKind, made.Key.OwnerState = made.Kind, made.State // which only reading tells
	for range 2 {
		o = w.in(org)
		for what, pair := range map[string][2]any{
			"account":    {made.Account, must(o.Account(w.ctx, made.ID))(t)},
			"credential": {made.Key, must(o.Credential(w.ctx, made.Key.ID))(t)},
			"role":       {role.Role, must(o.Role(w.ctx, role.ID))(t)},
			"binding":    {binding.Binding, must(o.Binding(w.ctx, binding.ID))(t)},
		} {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				t.Errorf("%s:\nmade  %+v\nfound %+v", what, pair[0], pair[1])
			}
		}
		w.reopen()
	}
	// An external id can be taken away, though others have none either.
	w.user(org, "other")
	cleared := must(w.in(org).UpdateAccount(w.ctx, made.ID, identity.AccountPatch{External: &identity.ExternalID{}}))(t)
	if !cleared.External.IsZero() {
		t.Errorf("%+v", cleared)
	}
}

// TestPublicText: what a stranger is told is a constant of the kind.

func TestPublicText(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range identity.Kinds() {
		if seen[kind.Error()] {
			t.Errorf("%q is the text of two kinds", kind)
		}
		seen[kind.Error()] = true
		public := identity.PublicText(fmt.Errorf("secret path /var/db: %w", &identity.Error{Kind: kind, Op: "Op", ID: "secret", Err: errors.New("secret")}))
		if containsText(public, "secret") {
			t.Errorf("%v says %q to strangers", kind, public)
		}
	}
	if got := identity.PublicText(errors.New("boom")); got != "internal error" {
		t.Errorf("an unknown error says %q", got)
	}
}

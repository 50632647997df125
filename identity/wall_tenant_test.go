package identity_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// tenant is an org with something of every kind in it. All that can be chosen
// about it, its mark is part of.
type tenant struct {
	mark string
	slug string
	org  identity.OrgID

	owner, user, service, idle, invited, archived identity.AccountID
	group, full                                   identity.GroupID // full holds user and service, and is bound
	role, shelved, bound                          identity.RoleID
	binding, other, eligible                      identity.BindingID    // eligible is of owner
	key, disabled, secret, client, retiring       identity.CredentialID // of service
	revoked, invitation                           identity.CredentialID
	gone                                          identity.AccountID // these three are deleted
	goneGroup                                     identity.GroupID
	goneRole                                      identity.RoleID
	external                                      identity.ExternalID
	head                                          identity.AuditHead
	mode                                          identity.DeleteMode // that calls are made in

	private                            ed25519.PrivateKey // of key
	pem, fresh                         []byte             // of key; registered nowhere
	thumbprint                         string
	jti                                string
	access, api, old, shared, accepted string            // the texts of tokens and secrets; old is of retiring
	challenge                          string            // for the registration of pem, for service
	proof                              identity.KeyProof // that answers it
	cursors                            []string
}

// tenant fills an org, which may be there already.
func (w *world) tenant(slug, mark string) *tenant {
	w.t.Helper()
	x := &tenant{mark: mark, slug: slug, jti: "01j" + mark, external: identity.ExternalID{Issuer: "https://" + mark + ".example", Subject: mark + "-subject"}}
	x.private, x.pem = newKey(w.t)
	_, x.fresh = newKey(w.t)
	_, second := newKey(w.t)
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		sys := tx.System("fixture")
		x.org = must(sys.EnsureOrg(ctx, identity.OrgSpec{Slug: slug, DisplayName: mark}))(w.t).ID
		in := sys.In(x.org)
		x.owner = must(in.CreateUser(ctx, identity.UserSpec{Email: "owner@" + mark + ".example"}))(w.t).ID
		must(in.GrantOwner(ctx, x.owner))(w.t)
		x.user = must(in.CreateUser(ctx, identity.UserSpec{
			Email: "user@" + mark + ".example", DisplayName: mark + " user", Description: mark, Labels: map[string]string{mark: mark}, External: x.external,
		}))(w.t).ID
		made := must(in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: mark + "-service", UnprovenPublicKey: x.pem, KeyName: mark + " key", Permissions: []string{"keys:use"}}))(w.t)
		x.service, x.key, x.thumbprint = made.ID, made.Key.ID, made.Key.Thumbprint
		x.idle = must(in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: mark + "-idle", Inactive: true}))(w.t).ID
		x.archived = must(in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: mark + "-archived"}))(w.t).ID
		must(in.ArchiveAccount(ctx, x.archived))(w.t)
		guest := must(in.Invite(ctx, inviting("guest@"+mark+".example")))(w.t)
		x.invited, x.invitation, x.accepted = guest.Account.ID, guest.Credential.ID, guest.Secret.Reveal()
		x.group = must(in.WithIdempotencyKey("01j"+mark).CreateGroup(ctx, identity.GroupSpec{Name: mark + "-group", Description: mark}))(w.t).ID
		x.full = must(in.CreateGroup(ctx, identity.GroupSpec{Name: mark + "-full"}))(w.t).ID
		for _, member := range []identity.AccountID{x.user, x.service} {
			must(in.AddMember(ctx, x.full, identity.SubjectID(member)))(w.t)
		}
		x.role = must(in.CreateRole(ctx, identity.RoleSpec{Name: mark + "-role", Description: mark, Permissions: []string{"wallets:create"}}))(w.t).ID
		x.shelved = must(in.CreateRole(ctx, identity.RoleSpec{Name: mark + "-shelved"}))(w.t).ID
		must(in.ArchiveRole(ctx, x.shelved))(w.t)
		x.bound = must(in.CreateRole(ctx, identity.RoleSpec{Name: mark + "-bound", Permissions: []string{"wallets:read"}}))(w.t).ID
		spec := identity.BindingSpec{Subject: identity.SubjectID(x.user), Role: string(x.bound), Scope: policy.Root, Reason: mark}
		x.binding = must(in.CreateBinding(ctx, spec))(w.t).ID
		spec.Subject = identity.SubjectID(x.full)
		x.other = must(in.CreateBinding(ctx, spec))(w.t).ID
		spec.Subject, spec.Eligible = identity.SubjectID(x.owner), time.Hour
		x.eligible = must(in.CreateBinding(ctx, spec))(w.t).ID
		x.gone = must(in.CreateUser(ctx, identity.UserSpec{Email: "gone@" + mark + ".example"}))(w.t).ID
		must(in.DeleteAccount(ctx, x.gone))(w.t)
		x.goneGroup = must(in.CreateGroup(ctx, identity.GroupSpec{Name: mark + "-gone"}))(w.t).ID
		x.goneRole = must(in.CreateRole(ctx, identity.RoleSpec{Name: mark + "-gone"}))(w.t).ID
		if err := errors.Join(in.DeleteGroup(ctx, x.goneGroup, identity.IfUnused), in.DeleteRole(ctx, x.goneRole, identity.IfUnused)); err != nil {
			return err
		}
		x.disabled = must(in.AddPublicKey(ctx, x.service, identity.PublicKeySpec{Name: mark, UnprovenPublicKey: second}))(w.t).ID
		must(in.DisableCredential(ctx, x.disabled))(w.t)
		secret := must(in.CreateAPIToken(ctx, x.service, identity.APITokenSpec{Name: mark + " token"}))(w.t)
		x.secret, x.api = secret.ID, secret.Secret.Reveal()
		secret = must(in.CreateAPIToken(ctx, x.service, identity.APITokenSpec{Name: mark + " old"}))(w.t)
		x.retiring, x.old = secret.ID, secret.Secret.Reveal()
		must(in.RotateSecret(ctx, x.retiring, time.Hour))(w.t)
		client := must(in.CreateClientSecret(ctx, x.service, identity.ClientSecretSpec{Name: mark}))(w.t)
		x.client, x.shared = client.ID, client.Secret.Reveal()
		x.revoked = must(in.CreateAPIToken(ctx, x.service, identity.APITokenSpec{Name: mark + " revoked"}))(w.t).ID
		must(in.RevokeCredential(ctx, x.revoked))(w.t)
		must(in.RevokeTokenID(ctx, x.service, x.jti+"r"))(w.t)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	x.access = w.tokenOf(x.org, x.service, x.key, x.jti)
	x.prove(w)
	x.page(w)
	return x
}

// prove gets what shows possession of the key.
func (x *tenant) prove(w *world) {
	made := must(w.in(x.org).NewKeyChallenge(w.ctx, x.service, x.pem))(w.t)
	message := must(token.ChallengeMessage(issuer, made.Text))(w.t)
	alg, signed, err := token.Sign(x.private, token.PurposePossession, message)
	if err != nil {
		w.t.Fatal(err)
	}
	x.challenge = made.Text
	x.proof = identity.KeyProof{Challenge: made.Text, Signature: base64.RawURLEncoding.EncodeToString(signed), Algorithm: alg}
}

// hook signs a message with the key, for a purpose of the host.
func (x *tenant) hook(message string) (token.Purpose, []byte) {
	purpose, err := token.HostPurpose("hook")
	if err != nil {
		panic(err)
	}
	_, signed, err := token.Sign(x.private, purpose, []byte(message))
	if err != nil {
		panic(err)
	}
	return purpose, signed
}

// page gets a cursor of every list, and the end of the log.
func (x *tenant) page(w *world) {
	in, one := w.in(x.org), identity.Page{Limit: 1}
	x.cursors = []string{
		must(in.Accounts(w.ctx, identity.AccountFilter{}, one))(w.t).Next,
		must(in.Groups(w.ctx, identity.GroupFilter{}, one))(w.t).Next,
		must(in.Members(w.ctx, x.full, one))(w.t).Next,
		must(in.Roles(w.ctx, identity.RoleFilter{}, one))(w.t).Next,
		must(in.Bindings(w.ctx, identity.BindingFilter{}, one))(w.t).Next,
		must(in.Credentials(w.ctx, identity.CredentialFilter{}, one))(w.t).Next,
		must(in.Events(w.ctx, identity.EventFilter{}, one))(w.t).Next,
		must(w.sys().Orgs(w.ctx, identity.OrgFilter{}, one))(w.t).Next,
	}
	for i, c := range x.cursors {
		if c == "" {
			w.t.Fatalf("list %d has one page only", i)
		}
	}
	x.head = must(in.AuditHead(w.ctx))(w.t)
}

// accounts, … are all that the tenant has of a kind.
func (x *tenant) accounts() []identity.AccountID {
	return []identity.AccountID{x.user, x.service, x.idle, x.invited, x.archived, x.owner, x.gone}
}

func (x *tenant) groups() []identity.GroupID { return []identity.GroupID{x.full, x.group, x.goneGroup} }

func (x *tenant) roles() []identity.RoleID {
	return []identity.RoleID{x.role, x.shelved, x.bound, x.goneRole}
}

func (x *tenant) bindings() []identity.BindingID {
	return []identity.BindingID{x.binding, x.other, x.eligible}
}

func (x *tenant) credentials() []identity.CredentialID {
	return []identity.CredentialID{x.key, x.disabled, x.secret, x.client, x.retiring, x.revoked, x.invitation}
}

// names are the texts that it is known by beside its ids.
func (x *tenant) names() []string {
	return []string{
		x.slug, x.mark + "-service", "user@" + x.mark + ".example", x.mark + "-group", x.mark + "-role", x.mark + "-shelved", x.mark + " token",
		x.external.Subject, x.jti, x.mark,
	}
}

// texts are all texts that only the tenant has. Nothing of them may be in what
// another org is told.
func (x *tenant) texts() []string {
	all := []string{x.mark, string(x.org), x.thumbprint, x.access, x.api, x.old, x.shared, x.accepted, x.challenge, x.head.Org.String()}
	all = append(all, x.cursors...)
	all = append(all, derived(x.pem)...)
	for _, ids := range [][]string{plain(x.accounts()), plain(x.groups()), plain(x.roles()), plain(x.bindings()), plain(x.credentials())} {
		all = append(all, ids...)
	}
	return append(all, x.slug)
}

// derived is how a key is seen in rows and answers.
func derived(key []byte) []string {
	block, _ := pem.Decode(key)
	parsed, err := token.PublicKeyFromDER(block.Bytes)
	if err != nil {
		panic(err)
	}
	return []string{parsed.Thumbprint(), hex.EncodeToString(block.Bytes), base64.StdEncoding.EncodeToString(block.Bytes)}
}

func plain[K ~string](ids []K) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

// twin is a text of the same form as one of a tenant's that nobody has.
func (x *tenant) twin(text string) string {
	switch {
	case strings.Contains(text, x.mark):
		return strings.ReplaceAll(text, x.mark, nobody)
	case text == x.slug:
		return nobody
	case len(text) > 3 && text[2] == '_' && len(text) < 40:
		return text[:3] + strings.Map(next, text[3:])
	}
	for _, t := range []struct{ secret, kind string }{{x.api, token.KindAPIToken}, {x.old, token.KindAPIToken}, {x.shared, token.KindClientSecret}, {x.accepted, token.KindInvitation}} {
		if text == t.secret {
			made, _, err := token.NewOpaque("cvg", t.kind, "01"+strings.Repeat("0", 24), newSeeded(1))
			if err != nil {
				panic(err)
			}
			return made.Reveal()
		}
	}
	// A cursor, a challenge or a signed token: the same but for its MAC or signature.
	at := len(text) - 8
	return text[:at] + string(next64(rune(text[at]))) + text[at+1:]
}

// nobody is in the place of a mark.
const nobody = "qqvvqq"

// next is another character of an id.
func next(c rune) rune {
	switch c {
	case '0', 'z':
		return '1'
	case '9':
		return 'a'
	}
	return c + 1
}

// next64 is another letter of base64.
func next64(c rune) rune {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}

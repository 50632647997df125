package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
)

const inactive = "200\n" + jsonHeaders + `{"active":false}` + "\n"

// introspect asks about a token in the name of a workload.
func (w workload) introspect(t testing.TB, id *identitytest.Env, token string, more ...string) string {
	t.Helper()
	return serve(httpapi.Introspection(id.Authority), post(clientForm(w.assertion(t, id), append(more, "token", token)...).Encode()))
}

// issued is an access token of an account, made now and cut down as asked.
func issued(t testing.TB, id *identitytest.Env, account identity.Account, req identity.TokenRequest) string {
	t.Helper()
	access, err := id.IssueToken(context.Background(), identitytest.Principal(t, id, account), req)
	if err != nil {
		t.Fatal(err)
	}
	return access.Token.Reveal()
}

// TestIntrospection holds the answer to its bytes (RFC 7662 section 2.2).
func TestIntrospection(t *testing.T) {
	id := identitytest.New(t, introspector, func(cfg *identity.Config) { cfg.Audience = "https://api.test" })
	ctx := context.Background()
	server := newWorkload(t, id, "introspector")
	account, peer, third := identitytest.Account(t, id), identitytest.Account(t, id), identitytest.Account(t, id)
	projects, err := policy.ParsePath("projects/p1")
	if err != nil {
		t.Fatal(err)
	}
	delegate := func(actor, subject identity.Principal) string {
		access, err := id.Delegate(ctx, actor, subject, identity.TokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return access.Token.Reveal()
	}
	acted := delegate(identitytest.Principal(t, id, peer), identitytest.Principal(t, id, account))
	p, err := id.Authenticate(ctx, acted)
	if err != nil {
		t.Fatal(err)
	}
	now := id.Clock.Now().Unix()
	head := func(scope string) string {
		return fmt.Sprintf(`{"active":true,%s"client_id":%q,"token_type":"Bearer","exp":%d,"iat":%d,"sub":%[2]q,"aud":"https://api.test","iss":%[5]q,"jti":`,
			scope, account.ID, now+600, now, identitytest.Issuer)
	}
	for _, c := range []struct {
		name, token, head, tail string
	}{
		{"plain", issued(t, id, account, identity.TokenRequest{}), head(""), `}`},
		{"scope", issued(t, id, account, identity.TokenRequest{Permissions: []string{"identity:orgs.read", "identity:groups.*"}}),
			head(`"scope":"identity:orgs.read identity:groups.*",`), `,"perm":["identity:orgs.read","identity:groups.*"]}`},
		{"nothing left", issued(t, id, account, identity.TokenRequest{Permissions: []string{}}), head(""), `,"perm":[]}`},
		{"path", issued(t, id, account, identity.TokenRequest{Path: projects}), head(""), `,"path":"projects/p1"}`},
		{"acted for", acted, head(""), fmt.Sprintf(`,"act":{"sub":%q}}`, peer.ID)},
		{"acted for by two", delegate(identitytest.Principal(t, id, third), p), head(""), fmt.Sprintf(`,"act":{"sub":%q,"act":{"sub":%q}}}`, third.ID, peer.ID)},
	} {
		for _, hint := range []string{"", "access_token", "refresh_token", "x"} {
			got := server.introspect(t, id, c.token, "token_type_hint", hint)
			claims, err := id.Authenticate(ctx, c.token)
			if err != nil {
				t.Fatal(err)
			}
			want := "200\n" + jsonHeaders + c.head + fmt.Sprintf(`%q,"org":%q`, claims.TokenID(), account.Org) + c.tail + "\n"
			if got != want {
				t.Errorf("%s, hint %q:\n%s\nwant\n%s", c.name, hint, got, want)
			}
		}
	}
}

// TestIntrospectionOfTheDead: whatever is wrong with a token, the answer is the
// same, and says nothing of it.
func TestIntrospectionOfTheDead(t *testing.T) {
	id, other := identitytest.New(t, introspector), identitytest.New(t)
	ctx := context.Background()
	server := newWorkload(t, id, "introspector")
	acme := id.System("test").In(server.account.Org)
	live := issued(t, id, identitytest.Account(t, id), identity.TokenRequest{})
	if got := server.introspect(t, id, live); !strings.HasPrefix(got, "200\n"+jsonHeaders+`{"active":true,`) {
		t.Fatal(got)
	}
	ruined := func(ruin func(identity.Account) error) string {
		t.Helper()
		account := identitytest.Account(t, id)
		raw := issued(t, id, account, identity.TokenRequest{})
		if err := ruin(account); err != nil {
			t.Fatal(err)
		}
		return raw
	}
	hooli := identitytest.Org(t, id, "hooli")
	foreign := issued(t, id, identitytest.AccountIn(t, id, hooli.ID), identity.TokenRequest{})
	if _, err := id.Authenticate(ctx, foreign); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"no token":           "abc",
		"long":               strings.Repeat("a", 20_000),
		"not UTF-8":          "\xff",
		"another text":       otherEnd(live),
		"with a space":       live + " ",
		"assertion":          server.assertion(t, id),
		"another instance":   issued(t, other, identitytest.Account(t, other), identity.TokenRequest{}),
		"another org":        foreign,
		"deactivated":        ruined(func(a identity.Account) error { _, err := acme.DeactivateAccount(ctx, a.ID); return err }),
		"deleted":            ruined(func(a identity.Account) error { _, err := acme.DeleteAccount(ctx, a.ID); return err }),
		"signed out":         ruined(func(a identity.Account) error { _, err := acme.SignOutAccount(ctx, a.ID); return err }),
		"revoked in its way": ruined(func(a identity.Account) error { return revokeKeys(ctx, acme, a.ID) }),
	} {
		if got := server.introspect(t, id, raw); got != inactive {
			t.Errorf("%s: %s", name, got)
		}
	}
	id.Clock.Advance(time.Hour)
	if got := server.introspect(t, id, live); got != inactive {
		t.Errorf("expired: %s", got)
	}
}

func revokeKeys(ctx context.Context, in *identity.OrgAdmin, account identity.AccountID) error {
	for key, err := range in.AllCredentials(ctx, identity.CredentialFilter{Account: account}) {
		if err != nil {
			return err
		}
		if _, err := in.RevokeCredential(ctx, key.ID); err != nil {
			return err
		}
	}
	return nil
}

// TestSec49_IntrospectionStaysInItsOrg: an org's servers learn nothing of the
// tokens of another, whichever right they have there, and one that operates the
// instance asks in its own org like everybody else.
func TestSec49_IntrospectionStaysInItsOrg(t *testing.T) {
	id := identitytest.New(t, introspector)
	hooli := identitytest.Org(t, id, "hooli")
	servers := []workload{
		newWorkload(t, id, "introspector"),
		workloadOf(t, id, identitytest.AccountIn(t, id, hooli.ID, "introspector")),
		workloadOf(t, id, identitytest.AccountIn(t, id, id.SystemOrg(), "introspector", "owner")),
	}
	for _, server := range servers {
		for _, subject := range servers {
			got := server.introspect(t, id, issued(t, id, subject.account, identity.TokenRequest{}))
			if active := strings.Contains(got, `{"active":true,`); active != (server.account.Org == subject.account.Org) || !active && got != inactive {
				t.Errorf("org %s of a token of %s: %s", server.account.Org, subject.account.Org, got)
			}
		}
	}
}

// TestIntrospectionNeedsItsPermission: a client without the right learns nothing,
// not even of its own token, and is told so in the same way about every token.
func TestIntrospectionNeedsItsPermission(t *testing.T) {
	id := identitytest.New(t, func(cfg *identity.Config) {
		others := []string{"identity:orgs.*", "identity:accounts.*", "identity:credentials.*", "identity:events.read"}
		cfg.Roles = append(cfg.Roles, identity.CodeRole{Name: "manager", Permissions: others})
	}, introspector)
	want := strings.Replace(refusal("unauthorized_client", "the client may not do this"), "400", "403", 1)
	for name, w := range map[string]workload{
		"nothing": newWorkload(t, id), "other rights": newWorkload(t, id, "manager"), "below the root": newWorkload(t, id, "introspector@projects/p1"),
	} {
		for _, raw := range []string{"abc", issued(t, id, w.account, identity.TokenRequest{})} {
			if got := w.introspect(t, id, raw); got != want {
				t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
			}
		}
	}
	w := newWorkload(t, id, "introspector")
	if got := w.introspect(t, id, ""); got != refusal("invalid_request", "token is required") {
		t.Errorf("no token: %s", got)
	}
}

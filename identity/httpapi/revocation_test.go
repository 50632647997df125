package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/identitytest"
)

const revokedAnswer = "200\nCache-Control: no-store\nPragma: no-cache\nX-Content-Type-Options: nosniff\n\n"

// revoke asks to end a token in the name of a workload.
func (w workload) revoke(t testing.TB, id *identitytest.Env, token string, more ...string) string {
	t.Helper()
	return serve(httpapi.Revocation(id.Authority), post(clientForm(w.assertion(t, id), append(more, "token", token)...).Encode()))
}

// TestRevocation: a client ends one of its tokens, at once and for good, and
// nothing else (RFC 7009 section 2).
func TestRevocation(t *testing.T) {
	id := identitytest.New(t)
	ctx := context.Background()
	w := newWorkload(t, id)
	for _, hint := range []string{"", "access_token", "refresh_token", "x"} {
		raw, beside := issued(t, id, w.account, identity.TokenRequest{}), issued(t, id, w.account, identity.TokenRequest{})
		held, err := id.Authenticate(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time it is unknown
			if got := w.revoke(t, id, raw, "token_type_hint", hint); got != revokedAnswer {
				t.Errorf("hint %q:\n%s", hint, got)
			}
		}
		if _, err := id.Authenticate(ctx, raw); !errors.Is(err, identity.ErrRevoked) || !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("hint %q: the token: %v", hint, err)
		}
		if _, err := id.IssueToken(ctx, held, identity.TokenRequest{}); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("hint %q: the principal: %v", hint, err)
		}
		if _, err := id.Authenticate(ctx, beside); err != nil {
			t.Errorf("hint %q: another token: %v", hint, err)
		}
	}
	if got := w.revoke(t, id, ""); got != refusal("invalid_request", "token is required") {
		t.Errorf("no token: %s", got)
	}
}

// TestRevocationOfOthers: what is not the client's own stays, and the answer does
// not tell (RFC 7009 section 2.2).
func TestRevocationOfOthers(t *testing.T) {
	id, other := identitytest.New(t), identitytest.New(t)
	ctx := context.Background()
	hooli := identitytest.Org(t, id, "hooli")
	w := newWorkload(t, id, "owner") // the rights that management asks for do not count here
	operator := workloadOf(t, id, identitytest.AccountIn(t, id, id.SystemOrg(), "owner"))
	victim, peer := identitytest.Account(t, id), identitytest.Account(t, id)
	acting, err := id.Delegate(ctx, identitytest.Principal(t, id, w.account), identitytest.Principal(t, id, victim), identity.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]string{
		"of another account":  issued(t, id, peer, identity.TokenRequest{}),
		"of another org":      issued(t, id, identitytest.AccountIn(t, id, hooli.ID), identity.TokenRequest{}),
		"of whom it acts for": acting.Token.Reveal(),
	}
	for name, raw := range live {
		for _, client := range []workload{w, operator} {
			if got := client.revoke(t, id, raw); got != revokedAnswer {
				t.Errorf("%s:\n%s", name, got)
			}
		}
		if _, err := id.Authenticate(ctx, raw); err != nil {
			t.Errorf("%s: it is dead: %v", name, err)
		}
	}
	for name, raw := range map[string]string{
		"no token": "abc", "not UTF-8": "\xff", "long": strings.Repeat("a", 20_000), "assertion": w.assertion(t, id),
		"of another instance": issued(t, other, identitytest.Account(t, other), identity.TokenRequest{}),
	} {
		if got := w.revoke(t, id, raw); got != revokedAnswer {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

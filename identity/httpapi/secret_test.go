package httpapi_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/identitytest"
)

// credentials are the two ways to send an id and a secret.
func credentials(client, secret string, asked []string) map[string]*http.Request {
	body := url.Values{}
	for i := 0; i < len(asked); i += 2 {
		body.Set(asked[i], asked[i+1])
	}
	basic := post(body.Encode())
	basic.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(secret))
	body.Set("client_id", client)
	body.Set("client_secret", secret)
	return map[string]*http.Request{"client_secret_basic": basic, "client_secret_post": post(body.Encode())}
}

// everyByte escapes all of a text (RFC 6749 appendix B).
func everyByte(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte('%')
		b.WriteByte("0123456789ABCDEF"[s[i]>>4])
		b.WriteByte("0123456789abcdef"[s[i]&15])
	}
	return b.String()
}

// TestClientSecret: a secret proves a client at every endpoint, as often as it is
// shown, however it is spelled in its encodings (RFC 6749 section 2.3.1).
func TestClientSecret(t *testing.T) {
	id := identitytest.New(t, introspector)
	w := newWorkload(t, id, "introspector")
	secret := w.secret(t, id).Secret.Reveal()
	client := string(w.account.ID)
	encoded := func(head, text string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", head+base64.StdEncoding.EncodeToString([]byte(text)))
		}
	}
	for _, e := range endpoints(id) {
		for range 2 {
			for method, r := range credentials(client, secret, e.asked) {
				if got := serve(e.handler, r); !strings.HasPrefix(got, "200\n") {
					t.Errorf("%s by %s: %s", e.name, method, got)
				}
			}
		}
		for name, change := range map[string]func(*http.Request){
			"lower case":        encoded("basic ", client+":"+secret),
			"upper case":        encoded("BASIC ", client+":"+secret),
			"two spaces":        encoded("Basic  ", client+":"+secret),
			"every byte":        encoded("Basic ", everyByte(client)+":"+everyByte(secret)),
			"the same id again": func(r *http.Request) { addToBody(r, "client_id", client) },
		} {
			r := credentials(client, secret, e.asked)["client_secret_basic"]
			change(r)
			if got := serve(e.handler, r); !strings.HasPrefix(got, "200\n") {
				t.Errorf("%s, %s: %s", e.name, name, got)
			}
		}
	}
}

func addToBody(r *http.Request, name, value string) {
	changed := post("x=y&grant_type=client_credentials&token=abc&" + url.Values{name: {value}}.Encode())
	r.Body, r.ContentLength = changed.Body, changed.ContentLength
}

// TestSec61_OneAnswerForEveryBadSecret compares bytes, between the causes, between
// the methods, and with the answer to a bad key.
func TestSec61_OneAnswerForEveryBadSecret(t *testing.T) {
	id, other := identitytest.New(t, introspector), identitytest.New(t)
	ctx := context.Background()
	w, second := newWorkload(t, id, "introspector"), newWorkload(t, id)
	acme := id.System("test").In(w.account.Org)
	secret := w.secret(t, id)
	text := secret.Secret.Reveal()
	type pair struct{ client, secret string }
	apiToken, err := acme.CreateAPIToken(ctx, w.account.ID, identity.APITokenSpec{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := newWorkload(t, other).secret(t, other).Secret.Reveal()
	bad := map[string]pair{
		"unknown client":     {"sa_0000000000000000000000000a", text},
		"another client":     {string(second.account.ID), text},
		"no id at all":       {"x", text},
		"id in upper case":   {strings.ToUpper(string(w.account.ID)), text},
		"id with a space":    {string(w.account.ID) + " ", text},
		"wrong secret":       {string(w.account.ID), second.secret(t, id).Secret.Reveal()},
		"changed secret":     {string(w.account.ID), otherEnd(text)},
		"cut secret":         {string(w.account.ID), text[:len(text)-1]},
		"longer secret":      {string(w.account.ID), text + "0"},
		"no secret at all":   {string(w.account.ID), "x"},
		"very long secret":   {string(w.account.ID), strings.Repeat("a", 20_000)},
		"NUL":                {string(w.account.ID), text + "\x00"},
		"not UTF-8":          {"\xff", "\xff"},
		"of another place":   {string(w.account.ID), elsewhere},
		"API token":          {string(w.account.ID), apiToken.Secret.Reveal()},
		"access token":       {string(w.account.ID), issued(t, id, w.account, identity.TokenRequest{})},
		"the key's id":       {string(w.key), text},
		"injection":          {"' OR 1=1 --", text},
		"unknown and no one": {"sa_0000000000000000000000000a", "x"},
	}
	for name, ruin := range map[string]func(workload, identity.CredentialID) error{
		"deactivated": func(v workload, _ identity.CredentialID) error {
			_, err := acme.DeactivateAccount(ctx, v.account.ID)
			return err
		},
		"archived": func(v workload, _ identity.CredentialID) error {
			_, err := acme.ArchiveAccount(ctx, v.account.ID)
			return err
		},
		"deleted": func(v workload, _ identity.CredentialID) error {
			_, err := acme.DeleteAccount(ctx, v.account.ID)
			return err
		},
		"revoked":  func(_ workload, c identity.CredentialID) error { _, err := acme.RevokeCredential(ctx, c); return err },
		"disabled": func(_ workload, c identity.CredentialID) error { _, err := acme.DisableCredential(ctx, c); return err },
	} {
		v := newWorkload(t, id, "introspector")
		its := v.secret(t, id)
		if err := ruin(v, its.ID); err != nil {
			t.Fatal(err)
		}
		bad[name] = pair{string(v.account.ID), its.Secret.Reveal()}
	}
	hooli := identitytest.Org(t, id, "hooli")
	suspended := workloadOf(t, id, identitytest.AccountIn(t, id, hooli.ID, "introspector"))
	bad["org suspended"] = pair{string(suspended.account.ID), suspended.secret(t, id).Secret.Reveal()}
	if _, err := id.System("test").SuspendOrg(ctx, hooli.ID); err != nil {
		t.Fatal(err)
	}
	short, err := acme.CreateClientSecret(ctx, w.account.ID, identity.ClientSecretSpec{Validity: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	bad["expired"] = pair{string(w.account.ID), short.Secret.Reveal()}
	id.Clock.Advance(2 * time.Hour)
	for _, e := range endpoints(id) {
		for method, r := range credentials(string(w.account.ID), text, e.asked) {
			if got := serve(e.handler, r); !strings.HasPrefix(got, "200\n") {
				t.Fatalf("%s by %s: %s", e.name, method, got)
			}
		}
		for name, p := range bad {
			for method, r := range credentials(p.client, p.secret, e.asked) {
				if got := serve(e.handler, r); got != badClient {
					t.Errorf("%s, %s by %s:\n%s\nwant\n%s", e.name, name, method, got, badClient)
				}
			}
		}
	}
}

// TestIntrospectionOfAnAPIToken: one that is no JWT is described as far as it says
// something, and a client secret is no token.
func TestIntrospectionOfAnAPIToken(t *testing.T) {
	id := identitytest.New(t, introspector)
	ctx := context.Background()
	server := newWorkload(t, id, "introspector")
	account := identitytest.Account(t, id)
	acme := id.System("test").In(account.Org)
	made, err := acme.CreateAPIToken(ctx, account.ID, identity.APITokenSpec{Name: "a", Permissions: []string{"identity:orgs.read"}})
	if err != nil {
		t.Fatal(err)
	}
	raw := made.Secret.Reveal()
	got := server.introspect(t, id, raw)
	for _, want := range []string{`{"active":true,"scope":"identity:orgs.read","client_id":"` + string(account.ID) + `","token_type":"Bearer","exp":`, `,"perm":["identity:orgs.read"]}`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if strings.Contains(got, "jti") || strings.Contains(got, raw) {
		t.Error(got)
	}
	if got := server.introspect(t, id, server.secret(t, id).Secret.Reveal()); got != inactive {
		t.Errorf("client secret: %s", got)
	}
	if _, err := acme.RevokeCredential(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	if got := server.introspect(t, id, raw); got != inactive {
		t.Errorf("revoked: %s", got)
	}
}

// TestRevocationOfAnAPIToken: a client is not told that its API token is ended when
// it is not; of those of others it learns nothing.
func TestRevocationOfAnAPIToken(t *testing.T) {
	id := identitytest.New(t)
	ctx := context.Background()
	w, second := newWorkload(t, id), newWorkload(t, id)
	for _, owner := range []workload{w, second} {
		made, err := id.System("test").In(owner.account.Org).CreateAPIToken(ctx, owner.account.ID, identity.APITokenSpec{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		want := revokedAnswer
		if owner.account.ID == w.account.ID {
			want = refusal("unsupported_token_type", "only access tokens are revoked here")
		}
		if got := w.revoke(t, id, made.Secret.Reveal()); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
		if _, err := id.Authenticate(ctx, made.Secret.Reveal()); err != nil {
			t.Error(err)
		}
	}
}

// otherEnd is a text with another last character.
func otherEnd(text string) string {
	if cut, ok := strings.CutSuffix(text, "0"); ok {
		return cut + "1"
	}
	return text[:len(text)-1] + "0"
}

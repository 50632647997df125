package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

const (
	exchangeGrant   = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	elsewhere       = "https://billing.example"
)

// exchange is a host whose tokens are exchanged, and who takes part.
type exchange struct {
	t    *testing.T
	id   *identitytest.Env
	h    http.Handler
	user workload // whose tokens they are
	gate workload // who acts for others
}

func newExchange(t *testing.T) *exchange {
	id := identitytest.New(t, func(cfg *identity.Config) {
		cfg.Audiences = []string{elsewhere}
		cfg.Permissions = []policy.PermissionSpec{{Name: "wallets:read"}, {Name: "wallets:create"}}
		cfg.Roles = []identity.CodeRole{{Name: "wallets", Permissions: []string{"wallets:*"}}}
	})
	return &exchange{t: t, id: id, h: httpapi.Token(id.Authority), user: newWorkload(t, id, "wallets"), gate: newWorkload(t, id, "wallets")}
}

func (x *exchange) token(w workload) string {
	x.t.Helper()
	return strings.TrimPrefix(identitytest.Bearer(x.t, x.id, w.account), "Bearer ")
}

// ask has a client exchange a token; more are pairs of names and values, and an empty
// value leaves a parameter out.
func (x *exchange) ask(client workload, subject string, more ...string) string {
	x.t.Helper()
	f := clientForm(client.assertion(x.t, x.id), "grant_type", exchangeGrant, "subject_token", subject, "subject_token_type", accessTokenType)
	for i := 0; i < len(more); i += 2 {
		if f.Set(more[i], more[i+1]); more[i+1] == "" {
			f.Del(more[i])
		}
	}
	return serve(x.h, post(f.Encode()))
}

// granted is the token of an answer, with the seconds that it lives.
func (x *exchange) granted(answer string) (raw string, seconds int64) {
	x.t.Helper()
	body, ok := strings.CutPrefix(answer, "200\n"+jsonHeaders)
	var said struct {
		AccessToken string `json:"access_token"`
		IssuedType  string `json:"issued_token_type"`
		Type        string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
		Refresh     string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(body), &said); !ok || err != nil || said.IssuedType != accessTokenType || said.Type != "Bearer" || said.Refresh != "" {
		x.t.Fatalf("%s (%v)", answer, err)
	}
	return said.AccessToken, said.ExpiresIn
}

func (x *exchange) who(raw string) identity.Principal {
	x.t.Helper()
	p, err := x.id.Authenticate(context.Background(), raw)
	if err != nil {
		x.t.Fatal(err)
	}
	return p
}

// TestExchange is the way it is meant: a narrower token, one for another audience, and
// one to act with.
func TestExchange(t *testing.T) {
	x := newExchange(t)
	own := x.token(x.user)
	x.id.Clock.Advance(3 * time.Minute)
	raw, seconds := x.granted(x.ask(x.user, own, "scope", "wallets:read", "path", "projects/1"))
	limits := x.who(raw).Limits()
	if len(limits.Permissions) != 1 || limits.Permissions[0] != "wallets:read" || limits.Path.String() != "projects/1" || seconds != 7*60 {
		t.Errorf("%+v for %d s, want what is left of 10 minutes", limits, seconds)
	}
	// Nothing of the narrower one is wider again.
	if got := x.ask(x.user, raw, "scope", "wallets:create"); !strings.Contains(got, `"invalid_scope"`) {
		t.Error(got)
	}
	if got := x.ask(x.user, raw, "path", "projects/2"); !strings.Contains(got, `"invalid_scope"`) {
		t.Error(got)
	}
	again, left := x.granted(x.ask(x.user, raw))
	if l := x.who(again).Limits(); len(l.Permissions) != 1 || l.Path.String() != "projects/1" || left > seconds {
		t.Errorf("%+v for %d s", l, left)
	}

	acting, _ := x.granted(x.ask(x.gate, own, "actor_token", x.token(x.gate), "actor_token_type", accessTokenType))
	p := x.who(acting)
	if p.Account() != x.user.account.ID || len(p.Actors()) != 1 || p.Actors()[0] != x.gate.account.ID {
		t.Errorf("%s, acted for by %v", p, p.Actors())
	}
	narrower, _ := x.granted(x.ask(x.gate, acting, "scope", "wallets:read")) // who acts may narrow what it acts with
	if q := x.who(narrower); len(q.Actors()) != 1 || len(q.Limits().Permissions) != 1 {
		t.Errorf("%v, %+v", q.Actors(), q.Limits())
	}
}

// verify is what a service of an audience does with a token, without asking.
func (x *exchange) verify(raw, audience string) error {
	x.t.Helper()
	jwks, err := x.id.JWKS(context.Background())
	if err != nil {
		x.t.Fatal(err)
	}
	keys, err := token.ParseKeySet(jwks)
	if err != nil {
		x.t.Fatal(err)
	}
	v, err := token.NewVerifier(token.VerifierConfig{Issuer: identitytest.Issuer, Audience: audience})
	if err != nil {
		x.t.Fatal(err)
	}
	_, err = v.Verify(keys, raw, x.id.Clock.Now())
	return err
}

// TestGrantAudience: without an exchange, too, who asks for a token for one service, or under a path, is not given one for all.
func TestGrantAudience(t *testing.T) {
	x := newExchange(t)
	target := refusal("invalid_target", "no token is made for this audience")
	for _, grant := range []string{grantType, "client_credentials"} {
		ask := func(assertion string, more ...string) string {
			f := form(assertion)
			if grant != grantType {
				f = clientForm(assertion, "grant_type", grant)
			}
			for i := 0; i < len(more); i += 2 {
				f.Set(more[i], more[i+1])
			}
			return serve(x.h, post(f.Encode()))
		}
		for _, name := range []string{"audience", "resource"} {
			body, _ := strings.CutPrefix(ask(x.user.assertion(t, x.id), name, elsewhere), "200\n"+jsonHeaders)
			var answer struct {
				Token string `json:"access_token"`
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatalf("%s, %s: %v", grant, name, err)
			}
			if err := x.verify(answer.Token, elsewhere); err != nil {
				t.Errorf("%s, %s: there: %v", grant, name, err)
			}
			if _, err := x.id.Authenticate(context.Background(), answer.Token); err == nil {
				t.Errorf("%s, %s: was let in here", grant, name)
			}
			unspent := x.user.assertion(t, x.id)
			if got := ask(unspent, name, "https://evil.example"); got != target {
				t.Errorf("%s, %s of nobody: %s", grant, name, got)
			}
			if got := ask(unspent); !strings.HasPrefix(got, "200\n") {
				t.Errorf("%s: what was refused for its %s used the assertion up: %s", grant, name, got)
			}
			if got := ask("abc", name, "https://evil.example"); strings.Contains(got, "invalid_target") {
				t.Errorf("%s, %s: a stranger is told %s", grant, name, got)
			}
		}
		if got := ask(x.user.assertion(t, x.id), "audience", elsewhere, "resource", identitytest.Issuer); got != target {
			t.Errorf("%s, for two: %s", grant, got)
		}
		if got := ask(x.user.assertion(t, x.id), "path", "projects/p1"); got != refusal("invalid_request", "a path is for "+exchangeGrant) {
			t.Errorf("%s, a path: %s", grant, got)
		}
	}
}

// TestExchangeAudience: a token for another service is good there and nowhere else.
func TestExchangeAudience(t *testing.T) {
	x := newExchange(t)
	ctx := context.Background()
	own, verify := x.token(x.user), x.verify
	for _, more := range [][]string{{"audience", elsewhere}, {"resource", elsewhere}, {"audience", elsewhere, "resource", elsewhere}} {
		raw, _ := x.granted(x.ask(x.user, own, more...))
		if err := verify(raw, elsewhere); err != nil {
			t.Errorf("%v: there: %v", more, err)
		}
		if err := verify(raw, identitytest.Issuer); err == nil {
			t.Errorf("%v: here", more)
		}
		if _, err := x.id.Authenticate(ctx, raw); err == nil {
			t.Errorf("%v: was let in here", more)
		}
		if got := x.ask(x.user, raw); got != refusal("invalid_request", "a token is not accepted") {
			t.Errorf("%v: exchanged back: %s", more, got)
		}
	}
	x.who(func() string { raw, _ := x.granted(x.ask(x.user, own, "audience", identitytest.Issuer)); return raw }())
	want := refusal("invalid_target", "no token is made for this audience")
	for _, more := range [][]string{
		{"audience", "https://billing.example/"}, {"audience", "https://evil.example"}, {"resource", "https://evil.example"}, {"audience", strings.Repeat("a", 5000)},
		{"audience", elsewhere, "resource", identitytest.Issuer}, {"audience", elsewhere + " " + identitytest.Issuer}, {"audience", "HTTPS://billing.example"},
	} {
		if got := x.ask(x.user, own, more...); got != want {
			t.Errorf("%v: %s", more, got)
		}
	}
}

// TestSec38_Exchange: of tokens that are not alive, not the client's, or of another
// kind nothing is made, and all get the same answer.
func TestSec38_Exchange(t *testing.T) {
	x := newExchange(t)
	ctx := context.Background()
	acme := x.id.System("test").In(x.user.account.Org)
	api, err := acme.CreateAPIToken(ctx, x.user.account.ID, identity.APITokenSpec{Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	revoked, dead, late := x.token(x.user), newWorkload(t, x.id, "wallets"), x.token(x.user)
	if _, err := acme.RevokeToken(ctx, revoked); err != nil {
		t.Fatal(err)
	}
	ofDead := x.token(dead)
	if _, err := acme.DeactivateAccount(ctx, dead.account.ID); err != nil {
		t.Fatal(err)
	}
	x.id.Clock.Advance(10 * time.Minute)
	own, gates := x.token(x.user), x.token(x.gate)
	other := identitytest.New(t)
	foreign := strings.TrimPrefix(identitytest.Bearer(t, other, newWorkload(t, other).account), "Bearer ")
	acting, _ := x.granted(x.ask(x.gate, own, "actor_token", gates, "actor_token_type", accessTokenType))
	chain := acting
	for range 3 { // up to as many as there can be
		chain, _ = x.granted(x.ask(x.gate, chain, "actor_token", gates, "actor_token_type", accessTokenType))
	}
	want := refusal("invalid_request", "a token is not accepted")
	actor := func(raw string) []string { return []string{"actor_token", raw, "actor_token_type", accessTokenType} }
	for what, c := range map[string]struct {
		client  workload
		subject string
		more    []string
	}{
		"garbage":                          {x.user, "abc", nil},
		"revoked":                          {x.user, revoked, nil},
		"expired":                          {x.user, late, nil},
		"of an account that is dead":       {x.gate, ofDead, actor(gates)},
		"of another instance":              {x.user, foreign, nil},
		"an API token":                     {x.user, api.Secret.Reveal(), nil},
		"an assertion":                     {x.user, x.user.assertion(t, x.id), nil},
		"of another client":                {x.gate, own, nil},
		"of the subject, by who is it":     {x.user, acting, nil},
		"an actor that is not the client":  {x.user, own, actor(gates)},
		"an actor that is the subject":     {x.user, own, actor(own)},
		"an actor that is garbage":         {x.gate, own, actor("abc")},
		"an actor that is expired":         {x.user, own, actor(late)},
		"more than four would act":         {x.gate, chain, actor(gates)},
		"an API token of the actor":        {x.user, own, actor(api.Secret.Reveal())},
		"garbage, for an unknown audience": {x.user, "abc", []string{"audience", "https://evil.example"}},
	} {
		if got := x.ask(c.client, c.subject, c.more...); got != want {
			t.Errorf("%s: %s", what, got)
		}
	}
	// What is made of a token dies with it.
	made, _ := x.granted(x.ask(x.gate, own, actor(gates)...))
	if _, err := acme.DeactivateAccount(ctx, x.gate.account.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := x.id.Authenticate(ctx, made); err == nil {
		t.Error("the actor was deactivated")
	}
	if got := x.ask(x.gate, own, actor(gates)...); got != badClient {
		t.Errorf("a client that is dead: %s", got)
	}
}

// TestExchangeRequests is what makes no sense (RFC 8693 section 2.1), and who does not
// authenticate.
func TestExchangeRequests(t *testing.T) {
	x := newExchange(t)
	own := x.token(x.user)
	only := refusal("invalid_request", "only access tokens are exchanged, and given: "+accessTokenType)
	for what, c := range map[string]struct {
		more []string
		want string
	}{
		"no subject":            {[]string{"subject_token", ""}, refusal("invalid_request", "subject_token is required")},
		"no type":               {[]string{"subject_token_type", ""}, refusal("invalid_request", "subject_token_type is required")},
		"a refresh token":       {[]string{"subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}, only},
		"an id token":           {[]string{"subject_token_type", "urn:ietf:params:oauth:token-type:id_token"}, only},
		"SAML":                  {[]string{"subject_token_type", "urn:ietf:params:oauth:token-type:saml2"}, only},
		"any JWT":               {[]string{"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"}, only},
		"a type in capitals":    {[]string{"subject_token_type", strings.ToUpper(accessTokenType)}, only},
		"wants a refresh token": {[]string{"requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}, only},
		"actor without type":    {[]string{"actor_token", own}, refusal("invalid_request", "actor_token and actor_token_type come together")},
		"type without actor":    {[]string{"actor_token_type", accessTokenType}, refusal("invalid_request", "actor_token and actor_token_type come together")},
		"actor of a type":       {[]string{"actor_token", own, "actor_token_type", "urn:ietf:params:oauth:token-type:jwt"}, only},
		"unknown scope":         {[]string{"scope", "wallets:fly"}, refusal("invalid_scope", "the scope is not a list of permissions")},
		"malformed path":        {[]string{"path", "projects"}, refusal("invalid_request", "the path is malformed")},
		"nobody":                {[]string{"client_assertion", "", "client_assertion_type", ""}, badClient},
		"a bad client":          {[]string{"client_assertion", "abc"}, badClient},
		"another client_id":     {[]string{"client_id", string(x.gate.account.ID)}, badClient},
		"a second way":          {[]string{"client_secret", "s"}, refusal("invalid_request", "more than one client authentication")},
	} {
		if got := x.ask(x.user, own, c.more...); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", what, got, c.want)
		}
	}
	if raw, _ := x.granted(x.ask(x.user, own, "requested_token_type", accessTokenType)); raw == own {
		t.Error("the same token")
	}
}

package httpauth_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
)

// inside is a language of one condition: the attribute "inside" is true.
type inside struct{}

func (inside) Compile(source string, _ *policy.Schema) (policy.Condition, error) {
	if source != "inside" {
		return nil, errors.New("no such condition")
	}
	return inside{}, nil
}

func (inside) Eval(env *policy.Env) (policy.Truth, string) {
	switch v, ok := env.Lookup("inside"); {
	case !ok:
		return policy.Unknown, "inside"
	case v == any(true):
		return policy.True, ""
	}
	return policy.False, ""
}

func (inside) Attributes() []string { return []string{"inside"} }

// TestAttrs: what the host says of a request reaches the guard, Check, and the
// calls of Actor, and is asked for once.
func TestAttrs(t *testing.T) {
	env := identitytest.New(t, func(c *identity.Config) {
		c.Permissions = []policy.PermissionSpec{{Name: "wallets:read"}}
		c.Roles = []identity.CodeRole{{Name: "reader", Permissions: []string{"wallets:read", "identity:groups.read"}}}
		c.Attributes = []policy.AttributeSpec{{Name: "inside", Type: policy.TypeBool}}
		c.Conditions = inside{}
	})
	acme := identitytest.Org(t, env, "acme")
	account := identitytest.Account(t, env)
	_, err := env.System("test").In(acme.ID).CreateBinding(context.Background(), identity.BindingSpec{
		Subject: identity.SubjectID(account.ID), Role: "reader", Scope: policy.Root, Condition: "inside",
	})
	if err != nil {
		t.Fatal(err)
	}
	target := identity.Target{Org: acme.ID, Path: policy.Root}
	asked := 0
	attrs := func(r *http.Request) *policy.Attrs {
		asked++
		if p, ok := httpauth.Principal(r); !ok || p.Account() != account.ID {
			t.Errorf("asked about a request of %s", p)
		}
		switch r.Header.Get("Inside") {
		case "yes":
			return new(policy.Attrs).SetBool("inside", true)
		case "no":
			return new(policy.Attrs).SetBool("inside", false)
		}
		return nil
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := httpauth.Check(r, "wallets:read", target); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := httpauth.Actor(r).In(acme.ID).Groups(r.Context(), identity.GroupFilter{}, identity.Page{}); err != nil {
			t.Error(err)
		}
	}
	checked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := httpauth.Check(r, "wallets:read", target); err != nil {
			httpauth.Write(w, r, err)
			return
		}
		handler(w, r)
	})
	w := &world{Env: env, log: &journal{}}
	options := w.options()
	served := func(options httpauth.Options) map[string]http.Handler {
		mux := httpauth.NewMux(env.Authority, options)
		mux.HandleFunc("GET /", httpauth.Require("wallets:read", func(*http.Request) (identity.Target, error) { return target, nil }), handler)
		mux.HandleFunc("GET /public", httpauth.Public, func(http.ResponseWriter, *http.Request) {})
		return map[string]http.Handler{"Mux": mux, "Authenticate": httpauth.Authenticate(env.Authority, options)(checked)}
	}
	ask := func(h http.Handler, url, where string) string {
		asked = 0
		r := request(url, identitytest.Bearer(t, env, account))
		r.Header.Set("Inside", where)
		return status(serve(h, r))
	}
	for name, h := range served(options) {
		if got := ask(h, "/", "yes"); got != "403" || asked != 0 {
			t.Errorf("%s without Attrs: %s", name, got)
		}
	}
	options.Attrs = attrs
	for name, h := range served(options) {
		for where, want := range map[string]string{"yes": "200", "no": "403", "": "403"} {
			if got := ask(h, "/", where); got != want || asked != 1 {
				t.Errorf("%s, inside %q: %s, asked %d times", name, where, got, asked)
			}
		}
		if name == "Mux" {
			if got := ask(h, "/public", "yes"); got != "200" || asked != 0 {
				t.Errorf("a public route: %s, asked %d times", got, asked)
			}
		}
	}
}

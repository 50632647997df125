package identity_test

import (
	"fmt"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// chains adds principals with limited tokens, and some that act for others.
func (a *asked) chains() {
	a.t.Helper()
	org := a.orgs[0]
	var proven []identity.Principal
	for i := range 4 {
		sa, key := a.service(org, fmt.Sprintf("chained%d", i))
		for _, at := range []string{"/", "p/1", "p/2"} {
			deny := a.rnd.IntN(4) == 0 && at != "/"
			a.bind(org, identity.BindingSpec{Subject: identity.SubjectID(sa.ID), Role: "wallet-admin", Scope: path(a.t, at), Deny: deny})
		}
		req := identity.TokenRequest{}
		switch i {
		case 1:
			req.Path = path(a.t, "p/1")
		case 2:
			req.Permissions = []string{"wallets:read"}
		}
		proven = append(proven, a.narrowed(sa, key, req))
	}
	for range 6 {
		n := a.rnd.Perm(len(proven))
		one := a.delegated(proven[n[0]], proven[n[1]], identity.TokenRequest{})
		a.principals = append(a.principals, proven[n[0]], one, a.delegated(proven[n[2]], one, identity.TokenRequest{}))
	}
}

// TestFilter: a filter matches where Authorize allows, for every way in which one
// may refuse.
func TestFilter(t *testing.T) {
	w := openAsked(t)
	w.chains()
	w.disturb()
	paths := append([]policy.Path{path(t, "p/1/f/10"), path(t, "p/10/f/1"), path(t, "q/1")}, w.paths...)
	allowed, partial, reasons := 0, 0, map[policy.Reason]int{}
	for _, org := range w.orgs[:2] { // active, then suspended
		for range 600 {
			req := w.request()
			f := w.id.Filter(w.ctx, req)
			_, part := f.Partial()
			var first policy.Decision
			same := true
			for i, p := range paths {
				req.Path = p
				d := w.id.Authorize(w.ctx, req)
				if i == 0 {
					first = d
				}
				same = same && d.Reason == first.Reason
				if f.Match(p) != d.Allowed {
					t.Fatalf("%+v: %+v, Authorize at %s: %+v", req, f, p, d)
				}
				if d.Allowed {
					allowed++
				}
			}
			if f.Revision != first.Revision {
				t.Errorf("%+v: revision %d, want %d", req, f.Revision, first.Revision)
			}
			if same && f.Reason() != first.Reason {
				t.Errorf("%+v: %v, Authorize says %v wherever it is asked", req, f.Reason(), first.Reason)
			}
			if part {
				partial++
			}
			reasons[f.Reason()]++
		}
		must(w.sys().SuspendOrg(w.ctx, org))(t)
	}
	if allowed < 200 || partial == 0 || len(reasons) < 7 {
		t.Errorf("%d are allowed, %d are partial, for %v: this test compares little", allowed, partial, reasons)
	}
}

// TestFilterOfNow: a filter is of its moment, and the next one of the next.
func TestFilterOfNow(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u")
	w.grant(org, identity.SubjectID(u), path(t, "projects/1"), "wallets:read")
	req := identity.Request{Principal: w.login(org, u), Org: org, Permission: perm(t, "wallets:read")}
	at := path(t, "projects/1/wallets/1")
	held := w.id.Filter(w.ctx, req)
	if !held.Match(at) || held.Match(path(t, "projects/10")) || held.Reason() != policy.ReasonAllowed || held.Revision != w.id.Revision() {
		t.Errorf("%+v", held)
	}
	ahead := req
	ahead.AtLeast = w.id.Revision() + 1
	if f := w.id.Filter(w.ctx, ahead); !f.Nothing() || f.Reason() != policy.ReasonStale {
		t.Errorf("%+v", f)
	}
	must(w.in(org).DeactivateAccount(w.ctx, u))(t)
	if f := w.id.Filter(w.ctx, req); !f.Nothing() || f.Reason() != policy.ReasonAccountInactive {
		t.Errorf("%+v", f)
	}
	if !held.Match(at) {
		t.Error("a filter that is held has changed")
	}
	if f := w.id.Filter(w.ctx, identity.Request{Org: org, Permission: req.Permission}); !f.Nothing() || f.Reason() != policy.ReasonUnauthenticated {
		t.Errorf("%+v", f)
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	if f := w.id.Filter(w.ctx, req); !f.Nothing() || f.Reason() != policy.ReasonUnavailable {
		t.Errorf("%+v", f)
	}
}

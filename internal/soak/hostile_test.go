package soak

import (
	"encoding/base64"
	"errors"
	mathrand "math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// hostileGrowth is how much the live heap may grow under hostile requests: what
// a process keeps must not depend on what strangers send it.
const hostileGrowth = 512 << 10

// hostile makes requests of which hardly two are the same.
type hostile struct {
	rng    *mathrand.Rand
	header string // of a real token
}

func (h hostile) text(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[h.rng.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	letters  = "abcdefghijklmnopqrstuvwxyz0123456789"
	encoding = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// permission is a well-formed one that the host does not have, or now and then has.
func (h hostile) permission() policy.Permission {
	if h.rng.IntN(4) == 0 {
		return permission("wallets:read")
	}
	return permission(h.text(1+h.rng.IntN(60), letters) + ":" + h.text(8, letters))
}

func (h hostile) path() policy.Path {
	var parts []string
	for range 1 + h.rng.IntN(6) {
		parts = append(parts, h.text(1+h.rng.IntN(10), letters), h.text(1+h.rng.IntN(40), letters+"/%\n* \x00"))
	}
	p, err := policy.NewPath(parts...)
	if err != nil {
		return policy.Root
	}
	return p
}

func (h hostile) org(own identity.OrgID) identity.OrgID {
	switch h.rng.IntN(4) {
	case 0:
		return own
	case 1:
		return identity.OrgID(h.text(1+h.rng.IntN(100), letters+"'/\x00\xff"))
	}
	return identity.OrgID("or_" + h.text(26, letters))
}

// token is nonsense; or has the form of a token; or has a real header, so that its
// signature is checked; or has the form of other secrets.
func (h hostile) token() string {
	switch h.rng.IntN(8) {
	case 0:
		payload := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + issuer + `","sub":"sa_` + h.text(26, letters) + `","jti":"` + h.text(20, letters) + `"}`))
		return h.header + "." + payload + "." + h.text(85, encoding) + "A"
	case 1, 2:
		return h.text(40, encoding) + "." + h.text(300, encoding) + "." + h.text(86, encoding)
	case 3:
		return "app_pat_" + h.text(26, letters) + h.text(48, encoding)
	case 4:
		return strings.Repeat(".", h.rng.IntN(100)) + h.text(10, encoding)
	}
	return h.text(1+h.rng.IntN(500), encoding+". \x00\xff")
}

// live is the heap that is in use, in bytes. What is only waiting for its
// finalizers is gone after the second collection.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestHostileRequests asks and authenticates with permissions, paths, orgs and
// tokens that are as good as never seen before and never seen again: the heap
// stays as it was. Most questions are of a tenant; some are of an operator, whom
// every org may concern, so that an org that is not there is looked for.
//
// The long form sends 10,000,000 requests:
//
//	CLAVIGER_SOAK=long go test -run TestHostileRequests -v -timeout 60m ./internal/soak
func TestHostileRequests(t *testing.T) {
	ctx := t.Context()
	h := hostile{rng: seeded(t)}
	id := mustOpen(t, filepath.Join(t.TempDir(), "app.db"))
	org := must(id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: "office"}))(t).ID
	work := must(newWorkload(ctx, id, org, "ci"))(t)
	token := must(id.ExchangeAssertion(ctx, must(work.assertion(ctx))(t), identity.TokenRequest{}))(t).Token.Reveal()
	h.header, _, _ = strings.Cut(token, ".")
	tenant := must(id.Authenticate(ctx, token))(t)
	system := id.System("setup").In(id.SystemOrg())
	admin := must(system.CreateUser(ctx, identity.UserSpec{Email: "op@example.org"}))(t)
	must(system.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(admin.ID), Role: "reader", Scope: policy.Root, Reach: identity.ReachAll}))(t)
	operator := must(login(ctx, id, id.SystemOrg(), admin.ID, 0))(t)

	var decisions, allowed, tokens int
	send := func(n int) {
		for i := range n {
			if i%2 == 0 {
				tokens++
				if p, err := id.Authenticate(ctx, h.token()); !errors.Is(err, identity.ErrUnauthenticated) || !p.IsZero() {
					t.Fatalf("a forged token: %v, %v", p, err)
				}
				continue
			}
			decisions++
			req := identity.Request{Principal: tenant, Permission: h.permission(), Path: h.path()}
			if i%18 == 1 {
				req.Principal = operator
			}
			req.Org = h.org(req.Principal.Org())
			d := id.Authorize(ctx, req)
			if d.Reason == policy.ReasonUnavailable || d.Allowed && (req.Org != req.Principal.Org() || req.Permission.String() != "wallets:read") {
				t.Fatalf("%s on %q in %q: %+v", req.Permission, req.Path, req.Org, d)
			}
			if d.Allowed {
				allowed++
			}
		}
	}
	send(1000) // what is made once is made
	before, began := live(), time.Now()
	n := fewer(200_000, 10_000_000)
	send(n)
	after := live()
	t.Logf("%d requests in %s: %d decisions, %d of them allowed, %d tokens; the heap was %d KiB and is %d KiB, %+d bytes; %d may be added",
		n, since(began), decisions, allowed, tokens, before>>10, after>>10, after-before, hostileGrowth)
	if after-before > hostileGrowth {
		t.Errorf("the heap grew by %d bytes, %d is the most", after-before, hostileGrowth)
	}
	if allowed == 0 {
		t.Error("nothing was ever allowed")
	}
	runtime.KeepAlive(id)
}

package identity_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// atTheDoor are good arguments, after the context, of the methods of Authority that
// take something of an org; p is somebody of the tenant, and q somebody else of it.
// Those that take nothing say so with nil.
func (x *tenant) atTheDoor(p, q identity.Principal) map[string][]any {
	ask := identity.Request{Principal: p, Org: x.org, Permission: mustPermission("wallets:read"), Path: policy.Root}
	less := identity.TokenRequest{}
	purpose, signed := x.hook("m")
	return map[string][]any{
		"Authorize": {ask}, "AuthorizeAll": {[]identity.Request{ask}}, "Check": {ask}, "Explain": {ask}, "Filter": {ask}, "PermissionsOn": {ask},
		"Authenticate": {x.access}, "AuthenticateFrom": {x.api, netip.Addr{}},
		"AuthenticateClientSecret": {string(x.service), x.shared}, "ExchangeClientSecret": {string(x.service), x.shared, less},
		"AuthenticateClientAssertion": {"a.b.c"}, "ExchangeAssertion": {"a.b.c", less}, "ExchangeClientAssertion": {"a.b.c", less},
		"NewChallenge": {x.key}, "ExchangeChallenge": {identity.ChallengeResponse{Challenge: x.challenge, Credential: x.key, Algorithm: token.AlgEdDSA}, less},
		"ExchangeAction":  {identity.ActionResponse{Challenge: x.challenge, Credential: x.key, Algorithm: token.AlgEdDSA}},
		"VerifySignature": {x.key, purpose, token.AlgEdDSA, []byte("m"), signed},
		"IssueToken":      {p, less}, "Delegate": {p, q, less}, "RevokeOwnToken": {p, "a.b.c"},
		"AcceptInvitation":   {"none", identity.ExternalID{}},
		"NewActionChallenge": {p, identity.Action{}}, "Watch": {p},
		"NewEnrollChallenge": {"none", []byte(x.fresh)}, "EnrollKey": {"none", identity.EnrollKeySpec{}},
		"ExchangeToken": {p, identity.TokenExchange{Subject: x.access}},
		"VerifyAction":  nil, "VerifyRequest": nil, "Write": nil, "JWKS": nil,
	}
}

// TestSec49_WallOfTheDoor asks the methods that need no actor: those that strangers
// come through, and those that a host asks with the principal of a request. What a
// stranger is told, and every decision, is for what is of another org as for what is
// nowhere.
func TestSec49_WallOfTheDoor(t *testing.T) {
	x, own := openWall(t)
	p := must(x.id.Authenticate(x.ctx, own.access))(t)
	q := x.loginAPI(own)
	own.challenge = "" // an unknown one: a good one is of no use twice
	proofs := []string{x.there.access, x.there.api, x.there.old, x.there.shared, x.there.accepted}
	for _, m := range verbs(reflect.TypeFor[*identity.Authority]()) {
		args, known := own.atTheDoor(p, q)[m.Name]
		if !known && !openedForTests(t)[m.Name] {
			t.Errorf("%s: say in atTheDoor what good arguments are", m.Name)
		}
		if args == nil {
			continue
		}
		for i := range args {
			for _, place := range x.values.sites(t, m.Name, m.Type.In(i+2)) {
				for _, v := range x.values.by[place.typ] {
					if slices.Contains(proofs, v.there.String()) && m.Name != "RevokeOwnToken" && m.Name != "ExchangeToken" {
						continue // who has the proof is who it proves
					}
					x.knock(m, place, i, v, own.atTheDoor(p, q)[m.Name])
				}
			}
		}
	}
	x.clear()
	x.report()
}

func (x *wall) loginAPI(own *tenant) identity.Principal {
	x.t.Helper()
	raw := must(x.in(own.org).CreateAPIToken(x.ctx, own.user, identity.APITokenSpec{Name: "other"}))(x.t).Secret.Reveal()
	return must(x.id.Authenticate(x.ctx, raw))(x.t)
}

// knock makes a call of the Authority twice, and compares.
func (x *wall) knock(m reflect.Method, place site, at int, v foreign, args []any) {
	x.t.Helper()
	var sides [2]string
	for side, value := range []reflect.Value{v.there, v.absent} {
		in := []reflect.Value{reflect.ValueOf(x.id), reflect.ValueOf(context.WithoutCancel(x.ctx))}
		for i, arg := range args {
			made := reflect.New(m.Type.In(i + 2)).Elem()
			made.Set(reflect.ValueOf(arg))
			if i == at {
				place.put(made, value)
			}
			in = append(in, made)
		}
		x.random.from(1)
		a := writeAnswer(m.Func.Call(in), nil, m.Name != "Check")
		sides[side] = a.without(side, v.pairs)
	}
	x.asked[m.Name]++
	if sides[0] != sides[1] {
		x.t.Errorf("%s, %s %s\nof another org: %s\nabsent:         %s", m.Name, place, v.name, sides[0], sides[1])
	}
	for _, text := range x.there.texts() {
		if strings.Contains(sides[0], text) {
			x.t.Errorf("%s, %s %s tells %q: %s", m.Name, place, v.name, text, sides[0])
		}
	}
}

// clear fails the test when anything was written to the other org, or waits to be.
func (x *wall) clear() {
	x.t.Helper()
	if err := x.id.WriteUses(x.ctx); err != nil {
		x.t.Fatal(err)
	}
	x.id.WriteLateUses(x.ctx)
	if touched := x.touched(x.db); len(touched) > 0 {
		x.t.Errorf("the other org was written to: %q", touched)
	}
}

// TestSec49_ProofsOfOthers: what names somebody of another org and is signed by
// somebody else says no more than what names nobody.
func TestSec49_ProofsOfOthers(t *testing.T) {
	x, own := openWall(t)
	ways := map[string]func(raw string) error{
		"grant":  func(raw string) error { return last(x.id.ExchangeAssertion(x.ctx, raw, identity.TokenRequest{})) },
		"client": func(raw string) error { return last(x.id.AuthenticateClientAssertion(x.ctx, raw)) },
	}
	sign := func(key identity.CredentialID, account identity.AccountID) string {
		return x.assertion(key, account, own.private)
	}
	absent := identity.CredentialID(x.there.twin(string(x.there.key)))
	nobody := identity.AccountID(x.there.twin(string(x.there.service)))
	for name, way := range ways {
		for what, pair := range map[string][2]string{
			"key":     {sign(x.there.key, own.service), sign(absent, own.service)},
			"account": {sign(own.key, x.there.service), sign(own.key, nobody)},
			"both":    {sign(x.there.key, x.there.service), sign(absent, nobody)},
		} {
			a, b := way(pair[0]), way(pair[1])
			if identity.PublicText(a) != identity.PublicText(b) || a == nil {
				t.Errorf("%s, %s: %v, absent %v", name, what, a, b)
			}
		}
		if err := way(sign(own.key, own.service)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An external id of another org is free here.
	for i, as := range []identity.ExternalID{x.there.external, {Issuer: x.there.external.Issuer, Subject: "nobody"}} {
		guest := must(x.in(own.org).Invite(x.ctx, inviting(string(rune('a'+i))+"@home.example")))(t)
		if a, err := x.id.AcceptInvitation(x.ctx, guest.Secret.Reveal(), as); err != nil || a.External != as || a.Org != own.org {
			t.Errorf("%+v, %v", a, err)
		}
	}
	x.clear()
}

// TestSec49_EveryTypeIsWalled: every method that can be come by from an Authority and
// takes something of an org belongs to a type that the tests above go through.
func TestSec49_EveryTypeIsWalled(t *testing.T) {
	walled := map[reflect.Type]bool{
		reflect.TypeFor[*identity.Authority](): true, reflect.TypeFor[*identity.Admin](): true, reflect.TypeFor[*identity.OrgAdmin](): true,
		// What these take is a principal, a reason, or a statement of the host's own.
		reflect.TypeFor[*identity.Tx](): true, reflect.TypeFor[identity.SQL](): true,
	}
	x, _ := openWall(t)
	opened := openedForTests(t)
	seen := map[reflect.Type]bool{}
	var visit func(typ reflect.Type)
	visit = func(typ reflect.Type) {
		if typ == nil || seen[typ] {
			return
		}
		seen[typ] = true
		ours := strings.HasPrefix(typ.PkgPath(), "github.com/claviger-go/claviger/identity") || typ.Kind() == reflect.Pointer
		for i := range typ.NumMethod() {
			m := typ.Method(i)
			if !ours || typ.Kind() == reflect.Interface {
				break
			}
			for j := range m.Type.NumIn() {
				if in := m.Type.In(j); j > 0 {
					visit(in)
					if !walled[typ] && walledOff(typ) && in.Kind() != reflect.Interface && !opened[m.Name] && len(x.values.sites(t, m.Name, in)) > 0 {
						t.Errorf("(%s).%s takes a %s: have a test go through it", typ, m.Name, in)
					}
				}
			}
			for j := range m.Type.NumOut() {
				visit(m.Type.Out(j))
			}
		}
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			visit(typ.Elem())
		case reflect.Func:
			for i := range typ.NumIn() {
				visit(typ.In(i))
			}
		case reflect.Struct:
			for i := range typ.NumField() {
				if typ.Field(i).IsExported() {
					visit(typ.Field(i).Type)
				}
			}
		}
	}
	visit(reflect.TypeFor[*identity.Authority]())
	for typ := range walled {
		if !seen[typ] && typ.Kind() == reflect.Pointer {
			t.Errorf("%s was not come by", typ)
		}
	}
	if !seen[reflect.TypeFor[*identity.SignedAction]()] || !seen[reflect.TypeFor[identity.Principal]()] {
		t.Errorf("only %d types", len(seen))
	}
}

// walledOff reports whether the methods of a type ask an Authority: those of an answer
// that was given do not.
func walledOff(typ reflect.Type) bool {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	answers := []reflect.Type{reflect.TypeFor[identity.Filter](), reflect.TypeFor[identity.Explanation]()}
	return strings.HasPrefix(typ.PkgPath(), "github.com/claviger-go/claviger/identity") && !slices.Contains(answers, typ)
}

// openedForTests are the methods that the test files of the package itself add.
func openedForTests(t testing.TB) map[string]bool {
	t.Helper()
	methods, names := regexp.MustCompile(`(?m)^func \(\w+ \*?\w+\) (\w+)\(`), map[string]bool{}
	for _, file := range must(filepath.Glob("export*_test.go"))(t) {
		for _, m := range methods.FindAllSubmatch(must(os.ReadFile(file))(t), -1) {
			names[string(m[1])] = true
		}
	}
	return names
}

package identity_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// sample is a good argument of a type, for a call in a tenant; false for a type
// that nobody has thought of.
func (x *tenant) sample(typ reflect.Type) (any, bool) {
	later := time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC)
	fresh := "fresh"
	binding := identity.BindingSpec{Subject: identity.SubjectID(x.group), Role: string(x.bound), Scope: policy.Root}
	for _, v := range []any{
		x.org, x.user, x.group, x.role, x.binding, x.key, identity.SubjectID(x.user),
		[]identity.AccountID{x.user}, []identity.SubjectID{identity.SubjectID(x.user)}, []identity.RoleID{x.role}, []identity.BindingID{x.binding},
		identity.Page{}, time.Hour, later, uint64(1), policy.Root, []byte(x.fresh), x.external,
		x.mode, identity.OrgFilter{}, identity.AccountFilter{}, identity.GroupFilter{}, identity.RoleFilter{}, identity.BindingFilter{}, identity.EventFilter{},
		identity.CredentialFilter{Account: x.user}, identity.HeldFilter{}, []identity.AuditHead{},
		identity.OrgSpec{Slug: "fresh"}, identity.OrgPatch{DisplayName: &fresh},
		identity.UserSpec{Email: "fresh@home.example"}, identity.AccountPatch{DisplayName: new(string)},
		identity.ServiceAccountSpec{Name: "fresh"}, identity.GroupSpec{Name: "fresh"}, identity.GroupPatch{Description: new(string)},
		identity.RoleSpec{Name: "fresh"}, identity.RolePatch{Description: new(string)}, binding, []identity.BindingSpec{binding},
		inviting("fresh@home.example"), []identity.InvitationSpec{inviting("fresh@home.example")},
		identity.PublicKeySpec{UnprovenPublicKey: x.fresh}, identity.APITokenSpec{Name: "fresh"}, identity.ClientSecretSpec{}, identity.EnrollCodeSpec{Name: "fresh"},
		identity.Login{Method: "test", AuthTime: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: later},
		identity.AccountRequest{Account: x.user, Permission: mustPermission("wallets:read"), Path: policy.Root},
		identity.WhoCanRequest{Permission: mustPermission("wallets:read"), Path: policy.Root},
	} {
		if reflect.TypeOf(v) == typ {
			return v, true
		}
	}
	if typ == reflect.TypeFor[io.Writer]() {
		return &bytes.Buffer{}, true
	}
	return nil, false
}

func mustPermission(name string) policy.Permission {
	p, err := policy.ParsePermission(name)
	if err != nil {
		panic(err)
	}
	return p
}

func mustPath(text string) policy.Path {
	p, err := policy.ParsePath(text)
	if err != nil {
		panic(err)
	}
	return p
}

// special are the arguments, after the context, of methods for which what sample
// has will not do: texts, and things in another state.
func (x *tenant) special() map[string][]any {
	names := []string{"keys:use"}
	return map[string][]any{
		"ActivateAccount": {x.idle}, "ActivateAccounts": {[]identity.AccountID{x.idle}},
		"ResendInvitation": {x.invited, time.Hour}, "RevokeInvitation": {x.invited},
		"ExtendAccount": {x.service, time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC)},
		"UnarchiveRole": {x.shelved}, "EnableCredential": {x.disabled}, "RotateSecret": {x.secret, time.Hour},
		"RemoveMember": {x.full, identity.SubjectID(x.user)}, "RemoveMembers": {x.full, []identity.SubjectID{identity.SubjectID(x.user)}},
		"Members": {x.full, identity.Page{}}, "AllMembers": {x.full},
		"SetBoundary": {x.user, string(x.bound)}, "RenameCredential": {x.key, "fresh"},
		"RevokeToken": {x.access}, "RevokeTokenID": {x.service, "01j"}, "IntrospectToken": {x.access},
		"AddPermissions": {[]identity.AccountID{x.user}, names}, "RemovePermissions": {[]identity.AccountID{x.service}, names},
		"AddRolePermissions": {[]identity.RoleID{x.role}, names}, "RemoveRolePermissions": {[]identity.RoleID{x.role}, []string{"wallets:create"}},
		"RevokeCredentials": {identity.CredentialFilter{Account: x.service, Type: identity.ClientSecret}},
		"PurgeAccount":      {x.gone}, "PurgeGroup": {x.goneGroup}, "PurgeRole": {x.goneRole},
		"Elevate": {x.eligible, time.Minute, "night shift"}, "EndElevation": {x.eligible},
		"MoveSubtree": {mustPath("projects/1"), mustPath("projects/2")},
		"OrgBySlug":   {x.slug}, "SlugAvailable": {"fresh"}, "CompromiseSigningKey": {"none"}, "Backup": {"/nowhere"}, "Reseal": {nil},
	}
}

// arguments are good arguments for a method. Without them the test fails.
func (x *tenant) arguments(t testing.TB, m reflect.Method) []reflect.Value {
	t.Helper()
	var out []reflect.Value
	given, special := x.special()[m.Name]
	for i := 2; i < m.Type.NumIn(); i++ { // after the receiver and the context
		typ := m.Type.In(i)
		arg := reflect.New(typ).Elem()
		if special {
			if v := given[i-2]; v != nil {
				arg.Set(reflect.ValueOf(v))
			}
		} else if v, known := x.sample(typ); known {
			arg.Set(reflect.ValueOf(v))
		} else {
			t.Fatalf("%s: say in sample or special what a good %s is", m.Name, typ)
		}
		out = append(out, arg)
	}
	return out
}

// verbs are the methods of a type that take a context and something more: what does
// not names nothing, and starts nothing.
func verbs(typ reflect.Type, except ...reflect.Type) []reflect.Method {
	var out []reflect.Method
	for i := range typ.NumMethod() {
		m := typ.Method(i)
		promoted := slices.ContainsFunc(except, func(other reflect.Type) bool {
			_, has := other.MethodByName(m.Name)
			return has
		})
		if m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[context.Context]() && !promoted {
			out = append(out, m)
		}
	}
	return out
}

// inEachMode does something with a method, twice if it takes a DeleteMode, which is
// then among the good arguments of both tenants.
func (x *wall) inEachMode(own *tenant, m reflect.Method, do func()) {
	modes := []identity.DeleteMode{identity.IfUnused}
	for i := range m.Type.NumIn() {
		if m.Type.In(i) == reflect.TypeFor[identity.DeleteMode]() {
			modes = append(modes, identity.Cascade)
		}
	}
	for _, mode := range modes {
		own.mode, x.there.mode = mode, mode
		do()
	}
}

// again is randomness that can be had once more.
type again struct {
	mu  sync.Mutex
	src io.Reader
}

func (a *again) from(seed uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.src = newSeeded(seed)
}

func (a *again) Read(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.src.Read(p)
}

// wall is the wall around one tenant, seen from others.
type wall struct {
	*world
	there  *tenant
	values *foreigners
	random *again
	rows   string         // what there is of the tenant
	known  int            // writes to these that are accounted for
	asked  map[string]int // by method
	alone  bool           // ask outside of a transaction, too
}

// openWall makes a world whose randomness can be had again, and in it two tenants.
func openWall(t testing.TB, settings ...func(*world)) (*wall, *tenant) {
	t.Helper()
	x := &wall{random: &again{}, asked: map[string]int{}}
	x.random.from(newSeed(t))
	x.world = open(t, append(settings, with(func(c *identity.Config) {
		c.Random, c.ServiceAccountsMayMint = x.random, true
	}))...)
	own := x.tenant("home", "homeho")
	x.there = x.tenant("elsewhere", "zzkzzk")
	x.values = foreignersOf(x.there)
	x.watchRows(x.there.org)
	x.remember()
	return x, own
}

// one is a call that asks for something.
type one struct {
	by     func(*identity.Tx) *identity.Admin
	org    identity.OrgID // for a method of OrgAdmin
	method reflect.Method
	args   []reflect.Value
}

var errUndo = errors.New("undo")

// ask makes a call in a transaction that is undone, with the same randomness as
// every other.
func (x *wall) ask(c one) (a answer) {
	x.random.from(1)
	err := x.id.Write(x.ctx, func(ctx context.Context, tx *identity.Tx) error {
		revision, before := x.id.Revision(), x.changes(ctx, tx)
		a = c.call(ctx, c.by(tx))
		if x.changes(ctx, tx) != before {
			a.trace = x.eventsIn(ctx, tx, revision)
			a.touched = strings.Join(x.touched(tx.SQL()), ", ")
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		x.t.Fatalf("%s: %v", c.method.Name, err)
	}
	return a
}

// call makes a call as it is.
func (c one) call(ctx context.Context, s *identity.Admin) answer {
	recv := reflect.ValueOf(s)
	if c.method.Type.In(0) == reflect.TypeFor[*identity.OrgAdmin]() {
		recv = reflect.ValueOf(s.In(c.org))
	}
	in := append([]reflect.Value{reflect.ValueOf(ctx)}, c.args...)
	call := recv.MethodByName(c.method.Name).Call
	if c.method.Type.IsVariadic() {
		call = recv.MethodByName(c.method.Name).CallSlice
	}
	return writeAnswer(call(in), c.args, false)
}

func (x *wall) changes(ctx context.Context, tx *identity.Tx) (n int64) {
	if err := tx.SQL().QueryRowContext(ctx, `SELECT total_changes()`).Scan(&n); err != nil {
		x.t.Fatal(err)
	}
	return n
}

// eventsIn are the events that a transaction has written so far.
func (x *wall) eventsIn(ctx context.Context, tx *identity.Tx, after uint64) string {
	return strings.Join(x.texts(ctx, tx.SQL(), `SELECT org_id, noun, id, verb, actor, coalesce(before, ''), coalesce(after, '') FROM identity_event WHERE revision > $1 ORDER BY revision, item`, int64(after)), "\n")
}

func (x *wall) describe(c one) string {
	p := printer{a: &answer{}}
	for _, v := range c.args {
		p.value(v, 0)
		p.WriteString(", ")
	}
	return c.method.Name + "(" + p.String() + ")"
}

package identity_test

import (
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// foreign is a value of another org, and one like it that is nowhere. Of a plain
// text or id the two are texts; what else shows one or the other is in pairs.
type foreign struct {
	name          string
	there, absent reflect.Value
	pairs         [][2]string
}

// foreigners are the values of a tenant by the types that they can be given as.
type foreigners struct {
	of      *tenant
	by      map[reflect.Type][]foreign
	cursors []foreign // for a cursor, and no other text
}

// of makes the values of a tenant.
func foreignersOf(x *tenant) *foreigners {
	f := &foreigners{of: x, by: map[reflect.Type][]foreign{}}
	addIDs(f, "org", []identity.OrgID{x.org})
	addIDs(f, "account", x.accounts())
	addIDs(f, "group", x.groups())
	addIDs(f, "role", x.roles())
	addIDs(f, "binding", x.bindings())
	addIDs(f, "credential", x.credentials())
	addIDs(f, "subject", []identity.SubjectID{identity.SubjectID(x.user), identity.SubjectID(x.full), identity.SubjectID(x.group)})
	addIDs(f, "role", []identity.RoleRef{identity.RoleRef(x.role), identity.RoleRef(x.bound)})
	addIDs(f, "reach", []identity.Reach{identity.ReachOrg(x.org)})
	for _, text := range x.cursors {
		f.cursors = append(f.cursors, x.foreignText("cursor", text))
	}
	texts := reflect.TypeFor[string]()
	for _, text := range append(x.names(), x.thumbprint, x.access, x.api, x.old, x.shared, x.accepted, x.challenge) {
		f.by[texts] = append(f.by[texts], x.foreignText("text", text))
	}
	for _, ids := range [][]string{{string(x.org)}, plain(x.accounts()[:2]), plain(x.groups()[:1]), plain(x.roles()[:1]), plain(x.bindings()[:1]), plain(x.credentials()[:3])} {
		for _, id := range ids {
			f.by[texts] = append(f.by[texts], x.foreignText("id", id))
		}
	}
	external := identity.ExternalID{Issuer: x.twin(x.external.Issuer), Subject: x.twin(x.external.Subject)}
	addWhole(f, x.external, external, [2]string{x.external.Issuer, external.Issuer}, [2]string{x.external.Subject, external.Subject})
	head := x.head
	head.Org = identity.OrgID(x.twin(string(x.org)))
	addWhole(f, x.head, head, [2]string{string(x.org), string(head.Org)})
	proof := x.proof
	proof.Challenge = x.twin(proof.Challenge)
	addWhole(f, identity.PublicKeySpec{PublicKey: x.pem, Proof: x.proof}, identity.PublicKeySpec{PublicKey: x.pem, Proof: proof})
	pairs := [][2]string{}
	for i, seen := range derived(x.pem) {
		pairs = append(pairs, [2]string{seen, derived(x.fresh)[i]})
	}
	addWhole(f, x.pem, x.fresh, pairs...)
	return f
}

func addIDs[K ~string](f *foreigners, name string, ids []K) {
	typ := reflect.TypeFor[K]()
	for _, id := range ids {
		absent := f.of.twin(string(id))
		f.by[typ] = append(f.by[typ], foreign{
			name: name + " " + string(id), there: reflect.ValueOf(id), absent: reflect.ValueOf(K(absent)), pairs: [][2]string{{string(id), absent}},
		})
	}
}

func addWhole[T any](f *foreigners, there, absent T, pairs ...[2]string) {
	typ := reflect.TypeFor[T]()
	f.by[typ] = append(f.by[typ], foreign{name: typ.String(), there: reflect.ValueOf(there), absent: reflect.ValueOf(absent), pairs: pairs})
}

func (x *tenant) foreignText(name, text string) foreign {
	absent := x.twin(text)
	return foreign{name: name + " " + text, there: reflect.ValueOf(text), absent: reflect.ValueOf(absent), pairs: [][2]string{{text, absent}, {cutOff(text), cutOff(absent)}}}
}

// cutOff is how an error shows a text that is longer than any name.
func cutOff(text string) string {
	if len(text) <= 80 {
		return text
	}
	return text[:24] + "…"
}

// site is a place in an argument where a value can be put.
type site struct {
	name string
	typ  reflect.Type
	put  func(arg, v reflect.Value)
}

// inert are types that hold nothing of an org: what a host chooses, an enumeration,
// a number, a proof that is not a name.
func inert(typ reflect.Type) bool {
	switch typ {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[policy.Path](), reflect.TypeFor[policy.Permission](), reflect.TypeFor[*policy.Attrs](),
		reflect.TypeFor[netip.Prefix](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[io.Writer](), reflect.TypeFor[token.Seal](),
		reflect.TypeFor[identity.AccountKind](), reflect.TypeFor[identity.AccountState](), reflect.TypeFor[identity.OrgState](), reflect.TypeFor[identity.RoleState](),
		reflect.TypeFor[identity.CredentialType](), reflect.TypeFor[identity.CredentialState](), reflect.TypeFor[token.Algorithm](), reflect.TypeFor[token.Purpose](),
		reflect.TypeFor[policy.Effect](), reflect.TypeFor[identity.Principal](), reflect.TypeFor[identity.Action]():
		return true
	}
	switch typ.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint32, reflect.Uint8, reflect.Func:
		return true
	}
	return false
}

// sites are all places in an argument of a type. A type that it does not know
// fails the test.
func (f *foreigners) sites(t testing.TB, name string, typ reflect.Type) (out []site) {
	if _, known := f.by[typ]; known {
		out = append(out, site{name, typ, func(arg, v reflect.Value) { arg.Set(v) }})
	}
	switch {
	case inert(typ):
	case typ == reflect.TypeFor[[]byte]():
	case typ.Kind() == reflect.Struct:
		for i := range typ.NumField() {
			if field := typ.Field(i); field.IsExported() {
				for _, s := range f.sites(t, name+"."+field.Name, field.Type) {
					out = append(out, site{s.name, s.typ, func(arg, v reflect.Value) { s.put(arg.Field(i), v) }})
				}
			}
		}
	case typ.Kind() == reflect.Slice:
		for _, s := range f.sites(t, name+"[]", typ.Elem()) {
			out = append(out, site{s.name, s.typ, func(arg, v reflect.Value) {
				added := reflect.New(typ.Elem()).Elem()
				if n := arg.Len(); n > 0 {
					added.Set(arg.Index(n - 1))
				}
				s.put(added, v)
				arg.Set(reflect.Append(arg.Slice3(0, arg.Len(), arg.Len()), added))
			}})
		}
	case typ.Kind() == reflect.Pointer:
		for _, s := range f.sites(t, "*"+name, typ.Elem()) {
			out = append(out, site{s.name, s.typ, func(arg, v reflect.Value) {
				made := reflect.New(typ.Elem())
				if !arg.IsNil() {
					made.Elem().Set(arg.Elem())
				}
				s.put(made.Elem(), v)
				arg.Set(made)
			}})
		}
	case typ.Kind() == reflect.Map:
		for _, s := range f.sites(t, name+"[…]", typ.Elem()) {
			out = append(out, site{s.name, s.typ, func(arg, v reflect.Value) {
				added := reflect.New(typ.Elem()).Elem()
				s.put(added, v)
				arg.Set(reflect.MakeMap(typ))
				arg.SetMapIndex(reflect.ValueOf("k").Convert(typ.Key()), added)
			}})
		}
	case f.by[typ] == nil:
		t.Errorf("%s: say in inert that a %s holds nothing of an org, or in foreignersOf what it can hold", name, typ)
	}
	return out
}

// fitting are the values for a place. Of texts, of which there are many, it leaves
// out all but one in so many, and not always the same; a cursor is held against every
// cursor.
func (f *foreigners) fitting(s site, turn *int, every int) (out []foreign) {
	if strings.HasSuffix(s.name, ".Cursor") {
		return f.cursors
	}
	for _, v := range f.by[s.typ] {
		if *turn++; s.typ != reflect.TypeFor[string]() || *turn%every == 0 {
			out = append(out, v)
		}
	}
	return out
}

func (s site) String() string { return fmt.Sprintf("%s (%s)", s.name, s.typ) }

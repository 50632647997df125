package identity_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// creating is a call that makes one thing, with one input, or another one if the
// last argument says so.
type creating func(ctx context.Context, s *identity.Admin, x targets, other bool) (created, error)

// created is what such a call returns.
type created struct {
	id     string
	made   bool // by this call, where that is said
	secret token.Secret
	whole  any
}

func either[T any](other bool, first, second T) T {
	if other {
		return second
	}
	return first
}

// creatings has every call that heeds an idempotency key.
func creatings(t testing.TB) map[string]creating {
	_, spare := newKey(t)
	_, next := newKey(t)
	type (
		C = context.Context
		A = *identity.Admin
	)
	row := func(c identity.Credential, err error) (created, error) {
		return created{id: string(c.ID), whole: c.Name}, err
	}
	secret := func(c identity.CredentialSecret, err error) (created, error) {
		return created{id: string(c.ID), made: !c.Secret.IsZero(), secret: c.Secret, whole: c.Credential}, err
	}
	invited := func(r identity.InvitationResult, err error) (created, error) {
		return created{string(r.Account.ID), !r.Secret.IsZero(), r.Secret, []any{r.Account, r.Credential}}, err
	}
	return map[string]creating{
		"CreateOrg": func(c C, s A, _ targets, other bool) (created, error) {
			r, err := s.CreateOrg(c, identity.OrgSpec{Slug: either(other, "one", "two"), Owner: &identity.UserSpec{Email: "o@example.com"}})
			return created{string(r.ID), r.Created, token.Secret{}, r.Org}, err
		},
		"CreateUser": func(c C, s A, x targets, other bool) (created, error) {
			r, err := s.In(x.Org).CreateUser(c, identity.UserSpec{Email: "new@example.com", Labels: map[string]string{"a": either(other, "b", "c"), "d": "e", "f": "g"}})
			return created{string(r.ID), r.Created, token.Secret{}, r.Account}, err
		},
		"CreateServiceAccount": func(c C, s A, x targets, other bool) (created, error) {
			r, err := s.In(x.Org).CreateServiceAccount(c, identity.ServiceAccountSpec{
				Name: "new", UnprovenPublicKey: x.Key, Groups: []identity.GroupID{x.Full}, Permissions: []string{"wallets:read"},
				APIToken: &identity.APITokenSpec{Name: "first", Path: either(other, policy.Path{}, policy.Root)}, ClientSecret: &identity.ClientSecretSpec{},
			})
			if r.APIToken.Secret.IsZero() != r.ClientSecret.Secret.IsZero() {
				return created{}, errors.New("one of two secrets")
			}
			return created{string(r.ID), r.Created, r.APIToken.Secret, []any{r.Account, r.Key, r.APIToken.Credential, r.ClientSecret.Credential}}, err
		},
		"Invite": func(c C, s A, x targets, other bool) (created, error) {
			return invited(s.In(x.Org).Invite(c, identity.InvitationSpec{User: identity.UserSpec{Email: "guest@example.com"}, Validity: either(other, 0, time.Hour)}))
		},
		"ResendInvitation": func(c C, s A, x targets, other bool) (created, error) {
			return invited(s.In(x.Org).ResendInvitation(c, x.Invited, either(other, 0, time.Hour)))
		},
		"CreateGroup": func(c C, s A, x targets, other bool) (created, error) {
			r, err := s.In(x.Org).CreateGroup(c, identity.GroupSpec{Name: "new", Description: either(other, "", "another")})
			return created{string(r.ID), r.Created, token.Secret{}, r.Group}, err
		},
		"CreateRole": func(c C, s A, x targets, other bool) (created, error) {
			r, err := s.In(x.Org).CreateRole(c, identity.RoleSpec{Name: "new", Permissions: []string{either(other, "wallets:read", "wallets:*")}})
			return created{string(r.ID), r.Created, token.Secret{}, r.Role}, err
		},
		"CreateBinding": func(c C, s A, x targets, other bool) (created, error) {
			r, err := s.In(x.Org).CreateBinding(c, identity.BindingSpec{
				Subject: identity.SubjectID(x.Group), Role: string(x.Role), Scope: policy.Root, Deny: other, Reason: "<&>",
			})
			return created{string(r.ID), r.Created, token.Secret{}, r.Binding}, err
		},
		"AddPublicKey": func(c C, s A, x targets, other bool) (created, error) {
			return row(s.In(x.Org).AddPublicKey(c, x.User, identity.PublicKeySpec{Name: either(other, "n", "m"), UnprovenPublicKey: spare}))
		},
		"CreateAPIToken": func(c C, s A, x targets, other bool) (created, error) {
			return secret(s.In(x.Org).CreateAPIToken(c, x.User, identity.APITokenSpec{Name: "new", Permissions: either(other, nil, []string{})}))
		},
		"CreateClientSecret": func(c C, s A, x targets, other bool) (created, error) {
			return secret(s.In(x.Org).CreateClientSecret(c, either(other, x.User, x.Invited), identity.ClientSecretSpec{}))
		},
		"NewEnrollCode": func(c C, s A, x targets, other bool) (created, error) {
			return secret(s.In(x.Org).NewEnrollCode(c, x.User, identity.EnrollCodeSpec{Name: either(other, "n", "m")}))
		},
		"RotatePublicKey": func(c C, s A, x targets, other bool) (created, error) {
			return row(s.In(x.Org).RotatePublicKey(c, x.Credential, identity.PublicKeySpec{UnprovenPublicKey: next}, either(other, 0, time.Hour)))
		},
		"RotateSecret": func(c C, s A, x targets, other bool) (created, error) {
			return secret(s.In(x.Org).RotateSecret(c, x.Secret, either(other, time.Hour, 0)))
		},
	}
}

// TestIdempotencyKey repeats every call that heeds a key: with the same input,
// after a restart, with another input, and without the key. One key serves them
// all, since each method has its own.
func TestIdempotencyKey(t *testing.T) {
	w := open(t)
	x := w.targets("home")
	all := creatings(t)
	first := map[string]created{}
	for _, op := range slices.Sorted(maps.Keys(all)) {
		before := w.id.Revision()
		got, err := all[op](w.ctx, w.sys().WithIdempotencyKey("k"), x, false)
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		if now := w.id.Revision(); now != before+1 || got.id == "" {
			t.Errorf("%s: made %q, from revision %d to %d", op, got.id, before, now)
		}
		first[op] = got
	}
	w.reopen()
	for _, op := range slices.Sorted(maps.Keys(all)) {
		t.Run(op, func(t *testing.T) {
			w := w.on(t)
			keyed := w.sys().WithIdempotencyKey("k")
			same := w.unchanged()
			got, err := all[op](w.ctx, keyed, x, false)
			if err != nil {
				t.Fatal(err)
			}
			want := first[op]
			if got.id != want.id || got.made || !got.secret.IsZero() {
				t.Errorf("repeated: %+v, made %+v", got, want)
			}
			if !reflect.DeepEqual(got.whole, want.whole) {
				t.Errorf("repeated\n got %+v\nwant %+v", got.whole, want.whole)
			}
			_, err = all[op](w.ctx, keyed, x, true)
			if e := wantKind(t, err, identity.ErrConflict); e.ID != want.id || e.Field != "IdempotencyKey" {
				t.Errorf("another input: %v, names %q, want %q", err, e.ID, want.id)
			}
			same()
			again, err := all[op](w.ctx, w.sys(), x, false)
			if err == nil && again.id == want.id && op != "ResendInvitation" {
				t.Errorf("without the key it made %q again", again.id)
			}
		})
	}
}

// TestIdempotencyTable: what makes something heeds a key, or is named here with
// the reason. Every other call takes no notice of one.
func TestIdempotencyTable(t *testing.T) {
	onOneGoroutine(t)
	w := open(t)
	finds := map[string]bool{ // what there is, so that to repeat it makes nothing
		"EnsureOrg": true, "EnsureUser": true, "EnsureServiceAccount": true, "EnsureGroup": true, "EnsureRole": true, "EnsureBinding": true,
		"EnsureBindings": true, "GrantOwner": true, "AddPermissions": true,
		"RotateSigningKey": true, "CompromiseSigningKey": true, // are told which key is meant
	}
	table := creatings(t)
	for _, name := range slices.Sorted(maps.Keys(calls())) {
		if identity.Repeatable(name) != (table[name] != nil) {
			t.Errorf("%s: heeds a key: %t, is in creatings: %t", name, identity.Repeatable(name), table[name] != nil)
		}
		t.Run(name, func(t *testing.T) {
			w := w.on(t)
			x := w.targets(strings.ToLower(name))
			before := w.id.Revision()
			err := calls()[name].run(w.ctx, calls()[name].by(w, x).WithIdempotencyKey(name), x)
			if name == "InviteMany" {
				wantKind(t, err, identity.ErrInvalid)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, org := range []identity.OrgID{x.Org, w.id.SystemOrg()} {
				for _, e := range w.events(org) {
					if e.Revision > before && strings.HasPrefix(e.Verb, "create") && !identity.Repeatable(name) && !finds[name] {
						t.Errorf("makes %s %s: say in repeatable, and in creatings, that it heeds a key, or here why not", e.Noun, e.ID)
					}
				}
			}
		})
	}
}

// TestIdempotencyDoc: the doc of WithIdempotencyKey names the calls that heed a key,
// and no others.
func TestIdempotencyDoc(t *testing.T) {
	source := string(must(os.ReadFile("idempotency_key.go"))(t))
	_, list, _ := strings.Cut(source, "makes\n// it once for each key: ")
	list, _, found := strings.Cut(list, ".\n//\n")
	if !found {
		t.Fatal("there is no such list")
	}
	named := map[string]bool{}
	for _, name := range strings.FieldsFunc(list, func(r rune) bool { return !unicode.IsLetter(r) }) {
		named[name] = true
	}
	for name := range calls() {
		if named[name] != identity.Repeatable(name) {
			t.Errorf("%s: is named: %t, heeds a key: %t", name, named[name], identity.Repeatable(name))
		}
	}
}

func TestBadIdempotencyKeys(t *testing.T) {
	w := open(t)
	org := w.org("home")
	g := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "there"}))(t)
	same := w.unchanged()
	for _, key := range []string{"", " ", "a b", "a\n", "é", "\x7f", long(129)} {
		o := w.in(org).WithIdempotencyKey(key)
		wantKind(t, last(o.CreateGroup(w.ctx, identity.GroupSpec{Name: "new"})), identity.ErrInvalid)
		wantKind(t, last(o.EnsureGroup(w.ctx, identity.GroupSpec{Name: "new"})), identity.ErrInvalid)
		wantKind(t, last(o.Group(w.ctx, g.ID)), identity.ErrInvalid)
	}
	same()
	for _, key := range []string{"!", "~", long(128)} {
		must(w.in(org).WithIdempotencyKey(key).CreateGroup(w.ctx, identity.GroupSpec{Name: "of " + key[:1]}))(t)
	}
}

// TestIdempotencyKeysAreOnesOwn: the same key of another actor, in another org,
// or of a delegation is another key.
func TestIdempotencyKeysAreOnesOwn(t *testing.T) {
	w := open(t)
	org, elsewhere := w.org("home"), w.org("elsewhere")
	a, b := w.principal(org, "a", "identity:groups.create"), w.principal(org, "b", "identity:groups.create")
	operator := w.user(w.id.SystemOrg(), "operator")
	w.bind(w.id.SystemOrg(), identity.BindingSpec{Subject: identity.SubjectID(operator), Role: string(identity.RoleOwner), Scope: policy.Root, Reach: identity.ReachAll})
	op := w.id.As(w.login(w.id.SystemOrg(), operator))
	seen := map[identity.GroupID]bool{}
	for i, o := range []*identity.OrgAdmin{
		w.id.As(a).In(org), w.id.As(b).In(org), w.id.As(w.delegated(a, b, identity.TokenRequest{})).In(org), w.id.As(w.delegated(b, a, identity.TokenRequest{})).In(org),
		w.in(org), w.in(elsewhere), op.In(org), op.In(elsewhere),
	} {
		spec := identity.GroupSpec{Name: fmt.Sprint("group ", i)}
		for range 2 {
			g := must(o.WithIdempotencyKey("k").CreateGroup(w.ctx, spec))(t)
			seen[g.ID] = true
		}
		if len(seen) != i+1 {
			t.Fatalf("%d groups by %d actors", len(seen), i+1)
		}
	}
}

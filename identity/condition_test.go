package identity_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// toy is a language for conditions: "attr:<name>" is the value of a boolean
// attribute, "is:<id>" is true of one account, "not:<id>" of all others, "team:<text>"
// of accounts with that label.
type toy struct{}

type toyCondition struct{ verb, arg string }

func (toy) Compile(source string, schema *policy.Schema) (policy.Condition, error) {
	verb, arg, ok := strings.Cut(source, ":")
	if !ok || !slices.Contains([]string{"attr", "is", "not", "team"}, verb) || verb == "attr" && schema.Type(arg) != policy.TypeBool {
		return nil, errors.New("no such thing")
	}
	return toyCondition{verb, arg}, nil
}

func (c toyCondition) Eval(env *policy.Env) (policy.Truth, string) {
	name := c.Attributes()[0]
	v, ok := env.Lookup(name)
	if !ok {
		return policy.Unknown, name
	}
	holds := v == any(true)
	switch c.verb {
	case "team":
		holds = v.(map[string]string)["team"] == c.arg
	case "is", "not":
		holds = (v == any(c.arg)) == (c.verb == "is")
	}
	if holds {
		return policy.True, ""
	}
	return policy.False, ""
}

func (c toyCondition) Attributes() []string {
	switch c.verb {
	case "attr":
		return []string{c.arg}
	case "team":
		return []string{policy.AttributePrincipalLabels}
	}
	return []string{policy.AttributePrincipalID}
}

// conditions gives a world the toy language and two attributes.
func conditions() func(*world) {
	return with(func(c *identity.Config) {
		c.Conditions = toy{}
		c.Attributes = []policy.AttributeSpec{{Name: "office", Type: policy.TypeBool}, {Name: "principal.mfa", Type: policy.TypeBool}}
	})
}

func office(in bool) *policy.Attrs { return new(policy.Attrs).SetBool("office", in) }

// TestConditions: an allow counts while its condition is true, a deny unless it
// is false, after a restart too; without a language, an allow gives nothing and a
// deny denies.
func TestConditions(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	u := w.user(org, "u", "wallets:create")
	allow := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: policy.Root, Condition: "attr:office"})
	create := w.role(org, "wallets:create")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: string(create), Scope: policy.Root, Deny: true, Condition: "attr:office"})
	check := func(when, permission string, attrs *policy.Attrs, want policy.Decision) {
		t.Helper()
		d := w.id.Authorize(w.ctx, identity.Request{Principal: w.login(org, u), Org: org, Permission: perm(t, permission), Path: policy.Root, Attrs: attrs})
		if d.Allowed != want.Allowed || d.Reason != want.Reason || d.Missing != want.Missing {
			t.Errorf("%s, %s with %v: %+v, want %+v", when, permission, attrs, d, want)
		}
	}
	yes, none := policy.Decision{Allowed: true, Reason: policy.ReasonAllowed}, policy.Decision{Reason: policy.ReasonNoBinding}
	for _, when := range []string{"at once", "after a restart"} {
		check(when, "wallets:read", office(true), yes)
		check(when, "wallets:read", office(false), none)
		check(when, "wallets:read", nil, policy.Decision{Reason: policy.ReasonNoBinding, Missing: "office"})
		check(when, "wallets:create", office(true), policy.Decision{Reason: policy.ReasonDenied})
		check(when, "wallets:create", office(false), yes)
		check(when, "wallets:create", nil, policy.Decision{Reason: policy.ReasonDenied, Missing: "office"})
		w.reopen()
	}
	if b := must(w.in(org).Binding(w.ctx, allow))(t); b.Condition != "attr:office" {
		t.Errorf("%+v", b)
	}
	events := w.events(org)
	if !slices.ContainsFunc(events, func(e identity.Event) bool {
		return e.Noun == "binding" && strings.Contains(string(e.After), `"Condition":"attr:office"`)
	}) {
		t.Error("the log does not tell the condition")
	}
	w.cfg.Conditions = nil
	w.reopen()
	for _, attrs := range []*policy.Attrs{nil, office(true), office(false)} {
		check("without a language", "wallets:read", attrs, none)
		check("without a language", "wallets:create", attrs, policy.Decision{Reason: policy.ReasonDenied})
	}
	same := w.unchanged()
	err := last(w.in(org).CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: policy.Root, Condition: "attr:office"}))
	if e := wantKind(t, err, identity.ErrInvalid); e.Field != "Condition" || !errors.Is(err, policy.ErrNoLanguage) {
		t.Errorf("without a language: %v", err)
	}
	same()
}

// TestConditionsAreChecked: what the language cannot read is not stored.
func TestConditionsAreChecked(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	u := identity.SubjectID(w.user(org, "u"))
	same := w.unchanged()
	for _, source := range []string{"what?", "attr:unknown", "attr:" + policy.AttributePath, " ", "is:\xff", "is:" + long(policy.MaxCondition)} {
		spec := identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: policy.Root, Condition: source}
		if e := wantKind(t, last(w.in(org).CreateBinding(w.ctx, spec)), identity.ErrInvalid); e.Field != "Condition" || e.Entity != "binding" {
			t.Errorf("%q: %+v", clipped(source), e)
		}
		account := identity.ServiceAccountSpec{Name: "n", Bindings: []identity.BindingSpec{{Role: "wallet-reader", Scope: policy.Root, Condition: source}}}
		wantKind(t, last(w.in(org).CreateServiceAccount(w.ctx, account)), identity.ErrInvalid)
	}
	same()
	longest := "is:" + long(policy.MaxCondition-3)
	w.bind(org, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: policy.Root, Condition: longest})
	// Two bindings that differ in their condition are two.
	first := must(w.in(org).EnsureBinding(w.ctx, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: policy.Root, Condition: "attr:office"}))(t)
	again := must(w.in(org).EnsureBinding(w.ctx, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: policy.Root, Condition: "attr:office"}))(t)
	plain := must(w.in(org).EnsureBinding(w.ctx, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: policy.Root}))(t)
	if !first.Created || again.Created || again.ID != first.ID || !plain.Created || plain.ID == first.ID {
		t.Errorf("%+v, %+v, %+v", first, again, plain)
	}
}

func clipped(s string) string { return s[:min(len(s), 40)] }

// TestManagementWithConditions: management rights under a condition count in
// calls made with its attributes, reads and writes alike, also inside Write.
func TestManagementWithConditions(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	u := w.user(org, "u")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: string(w.role(org, "identity:groups.*")), Scope: policy.Root, Condition: "attr:office"})
	o := w.as(org, u)
	same := w.unchanged()
	for name, in := range map[string]*identity.OrgAdmin{"nothing": o, "nil": o.With(nil), "outside": o.With(office(false))} {
		if err := last(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "g"})); !errors.Is(err, identity.ErrDenied) {
			t.Errorf("writing with %s: %v", name, err)
		}
		if err := last(in.Groups(w.ctx, identity.GroupFilter{}, identity.Page{})); !errors.Is(err, identity.ErrDenied) {
			t.Errorf("reading with %s: %v", name, err)
		}
	}
	same()
	attrs := office(true)
	in := w.id.As(w.login(org, u)).With(attrs).In(org)
	attrs.SetBool("office", false) // they were copied
	must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t)
	must(in.Groups(w.ctx, identity.GroupFilter{}, identity.Page{}))(t)
	must(o.With(office(true)).CreateGroup(w.ctx, identity.GroupSpec{Name: "h"}))(t)
}

// TestSec48_Conditions: what the actor holds under a condition it gives away
// under the same one only, and nothing of what depends on who it is.
func TestSec48_Conditions(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	weak := identity.SubjectID(w.user(org, "weak"))
	boss := w.user(org, "boss", "identity:*", "keys:use")
	reader := w.role(org, "wallets:read")
	creator := w.role(org, "wallets:create")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(boss), Role: string(reader), Scope: policy.Root, Condition: "attr:office"})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(boss), Role: string(creator), Scope: policy.Root, Condition: "is:" + string(boss)})
	user := w.role(org, "keys:use")
	o := w.as(org, boss).With(office(true))
	for i, c := range []struct {
		role      identity.RoleID
		condition string
		ok        bool
	}{
		{reader, "attr:office", true}, {reader, "", false}, {reader, "attr:principal.mfa", false}, {reader, "is:" + string(boss), false},
		{creator, "is:" + string(boss), false}, {creator, "", false},
		{user, "", true}, {user, "attr:office", true}, {user, "is:" + string(boss), true},
	} {
		err := last(o.CreateBinding(w.ctx, identity.BindingSpec{Subject: weak, Role: string(c.role), Scope: policy.Root, Condition: c.condition}))
		if c.ok && err != nil || !c.ok && !errors.Is(err, identity.ErrEscalation) {
			t.Errorf("case %d: %v, want ok %t", i, err, c.ok)
		}
	}
	// A deny counts where its condition is unknown, too: there its going gives what an allow with the same condition does not.
	deny := w.bind(org, identity.BindingSpec{Subject: weak, Role: string(reader), Scope: policy.Root, Deny: true, Condition: "attr:office"})
	same := w.unchanged()
	wantKind(t, o.DeleteBinding(w.ctx, deny), identity.ErrEscalation)
	same()
	w.grant(org, identity.SubjectID(boss), policy.Root, "wallets:read")
	if err := o.DeleteBinding(w.ctx, deny); err != nil {
		t.Error(err)
	}
}

// TestSec48_CopiedConditions: a copy of the caller's rights has their
// conditions, but none that is about the caller.
func TestSec48_CopiedConditions(t *testing.T) {
	spec := identity.ServiceAccountSpec{Name: "copy", CopyCallerRights: true}
	for name, c := range map[string]struct {
		condition string
		deny, ok  bool
	}{
		"allow": {"attr:office", false, true}, "deny": {"attr:office", true, true},
		"allow by name": {"not:us_someone", false, false}, "deny by name": {"is:us_someone", true, false},
		"allow by the host's word": {"attr:principal.mfa", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, conditions())
			org := w.org("acme")
			boss := w.user(org, "boss", "identity:accounts.create")
			if c.deny {
				w.grant(org, identity.SubjectID(boss), policy.Root, "wallets:read")
			}
			w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(boss), Role: "wallet-reader", Scope: policy.Root, Deny: c.deny, Condition: c.condition})
			o := w.as(org, boss)
			same := w.unchanged()
			copied, err := o.CreateServiceAccount(w.ctx, spec)
			if !c.ok {
				wantKind(t, err, identity.ErrEscalation)
				same()
				w.grant(org, identity.SubjectID(boss), policy.Root, identity.PermEscalate)
				must(o.CreateServiceAccount(w.ctx, spec))(t)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range []*policy.Attrs{nil, office(true), office(false)} {
				ask := func(account identity.AccountID) bool {
					return w.id.Authorize(w.ctx, identity.Request{
						Principal: w.login(org, account), Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root, Attrs: in,
					}).Allowed
				}
				if ask(copied.ID) != ask(boss) {
					t.Errorf("with %v the copy may %t", in, ask(copied.ID))
				}
			}
		})
	}
}

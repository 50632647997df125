package cel_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/policy/cel"
)

// TestAuthorize goes through all layers: a binding with a condition is written, stored, and decides.
func TestAuthorize(t *testing.T) {
	ctx := context.Background()
	id := identitytest.New(t, func(c *identity.Config) {
		c.Permissions = []policy.PermissionSpec{{Name: "wallets:read"}, {Name: "wallets:pay"}, {Name: "wallets:close"}}
		c.Roles = []identity.CodeRole{
			{Name: "reader", Permissions: []string{"wallets:read"}},
			{Name: "payer", Permissions: []string{"wallets:pay"}},
			{Name: "closer", Permissions: []string{"wallets:close"}},
		}
		c.Attributes = []policy.AttributeSpec{
			{Name: "request.ip", Type: policy.TypeAddr},
			{Name: "wallet.amount", Type: policy.TypeInt},
			{Name: "wallet.owner", Type: policy.TypeString},
		}
		c.Conditions = &cel.Language{}
	})
	account := identitytest.Account(t, id)
	p := identitytest.Principal(t, id, account)
	admin := id.System("test").In(account.Org)
	bind := func(role string, deny bool, condition string) error {
		_, err := admin.CreateBinding(ctx, identity.BindingSpec{
			Subject: identity.SubjectID(account.ID), Role: role, Scope: policy.Root, Deny: deny, Condition: condition,
		})
		return err
	}
	for _, err := range []error{
		bind("reader", false, `cidr("10.0.0.0/8").containsIP(request.ip)`),
		bind("payer", false, `principal.kind == "service-account" && request.time < timestamp("2999-01-01T00:00:00Z")`),
		bind("payer", true, `wallet.amount > 1000`),
		bind("closer", false, `principal.id == wallet.owner`),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}

	for _, source := range []string{`request.host == "a"`, `wallet.amount`, `cidr("10/8").containsIP(request.ip)`, `true && `} {
		err := bind("reader", false, source)
		var where *identity.Error
		if !errors.Is(err, identity.ErrInvalid) || !errors.As(err, &where) || where.Field != "Condition" {
			t.Errorf("%s: %v, want ErrInvalid of Condition", source, err)
		} else if !strings.Contains(err.Error(), "1:") {
			t.Errorf("%s: %v does not say where", source, err)
		}
	}

	from := func(text string) *policy.Attrs {
		return new(policy.Attrs).SetAddr("request.ip", netip.MustParseAddr(text))
	}
	of := func(amount int64) *policy.Attrs { return new(policy.Attrs).SetInt("wallet.amount", amount) }
	ownedBy := func(owner identity.AccountID) *policy.Attrs {
		return new(policy.Attrs).SetString("wallet.owner", string(owner))
	}
	for _, tt := range []struct {
		permission string
		attrs      *policy.Attrs
		want       policy.Reason
		missing    string
	}{
		{"wallets:read", from("10.1.2.3"), policy.ReasonAllowed, ""},
		{"wallets:read", from("::ffff:10.1.2.3"), policy.ReasonAllowed, ""},
		{"wallets:read", from("192.0.2.1"), policy.ReasonNoBinding, ""},
		{"wallets:read", new(policy.Attrs).SetString("request.ip", "10.1.2.3"), policy.ReasonNoBinding, "request.ip"},
		{"wallets:read", nil, policy.ReasonNoBinding, "request.ip"},
		{"wallets:pay", of(1000), policy.ReasonAllowed, ""},
		{"wallets:pay", of(1001), policy.ReasonDenied, ""},
		{"wallets:pay", nil, policy.ReasonDenied, "wallet.amount"},
		{"wallets:close", ownedBy(account.ID), policy.ReasonAllowed, ""},
		{"wallets:close", ownedBy(account.ID + "0"), policy.ReasonNoBinding, ""},
		{"wallets:close", ownedBy(""), policy.ReasonNoBinding, ""},
		{"wallets:close", nil, policy.ReasonNoBinding, "wallet.owner"},
	} {
		permission, err := policy.ParsePermission(tt.permission)
		if err != nil {
			t.Fatal(err)
		}
		d := id.Authorize(ctx, identity.Request{Principal: p, Org: account.Org, Permission: permission, Path: policy.Root, Attrs: tt.attrs})
		if d.Reason != tt.want || d.Missing != tt.missing || d.Allowed != (tt.want == policy.ReasonAllowed) {
			t.Errorf("%s: %+v, want %v %q", tt.permission, d, tt.want, tt.missing)
		}
	}
}

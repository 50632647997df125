package identity_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// apiToken makes a token of an account, which holds nothing but what it holds.
func (w *world) apiToken(org identity.OrgID, account identity.AccountID, spec identity.APITokenSpec) (identity.Credential, string) {
	w.t.Helper()
	if spec.Name == "" {
		spec.Name = fmt.Sprintf("token-%d", w.id.Revision())
	}
	made := must(w.in(org).CreateAPIToken(w.ctx, account, spec))(w.t)
	return made.Credential, made.Secret.Reveal()
}

func TestAPIToken(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	ci, _ := w.service(acme, "ci", "wallets:read")
	row, raw := w.apiToken(acme, ci.ID, identity.APITokenSpec{Name: "deploy"})
	if row.Type != identity.APIToken || row.Name != "deploy" || row.Account != ci.ID || row.State != identity.CredentialActive || row.PublicKey != nil ||
		!row.ValidUntil.Equal(w.clock.Now().Add(365*24*time.Hour)) {
		t.Errorf("made %+v", row)
	}
	if o := must(token.ParseOpaque(raw))(t); o.Prefix() != "cvg" || o.Kind() != token.KindAPIToken || "cr_"+o.ID() != string(row.ID) {
		t.Errorf("the token is of %s", o.Name())
	}
	for range 2 {
		same := w.unchanged()
		p := must(w.id.Authenticate(w.ctx, raw))(t)
		if p.Account() != ci.ID || p.Credential() != row.ID || p.Org() != acme || p.Kind() != identity.ServiceAccount || p.Way() != identity.WayAPIToken || p.TokenID() != "" {
			t.Errorf("it proves %+v", p)
		}
		if d := w.may(p, acme, "wallets:read", policy.Root); !d.Allowed {
			t.Errorf("wallets:read: %+v", d)
		}
		if d := w.may(p, acme, "wallets:delete", policy.Root); d.Allowed {
			t.Errorf("wallets:delete: %+v", d)
		}
		same()
		w.reopen()
	}
}

// TestSec29_UnknownSecrets: what is not exactly a token that was issued is refused
// with one text, before any org is loaded.
func TestSec29_UnknownSecrets(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	ci, _ := w.service(acme, "ci", "wallets:read")
	row, raw := w.apiToken(acme, ci.ID, identity.APITokenSpec{})
	client := must(w.in(acme).CreateClientSecret(w.ctx, ci.ID, identity.ClientSecretSpec{}))(t)
	ulid := string(row.ID)[len("cr_"):]
	made := func(prefix, kind, id string) string {
		secret, _, err := token.NewOpaque(prefix, kind, id, nil)
		if err != nil {
			t.Fatal(err)
		}
		return secret.Reveal()
	}
	w.reopen() // no org is loaded
	for name, bad := range map[string]string{
		"another secret":         made("cvg", "at", ulid),
		"unknown id":             made("cvg", "at", "01j9z3k7w8x4v5n6m7b8c9d0ef"),
		"another kind":           made("cvg", "cs", ulid),
		"another prefix":         made("other", "at", ulid),
		"unknown kind":           made("cvg", "zz", ulid),
		"a client secret":        client.Secret.Reveal(),
		"the kind of a client's": strings.Replace(client.Secret.Reveal(), "_cs_", "_at_", 1),
		"cut":                    raw[:len(raw)-1],
		"longer":                 raw + "0",
		"upper case":             strings.ToUpper(raw),
		"white space":            raw + " ",
		"nothing but the prefix": "cvg_at_",
	} {
		_, err := w.id.Authenticate(w.ctx, bad)
		if wantKind(t, err, identity.ErrUnauthenticated); identity.PublicText(err) != "unauthenticated" {
			t.Errorf("%s: strangers are told %q", name, identity.PublicText(err))
		}
		if strings.Contains(err.Error(), bad) {
			t.Errorf("%s: the error repeats it", name)
		}
	}
	if loaded, _ := w.id.Loaded(); len(loaded) > 0 && loaded[acme] != 0 {
		t.Errorf("the org was loaded for it: %v", loaded)
	}
	if _, err := w.id.Authenticate(w.ctx, raw); err != nil {
		t.Error(err)
	}
	if loaded, _ := w.id.Loaded(); loaded[acme] == 0 {
		t.Error("the org was not loaded for the right one, so this test sees nothing")
	}
}

// TestSec28_OnlyDigests: neither the database, nor its WAL or a backup, nor the log, nor any text that is
// printed on the way has a secret in it.
func TestSec28_OnlyDigests(t *testing.T) {
	var log bytes.Buffer
	w := open(t, with(func(c *identity.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }))
	acme := w.org("acme")
	ci := must(w.in(acme).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{
		Name: "ci", APIToken: &identity.APITokenSpec{Name: "a"}, ClientSecret: &identity.ClientSecretSpec{},
	}))(t)
	_, second := w.apiToken(acme, ci.ID, identity.APITokenSpec{})
	third := must(w.in(acme).RotateSecret(w.ctx, ci.APIToken.ID, time.Hour))(t)
	must(w.id.Authenticate(w.ctx, second))(t)
	must(w.id.ExchangeClientSecret(w.ctx, string(ci.ID), ci.ClientSecret.Secret.Reveal(), identity.TokenRequest{}))(t)
	var printed strings.Builder
	for _, v := range []any{ci, third} {
		fmt.Fprintf(&printed, "%v %+v %#v %s", v, v, v, must(json.Marshal(v))(t))
	}
	for _, e := range w.events(acme) {
		fmt.Fprintf(&printed, "%s %s", e.Before, e.After)
	}
	if err := w.sys().Backup(w.ctx, filepath.Join(w.dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	files := must(filepath.Glob(filepath.Join(w.dir, "*")))(t)
	for _, raw := range []string{ci.APIToken.Secret.Reveal(), ci.ClientSecret.Secret.Reveal(), second, third.Secret.Reveal()} {
		secret := raw[len("cvg_at_")+26 : len(raw)-7]
		o := must(token.ParseOpaque(raw))(t)
		digest, found := o.Digest(), false
		for _, file := range files {
			content := must(os.ReadFile(file))(t)
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s has a secret in it", file)
			}
			found = found || bytes.Contains(content, digest[:])
		}
		if !found {
			t.Error("the digest is nowhere, so this test sees nothing")
		}
		if strings.Contains(printed.String(), secret) || strings.Contains(log.String(), secret) {
			t.Error("a secret was printed")
		}
		if strings.Contains(printed.String(), `"Digest"`) {
			t.Error("a digest is in an event, or in JSON")
		}
	}
	w.start()
}

// TestAPITokenLimits: a token can do what its account can, and what it names; what
// comes of it can do no more.
func TestAPITokenLimits(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	ci, _ := w.service(acme, "ci", "wallets:*", "identity:credentials.create")
	inside, outside := path(t, "projects/1/wallets/2"), path(t, "projects/10")
	_, raw := w.apiToken(acme, ci.ID, identity.APITokenSpec{Permissions: []string{"wallets:read", "keys:use"}, Path: path(t, "projects/1")})
	_, nothing := w.apiToken(acme, ci.ID, identity.APITokenSpec{Permissions: []string{}})
	check := func(raw string, want ...bool) {
		t.Helper()
		for i, q := range []struct {
			permission string
			at         policy.Path
		}{{"wallets:read", inside}, {"wallets:read", outside}, {"wallets:delete", inside}, {"keys:use", inside}} {
			for range 2 { // anew, and as it was kept
				p := must(w.id.Authenticate(w.ctx, raw))(t)
				if d := w.may(p, acme, q.permission, q.at); d.Allowed != want[i] {
					t.Errorf("%s at %s: %+v", q.permission, q.at, d)
				}
			}
		}
	}
	for range 2 {
		check(raw, true, false, false, false)
		check(nothing, false, false, false, false)
		p := must(w.id.Authenticate(w.ctx, raw))(t)
		if got := p.Limits(); !slices.Equal(got.Permissions, []string{"wallets:read", "keys:use"}) || got.Path != path(t, "projects/1") {
			t.Errorf("the principal has %+v", got)
		}
		derived := must(w.id.IssueToken(w.ctx, p, identity.TokenRequest{}))(t)
		check(derived.Token.Reveal(), true, false, false, false)
		wantKind(t, last(w.id.IssueToken(w.ctx, p, identity.TokenRequest{Permissions: []string{"wallets:delete"}})), identity.ErrEscalation)
		wantKind(t, last(w.id.As(p).In(acme).CreateAPIToken(w.ctx, ci.ID, identity.APITokenSpec{Name: "wider"})), identity.ErrDenied)
		w.reopen()
	}
	w.grant(acme, identity.SubjectID(ci.ID), policy.Root, "keys:use")
	check(raw, true, false, false, true)
}

// TestSec48_NamedPermissions: nobody names in a token what the actor does not
// hold, not even for later.
func TestSec48_NamedPermissions(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	user := w.user(acme, "u", "wallets:read", "wallets:create")
	w.grant(acme, identity.SubjectID(user), path(t, "projects/1"), "wallets:*")
	boss := w.user(acme, "boss", "*", "identity:*")
	for i, c := range []struct {
		permissions []string
		at          string
		kind        error
	}{
		{nil, "", nil},
		{[]string{}, "", nil},
		{[]string{"wallets:read", "wallets:create"}, "", nil},
		{[]string{"wallets:*"}, "projects/1", nil},
		{[]string{"wallets:delete"}, "projects/1/wallets/2", nil},
		{[]string{"wallets:*"}, "", identity.ErrEscalation},
		{[]string{"wallets:delete"}, "", identity.ErrEscalation},
		{[]string{"wallets:delete"}, "projects/10", identity.ErrEscalation},
		{[]string{"wallets:read", "identity:accounts.read"}, "", identity.ErrEscalation},
		{[]string{"*"}, "", identity.ErrEscalation},
		{[]string{"wallets:nothing"}, "", identity.ErrInvalid},
		{slices.Repeat([]string{"wallets:read"}, 65), "", identity.ErrLimit},
	} {
		spec := identity.APITokenSpec{Name: fmt.Sprint(i), Permissions: c.permissions}
		if c.at != "" {
			spec.Path = path(t, c.at)
		}
		_, err := w.as(acme, user).CreateAPIToken(w.ctx, user, spec)
		if !errors.Is(err, c.kind) {
			t.Errorf("%q at %q: %v, want %v", c.permissions, c.at, err, c.kind)
		}
		if _, err := w.as(acme, boss).CreateAPIToken(w.ctx, user, spec); err != nil && !errors.Is(err, identity.ErrInvalid) && !errors.Is(err, identity.ErrLimit) && !errors.Is(err, identity.ErrConflict) {
			t.Errorf("by who holds all, %q at %q: %v", c.permissions, c.at, err)
		}
	}
	helper := w.user(acme, "helper", "identity:credentials.create", "wallets:read")
	wantKind(t, last(w.as(acme, helper).CreateAPIToken(w.ctx, user, identity.APITokenSpec{Name: "x", Permissions: []string{"wallets:read"}})), identity.ErrEscalation)
}

// TestAPITokenNetworks: a token for networks is one nowhere else, and neither is
// what came of it.
func TestAPITokenNetworks(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	ci, key := w.service(acme, "ci", "wallets:read")
	_, raw := w.apiToken(acme, ci.ID, identity.APITokenSpec{Networks: []netip.Prefix{
		netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32"),
	}})
	_, free := w.apiToken(acme, ci.ID, identity.APITokenSpec{})
	home := netip.MustParseAddr("10.1.2.3")
	p := must(w.id.AuthenticateFrom(w.ctx, raw, home))(t)
	derived := must(w.id.IssueToken(w.ctx, p, identity.TokenRequest{}))(t).Token.Reveal()
	peer, lent := w.service(acme, "peer", "wallets:read")
	other := must(w.id.Authenticate(w.ctx, w.bearer(peer, lent)))(t)
	acting := must(w.id.Delegate(w.ctx, p, other, identity.TokenRequest{}))(t).Token.Reveal()
	acted := must(w.id.Delegate(w.ctx, other, p, identity.TokenRequest{}))(t).Token.Reveal()
	for from, want := range map[string]bool{
		"10.1.2.3": true, "10.1.255.255": true, "::ffff:10.1.2.3": true, "2001:db8::1": true, "2001:db8::1%eth0": true,
		"10.2.0.0": false, "::ffff:10.2.0.0": false, "::a01:203": false, "2001:db9::": false, "::": false, "": false,
	} {
		var addr netip.Addr
		if from != "" {
			addr = netip.MustParseAddr(from)
		}
		for i, bound := range []string{raw, derived, acting, acted} {
			for range 2 {
				_, err := w.id.AuthenticateFrom(w.ctx, bound, addr)
				if (err == nil) != want {
					t.Errorf("%d from %q: %v", i, from, err)
				}
				if err != nil && (!errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated") {
					t.Errorf("%d from %q: %v", i, from, err)
				}
			}
		}
		for _, unbound := range []string{free, w.bearer(ci, key)} {
			if _, err := w.id.AuthenticateFrom(w.ctx, unbound, addr); err != nil {
				t.Errorf("a token without networks from %q: %v", from, err)
			}
		}
	}
	wantKind(t, last(w.id.Authenticate(w.ctx, raw)), identity.ErrUnauthenticated)
	// It cannot make what is bound to less.
	wantKind(t, last(w.id.As(p).In(acme).CreateAPIToken(w.ctx, ci.ID, identity.APITokenSpec{Name: "wider"})), identity.ErrDenied)
	for _, bad := range []netip.Prefix{
		{}, netip.PrefixFrom(home, 16), netip.PrefixFrom(netip.MustParseAddr("::ffff:10.1.0.0"), 112),
	} {
		wantKind(t, last(w.in(acme).CreateAPIToken(w.ctx, ci.ID, identity.APITokenSpec{Name: "bad", Networks: []netip.Prefix{bad}})), identity.ErrInvalid)
	}
	many := slices.Repeat([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, 65)
	wantKind(t, last(w.in(acme).CreateAPIToken(w.ctx, ci.ID, identity.APITokenSpec{Name: "bad", Networks: many})), identity.ErrLimit)
}

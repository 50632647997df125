package identity_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// TestSec29_AfterItWasShown: once a token was shown and is remembered, every other
// text is refused as it was before, and takes nothing from it.
func TestSec29_AfterItWasShown(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	ci, _ := w.service(acme, "ci", "wallets:read")
	row, raw := w.apiToken(acme, ci.ID, identity.APITokenSpec{})
	_, second := w.apiToken(acme, ci.ID, identity.APITokenSpec{})
	another, _, err := token.NewOpaque("cvg", token.KindAPIToken, string(row.ID)[len("cr_"):], nil)
	if err != nil {
		t.Fatal(err)
	}
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	id, sum := len("cvg_at_")+26, len(raw)-7
	wrong := []string{
		"", "cvg_at_", strings.ToUpper(raw), raw + " ", raw + "0", raw + "\x00", raw[:len(raw)-1], " " + raw, raw + raw, "CVG" + raw[3:], raw[:id] + strings.ToUpper(raw[id:]),
		another.Reveal(),                               // a right checksum
		another.Reveal()[:sum] + raw[sum:],             // the checksum of the right one
		raw[:sum] + second[sum:],                       // of another one
		raw[:id] + second[id:], second[:id] + raw[id:], // the secret of one under the name of the other
		strings.Replace(raw, "_at_", "_cs_", 1), "abc" + raw[3:],
	}
	for i := range raw {
		for _, d := range digits + strings.ToUpper(raw[i:i+1]) + "_ilou" {
			if changed := raw[:i] + string(d) + raw[i+1:]; changed != raw {
				wrong = append(wrong, changed)
			}
		}
	}
	show := func() (said []string) {
		for _, text := range wrong {
			_, err := w.id.Authenticate(w.ctx, text)
			wantKind(t, err, identity.ErrUnauthenticated)
			said = append(said, err.Error())
		}
		return said
	}
	before := show()
	first := must(w.id.Authenticate(w.ctx, raw))(t)
	for i, said := range show() {
		if said != before[i] {
			t.Errorf("%q: %s, before %s", wrong[i], said, before[i])
		}
	}
	text := strings.Clone(raw)
	if n := testing.AllocsPerRun(100, func() {
		if p, err := w.id.Authenticate(w.ctx, text); err != nil || p != first {
			t.Errorf("%v %v", p, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	buffer := []byte(raw) // what is remembered is no part of the request
	must(w.id.Authenticate(w.ctx, string(buffer)))(t)
	clear(buffer)
	if p := must(w.id.Authenticate(w.ctx, raw))(t); p != first {
		t.Error("it was read again")
	}
}

// TestShownAgain: a token that is remembered ends, and comes back, when its credential
// does; and is asked for the network of its caller every time.
func TestShownAgain(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	ci, _ := w.service(acme, "ci", "wallets:read")
	row, raw := w.apiToken(acme, ci.ID, identity.APITokenSpec{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	home, abroad := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("192.0.2.1")
	known := func() {
		t.Helper()
		first := must(w.id.AuthenticateFrom(w.ctx, raw, home))(t)
		for range 2 {
			wantKind(t, last(w.id.AuthenticateFrom(w.ctx, raw, abroad)), identity.ErrUnauthenticated)
			if p := must(w.id.AuthenticateFrom(w.ctx, raw, home))(t); p != first {
				t.Error("it was read again")
			}
		}
	}
	refused := func(raw string, kind error) {
		t.Helper()
		for range 2 {
			wantKind(t, last(w.id.AuthenticateFrom(w.ctx, raw, home)), kind)
		}
	}
	known()
	must(w.in(acme).DisableCredential(w.ctx, row.ID))(t)
	refused(raw, identity.ErrDisabled)
	must(w.in(acme).EnableCredential(w.ctx, row.ID))(t)
	known()
	must(w.in(acme).DeactivateAccount(w.ctx, ci.ID))(t)
	refused(raw, identity.ErrDisabled)
	must(w.in(acme).ActivateAccount(w.ctx, ci.ID))(t)
	known()
	must(w.sys().SuspendOrg(w.ctx, acme))(t)
	refused(raw, identity.ErrDisabled)
	must(w.sys().ResumeOrg(w.ctx, acme))(t)
	known()
	old, next := raw, must(w.in(acme).RotateSecret(w.ctx, row.ID, time.Minute))(t)
	known() // both are good
	raw = next.Secret.Reveal()
	known()
	must(w.id.AuthenticateFrom(w.ctx, old, home))(t)
	w.clock.advance(time.Minute)
	refused(old, identity.ErrExpired)
	known()
	must(w.in(acme).RevokeCredential(w.ctx, next.ID))(t)
	refused(raw, identity.ErrUnauthenticated)
	for range 3 { // others come after it
		_, raw = w.apiToken(acme, ci.ID, identity.APITokenSpec{Name: fmt.Sprint("n", w.id.Revision()), Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
		known()
		refused(next.Secret.Reveal(), identity.ErrUnauthenticated)
	}
	must(w.sys().DeleteOrg(w.ctx, acme))(t)
	refused(raw, identity.ErrDisabled)
	must(w.sys().PurgeOrg(w.ctx, acme))(t)
	refused(raw, identity.ErrUnauthenticated)
}

package httpauth_test

import (
	"context"
	"net/http"
	"net/netip"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
)

// TestSec57_Address: a token with networks counts the peer of the connection, or
// what the host says, and never what a request says of itself.
func TestSec57_Address(t *testing.T) {
	w := newWorld(t)
	made, err := w.System("test").In(w.reader.Org).CreateAPIToken(context.Background(), w.reader.ID, identity.APITokenSpec{
		Name: "bound", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(h http.Handler, from string, fields ...string) string {
		r := request("/wallets/mine", "Bearer "+made.Secret.Reveal())
		r.RemoteAddr = from
		for i := 0; i < len(fields); i += 2 {
			r.Header.Set(fields[i], fields[i+1])
		}
		return status(serve(h, r))
	}
	options := w.options()
	mux := func() http.Handler {
		m := httpauth.NewMux(w.Authority, options)
		m.HandleFunc("GET /wallets/{id}", httpauth.Require("wallets:read", w.target), whoami)
		return m
	}
	plain := mux()
	for from, want := range map[string]string{
		"10.1.2.3:4": "200", "[::ffff:10.1.2.3]:4": "200", "11.1.2.3:4": "401", "[2001:db8::1]:4": "401", "10.1.2.3": "401", "@": "401", "": "401",
	} {
		if got := ask(plain, from); got != want {
			t.Errorf("from %q: %s", from, got)
		}
	}
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Cf-Connecting-Ip", "X-Proxied"} {
		for _, value := range []string{"10.1.2.3", "for=10.1.2.3"} {
			if got := ask(plain, "11.1.2.3:4", name, value); got != "401" {
				t.Errorf("%s: %s: %s", name, value, got)
			}
		}
	}
	options.Address = func(r *http.Request) netip.Addr {
		from, _ := netip.ParseAddr(r.Header.Get("X-Proxied"))
		return from
	}
	proxied := mux()
	for value, want := range map[string]string{"10.1.2.3": "200", "11.1.2.3": "401", "": "401", "x": "401"} {
		if got := ask(proxied, "10.9.9.9:4", "X-Proxied", value); got != want {
			t.Errorf("the proxy says %q: %s", value, got)
		}
	}
}

package cel

import (
	"math/big"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/claviger-go/claviger/policy"
)

func TestAddress(t *testing.T) {
	schema := testSchema(t)
	for source, want := range map[string]policy.Truth{
		// The request comes from ::ffff:10.1.2.3.
		`cidr("10.0.0.0/8").containsIP(request.ip)`:                             policy.True,
		`cidr("10.0.0.0/16").containsIP(request.ip)`:                            policy.False,
		`cidr("::ffff:10.0.0.0/104").containsIP(request.ip)`:                    policy.True,
		`cidr("::ffff:0:0/96").containsIP(request.ip)`:                          policy.True,
		`cidr("0.0.0.0/0").containsIP(request.ip)`:                              policy.True,
		`cidr("::/0").containsIP(request.ip)`:                                   policy.False,
		`cidr("10.1.2.3/32").containsIP("::ffff:10.1.2.3")`:                     policy.True,
		`cidr("10.1.2.3/32").containsIP("10.1.2.4")`:                            policy.False,
		`cidr(network).containsIP(request.ip)`:                                  policy.True,
		`["192.168.0.0/16", network].exists(n, cidr(n).containsIP(request.ip))`: policy.True,
		`request.ip == ip("10.1.2.3")`:                                          policy.True,
		`request.ip == ip("::ffff:a01:203")`:                                    policy.True,
		`request.ip != ip("::10.1.2.3")`:                                        policy.True,
		`request.ip in [ip("10.1.2.2"), ip("10.1.2.3")]`:                        policy.True,
		`request.ip.family() == 4 && ip("2001:db8::1").family() == 6`:           policy.True,
		`string(request.ip) == "10.1.2.3"`:                                      policy.True,
		`string(ip("2001:DB8:0::1")) == "2001:db8::1"`:                          policy.True,

		`cidr("10.0.0.0/8").containsCIDR("10.2.0.0/16")`:                                            policy.True,
		`cidr("10.0.0.0/8").containsCIDR(cidr("10.0.0.0/8"))`:                                       policy.True,
		`cidr("10.0.0.0/8").containsCIDR(cidr("10.0.0.0/7"))`:                                       policy.False,
		`cidr("10.0.0.0/8").containsCIDR(cidr("11.0.0.0/16"))`:                                      policy.False,
		`cidr("::/0").containsCIDR("10.0.0.0/8")`:                                                   policy.False,
		`cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8")`:                                         policy.True,
		`cidr("10.1.2.3/8").ip() == request.ip`:                                                     policy.True,
		`cidr("10.1.2.3/8").prefixLength() == 8`:                                                    policy.True,
		`string(cidr("::ffff:10.0.0.0/104")) == network`:                                            policy.True,
		`isIP("10.1.2.3") && isIP("::1") && !isIP("10.1") && !isIP("fe80::1%a")`:                    policy.True,
		`isIP(request.agent) || isCIDR(request.agent)`:                                              policy.False,
		`isCIDR(network) && !isCIDR("10.0.0.0") && !isCIDR("::ffff:0:0/95")`:                        policy.True,
		`ip("127.0.0.1").isLoopback() && ip("::ffff:127.0.0.1").isLoopback()`:                       policy.True,
		`request.ip.isLoopback() || request.ip.isUnspecified()`:                                     policy.False,
		`ip("::").isUnspecified() && ip("fe80::1").isLinkLocalUnicast()`:                            policy.True,
		`ip("ff02::1").isLinkLocalMulticast() && request.ip.isGlobalUnicast()`:                      policy.True,
		`cidr(string(cidr("10.1.0.0/16"))).containsIP(ip(string(request.ip)))`:                      policy.True,
		`session.mfa ? cidr("10.0.0.0/8").containsIP(request.ip) : request.ip.isLinkLocalUnicast()`: policy.True,
	} {
		if truth, missing := compileOne(t, &Language{}, schema, source).Eval(testEnv(t, schema)); truth != want || missing != "" {
			t.Errorf("%s: %v %q, want %v", source, truth, missing, want)
		}
	}
}

// TestRandomNetworks compares containment to arithmetic on the bits of package net, where an IPv4 address is one in IPv6 form.
func TestRandomNetworks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 1))
	number := func(a netip.Addr) *big.Int { return new(big.Int).SetBytes(net.ParseIP(a.String()).To16()) }
	text := func() (netip.Addr, string) {
		b := [16]byte{10: 0xff, 11: 0xff}
		for i := range b {
			if i >= 12 || rnd.IntN(2) == 0 && i < 10 {
				b[i] = byte(rnd.IntN(3))
			}
		}
		a := netip.AddrFrom16(b)
		if rnd.IntN(2) == 0 {
			a = netip.AddrFrom4([4]byte(b[12:]))
		}
		return a, a.String()
	}
	inside := 0
	for range 20_000 {
		a, aText := text()
		n, _ := text()
		bits := rnd.IntN(n.BitLen() + 1)
		prefix, err := parseCIDR(netip.PrefixFrom(n, bits).String())
		wide := bits // among the 128 bits of the IPv6 form
		if n.Is4() {
			wide += 96
		}
		if (err != nil) != (n.Is4In6() && wide < 96) {
			t.Fatalf("seed %d: %v/%d: %v", seed, n, bits, err)
		}
		if err != nil {
			continue
		}
		addr, err := parseAddr(aText)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, aText, err)
		}
		shift := uint(128 - wide)
		want := new(big.Int).Rsh(number(a), shift).Cmp(new(big.Int).Rsh(number(n), shift)) == 0
		if v4 := a.Unmap().Is4(); v4 && !n.Unmap().Is4() {
			want = false // no network of IPv6 contains an IPv4 address
		}
		if got := prefix.Contains(addr); got != want {
			t.Fatalf("seed %d: %v in %v/%d: %v", seed, a, n, bits, got)
		}
		if want {
			inside++
		}
	}
	if inside == 0 {
		t.Error("these addresses test nothing")
	}
}

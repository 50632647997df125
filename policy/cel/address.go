package cel

import (
	"errors"
	"net/netip"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// The types of addresses, with the names that the Kubernetes libraries gave them.
var (
	addrType = cel.OpaqueType("net.IP")
	cidrType = cel.OpaqueType("net.CIDR")
)

// The overloads that read a text, with the names of the Kubernetes libraries.
const (
	stringToIP             = "string_to_ip"
	stringToCIDR           = "string_to_cidr"
	cidrContainsIPString   = "cidr_contains_ip_string"
	cidrContainsCIDRString = "cidr_contains_cidr_string"
	ipToString             = "ip_to_string"
	cidrToString           = "cidr_to_string"
)

// maxAddress bounds the texts that are read as addresses: more than the 43 bytes of the longest network.
const maxAddress = 64

var (
	errAddress = errors.New("not an IP address")
	errNetwork = errors.New("not a network in CIDR notation")
	errNative  = errors.New("addresses have no other form")
)

func parseAddr(s string) (netip.Addr, error) {
	if len(s) > maxAddress {
		return netip.Addr{}, errAddress
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, errAddress
	}
	return a.Unmap(), nil
}

// parseCIDR reads a network. One that is written in IPv6 form and holds IPv4 addresses only is the IPv4 network.
func parseCIDR(s string) (netip.Prefix, error) {
	if len(s) > maxAddress {
		return netip.Prefix{}, errNetwork
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, errNetwork
	case !p.Addr().Is4In6():
		return p, nil
	case p.Bits() < 96:
		return netip.Prefix{}, errNetwork
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96), nil
}

// addr is an address as a value of CEL.
type addr struct{ netip.Addr }

func (addr) ConvertToNative(reflect.Type) (any, error) { return nil, errNative }
func (addr) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("no conversion to %s", t.TypeName())
}
func (a addr) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(a) == other) }
func (addr) Type() ref.Type                { return addrType }
func (a addr) Value() any                  { return a.Addr }

// cidr is a network as a value of CEL.
type cidr struct{ netip.Prefix }

func (cidr) ConvertToNative(reflect.Type) (any, error) { return nil, errNative }
func (cidr) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("no conversion to %s", t.TypeName())
}
func (c cidr) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(c) == other) }
func (cidr) Type() ref.Type                { return cidrType }
func (c cidr) Value() any                  { return c.Prefix }

func toAddr(text ref.Val) ref.Val {
	a, err := parseAddr(string(text.(types.String)))
	if err != nil {
		return types.WrapErr(err)
	}
	return addr{a}
}

func toCIDR(text ref.Val) ref.Val {
	p, err := parseCIDR(string(text.(types.String)))
	if err != nil {
		return types.WrapErr(err)
	}
	return cidr{p}
}

func containsIP(network, address ref.Val) ref.Val {
	return types.Bool(network.(cidr).Contains(address.(addr).Addr))
}

func containsCIDR(network, other ref.Val) ref.Val {
	n, o := network.(cidr), other.(cidr)
	return types.Bool(n.Bits() <= o.Bits() && n.Contains(o.Addr()))
}

// ofText makes an operation on a value out of one on its text.
func ofText(parse func(ref.Val) ref.Val, op func(a, b ref.Val) ref.Val) func(a, b ref.Val) ref.Val {
	return func(a, b ref.Val) ref.Val {
		v := parse(b)
		if types.IsError(v) {
			return v
		}
		return op(a, v)
	}
}

func addressFunctions() []cel.EnvOption {
	reads := func(name, overload string, result *cel.Type, f func(ref.Val) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.Overload(overload, []*cel.Type{cel.StringType}, result, cel.UnaryBinding(f)))
	}
	isAddr := func(v ref.Val) ref.Val { return types.Bool(!types.IsError(toAddr(v))) }
	isCIDR := func(v ref.Val) ref.Val { return types.Bool(!types.IsError(toCIDR(v))) }
	property := func(name, overload string, of, result *cel.Type, f func(ref.Val) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.MemberOverload(overload, []*cel.Type{of}, result, cel.UnaryBinding(f)))
	}
	test := func(name, overload string, f func(netip.Addr) bool) cel.EnvOption {
		return property(name, overload, addrType, cel.BoolType, func(v ref.Val) ref.Val { return types.Bool(f(v.(addr).Addr)) })
	}
	relation := func(name, overload string, arg *cel.Type, f func(a, b ref.Val) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.MemberOverload(overload, []*cel.Type{cidrType, arg}, cel.BoolType, cel.BinaryBinding(f)))
	}
	return []cel.EnvOption{
		reads("ip", stringToIP, addrType, toAddr),
		reads("isIP", "is_ip", cel.BoolType, isAddr),
		reads("cidr", stringToCIDR, cidrType, toCIDR),
		reads("isCIDR", "is_cidr", cel.BoolType, isCIDR),

		cel.Function("string",
			cel.Overload(ipToString, []*cel.Type{addrType}, cel.StringType,
				cel.UnaryBinding(func(v ref.Val) ref.Val { return types.String(v.(addr).String()) })),
			cel.Overload(cidrToString, []*cel.Type{cidrType}, cel.StringType,
				cel.UnaryBinding(func(v ref.Val) ref.Val { return types.String(v.(cidr).String()) }))),

		property("family", "ip_family", addrType, cel.IntType, func(v ref.Val) ref.Val {
			if v.(addr).Is4() {
				return types.Int(4)
			}
			return types.Int(6)
		}),
		test("isUnspecified", "ip_is_unspecified", netip.Addr.IsUnspecified),
		test("isLoopback", "ip_is_loopback", netip.Addr.IsLoopback),
		test("isLinkLocalUnicast", "ip_is_link_local_unicast", netip.Addr.IsLinkLocalUnicast),
		test("isLinkLocalMulticast", "ip_is_link_local_multicast", netip.Addr.IsLinkLocalMulticast),
		test("isGlobalUnicast", "ip_is_global_unicast", netip.Addr.IsGlobalUnicast),

		relation("containsIP", "cidr_contains_ip_ip", addrType, containsIP),
		relation("containsIP", cidrContainsIPString, cel.StringType, ofText(toAddr, containsIP)),
		relation("containsCIDR", "cidr_contains_cidr", cidrType, containsCIDR),
		relation("containsCIDR", cidrContainsCIDRString, cel.StringType, ofText(toCIDR, containsCIDR)),
		property("ip", "cidr_ip", cidrType, addrType, func(v ref.Val) ref.Val { return addr{v.(cidr).Addr()} }),
		property("masked", "cidr_masked", cidrType, cidrType, func(v ref.Val) ref.Val { return cidr{v.(cidr).Masked()} }),
		property("prefixLength", "cidr_prefix_length", cidrType, cel.IntType,
			func(v ref.Val) ref.Val { return types.Int(v.(cidr).Bits()) }),
	}
}

// Package cel is a language for the conditions of bindings: the Common Expression Language (cel.dev), cut down to what a decision
// can afford and made strict. It is a module of its own, so that only hosts that use it depend on it.
//
//	id, err := identity.New(ctx, st, identity.Config{
//		Attributes: []policy.AttributeSpec{{Name: "request.ip", Type: policy.TypeAddr}},
//		Conditions: &cel.Language{},
//		…
//	})
//	_, err = id.System("setup").In(acme).CreateBinding(ctx, identity.BindingSpec{
//		…
//		Condition: `cidr("10.0.0.0/8").containsIP(request.ip) && request.time.getHours("Europe/Berlin") in [9, 10, 11, 12]`,
//	})
//
// # Values
//
// Every attribute of the schema is a variable of its dotted name: bool, int, double, string, list(string), map(string, string),
// timestamp, duration, and net.IP for [policy.TypeAddr]. Timestamps are in UTC. There are no messages, bytes, unsigned or untyped values; a list
// holds values of one type that is not a list. An attribute with the word in, true, false or null in its name cannot be written.
//
// A map, such as the labels of the account, is read by its keys only: principal.labels["team"], principal.labels.team, and
// "team" in principal.labels. What it does not have under a key is a failure, see below: where that shall be false, ask for the
// key first, as in "team" in principal.labels && principal.labels.team == resource.team.
//
// # Functions
//
// The operators of CEL; in and size; the macros all, exists and exists_one; contains, startsWith, endsWith and matches (RE2); the
// conversions between the types; the getters of timestamps and durations, such as getDayOfWeek. A regular expression and a time
// zone, which is a name of the IANA database or an offset such as "+02:00", must be constants.
//
// For addresses, the names of the Kubernetes libraries:
//
//	ip(string), isIP(string), string(ip), ip.family(), ip.isUnspecified(), ip.isLoopback(), ip.isLinkLocalUnicast(),
//	ip.isLinkLocalMulticast(), ip.isGlobalUnicast(),
//	cidr(string), isCIDR(string), string(cidr), cidr.containsIP(ip or string), cidr.containsCIDR(cidr or string), cidr.ip(),
//	cidr.masked(), cidr.prefixLength()
//
// An IPv4 address in IPv6 form is the IPv4 address everywhere, so 10.0.0.0/8 contains ::ffff:10.1.2.3 and ::/0 contains no IPv4
// address. Zones are malformed.
//
// # Three truths
//
// A condition whose outcome needs an attribute that is missing is [policy.Unknown]. What is decided without it stays decided:
// false && x is false, true || x is true, whatever x is. A failure while evaluating, such as a division by zero, an index out of
// range or a text that does not parse, is unknown too, on the same terms.
//
// # Cost
//
// The worst cost of a condition is computed when it is compiled, for values as long as [MaxString], [MaxStrings] and
// [MaxElement] allow; longer values count as missing. What could cost too much is refused.
//
// What would take long to compile is refused as well: a source of more than 1,024 words and signs, those of its texts included, or
// of more than 512 operations and values.
package cel

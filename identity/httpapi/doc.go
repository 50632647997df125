// Package httpapi holds the endpoints of an [identity.Authority] that workloads
// and other services call:
//
//   - [Token] gives access tokens (RFC 6749, RFC 7523);
//   - [JWKS] publishes the keys that verify them (RFC 7517);
//   - [Introspection] says whether a token is alive (RFC 7662);
//   - [Revocation] ends one (RFC 7009);
//   - [Metadata] says where the others are (RFC 8414).
//
// They authenticate their callers themselves, or need not, so in an httpauth.Mux
// their guard is httpauth.Public. Where they are mounted is the host's choice; only
// the metadata is looked for at one place, [MetadataPath].
//
// Requests are forms of at most 64 KiB in which no parameter is repeated, with
// nothing in the URL. A client authenticates in exactly one way. Refusals are
// constants (RFC 6749 section 5.2): none repeats what was sent, and which of the
// possible causes it was is not told. Limiting the rate of requests is up to the
// host.
package httpapi

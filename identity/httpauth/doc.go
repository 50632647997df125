// Package httpauth puts an [identity.Authority] in front of net/http handlers.
//
// A host that routes with [Mux] names a guard for every route: [Require] asks
// for a permission on the resource being served, [RequireAction] and
// [RequireSigned] also that the request itself is signed, [Public] asks for
// nothing. A route without a guard cannot be written.
//
// A host with another router wraps it in [Authenticate]; its handlers then call
// [Check] before they answer, or are wrapped in [PublicHandler]. Go cannot make
// a handler of another router call Check, so Authenticate detects what it
// cannot prevent: an answer that passed no guard becomes a 500.
//
// Access tokens are taken from one place, a single Authorization header (RFC
// 6750 section 2.1). Refusals are RFC 6750 section 3 challenges with RFC 9457
// bodies of constant text: they never say which of the possible causes it was,
// and never repeat what was sent. The request's own idea of host, scheme or
// client address is never read.
package httpauth

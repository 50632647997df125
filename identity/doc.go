// Package identity is an embedded identity library: a host program opens it
// in-process over SQLite and gets orgs, users, service accounts, groups, roles,
// bindings, public-key credentials, access tokens, and an authorization
// decision without a network hop.
//
// Most hosts need four calls. [New] opens the data in a store that store/sqlite
// opened. [Authority.System] makes the management calls of the host itself, and
// [Authority.As] those of a verified caller, checked against its rights.
// [Authority.Authenticate] turns an access token into a [Principal], and
// [Authority.Authorize] answers whether that principal may do something, there.
// Packages identity/httpauth and identity/httpapi put the last two behind
// net/http.
//
//   - What is proven. A workload registers a public key, signs a short assertion
//     (RFC 7523) with its private key, and gets an access token (RFC 9068) that
//     anyone can verify offline. People are logged in by the host, which vouches
//     for them with [OrgAdmin.Vouch].
//   - What is revoked. Every decision asks again whether the org, the account,
//     the credential and the token are alive: when a call that disables one of
//     them returns, the next request in this process is refused. Other services
//     that verify tokens offline learn of it when the token expires.
//   - What is restored. An older state of the database that comes in the place of
//     a newer one raises a fence before anything is answered from it: tokens,
//     sessions, challenges and cursors of before are dead, and what was revoked
//     since is revoked again as far as "<file>.fence" knows of it. If that may not be
//     all, as when there is only a [Witness], API tokens and secrets are held until
//     [Admin.ReleaseHeld]. The file knows of orgs and accounts that were stopped,
//     deleted, signed out or given an earlier end, of credentials that were ended, of
//     compromised signing keys, and of bindings that allowed and were deleted. It
//     knows nothing of members, groups, roles and their permissions, denies and
//     boundaries: they are again what they were in the older state. A plain
//     copy of the file alone, without either and not made by [Admin.Backup], is not
//     recognised until somebody shows a token that it cannot have issued. A call
//     that takes something away and fails with ErrStorage may be in force, and only
//     not recorded there.
//   - What is done twice. Ensure… makes what is not there and leaves what is.
//     Calls that move something to a state report whether they changed it.
//   - What fails. Errors are [*Error]; match their kind with [errors.Is]. A zero
//     [Principal], a zero Decision and an absent org all refuse.
//
// The library never logs people in, sends mail, limits request rates or fetches
// a URL that somebody else named.
package identity

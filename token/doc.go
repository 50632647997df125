// Package token is proof: the keys, signed tokens, signed assertions, sealed keys and secrets by which a caller shows who it
// is. It knows no accounts and no database, and is useful alone: a service that holds an issuer's public keys verifies
// access tokens with [KeySet] and [Verifier] and nothing else, and one that knows where they are published with [RemoteKeys].
//
// What is signed for one thing is never taken for another. An access token (RFC 9068, typ "at+jwt") is issued by a [SigningKey] and
// read by a [Verifier]; beside it the issuer signs a [Statement], with a typ of its own. A client assertion (RFC 7523) is made by a
// workload with its own key ([SignAssertion]) and read under an [AssertionPolicy]. Everything else that a workload signs, challenges,
// actions and what a host asks for, begins with its [Purpose]. [PublicKey] is the only form in which a key that we did not make enters,
// and it has no invalid values. Opaque secrets ([NewOpaque], [ParseOpaque]) prove by being known.
//
// Everything refuses by default: zero values of policies, keys and seals are errors, never an open door. Errors are
// [*Error] values of a few kinds, meant for the operator; they never hold token text, claim values or key material.
package token

// Package httpapi holds the endpoints of an [identity.Authority] that workloads
// and other services call: [Token] gives access tokens for signed assertions,
// and [JWKS] publishes the keys that verify them. Both are for everybody, so in
// an httpauth.Mux their guard is httpauth.Public. Where they are mounted is the
// host's choice.
package httpapi

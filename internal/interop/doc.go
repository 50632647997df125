// Package interop has clients that others wrote talk to package httpapi over
// loopback: golang.org/x/oauth2, coreos/go-oidc, and with node and npm oauth4webapi
// and jose. What they make of metadata, errors and tokens is what hosts will see. It
// has nothing but tests, and is a module of its own, so that nobody who depends on
// the library downloads them.
//
// The packages of npm are installed by their lock file into a temporary folder; where
// node, npm or the registry cannot be reached, that test is skipped and says so.
package interop

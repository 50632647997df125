// Package tokens compares what it costs to issue and to verify an access token on this library and on those that people use in its place,
// each against the bare signature operation by the same key. Every library is used as its own documentation recommends, and is timed only
// after it has read in every token what was written, and refused what it must.
//
// Call [Run]. To add a library, write its file and add it to libraries.
package tokens

import (
	"crypto"
	"fmt"
	"time"
)

// content is what a token says: ten claims, and a list of ten permissions.
type content struct {
	Issuer, Subject, Audience, ID, ClientID, Org, Credential string
	IssuedAt, NotBefore, Expiry                              int64
	Permissions                                              []string
}

const (
	issuer   = "https://app.example"
	audience = "https://api.example"
	tokens   = 64 // different ones
)

// issuedAt is when all tokens are issued and verified.
var issuedAt = time.Unix(1_800_000_000, 0)

// contentOf makes the content of the i-th token.
func contentOf(i int) content {
	c := content{
		Issuer: issuer, Subject: fmt.Sprintf("sa_01j9z3k7w8x4v5n6m7b8c9%04d", i), Audience: audience,
		ID: fmt.Sprintf("%032x", i), ClientID: fmt.Sprintf("sa_01j9z3k7w8x4v5n6m7b8c9%04d", i),
		Org: "or_01j9z3k7w8x4v5n6m7b8c9d0eg", Credential: "cr_01j9z3k7w8x4v5n6m7b8c9d0eh",
		IssuedAt: issuedAt.Unix(), NotBefore: issuedAt.Unix(), Expiry: issuedAt.Add(10 * time.Minute).Unix(),
	}
	for n := range 10 {
		c.Permissions = append(c.Permissions, fmt.Sprintf("resource%02d:verb%d", i%12, n))
	}
	return c
}

// keyPair is the issuer's key, for all libraries the same.
type keyPair struct {
	algorithm string        // EdDSA or ES256
	private   crypto.Signer // ed25519.PrivateKey or *ecdsa.PrivateKey
	id        string        // the thumbprint of the public key
}

// library is one that is compared.
type library struct {
	name, module string
	ours         bool
	setting      string // how it is used
	setUp        func(k keyPair) (use, error)
}

// use is a library that has the key. What it does each time is what a program does for each token, and no more.
type use struct {
	// verify verifies a token as of a time, so that all its claims can be read. If read is not nil, it does that too, which is not timed.
	verify func(raw string, now time.Time, read *content) error
	sign   func(c content) (string, error) // nil if the library does not issue
}

func libraries() []library {
	return []library{claviger(), golangJWT(), goJose(), jwxJWT(), goOIDC()}
}

// wire is the claims for libraries that fill a struct: those of RFC 7519 have types of their own in each.
type wire struct {
	ClientID    string   `json:"client_id"`
	Org         string   `json:"org"`
	Credential  string   `json:"cid"`
	Permissions []string `json:"perm"`
}

func (w wire) into(c *content) {
	c.ClientID, c.Org, c.Credential, c.Permissions = w.ClientID, w.Org, w.Credential, w.Permissions
}

func wireOf(c content) wire { return wire{c.ClientID, c.Org, c.Credential, c.Permissions} }

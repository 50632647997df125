package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

const wellKnown = "/.well-known/oauth-authorization-server" // RFC 8414 section 3

// Endpoints are the URLs at which a host serves this package: absolute, or a path
// of the issuer's host, such as "/oauth2/token". They are https, or http where the
// issuer is, without user and fragment.
type Endpoints struct {
	Token         string // of [Token], required
	JWKS          string // of [JWKS]; empty means not served, as for those below
	Introspection string // of [Introspection]
	Revocation    string // of [Revocation]
}

// MetadataPath is where clients look for the metadata of an issuer (RFC 8414
// section 3.1): the well-known path, then that of the issuer.
func MetadataPath(id *identity.Authority) string {
	return wellKnown + strings.TrimSuffix(issuerOf(id).EscapedPath(), "/")
}

// Metadata serves the metadata of the authorization server (RFC 8414 section 2) to
// GET and HEAD, with an ETag, for who knows nothing but the issuer:
//
//	mux.Handle("GET "+httpapi.MetadataPath(id), httpauth.Public, httpapi.Metadata(id, endpoints))
//
// Everything that it names is there. Nothing in it comes from a request. There is
// no authorization endpoint, so response_types_supported, which is required, is
// empty. It panics when id is nil and when an endpoint is no such URL.
func Metadata(id *identity.Authority, at Endpoints) http.Handler {
	issuer := issuerOf(id)
	if at.Token == "" {
		panic("httpapi: Metadata: Endpoints.Token is required")
	}
	for _, of := range []struct {
		name string
		text *string
	}{{"Token", &at.Token}, {"JWKS", &at.JWKS}, {"Introspection", &at.Introspection}, {"Revocation", &at.Revocation}} {
		if *of.text == "" {
			continue
		}
		u, ok := endpointURL(issuer, *of.text)
		if !ok {
			panic(fmt.Sprintf("httpapi: Metadata: Endpoints.%s is no URL that metadata may name", of.name))
		}
		*of.text = u
	}
	body, err := json.Marshal(describe(id.Issuer(), at))
	if err != nil {
		panic(err) // texts and lists of texts
	}
	return document("application/json", func(*http.Request) ([]byte, error) { return body, nil })
}

// endpointURL is what metadata says of an endpoint, and false if it may not.
func endpointURL(issuer *url.URL, text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Opaque != "" || strings.Contains(text, "#") {
		return "", false
	}
	if !u.IsAbs() {
		if u.Host != "" || !strings.HasPrefix(text, "/") {
			return "", false
		}
		u = issuer.ResolveReference(u)
	}
	return u.String(), u.Host != "" && (u.Scheme == "https" || u.Scheme == issuer.Scheme)
}

// issuerOf reads the issuer, which is a URL, or no Authority would have opened.
func issuerOf(id *identity.Authority) *url.URL {
	if id == nil {
		panic("httpapi: the Authority is nil")
	}
	u, err := url.Parse(id.Issuer())
	if err != nil {
		panic(err)
	}
	return u
}

// metadata is the document of RFC 8414 section 2.
type metadata struct {
	Issuer                  string            `json:"issuer"`
	TokenEndpoint           string            `json:"token_endpoint"`
	JWKS                    string            `json:"jwks_uri,omitempty"`
	ResponseTypes           []string          `json:"response_types_supported"`
	GrantTypes              []string          `json:"grant_types_supported"`
	TokenMethods            []method          `json:"token_endpoint_auth_methods_supported"`
	TokenAlgorithms         []token.Algorithm `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionEndpoint   string            `json:"introspection_endpoint,omitempty"`
	IntrospectionMethods    []method          `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	IntrospectionAlgorithms []token.Algorithm `json:"introspection_endpoint_auth_signing_alg_values_supported,omitempty"`
	RevocationEndpoint      string            `json:"revocation_endpoint,omitempty"`
	RevocationMethods       []method          `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	RevocationAlgorithms    []token.Algorithm `json:"revocation_endpoint_auth_signing_alg_values_supported,omitempty"`
}

func describe(issuer string, at Endpoints) metadata {
	m := metadata{
		Issuer: issuer, TokenEndpoint: at.Token, JWKS: at.JWKS,
		ResponseTypes: []string{}, GrantTypes: []string{grantJWTBearer, grantClientCredentials, grantExchange},
		TokenMethods: methods(), TokenAlgorithms: token.Algorithms(),
		IntrospectionEndpoint: at.Introspection, RevocationEndpoint: at.Revocation,
	}
	if at.Introspection != "" {
		m.IntrospectionMethods, m.IntrospectionAlgorithms = methods(), token.Algorithms()
	}
	if at.Revocation != "" {
		m.RevocationMethods, m.RevocationAlgorithms = methods(), token.Algorithms()
	}
	return m
}

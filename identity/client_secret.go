package identity

import (
	"context"
	"time"

	"github.com/claviger-go/claviger/token"
)

// ClientSecretSpec is what a client secret is made of.
type ClientSecretSpec struct {
	Name string // free text, at most 255 bytes
	// Validity is how long the secret is good: zero means Config.DefaultValidity, the
	// most is Config.MaxValidity or the org's own maximum.
	Validity time.Duration
}

// CreateClientSecret makes a client secret for an account (RFC 6749 section 2.3.1), with which it gets access tokens and nothing else; see
// [Authority.ExchangeClientSecret]. Several can be live. It takes what AddPublicKey
// takes, and fails like it.
func (o *OrgAdmin) CreateClientSecret(ctx context.Context, account AccountID, spec ClientSecretSpec) (out CredentialSecret, err error) {
	if err := account.check(); err != nil {
		return out, wrap("CreateClientSecret", err)
	}
	return o.createSecret(ctx, "CreateClientSecret", account, spec, func(c *change, a Account) (CredentialSecret, error) {
		return c.addClientSecret(a, spec)
	})
}

func (c *change) addClientSecret(a Account, spec ClientSecretSpec) (CredentialSecret, error) {
	if err := checkText(nounCredential, "Name", spec.Name, maxDisplayName); err != nil {
		return CredentialSecret{}, err
	}
	return c.addSecret(a, Credential{Type: ClientSecret, Name: spec.Name}, spec.Validity, "")
}

// AuthenticateClientSecret verifies the secret of a client (RFC 6749 section 2.3.1)
// and returns who it is. client is the id of the account, or of the credential.
//
// The principal is as if the account had come with an access token made now: it
// ends after Config.TokenLife, and [Authority.IssueToken] makes a token of it. It
// fails like Authenticate, and writes nothing.
func (a *Authority) AuthenticateClientSecret(ctx context.Context, client, secret string) (Principal, error) {
	p, err := a.client(ctx, client, secret, a.clock.Now())
	if err != nil {
		a.turnedAway(WayClientSecret, "", err)
		return Principal{}, wrap("AuthenticateClientSecret", err)
	}
	return p, nil
}

// ExchangeClientSecret is AuthenticateClientSecret and a token made of it: the
// grant client_credentials (RFC 6749 section 4.4), cut down to what is asked for. It
// fails like Authenticate; a request that makes no sense fails with ErrInvalid or
// ErrLimit, once the secret is accepted.
func (a *Authority) ExchangeClientSecret(ctx context.Context, client, secret string, req TokenRequest) (AccessToken, error) {
	t, err := a.exchangeSecret(ctx, client, secret, req)
	if err != nil {
		a.turnedAway(WayClientSecret, "", err)
		return AccessToken{}, wrap("ExchangeClientSecret", err)
	}
	return t, nil
}

func (a *Authority) exchangeSecret(ctx context.Context, client, secret string, req TokenRequest) (AccessToken, error) {
	now := a.clock.Now()
	p, err := a.client(ctx, client, secret, now)
	if err != nil {
		return AccessToken{}, err
	}
	if p, err = a.narrow(p, req); err != nil {
		return AccessToken{}, err
	}
	return a.sign(ctx, p.p, now)
}

func (a *Authority) client(ctx context.Context, client, secret string, now int64) (Principal, error) {
	if err := a.answers(ctx, now); err != nil {
		return Principal{}, err
	}
	entry, _, err := a.proveSecret(secret, a.cfg.TokenPrefix+"_"+token.KindClientSecret+"_")
	if err != nil {
		return Principal{}, err
	}
	p, err := a.standsOn(ctx, WayClientSecret, entry, now, time.UnixMicro(now).Add(a.cfg.TokenLife).UnixMicro())
	if err != nil {
		return Principal{}, err
	}
	if client != string(p.p.account) && client != string(p.p.credential) {
		return Principal{}, refuse(nil, errText("the secret is of another client"))
	}
	a.came(p.p, now)
	return p, nil
}

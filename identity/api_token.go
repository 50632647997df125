package identity

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// APITokenSpec is what an API token is made of. It only takes away: what the token
// can do is what its account may do at the moment of use, and what is named here.
type APITokenSpec struct {
	// Name tells the tokens of an account apart; at most 255 bytes, required. Two
	// that can be used do not get the same one.
	Name string
	// Validity is how long the token is good: zero means Config.DefaultValidity, the
	// most is Config.MaxValidity or the org's own maximum.
	Validity time.Duration
	// Permissions are names of the catalog, and patterns, all of which the actor
	// must surely hold at Path: what it holds under a condition or not everywhere there
	// cannot be named. Nil is all of the account's, whatever they come to be; an empty
	// list leaves nothing. At most 64, together with Path at most 2,048 bytes.
	Permissions []string
	// Path is the one under which the token can do anything; the zero value is
	// everywhere.
	Path policy.Path
	// Networks are those that the token can be used from, at most 64; none is
	// anywhere. See [Authority.AuthenticateFrom].
	Networks []netip.Prefix
}

// CreateAPIToken makes an API token for an account: a text that proves it by
// itself at every request. See [Authority.Authenticate]. It takes what AddPublicKey
// takes, and fails like it; with ErrConflict when the account has a token of that
// name, and with ErrEscalation when the spec names permissions that the actor does
// not hold.
func (o *OrgAdmin) CreateAPIToken(ctx context.Context, account AccountID, spec APITokenSpec) (out CredentialSecret, err error) {
	if err := account.check(); err != nil {
		return out, wrap("CreateAPIToken", err)
	}
	return o.createSecret(ctx, "CreateAPIToken", account, spec, func(c *change, a Account) (CredentialSecret, error) {
		return c.addAPIToken(a, spec)
	})
}

func (c *change) addAPIToken(a Account, spec APITokenSpec) (CredentialSecret, error) {
	if err := c.a.checkRequest(TokenRequest{Permissions: spec.Permissions, Path: spec.Path}); err != nil {
		return CredentialSecret{}, err
	}
	if err := checkNetworks(spec.Networks); err != nil {
		return CredentialSecret{}, err
	}
	if err := c.holdsNamed(a.Org, spec.Permissions, spec.Path); err != nil {
		return CredentialSecret{}, err
	}
	if err := c.checkTokenName(a, spec.Name); err != nil {
		return CredentialSecret{}, err
	}
	return c.addSecret(a, Credential{
		Type: APIToken, Name: spec.Name,
		Permissions: slices.Clone(spec.Permissions), Path: spec.Path, Networks: slices.Clone(spec.Networks),
	}, spec.Validity, "")
}

// holdsNamed refuses to name permissions that the actor does not hold. The account
// holds no more than the actor by now, or is the actor: this is about what it may
// come to hold.
func (c *change) holdsNamed(org OrgID, permissions []string, path policy.Path) error {
	if c.who.system || len(permissions) == 0 {
		return nil
	}
	if path.IsZero() {
		path = policy.Root
	}
	home, err := c.view(c.who.principal.org)
	if err != nil {
		return err
	}
	named := &policy.Role{Permissions: permissions}
	missing, err := c.lacks(home, org, policy.Binding{Scope: path, Effect: policy.Allow}, named)
	if err != nil || missing == "" {
		return err
	}
	return &Error{Kind: ErrEscalation, Entity: nounCredential, Field: "Permissions", Err: errText("the actor does not hold " + missing + " at " + path.String())}
}

// checkTokenName refuses a name that is none, and that of another API token that
// the account could use.
func (c *change) checkTokenName(a Account, name string) error {
	if name == "" {
		return invalid(nounCredential, "Name", "is required")
	}
	if err := checkText(nounCredential, "Name", name, maxDisplayName); err != nil {
		return err
	}
	for row, err := range c.unrevoked(a, Cond{Field: FieldKind, Value: string(APIToken)}, Cond{Field: FieldName, Value: name}) {
		if err != nil {
			return err
		}
		if row.unended(c.at) && row.State != CredentialRetiring { // whose name its successor has
			return conflict(nounCredential, name, "Name", "is that of "+string(row.ID))
		}
	}
	return nil
}

// authenticateSecret is authenticate for an API token.
func (a *Authority) authenticateSecret(ctx context.Context, raw string, now int64) (Principal, error) {
	if err := a.answers(ctx, now); err != nil {
		return Principal{}, err
	}
	shown, entry, slot, proven := a.secrets.recall(raw, a.apiTokens)
	if proven == nil {
		var err error
		if entry, slot, err = a.proveSecret(raw, a.apiTokens); err != nil {
			return Principal{}, err
		}
	} else if p := proven.again(entry, a.instance.Load(), now); p != nil {
		return Principal{p}, nil
	}
	p, err := a.standsOn(ctx, WayAPIToken, entry, now, 0)
	if err == nil {
		a.secrets.keep(slot, entry, shown, p.p)
	}
	return p, err
}

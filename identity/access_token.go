package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// AccessToken is what a workload gets for its proof.
type AccessToken struct {
	Token     token.Secret // a JWT; prints as [redacted]
	IssuedAt  time.Time    // by the Authority's clock, in whole seconds like ExpiresAt
	ExpiresAt time.Time
	Account   AccountID
}

// TokenRequest says what an access token is to be cut down to. It only takes
// away: what the token can do is what its account may do at the moment of use
// and the request names. The zero value takes nothing away.
type TokenRequest struct {
	// Permissions are names of the catalog, and patterns. Nil is all of them; an
	// empty list leaves nothing. At most 64, together with Path at most 2,048 bytes.
	Permissions []string
	// Path is the one under which the token can do anything; the zero value is
	// everywhere.
	Path policy.Path
	// Audience is whom the token is for, instead of [Config.Audience]: one of
	// [Config.Audiences]. Only that one takes it, by the key set; here it opens
	// nothing. It ends with its "exp": what ends it here sooner is not seen there.
	Audience string
}

const (
	maxTokenPermissions = 64
	maxTokenRequest     = 2048 // bytes
)

const nounToken = "token"

// fieldAudience is in the error of a request for a token that is for nobody known.
const fieldAudience = "Audience"

// IssueToken makes another access token for who is calling, cut down to what is
// asked for: to be handed to something that needs less. It is never wider than
// the principal and ends no later, and whatever ends the principal ends it, but
// [OrgAdmin.RevokeToken], which ends one token alone. It writes nothing.
//
// It fails like Authenticate when the principal is not alive, with ErrEscalation
// when the request is not within what the principal was cut down to, and with
// ErrInvalid for a request that makes no sense and for a login that the host
// vouched for: no credential stands behind that.
func (a *Authority) IssueToken(ctx context.Context, p Principal, req TokenRequest) (AccessToken, error) {
	t, err := a.issueFrom(ctx, p, req)
	if err != nil {
		return AccessToken{}, wrap("IssueToken", err)
	}
	return t, nil
}

func (a *Authority) issueFrom(ctx context.Context, p Principal, req TokenRequest) (AccessToken, error) {
	now := a.clock.Now()
	if err := a.proven(ctx, p, now); err != nil {
		return AccessToken{}, err
	}
	p, err := a.narrow(p, req)
	if err != nil {
		return AccessToken{}, err
	}
	return a.sign(ctx, p.p, now)
}

// proven fails unless a token may be made from a principal: it is ours and
// alive, and there is a credential that ends the token with itself.
func (a *Authority) proven(ctx context.Context, p Principal, now int64) error {
	if p.p == nil || p.p.a != a {
		return refuse(nil, errText("the principal is zero or of another authority"))
	}
	if err := a.answers(ctx, now); err != nil {
		return err
	}
	if p.p.credential == "" {
		return invalid("principal", "Credential", "a login that the host vouched for has none to make a token from")
	}
	if p.p.way.once() {
		return invalid("principal", "Way", "an action is one request, and no token is made from it")
	}
	v, err := a.viewOf(ctx, p.p.org)
	if err != nil {
		return err
	}
	q := p.p.moved(v)
	if q == nil {
		return refuse(nil, errText("the account or the credential is gone"))
	}
	if dead := v.live(a.instance.Load(), q, now); dead != policy.ReasonUnspecified {
		return refuse(reasonKind(dead), errText(dead.String()))
	}
	return nil
}

// narrow cuts a principal down to a request.
func (a *Authority) narrow(p Principal, req TokenRequest) (Principal, error) {
	if err := a.checkRequest(req); err != nil {
		return Principal{}, err
	}
	held := p.Limits()
	if req.Permissions == nil {
		req.Permissions = held.Permissions
	} else if held.Permissions != nil {
		// Of patterns alone; policy knows which permissions they mean. Roles do not come into it, nor does the org.
		rules := policy.New(a.model, "")
		if missing, ok := rules.Within(policy.Role{Permissions: req.Permissions}, policy.Role{Permissions: held.Permissions}); !ok {
			return Principal{}, &Error{Kind: ErrEscalation, Entity: nounToken, Field: "Permissions", Err: errText("the principal was cut down, and has no " + missing)}
		}
	}
	if req.Path.IsZero() {
		req.Path = held.Path
	} else if !held.Path.IsZero() && !held.Path.Contains(req.Path) {
		return Principal{}, &Error{Kind: ErrEscalation, Entity: nounToken, Field: "Path", Err: errText("the principal was cut down to " + held.Path.String())}
	}
	if req.Permissions == nil && req.Path.IsZero() && req.Audience == "" {
		return p, nil
	}
	narrowed := *p.p
	narrowed.audience = req.Audience
	if req.Permissions == nil && req.Path.IsZero() {
		return Principal{&narrowed}, nil
	}
	narrowed.cutTo(a, TokenRequest{Permissions: slices.Clone(req.Permissions), Path: req.Path})
	return Principal{&narrowed}, nil
}

// cutTo sets the limits of a principal that is being made.
func (p *principal) cutTo(a *Authority, req TokenRequest) {
	p.asked, p.limits = &req, policy.NewLimits(a.model.Catalog, req.Permissions, req.Path)
}

// limited reports whether a principal is less than its account: its token was
// cut down, or is for some networks only, or others act through it.
func (p *principal) limited() bool { return p.limits != nil || p.chain != nil || p.atNetworks }

// checkRequest refuses what no token can say, or what means nothing here.
func (a *Authority) checkRequest(req TokenRequest) error {
	size := len(req.Path.String())
	for _, text := range req.Permissions {
		size += len(text)
	}
	switch {
	case len(req.Permissions) > maxTokenPermissions:
		return &Error{Kind: ErrLimit, Entity: nounToken, Field: "Permissions", Err: fmt.Errorf("%d, at most %d", len(req.Permissions), maxTokenPermissions)}
	case size > maxTokenRequest:
		return &Error{Kind: ErrLimit, Entity: nounToken, Err: fmt.Errorf("%d bytes of permissions and path, at most %d", size, maxTokenRequest)}
	}
	if req.Audience != "" && req.Audience != a.cfg.Audience && !slices.Contains(a.cfg.Audiences, req.Audience) {
		return invalid(nounToken, fieldAudience, "no token is made for %q", clip(req.Audience))
	}
	for _, text := range req.Permissions {
		pattern, err := policy.ParsePattern(text)
		if err != nil {
			return &Error{Kind: ErrInvalid, Entity: nounToken, Field: "Permissions", Err: err}
		}
		if _, known := a.model.Catalog.Lookup(text); pattern.IsExact() && !known {
			return invalid(nounToken, "Permissions", "the catalog has no %q", clip(text))
		}
	}
	return nil
}

// limit reads the limits of a claim. The texts share the memory of the token:
// what stays is copied.
func (p *principal) limit(a *Authority, permissions []string, path string) error {
	if permissions == nil && path == "" {
		return nil
	}
	if len(permissions) > maxTokenPermissions {
		return errText("the token has too many permissions")
	}
	var req TokenRequest
	if permissions != nil {
		req.Permissions = make([]string, 0, len(permissions))
	}
	for _, text := range permissions {
		if _, err := policy.ParsePattern(text); err != nil {
			return err
		}
		req.Permissions = append(req.Permissions, strings.Clone(text))
	}
	if path != "" {
		var err error
		if req.Path, err = policy.ParsePath(strings.Clone(path)); err != nil {
			return err
		}
	}
	p.cutTo(a, req)
	return nil
}

// claimed is the principal that a token speaks of.
func (a *Authority) claimed(c *token.Claims) (principal, error) {
	key := tokenKey(AccountID(c.Subject), c.ID) // a copy that the two share
	p := principal{
		org: OrgID(strings.Clone(c.Org)), account: AccountID(key[:len(c.Subject)]), credential: CredentialID(strings.Clone(c.Credential)),
		tokenID: string(key[len(c.Subject)+1:]), tokenKey: key, issued: c.Revision, expires: time.Unix(c.Expiry, 0).UnixMicro(),
	}
	if c.Credential == "" || c.ClientID != c.Subject {
		return p, errText("the token does not say what it was issued for")
	}
	if err := p.limit(a, c.Permissions, c.Path); err != nil {
		return p, err
	}
	return p, p.readChain(a, c.Actor)
}

// sign makes an access token of what a principal stands on.
func (a *Authority) sign(ctx context.Context, p *principal, now int64) (AccessToken, error) {
	if err := a.keysTrusted(); err != nil {
		return AccessToken{}, err
	}
	ring, err := a.currentRing(ctx)
	if err != nil {
		return AccessToken{}, err
	}
	id, err := newULID(time.UnixMicro(now), a.cfg.Random)
	if err != nil {
		return AccessToken{}, err
	}
	issued := time.UnixMicro(now).Unix()
	expires := issued + int64(a.cfg.TokenLife/time.Second)
	v, err := a.viewOf(ctx, p.org)
	if err != nil {
		return AccessToken{}, err
	}
	if p.expires != 0 {
		expires = min(expires, time.UnixMicro(p.expires).Unix())
	}
	if expires = min(expires, v.ends(p)); expires <= issued {
		return AccessToken{}, refuse(ErrExpired, errText("less than a second is left"))
	}
	claims := token.Claims{
		Issuer: a.cfg.Issuer, Subject: string(p.account), Audience: []string{cmp.Or(p.audience, a.cfg.Audience)}, Expiry: expires, IssuedAt: issued, NotBefore: issued,
		ID: id, ClientID: string(p.account), Org: string(p.org), Credential: string(p.credential), Incarnation: a.instance.Load().row.Incarnation,
		Revision: p.issued, Actor: p.actors(),
	}
	if p.asked != nil {
		claims.Permissions, claims.Path = p.asked.Permissions, p.asked.Path.String()
	}
	text, err := ring.signer.Sign(ctx, claims)
	switch {
	case errors.Is(err, token.ErrFormat):
		return AccessToken{}, &Error{Kind: ErrLimit, Entity: nounToken, Err: err}
	case err != nil:
		return AccessToken{}, keyError("", err)
	case p.issued < a.instance.Load().row.MinTokenRevision:
		return AccessToken{}, &Error{Kind: ErrBusy, Entity: nounSigningKey, Err: errText("a key was compromised meanwhile")}
	}
	return AccessToken{Token: token.NewSecret(text), IssuedAt: time.Unix(issued, 0).UTC(), ExpiresAt: time.Unix(expires, 0).UTC(), Account: p.account}, nil
}

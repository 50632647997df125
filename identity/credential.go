package identity

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// Credential proves an account. Secret material is never part of it: of a
// public key the key itself is kept, of secrets only a digest.
type Credential struct {
	ID          CredentialID // the "kid" of what the credential signs
	Org         OrgID
	Account     AccountID
	Type        CredentialType
	Name        string // free text, at most 255 bytes
	State       CredentialState
	PublicKey   []byte       // SPKI DER, for public keys
	Thumbprint  string       // RFC 7638, for public keys
	Proven      bool         // possession of the private key was shown at registration
	ValidUntil  time.Time    // ends here; zero means with its account
	EndsAt      time.Time    // retiring: the end of the grace period
	Algorithms  []string     // the JOSE algorithms that a public key was registered for; empty for all of its kind
	Successor   CredentialID // what it was rotated to
	MinRevision uint64       // tokens issued before this revision are dead
	LastUsed    time.Time    // about; zero means never. It is written once in Config.LastUsedEvery
	// KeyUntil is of an enroll code: the key that it adds ends no later. Zero means
	// with its account.
	KeyUntil time.Time
	// MadeWith and MadeAt are of an enroll code that an account made for itself: the
	// credential that it used, empty for a login that the host vouched for, and the
	// revision at which that was proven. The code is dead as soon as what was proven
	// then is. MadeAt is 0 for every other credential. MadeToken is the "jti" of the
	// access token that it came with, empty if it came with none.
	MadeWith  CredentialID
	MadeAt    uint64
	MadeToken string
	// OwnerKind and OwnerState are those of Account, as of the same moment. They are
	// computed by [OrgAdmin.Credential], [OrgAdmin.Credentials] and
	// [OrgAdmin.AllCredentials], and empty elsewhere.
	OwnerKind  AccountKind  `json:"-"`
	OwnerState AccountState `json:"-"`
	// Digest is what is kept of an opaque secret: SHA-256 over 256 random bits. It is
	// in no event.
	Digest []byte `json:"-"`
	// Permissions, Path and Networks are what an API token is cut down to; see
	// [APITokenSpec]. They never change.
	Permissions []string       // nil is all; an empty list leaves nothing
	Path        policy.Path    // the zero value is everywhere
	Networks    []netip.Prefix // none is anywhere
	Meta
}

// CredentialType is what a credential is made of.
type CredentialType string

// The types of credential.
const (
	PublicKey    CredentialType = "public-key"
	APIToken     CredentialType = "api-token"
	ClientSecret CredentialType = "client-secret"
	Invitation   CredentialType = "invitation"  // see [OrgAdmin.Invite]
	EnrollCode   CredentialType = "enroll-code" // see [OrgAdmin.NewEnrollCode]
)

// CredentialState is the life of a credential. The zero value is no state, and refuses.
type CredentialState string

// The states of a credential. Expired is not among them: expiry is read from
// the clock at use.
const (
	CredentialActive   CredentialState = "active"
	CredentialRetiring CredentialState = "retiring"
	CredentialDisabled CredentialState = "disabled"
	CredentialRevoked  CredentialState = "revoked"
	CredentialHeld     CredentialState = "held"
)

// CredentialFilter selects credentials; empty fields select all. An account that is no id, a thumbprint
// that is none, and a type or a state that there is not, fail with ErrInvalid.
type CredentialFilter struct {
	Account    AccountID
	Type       CredentialType
	Name       string // exactly
	State      CredentialState
	Thumbprint string
}

// noLonger cuts the life of a key that an account registers for itself to that
// of the credential it used for it: a key that ends cannot outlive itself.
func (c *change) noLonger(row *Credential) error {
	if !c.who.takesPart(row.Account) {
		return nil
	}
	v, err := c.view(row.Org)
	if err != nil {
		return err
	}
	for _, p := range c.who.principal.all() {
		if p.account != row.Account || p.credential == "" {
			continue
		}
		slot, ok := v.credentials.Lookup(string(p.credential))
		if !ok {
			return &Error{Kind: ErrRevoked, Entity: nounCredential, ID: string(p.credential)}
		}
		used := v.credentials.At(slot)
		for _, end := range []int64{used.until, used.ends} {
			if end != 0 && (row.ValidUntil.IsZero() || row.ValidUntil.After(timeOf(end))) {
				row.ValidUntil = timeOf(end)
			}
		}
	}
	return nil
}

// ownKeys permits an account to manage its own keys: alive, and with no less
// than all of itself.
func (c *change) ownKeys() error {
	if c.who.principal.limited() {
		return &Error{Kind: ErrDenied, Entity: nounCredential, Err: errText("a token with limits or actors does not manage its own keys")}
	}
	return c.alive()
}

// unended reports whether a credential has not ended: it can be used, now or
// after it is enabled or released.
func (c Credential) unended(now time.Time) bool {
	return c.State != CredentialRevoked && (c.ValidUntil.IsZero() || c.ValidUntil.After(now)) && (c.EndsAt.IsZero() || c.EndsAt.After(now))
}

// lives reports whether a credential can be used now, if its account can.
func (c Credential) lives(now time.Time) bool {
	return (c.State == CredentialActive || c.State == CredentialRetiring) && c.unended(now)
}

// roomBeside refuses one more than Config.MaxCredentials that have not ended,
// beside the one that is replaced, if any.
func (c *change) roomBeside(a Account, replaced CredentialID) error {
	n := 0
	for row, err := range c.unrevoked(a) {
		if err != nil {
			return err
		}
		if row.unended(c.at) && row.ID != replaced {
			n++
		}
	}
	if n >= c.a.cfg.MaxCredentials {
		return &Error{Kind: ErrLimit, Entity: nounCredential, Field: "MaxCredentials", Err: errText("the account has " + strconv.Itoa(n))}
	}
	return nil
}

// unrevoked yields the credentials of an account that were not revoked: those
// that were grow in number with every rotation, and are left where they lie.
func (c *change) unrevoked(a Account, more ...Cond) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		for _, state := range []CredentialState{CredentialActive, CredentialRetiring, CredentialDisabled, CredentialHeld} {
			q := c.having(FieldAccount, string(a.ID))
			q.Org = a.Org
			q.Where = append(append(slices.Clip(q.Where), Cond{Field: FieldState, Value: string(state)}), more...)
			for row, err := range c.credentials(q) {
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

// credentials yields the credentials that a query selects.
func (c *change) credentials(q Query) iter.Seq2[Credential, error] {
	return selected(c.ctx, c.tx.Credentials(), q)
}

func (f CredentialFilter) query() Query {
	return Query{Where: where(
		Cond{Field: FieldAccount, Value: string(f.Account)},
		Cond{Field: FieldKind, Value: string(f.Type)},
		Cond{Field: FieldName, Value: f.Name},
		Cond{Field: FieldState, Value: string(f.State)},
		Cond{Field: FieldThumbprint, Value: f.Thumbprint},
	)}
}

// Credential returns one credential.
func (o *OrgAdmin) Credential(ctx context.Context, id CredentialID) (Credential, error) {
	return findRow(ctx, &o.Admin, "Credential", o.org, id, ownedCredentials)
}

// Credentials returns a page of the org's credentials.
func (o *OrgAdmin) Credentials(ctx context.Context, f CredentialFilter, page Page) (List[Credential], error) {
	return listRows(ctx, &o.Admin, "Credentials", nounCredential, o.org, f.query(), page, ownedCredentials)
}

// AllCredentials iterates over the org's credentials.
func (o *OrgAdmin) AllCredentials(ctx context.Context, f CredentialFilter) iter.Seq2[Credential, error] {
	return every(func(page Page) (List[Credential], error) { return o.Credentials(ctx, f, page) })
}

// RenameCredential changes what a credential is called. An API token gets no
// name that another one of its account has.
func (o *OrgAdmin) RenameCredential(ctx context.Context, id CredentialID, name string) (Credential, error) {
	return only(o.editCredential(ctx, "RenameCredential", id, func(c *change, row *Credential, a Account) error {
		if row.Name == name {
			return nil
		}
		row.Name = name
		if row.Type == APIToken {
			return c.checkTokenName(a, name)
		}
		return checkText(nounCredential, "Name", name, maxDisplayName)
	}))
}

// EnableCredential makes a disabled credential active again. Tokens issued
// before stay dead.
func (o *OrgAdmin) EnableCredential(ctx context.Context, id CredentialID) (changed bool, err error) {
	return whether(o.editCredential(ctx, "EnableCredential", id, func(c *change, row *Credential, a Account) error {
		switch row.State {
		case CredentialActive, CredentialRetiring, CredentialDisabled:
			row.State = row.enabled()
			return c.controls(a) // of an active one, too: the call settles its bars
		}
		return &Error{Kind: ErrRevoked, Entity: nounCredential, ID: string(id), Err: errText("is " + string(row.State))}
	}))
}

// DisableCredential pauses a credential: it and every token issued through it
// are refused from the moment this returns. One that is held stays held.
func (o *OrgAdmin) DisableCredential(ctx context.Context, id CredentialID) (changed bool, err error) {
	return whether(o.editCredential(ctx, "DisableCredential", id, func(c *change, row *Credential, a Account) error {
		return c.endCredential(row, a, CredentialDisabled)
	}))
}

// RevokeCredential ends a credential for ever, and every token issued through it.
func (o *OrgAdmin) RevokeCredential(ctx context.Context, id CredentialID) (changed bool, err error) {
	return whether(o.editCredential(ctx, "RevokeCredential", id, func(c *change, row *Credential, a Account) error {
		return c.endCredential(row, a, CredentialRevoked)
	}))
}

func (c *change) endCredential(row *Credential, a Account, to CredentialState) error {
	if !c.who.is(a.ID) { // one's own key can always be given up
		if err := c.contains(a); err != nil {
			return err // though nothing may change: the call settles bars
		}
	}
	if row.State == to || row.State == CredentialRevoked || row.State == CredentialHeld && to == CredentialDisabled {
		return nil // who disables what is held could enable it again, and it would be held no more
	}
	row.State, row.MinRevision = to, c.revision()
	return nil
}

func (o *OrgAdmin) editCredential(ctx context.Context, op string, id CredentialID, edit func(*change, *Credential, Account) error) (out Credential, changed bool, err error) {
	if err := id.check(); err != nil {
		return out, false, wrap(op, err)
	}
	err = o.decide(ctx, op, o.org, subject{org: o.org, noun: nounCredential, id: string(id)}, func(c *change) error {
		changed = false
		before, err := c.tx.Credentials().Find(c.ctx, o.org, id)
		if err := c.mayEdit(before, err); err != nil {
			return err
		}
		a, err := c.tx.Accounts().Find(c.ctx, o.org, before.Account)
		if err != nil {
			return err
		}
		out = before
		if err := edit(c, &out, a); err != nil {
			return err
		}
		if out.State == before.State && out.Name == before.Name {
			return nil
		}
		changed = true
		return c.putCredential(before, &out, verbOf(op))
	}, func(ctx context.Context, s *Admin) error {
		_, _, err := s.In(o.org).editCredential(ctx, op, id, edit)
		return err
	})
	return out, changed && err == nil, err
}

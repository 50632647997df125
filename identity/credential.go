package identity

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
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
	PublicKey   []byte    // SPKI DER, for public keys
	Thumbprint  string    // RFC 7638, for public keys
	Proven      bool      // possession of the private key was shown at registration
	ValidUntil  time.Time // ends here; zero means with its account
	EndsAt      time.Time // retiring: the end of the grace period
	MinRevision uint64    // tokens issued before this revision are dead
	Meta
}

// CredentialType is what a credential is made of.
type CredentialType string

// The types of credential.
const (
	PublicKey CredentialType = "public-key"
)

// CredentialState is the life of a credential. The zero value is no state, and refuses.
type CredentialState string

// The states of a credential. Expired is not among them: expiry is read from
// the clock at use.
const (
	CredentialPending  CredentialState = "pending"
	CredentialActive   CredentialState = "active"
	CredentialRetiring CredentialState = "retiring"
	CredentialDisabled CredentialState = "disabled"
	CredentialRevoked  CredentialState = "revoked"
	CredentialHeld     CredentialState = "held"
)

// PublicKeySpec is what a public-key credential is made of.
type PublicKeySpec struct {
	Name string // free text, at most 255 bytes
	// UnprovenPublicKey is a PEM public key that is registered on the word of
	// whoever calls: nobody showed possession of the private key. The exception
	// is audited.
	UnprovenPublicKey []byte
	// Validity is how long the key is good: zero means as long as its account,
	// the most is Config.MaxValidity or the org's own maximum.
	Validity time.Duration
}

// CredentialFilter selects credentials; empty fields select all.
type CredentialFilter struct {
	Account    AccountID
	State      CredentialState
	Thumbprint string
}

// AddPublicKey registers a public key for an account. It fails with ErrInvalid
// for a key that is malformed, weak or private, with ErrConflict when the key is
// in use in the org, and with ErrLimit when the account has Config.MaxCredentials.
// Through As it needs that the actor holds every right that the account has. For
// itself an account needs no permission; such a key ends no later than the
// credential that was used, and is not to be had with a token that has limits or
// actors.
func (o *OrgAdmin) AddPublicKey(ctx context.Context, account AccountID, spec PublicKeySpec) (out Credential, err error) {
	if !account.valid() {
		return out, wrap("AddPublicKey", &Error{Kind: ErrInvalid, Entity: nounAccount, ID: clip(string(account)), Field: "ID"})
	}
	err = o.write(ctx, "AddPublicKey", o.org, func(c *change) error {
		allowed := func() error { return c.permit(policy.Root) }
		if c.who.is(account) {
			allowed = c.ownKeys
		}
		if err := allowed(); err != nil {
			return err
		}
		a, err := c.liveAccount(o.org, account)
		if err != nil {
			return err
		}
		if a.State != AccountActive && a.State != AccountInvited {
			return &Error{Kind: ErrDisabled, Entity: nounAccount, ID: string(account)}
		}
		if !c.who.is(a.ID) { // one's own key is no minting
			if err := c.controls(a); err != nil {
				return err
			}
		}
		out, err = c.addPublicKey(a, spec)
		return err
	})
	return out, err
}

// parsePublicKey reads a PEM key; the error says what is wrong with it and
// never holds any of it.
func parsePublicKey(pem []byte) (token.PublicKey, error) {
	key, err := token.ParsePublicKey(pem)
	if err != nil {
		return key, &Error{Kind: ErrInvalid, Entity: nounCredential, Field: "UnprovenPublicKey", Err: err}
	}
	return key, nil
}

func (c *change) addPublicKey(a Account, spec PublicKeySpec) (Credential, error) {
	if err := checkText(nounCredential, "Name", spec.Name, maxDisplayName); err != nil {
		return Credential{}, err
	}
	key, err := parsePublicKey(spec.UnprovenPublicKey)
	if err != nil {
		return Credential{}, err
	}
	row := Credential{
		Org: a.Org, Account: a.ID, Type: PublicKey, Name: spec.Name, State: CredentialActive,
		PublicKey: key.DER(), Thumbprint: key.Thumbprint(), Meta: c.created(),
	}
	if spec.Validity != 0 {
		row.ValidUntil = c.at.Add(spec.Validity)
		if err := c.checkUntil(a.Org, nounCredential, row.ValidUntil); err != nil {
			return Credential{}, err
		}
	}
	if err := c.noLonger(&row); err != nil {
		return Credential{}, err
	}
	if err := c.roomForCredential(a); err != nil {
		return Credential{}, err
	}
	if err := c.freeKey(a.Org, row.Thumbprint); err != nil {
		return Credential{}, err
	}
	if row.ID, err = changeID[Credential](c, "cr_"); err != nil {
		return Credential{}, err
	}
	if err := c.tx.Credentials().Insert(c.ctx, row); err != nil {
		return Credential{}, err
	}
	d, err := c.draft(a.Org)
	if err != nil {
		return Credential{}, err
	}
	d.putCredential(row)
	return row, c.record(a.Org, nounCredential, string(row.ID), "create unproven", nil, row)
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

// usable reports whether a credential is one that can be used, now or after it
// is enabled again.
func (c Credential) usable(now time.Time) bool {
	return c.State != CredentialRevoked && (c.ValidUntil.IsZero() || c.ValidUntil.After(now)) && (c.EndsAt.IsZero() || c.EndsAt.After(now))
}

// roomForCredential refuses one more than Config.MaxCredentials that can be used.
func (c *change) roomForCredential(a Account) error {
	n := 0
	q := c.having(FieldAccount, string(a.ID))
	q.Org, q.Limit = a.Org, 1000
	for {
		rows, err := c.tx.Credentials().Page(c.ctx, q)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.usable(c.at) {
				n++
			}
		}
		if len(rows) < q.Limit {
			break
		}
		q.After = string(rows[len(rows)-1].ID)
	}
	if n >= c.a.cfg.MaxCredentials {
		return &Error{Kind: ErrLimit, Entity: nounCredential, Field: "MaxCredentials", Err: errText("the account has " + strconv.Itoa(n))}
	}
	return nil
}

// freeKey refuses a key that is in use in the org. Whose it is stays unsaid. One
// that has ended gives the key free: it is revoked, since it could not be used
// anyway.
func (c *change) freeKey(org OrgID, thumbprint string) error {
	rows, err := c.tx.Credentials().Page(c.ctx, Query{Org: org, Where: []Cond{{Field: FieldThumbprint, Value: thumbprint}}, Limit: 1000})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.usable(c.at) {
			return conflict(nounCredential, "", "UnprovenPublicKey", "this key is registered already")
		}
		if row.State == CredentialRevoked {
			continue
		}
		before := row
		row.State, row.MinRevision, row.Meta = CredentialRevoked, c.revision(), c.updated(row.Meta)
		if err := c.tx.Credentials().Update(c.ctx, row); err != nil {
			return err
		}
		d, err := c.draft(org)
		if err != nil {
			return err
		}
		d.putCredential(row)
		if err := c.record(org, nounCredential, string(row.ID), "revoke ended", before, row); err != nil {
			return err
		}
	}
	return nil
}

// Credential returns one credential.
func (o *OrgAdmin) Credential(ctx context.Context, id CredentialID) (Credential, error) {
	return findRow(ctx, &o.Admin, "Credential", o.org, id, Txn.Credentials)
}

// Credentials returns a page of the org's credentials.
func (o *OrgAdmin) Credentials(ctx context.Context, f CredentialFilter, page Page) (List[Credential], error) {
	q := Query{Where: where(
		Cond{Field: FieldAccount, Value: string(f.Account)},
		Cond{Field: FieldState, Value: string(f.State)},
		Cond{Field: FieldThumbprint, Value: f.Thumbprint},
	)}
	return listRows(ctx, &o.Admin, "Credentials", nounCredential, o.org, q, page, Txn.Credentials, func(c Credential) CredentialID { return c.ID })
}

// AllCredentials iterates over the org's credentials.
func (o *OrgAdmin) AllCredentials(ctx context.Context, f CredentialFilter) iter.Seq2[Credential, error] {
	return every(func(page Page) (List[Credential], error) { return o.Credentials(ctx, f, page) })
}

// RenameCredential changes what a credential is called.
func (o *OrgAdmin) RenameCredential(ctx context.Context, id CredentialID, name string) (Credential, error) {
	return only(o.editCredential(ctx, "RenameCredential", id, func(_ *change, row *Credential, _ Account) error {
		row.Name = name
		return checkText(nounCredential, "Name", name, maxDisplayName)
	}))
}

// EnableCredential makes a disabled credential active again. Tokens issued
// before stay dead.
func (o *OrgAdmin) EnableCredential(ctx context.Context, id CredentialID) (changed bool, err error) {
	return whether(o.editCredential(ctx, "EnableCredential", id, func(c *change, row *Credential, a Account) error {
		switch row.State {
		case CredentialActive, CredentialDisabled:
			row.State = CredentialActive
			return c.controls(a) // of an active one, too: the call settles its bars
		}
		return &Error{Kind: ErrRevoked, Entity: nounCredential, ID: string(id), Err: errText("is " + string(row.State))}
	}))
}

// DisableCredential pauses a credential: it and every token issued through it
// are refused from the moment this returns.
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
	if row.State == to || row.State == CredentialRevoked {
		return nil
	}
	row.State, row.MinRevision = to, c.revision()
	return nil
}

func (o *OrgAdmin) editCredential(ctx context.Context, op string, id CredentialID, edit func(*change, *Credential, Account) error) (out Credential, changed bool, err error) {
	if !id.valid() {
		return out, false, wrap(op, &Error{Kind: ErrInvalid, Entity: nounCredential, ID: clip(string(id)), Field: "ID"})
	}
	err = o.decide(ctx, op, o.org, subject{org: o.org, noun: nounCredential, id: string(id)}, func(c *change) error {
		changed = false
		before, err := c.tx.Credentials().Find(c.ctx, o.org, id)
		if err != nil {
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
		out.Meta = c.updated(out.Meta)
		if err := c.tx.Credentials().Update(c.ctx, out); err != nil {
			return err
		}
		d, err := c.draft(o.org)
		if err != nil {
			return err
		}
		d.putCredential(out)
		changed = true
		return c.record(o.org, nounCredential, string(id), verbOf(op), before, out)
	}, func(ctx context.Context, s *Admin) error {
		_, _, err := s.In(o.org).editCredential(ctx, op, id, edit)
		return err
	})
	return out, changed && err == nil, err
}

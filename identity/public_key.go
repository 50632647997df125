package identity

import (
	"context"
	"time"
)

// PublicKeySpec is what a public-key credential is made of: PublicKey with its
// Proof, or else UnprovenPublicKey. Each is PEM, or a JWK; the "alg" of a JWK
// restricts the key to that algorithm, see [Credential.Algorithms].
type PublicKeySpec struct {
	Name string // free text, at most 255 bytes
	// PublicKey is the key, and Proof shows that who registers it has the private one.
	PublicKey []byte
	Proof     KeyProof
	// UnprovenPublicKey is a public key that is registered on the word of whoever
	// calls: nobody showed possession of the private key. The exception is audited, and
	// gives way: when somebody else proves possession of the key, it is theirs, and
	// this credential is revoked.
	UnprovenPublicKey []byte
	// Validity is how long the key is good: zero means as long as its account,
	// the most is Config.MaxValidity or the org's own maximum.
	Validity time.Duration
}

// AddPublicKey registers a public key for an account. It fails with ErrInvalid
// for a key that is malformed, weak or private, and for a proof that is not
// accepted; with ErrConflict when the key is in use in the org; and with ErrLimit
// when the account has Config.MaxCredentials.
// Through As it needs that the actor holds every right that the account has. For
// itself an account needs no permission; such a key ends no later than the
// credential that was used, and is not to be had with a token that has limits or
// actors.
func (o *OrgAdmin) AddPublicKey(ctx context.Context, account AccountID, spec PublicKeySpec) (out Credential, err error) {
	if err := account.check(); err != nil {
		return out, wrap("AddPublicKey", err)
	}
	var a Account
	authorize := func(c *change) (err error) {
		a, err = c.mayAddKey(o.org, account)
		return err
	}
	return create(ctx, &o.Admin, "AddPublicKey", o.org, keyCreation([]any{account, spec.unproven()}, authorize, func(c *change) (Credential, error) {
		return c.addPublicKey(a, spec, registration{challenged: a.ID})
	}))
}

// unproven is the spec without the proof, which may be another one the next time.
func (s PublicKeySpec) unproven() PublicKeySpec {
	s.Proof = KeyProof{}
	return s
}

// offer is the key of a spec that makes sense by itself.
func (s PublicKeySpec) offer() (offered, error) {
	if err := checkText(nounCredential, "Name", s.Name, maxDisplayName); err != nil {
		return offered{}, err
	}
	return offer(s.PublicKey, s.Proof, s.UnprovenPublicKey)
}

// registration is how a key comes to an account.
type registration struct {
	challenged AccountID    // the account that the challenge was made for; "" if it did not exist yet
	replaced   CredentialID // what the key takes the place of, if anything
	code       *Credential  // the enroll code that it comes by, if it does
}

func (c *change) addPublicKey(a Account, spec PublicKeySpec, how registration) (Credential, error) {
	offered, err := spec.offer()
	if err != nil {
		return Credential{}, err
	}
	row := Credential{
		Org: a.Org, Account: a.ID, Type: PublicKey, Name: spec.Name, State: CredentialActive, Proven: offered.proof != nil,
		PublicKey: offered.key.DER(), Thumbprint: offered.key.Thumbprint(), Meta: c.created(),
	}
	if offered.key.Restricted() {
		row.Algorithms = offered.key.Algorithms()
	}
	if spec.Validity != 0 {
		until := c.at.Add(spec.Validity)
		if err := c.checkUntil(a.Org, nounCredential, until); err != nil {
			return Credential{}, err
		}
		row.ValidUntil = instant(until)
	}
	if how.code != nil {
		row.ValidUntil = how.code.KeyUntil // it was cut down when the code was made
	} else if err := c.noLonger(&row); err != nil {
		return Credential{}, err
	}
	verb := "create unproven"
	if row.Proven {
		verb = "create"
		if err := c.provePossession(possession(a.Org, how.challenged, offered.key), offered.key, *offered.proof); err != nil {
			return Credential{}, err
		}
	}
	if err := c.freeKey(row, offered.field, how.replaced); err != nil {
		return Credential{}, err
	}
	if err := c.roomBeside(a, how.replaced); err != nil {
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
	return row, c.record(a.Org, nounCredential, string(row.ID), verb, nil, row)
}

// freeKey refuses a key that is in use in the org. Whose it is stays unsaid. One
// that has ended gives the key free: it is revoked, since it could not be used
// anyway. So does one that nobody has proven to a new one that was: or who may
// register keys could keep others from registering their own.
func (c *change) freeKey(wanted Credential, field string, replaced CredentialID) error {
	for row, err := range c.credentials(Query{Org: wanted.Org, Where: []Cond{{Field: FieldThumbprint, Value: wanted.Thumbprint}}}) {
		if err != nil {
			return err
		}
		verb := "revoke ended"
		switch {
		case row.State == CredentialRevoked:
			continue
		case !row.unended(c.at):
		case wanted.Proven && !row.Proven && row.ID != replaced: // a key does not take its own place
			verb = "revoke unproven"
		default:
			return conflict(nounCredential, "", field, "this key is registered already")
		}
		before := row
		row.State, row.MinRevision = CredentialRevoked, c.revision()
		if err := c.putCredential(before, &row, verb); err != nil {
			return err
		}
	}
	return nil
}

// putCredential stores a credential that was changed.
func (c *change) putCredential(before Credential, row *Credential, verb string) error {
	row.Meta = c.updated(row.Meta)
	if err := c.tx.Credentials().Update(c.ctx, *row); err != nil {
		return err
	}
	d, err := c.draft(row.Org)
	if err != nil {
		return err
	}
	d.putCredential(*row)
	return c.record(row.Org, nounCredential, string(row.ID), verb, before, *row)
}

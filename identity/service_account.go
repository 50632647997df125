package identity

import (
	"context"
	"strconv"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// ServiceAccountSpec is what a service account is made of, all in one
// transaction. Without roles, bindings and groups it may do nothing.
type ServiceAccountSpec struct {
	// Name matches ^[a-z][a-z0-9]*(-[a-z0-9]+)*$, at most 63 bytes; it is unique
	// in the org and never changes.
	Name        string
	DisplayName string
	Description string
	Labels      map[string]string
	External    ExternalID
	// Validity is how long the account lives: zero means Config.DefaultValidity,
	// the most is Config.MaxValidity or the org's own maximum.
	Validity time.Duration
	Inactive bool // made inactive
	// Boundary is the name or the id of the role that its rights are cut down to; ""
	// is none, or the caller's with CopyCallerRights.
	Boundary string

	// PublicKey with its Proof, or UnprovenPublicKey, is the first public key, as in
	// [PublicKeySpec]. The challenge of the proof is one for no account.
	PublicKey         []byte
	Proof             KeyProof
	UnprovenPublicKey []byte
	KeyName           string // what to call that key

	// APIToken and ClientSecret are made with the account, and only then: Ensure gives
	// neither again. Nil is none.
	APIToken     *APITokenSpec
	ClientSecret *ClientSecretSpec

	// At most 256 of each.
	Roles       []string      // names or ids of roles, bound at Root
	Bindings    []BindingSpec // further bindings; the subject is left empty
	Groups      []GroupID
	Permissions []string // direct permissions at Root, as a role of its own

	// CopyCallerRights gives the account what the caller has: its bindings and
	// those of its groups, denies, dates, conditions and reach, and its boundary, as
	// they are now. What changes for the caller later does not reach the account.
	// System has no rights to copy, an account takes only those of its own org, and
	// a token that has limits or actors copies none. A condition that reads
	// something of the caller means something else for the account: to copy it takes
	// what giving away the role takes.
	CopyCallerRights bool
}

// ServiceAccountResult is a service account that was made or found.
type ServiceAccountResult struct {
	Account
	Key     Credential // the public key that was registered with it, or found; zero if there is none
	Created bool       // false: it was there, and nothing was changed

	APIToken, ClientSecret CredentialSecret // that were made with it; zero if there are none
}

// hasKey reports whether the account is to have a public key from the start.
func (s ServiceAccountSpec) hasKey() bool {
	return s.PublicKey != nil || s.UnprovenPublicKey != nil || s.Proof != (KeyProof{})
}

// CreateServiceAccount makes a service account with everything its spec names,
// or nothing. It fails with ErrConflict when the name, the external id or the
// key is taken in the org, and with ErrEscalation when the actor does not hold
// what the account would get.
func (o *OrgAdmin) CreateServiceAccount(ctx context.Context, spec ServiceAccountSpec) (ServiceAccountResult, error) {
	return o.makeServiceAccount(ctx, "CreateServiceAccount", spec)
}

// EnsureServiceAccount makes a service account unless the org has one with this
// name; then it returns that one, whatever its state, and changes nothing: it
// neither enables nor grants again.
func (o *OrgAdmin) EnsureServiceAccount(ctx context.Context, spec ServiceAccountSpec) (ServiceAccountResult, error) {
	return o.makeServiceAccount(ctx, "EnsureServiceAccount", spec)
}

func (o *OrgAdmin) makeServiceAccount(ctx context.Context, op string, spec ServiceAccountSpec) (out ServiceAccountResult, err error) {
	if err := checkLists(spec.Groups, spec.Roles, spec.Bindings, spec.Permissions); err != nil {
		return out, wrap(op, err)
	}
	defer o.compileAhead(ctx, op, policy.Root, spec.Bindings...)()
	build := func(c *change) (out ServiceAccountResult, err error) {
		if !validServiceAccountName(spec.Name) {
			return out, invalid(nounAccount, "Name", "%q does not match ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ of at most 63 bytes", clip(spec.Name))
		}
		found, exists, err := one(c, c.tx.Accounts(), o.org, Cond{Field: FieldKind, Value: string(ServiceAccount)}, Cond{Field: FieldName, Value: spec.Name})
		switch {
		case err != nil:
			return out, err
		case exists && op == "EnsureServiceAccount":
			return c.foundServiceAccount(found, spec)
		case exists:
			return out, conflict(nounAccount, spec.Name, "Name", "is that of "+string(found.ID))
		}
		return c.createServiceAccount(o.org, spec)
	}
	input := spec
	input.Proof = KeyProof{}
	return create(ctx, &o.Admin, op, o.org, creation[ServiceAccountResult]{
		noun: nounAccount, input: input, create: build,
		ids: func(r ServiceAccountResult) []string {
			return []string{string(r.ID), string(r.Key.ID), string(r.APIToken.ID), string(r.ClientSecret.ID)}
		},
		find: func(c *change, made []string) (out ServiceAccountResult, err error) {
			if out.Account, err = c.liveAccount(o.org, AccountID(made[0])); err != nil {
				return out, err
			}
			return out, c.madeWith(o.org, made[1:], &out.Key, &out.APIToken.Credential, &out.ClientSecret.Credential)
		},
	})
}

func (c *change) foundServiceAccount(a Account, spec ServiceAccountSpec) (ServiceAccountResult, error) {
	out := ServiceAccountResult{Account: a}
	same := a.State == AccountActive && a.External == spec.External && (spec.CopyCallerRights || c.boundedBy(a, spec.Boundary))
	if spec.hasKey() {
		offered, err := offer(spec.PublicKey, spec.Proof, spec.UnprovenPublicKey)
		if err != nil {
			return out, err
		}
		row, found, err := one(c, c.tx.Credentials(), a.Org, Cond{Field: FieldAccount, Value: string(a.ID)}, Cond{Field: FieldThumbprint, Value: offered.key.Thumbprint()})
		if err != nil {
			return out, err
		}
		if found {
			out.Key = row
		}
		same = same && found
	}
	c.differs(nounAccount, string(a.ID), same)
	return out, nil
}

func (c *change) createServiceAccount(org OrgID, spec ServiceAccountSpec) (out ServiceAccountResult, err error) {
	if out.Account, err = c.newServiceAccount(org, spec); err != nil {
		return out, err
	}
	if err := c.insertAccount(out.Account); err != nil {
		return out, err
	}
	if err := c.addFirstCredentials(&out, spec); err != nil {
		return out, err
	}
	if err := c.equip(out.Account, spec.Groups, spec.Roles, spec.Bindings); err != nil {
		return out, err
	}
	if spec.CopyCallerRights {
		if err := c.copyCaller(out.Account); err != nil {
			return out, err
		}
	}
	if len(spec.Permissions) > 0 {
		if err := c.grantDirect(out.Account, spec.Permissions, policy.Root); err != nil {
			return out, err
		}
	}
	out.Created = true
	return out, nil
}

// newServiceAccount is the account as the spec and the limits of its org make it; it
// is not stored yet.
func (c *change) newServiceAccount(org OrgID, spec ServiceAccountSpec) (Account, error) {
	v, err := c.view(org)
	if err != nil {
		return Account{}, err
	}
	if most := v.org.Settings.MaxServiceAccounts; most > 0 && v.services >= most {
		return Account{}, &Error{Kind: ErrLimit, Entity: nounAccount, Field: "MaxServiceAccounts", Err: errText("the org has " + strconv.Itoa(v.services))}
	}
	validity := spec.Validity
	if validity == 0 {
		validity = min(c.a.cfg.DefaultValidity, c.a.maxValidity(v.org))
	}
	until := c.at.Add(validity)
	if err := c.checkUntil(org, nounAccount, until); err != nil {
		return Account{}, err
	}
	id, err := changeID[Account](c, "sa_")
	if err != nil {
		return Account{}, err
	}
	a := Account{
		ID: id, Org: org, Kind: ServiceAccount, Name: spec.Name, DisplayName: spec.DisplayName, Description: spec.Description,
		Labels: spec.Labels, External: spec.External, State: AccountActive, ValidUntil: instant(until), Meta: c.created(),
	}
	if spec.Inactive {
		a.State = AccountInactive
	}
	if a.Boundary, err = c.boundary(org, spec.Boundary); err == nil && spec.CopyCallerRights {
		a.Boundary, err = c.boundaryOfCopy(org, a.Boundary)
	}
	return a, err
}

// addFirstCredentials adds the credentials that an account is made with.
func (c *change) addFirstCredentials(out *ServiceAccountResult, spec ServiceAccountSpec) (err error) {
	if spec.hasKey() {
		out.Key, err = c.addPublicKey(out.Account, PublicKeySpec{
			Name: spec.KeyName, PublicKey: spec.PublicKey, Proof: spec.Proof, UnprovenPublicKey: spec.UnprovenPublicKey,
		}, registration{})
		if err != nil {
			return err
		}
	}
	if spec.APIToken != nil {
		if out.APIToken, err = c.addAPIToken(out.Account, *spec.APIToken); err != nil {
			return err
		}
	}
	if spec.ClientSecret != nil {
		out.ClientSecret, err = c.addClientSecret(out.Account, *spec.ClientSecret)
	}
	return err
}

// maxValidity is the longest life that an org allows.
func (a *Authority) maxValidity(org Org) time.Duration {
	if m := org.Settings.MaxValidity; m > 0 {
		return min(m, a.cfg.MaxValidity)
	}
	return a.cfg.MaxValidity
}

// checkUntil refuses an end of validity that has passed or is too far away.
func (c *change) checkUntil(org OrgID, entity string, until time.Time) error {
	v, err := c.view(org)
	if err != nil {
		return err
	}
	if most := c.a.maxValidity(v.org); !instant(until).After(c.at) || until.Sub(c.at) > most {
		return invalid(entity, "Validity", "%s from now is not between 0 and %s", until.Sub(c.at), most)
	}
	return nil
}

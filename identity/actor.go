package identity

import (
	"context"
	"errors"
	"strings"

	"github.com/claviger-go/claviger/policy"
)

// actor is who makes a management call: a principal, or the host itself.
type actor struct {
	system    bool
	reason    string
	principal *principal
	attrs     *policy.Attrs
	request   string // the host's name for the request that is served
	keyed     bool   // the calls have an idempotency key, which may be a bad one
	key       string
	retried   *pending // set when this call is made again
}

// name is who acts: of a delegation the current actor.
func (w actor) name() string {
	if w.system {
		return "system"
	}
	return string(w.principal.acting().account)
}

// onBehalfOf is the subject of a delegation.
func (w actor) onBehalfOf() string {
	if w.system || w.principal.chain == nil {
		return ""
	}
	return string(w.principal.account)
}

// foreign reports whether an org is none of the actor's business: it is not its
// own, and it does not operate the instance. Such an org is not even looked for,
// so that one that is there and one that is not cannot be told apart.
func (w actor) foreign(org OrgID) bool {
	return !w.system && org != w.principal.org && w.principal.org != w.principal.a.SystemOrg()
}

// is reports whether an account acts for itself.
func (w actor) is(account AccountID) bool {
	return !w.system && w.principal.account == account && w.principal.chain == nil
}

// takesPart reports whether an account acts, for itself or in a delegation.
func (w actor) takesPart(account AccountID) bool {
	return w.as(account) != nil
}

// as is the principal that an account takes part with, or nil.
func (w actor) as(account AccountID) *principal {
	if w.system {
		return nil
	}
	for _, p := range w.principal.all() {
		if p.account == account {
			return p
		}
	}
	return nil
}

func (w actor) credential() string {
	if w.system {
		return ""
	}
	return string(w.principal.acting().credential)
}

// Admin makes management calls for one actor. The zero value is not usable;
// it comes from [Authority.System], [Authority.As], or a [Tx].
type Admin struct {
	a   *Authority
	who actor
	tx  *Tx // set inside Write
}

// OrgAdmin makes management calls in one org.
type OrgAdmin struct {
	Admin
	org OrgID
}

// System acts as the host itself, with full authority. The reason goes into
// the audit; an empty one makes every call fail.
func (a *Authority) System(reason string) *Admin {
	return &Admin{a: a, who: actor{system: true, reason: reason}}
}

// As acts as a principal: every call is checked against its rights at that moment.
func (a *Authority) As(p Principal) *Admin {
	return &Admin{a: a, who: actor{principal: p.p}}
}

// With makes calls with what conditions may read of the request that they serve.
// The attributes are copied, so the caller may fill them again.
func (s *Admin) With(attrs *policy.Attrs) *Admin {
	with := *s
	with.who.attrs = attrs.Clone()
	return &with
}

// With is [Admin.With] in the same org.
func (o *OrgAdmin) With(attrs *policy.Attrs) *OrgAdmin { return o.Admin.With(attrs).In(o.org) }

// WithRequestID names the request that the calls serve, such as the value of
// X-Request-Id: it goes into the events of the audit, where it leads from a
// change to the host's own log. At most 128 bytes of printable ASCII without
// spaces; with another every call fails with ErrInvalid.
func (s *Admin) WithRequestID(id string) *Admin {
	with := *s
	with.who.request = id
	return &with
}

// WithRequestID is [Admin.WithRequestID] in the same org.
func (o *OrgAdmin) WithRequestID(id string) *OrgAdmin { return o.Admin.WithRequestID(id).In(o.org) }

// In selects the org that the calls concern.
func (s *Admin) In(org OrgID) *OrgAdmin { return &OrgAdmin{Admin: *s, org: org} }

// OrgID is the org that the calls concern. Whether there is one is not known before
// a call. To read its row there is [Admin.Org].
func (o *OrgAdmin) OrgID() OrgID { return o.org }

// scoped are the calls that are not simply checked at Root; they call permit
// themselves.
func scoped(op string) bool {
	switch op {
	case "CreateBinding", "EnsureBinding", "DeleteBinding", "MoveSubtree":
		return true
	case "AddPublicKey", "CreateAPIToken", "CreateClientSecret", "NewEnrollCode", "RotateSecret", "NewKeyChallenge", "RotatePublicKey", "RevokeToken", "RevokeTokenID",
		"RenameCredential", "DisableCredential", "RevokeCredential": // one's own need no permission
		return true
	case "Elevate", "EndElevation": // are for one's own only
		return true
	}
	return false
}

// write runs one management call through the door, or inside the transaction
// of a Write.
func (s *Admin) write(ctx context.Context, op string, org OrgID, fn func(*change) error) error {
	if err := s.checkActor(); err != nil {
		return wrap(op, err)
	}
	if s.a.required[op] == "" {
		return &Error{Kind: ErrDenied, Op: op, Err: errText("the call names no permission")}
	}
	if s.tx != nil {
		return s.deniedCall(op, org, wrap(op, s.tx.step(ctx, s.who, op, org, fn)))
	}
	err := s.a.do(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
		next, err := s.a.perform(ctx, tx, cand, s.who, op, org, fn)
		return next.complete(), err
	})
	return s.deniedCall(op, org, wrap(op, err))
}

// complete closes the change under way: the next one gets a number of its own.
func (c candidate) complete() candidate {
	if c.items > 0 {
		c.revision, c.items = c.revision+1, 0
	}
	return c
}

// perform is one management call inside a transaction.
func (a *Authority) perform(ctx context.Context, tx WriteTxn, cand candidate, who actor, op string, org OrgID, fn func(*change) error) (candidate, error) {
	c := a.newChange(ctx, tx, cand, who, op, org)
	if !scoped(op) {
		if err := c.permit(policy.Root); err != nil {
			return cand, err
		}
	}
	if err := fn(c); err != nil {
		return cand, err
	}
	next, err := c.finish()
	if err != nil {
		return cand, err
	}
	return next, nil
}

func (s *Admin) checkActor() error {
	switch {
	case s.a == nil:
		return &Error{Kind: ErrUnauthenticated, Entity: "actor", Err: errText("of no authority")}
	case !validRequestID(s.who.request):
		return invalid("actor", "RequestID", "wants at most 128 bytes of printable ASCII without spaces")
	case s.who.keyed && !validIdempotencyKey(s.who.key):
		return invalid("actor", "IdempotencyKey", "wants 1 to 128 bytes of printable ASCII without spaces")
	case s.who.system && strings.TrimSpace(s.who.reason) == "":
		return invalid("actor", "reason", "System needs a reason")
	case s.who.system:
		return checkText("actor", "reason", s.who.reason, maxText)
	case s.who.principal == nil || s.who.principal.a != s.a:
		return &Error{Kind: ErrUnauthenticated, Entity: "actor", Err: errText("the principal is zero or of another authority")}
	}
	return nil
}

func validRequestID(id string) bool {
	return len(id) <= 128 && visible(id)
}

// visible reports whether a text is of printable ASCII without spaces.
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

// read runs a management call that only reads: in the transaction of a Write,
// or in a read transaction of its own after a check against what is published.
func (s *Admin) read(ctx context.Context, op string, org OrgID, fn func(ctx context.Context, tx Txn) error) error {
	if err := s.checkActor(); err != nil {
		return wrap(op, err)
	}
	permission := s.a.required[op]
	if permission == "" {
		return &Error{Kind: ErrDenied, Op: op, Err: errText("the call names no permission")}
	}
	if s.tx != nil {
		return s.deniedCall(op, org, wrap(op, s.tx.look(ctx, s.who, op, org, fn)))
	}
	if ctx.Value(nestedKey{s.a}) != nil {
		return wrap(op, errNested())
	}
	if err := s.a.answers(ctx, s.a.clock.Now()); err != nil {
		return wrap(op, err)
	}
	if err := s.permitPublished(ctx, op, org, permission, policy.Root); err != nil {
		return s.deniedCall(op, org, wrap(op, givenUp(ctx, err)))
	}
	return wrap(op, givenUp(ctx, s.a.store.Read(ctx, func(tx Txn) error { return fn(ctx, tx) })))
}

// givenUp is the error of reading, or only that of the context where that is why it
// failed: nothing is wrong with the database, as ErrStorage would say.
func givenUp(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && errors.Is(err, cause) {
		return cause
	}
	return err
}

// permitPublished is the check of a call against what is published.
func (s *Admin) permitPublished(ctx context.Context, op string, org OrgID, permission string, path policy.Path) error {
	if s.who.foreign(org) {
		return notFound(nounOrg, string(org))
	}
	target, err := s.a.viewOf(ctx, org)
	if err != nil {
		return err
	}
	if s.who.system {
		if target.org.State == OrgDeleted && !outlives(op) {
			return notFound("org", string(org))
		}
		return nil
	}
	home, err := s.a.viewOf(ctx, s.who.principal.org)
	if err != nil {
		return err
	}
	return s.a.permitted(home, s.a.instance.Load(), s.who, target, permission, path, s.a.clock.Now())
}

// outlives are the calls that the host may still make on a deleted org: its log
// is kept.
func outlives(op string) bool {
	switch op {
	case "Events", "Follow", "AuditHead", "VerifyAudit", "ExportAudit":
		return true
	}
	return false
}

// permitted is the check of a management call: the same decision as Authorize
// takes, with a foreign org answering as an absent one does.
func (a *Authority) permitted(home *view, inst *instance, who actor, target *view, permission string, path policy.Path, now int64) error {
	p := who.principal
	name, err := policy.ParsePermission(permission)
	if err != nil {
		return err
	}
	at := standpoint{home: home, inst: inst, p: p, org: target.org.ID, target: target.org.State, now: now}
	var d policy.Decision
	at.judge(&policy.Query{Permission: name, Path: path, Attrs: who.attrs}, &d)
	if d.Allowed {
		return nil
	}
	if target.org.ID != p.org && (d.Reason == policy.ReasonOtherOrg || d.Reason == policy.ReasonOrgDeleted) {
		return notFound("org", string(target.org.ID))
	}
	return refusal(d.Reason, permission)
}

// reasonKind is the kind of error that a refusal is.
func reasonKind(r policy.Reason) error {
	switch r {
	case policy.ReasonUnauthenticated, policy.ReasonUnknownAccount:
		return ErrUnauthenticated
	case policy.ReasonOrgSuspended, policy.ReasonOrgDeleted, policy.ReasonAccountInactive, policy.ReasonCredentialInactive:
		return ErrDisabled
	case policy.ReasonAccountExpired, policy.ReasonCredentialExpired, policy.ReasonTokenExpired:
		return ErrExpired
	case policy.ReasonTokenRevoked:
		return ErrRevoked
	case policy.ReasonStale:
		return ErrStale
	case policy.ReasonUnavailable:
		return ErrStorage
	}
	return ErrDenied
}

// commit is a change that is no management call: what permits it is for fn to ask.
func (a *Authority) commit(ctx context.Context, who actor, op string, org OrgID, fn func(*change) error) error {
	return a.do(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
		c := a.newChange(ctx, tx, cand, who, op, org)
		if err := fn(c); err != nil {
			return cand, err
		}
		next, err := c.finish()
		return next.complete(), err
	})
}

// do runs a closure through the door. A caller waits for its turn no longer
// than MaxWrite.
func (a *Authority) do(ctx context.Context, fn func(WriteTxn, candidate) (candidate, error)) error {
	return a.enter(ctx, a.door.Do, fn)
}

func (a *Authority) enter(ctx context.Context, door func(context.Context, func(WriteTxn, candidate) (candidate, error)) error, fn func(WriteTxn, candidate) (candidate, error)) error {
	if ctx.Value(nestedKey{a}) != nil {
		return errNested()
	}
	if err := a.attached(); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, a.cfg.MaxWrite)
	defer cancel()
	ran, takes := false, false
	err := door(wait, func(tx WriteTxn, cand candidate) (candidate, error) {
		ran = true
		next, err := fn(tx, cand)
		takes = next.takes > cand.takes
		return next, err
	})
	if err == nil && takes {
		return a.remember(ctx)
	}
	if err != nil && !ran && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: ErrBusy, Err: errText("no turn to write within MaxWrite")}
	}
	return err
}

func errNested() error {
	return &Error{Kind: ErrNested, Err: errText("inside Write, calls are made on its Tx")}
}

// nestedKey marks the context inside a Write of one Authority.
type nestedKey struct{ a *Authority }

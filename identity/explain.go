package identity

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// Explanation is a decision with everything that it rests on. It names bindings,
// roles and groups, so it is for operators and not for strangers.
type Explanation struct {
	Decision policy.Decision // the one that Authorize takes
	Account  AccountID       // whose question it is; empty for nobody
	Org      OrgID           // of the resource
	// Refused is what refuses before the rules are asked: what the principal stands on
	// is not alive, the resource is of another org, …; ReasonUnspecified if nothing
	// does. Because says more of it, in one line, and Culprit is the id of what it
	// speaks of: an account, a credential or an org, or empty.
	Refused policy.Reason
	Because string
	Culprit string
	// Rules is what the rules say of the account; nil where they cannot be asked. Where
	// something refuses before them, it is what they would say otherwise.
	Rules *policy.Explanation
	// Actors is what the rules say of those who act for the account, the current one
	// first; see [Authority.Delegate].
	Actors []policy.Explanation
}

// AccountRequest asks what an account may do, whether or not it is logged in.
type AccountRequest struct {
	Account AccountID // of the org that is asked in
	// Org is the org of the resource; zero is the one that is asked in. Another one
	// makes sense in the system org, for an operator; there it takes
	// identity:orgs.read too, since the answer tells whether there is such an org.
	Org        OrgID
	Permission policy.Permission
	Path       policy.Path
	Attrs      *policy.Attrs // what conditions may read; nil is fine
}

// Explain answers a request as Authorize does, and says why, or why not: every
// binding of the account with how it fared, and for a refusal what would have to
// be granted or to go. It is for the host's own tools; to ask with somebody's
// rights, and about any account, there is [OrgAdmin.Explain].
func (a *Authority) Explain(ctx context.Context, req Request) Explanation {
	var s standpoint
	if reason := a.stand(ctx, &s, req.Principal.p, req.Org, req.AtLeast); reason != policy.ReasonUnspecified {
		return Explanation{
			Decision: policy.Decision{Reason: reason, Revision: s.revision}, Account: req.Principal.Account(), Org: req.Org,
			Refused: reason, Because: whyNobody(reason),
		}
	}
	return s.explain(policy.Query{Permission: req.Permission, Path: req.Path, Attrs: req.Attrs})
}

// Explain says why an account may or may not do something now, as
// [Authority.Explain] does for a principal: the decision is the one that Authorize
// would take if the account logged in at this moment, so no token and no
// credential comes into it. It answers from what is published, inside Write from
// what the transaction has made so far. It fails with ErrNotFound when the org
// has no such account.
func (o *OrgAdmin) Explain(ctx context.Context, req AccountRequest) (out Explanation, err error) {
	err = o.aboutAccount(ctx, "Explain", req, func(s *standpoint) {
		out = s.explain(policy.Query{Permission: req.Permission, Path: req.Path, Attrs: req.Attrs})
	})
	return out, err
}

// aboutAccount looks at the present with the eyes of an account.
func (o *OrgAdmin) aboutAccount(ctx context.Context, op string, req AccountRequest, fn func(*standpoint)) error {
	if err := req.Account.check(); err != nil {
		return wrap(op, err)
	}
	return o.look(ctx, op, func(s standpoint, view func(OrgID) (*view, error)) error {
		p := o.a.newcomer(o.org, req.Account)
		if !p.locate(s.home) {
			return notFound(nounAccount, string(req.Account))
		}
		if s.p, s.org = &p, req.Org; s.org == "" {
			s.org = o.org
		}
		if s.org != o.org && o.org == s.inst.row.SystemOrg {
			if err := o.mayReadOrgs(&s); err != nil {
				return err
			}
			switch target, err := view(s.org); {
			case err == nil:
				s.target = target.org.State
			case !errors.Is(err, ErrNotFound): // an org that is not there answers like one that is not reached
				return err
			}
		}
		fn(&s)
		return nil
	})
}

// mayReadOrgs refuses an actor in the system org that may not learn which orgs there are.
func (o *OrgAdmin) mayReadOrgs(s *standpoint) error {
	if o.who.system {
		return nil
	}
	return o.a.permitted(s.home, s.inst, o.who, s.home, o.a.required["Org"], policy.Root, s.now)
}

// explain is judge, with everything.
func (s *standpoint) explain(q policy.Query) Explanation {
	e := Explanation{Account: s.p.account, Org: s.org}
	judged := q
	s.judge(&judged, &e.Decision)
	judged = q
	if e.Refused = s.prepare(s.p, &judged); e.Refused != policy.ReasonUnspecified {
		e.Culprit, e.Because = s.why(e.Refused)
	}
	e.Rules = s.explainRules(s.p, q)
	q.Attrs = q.Attrs.OfRequest() // what the host knows of the subject says nothing of the actors
	for _, actor := range s.p.chain {
		if rules := s.explainRules(actor, q); rules != nil {
			e.Actors = append(e.Actors, *rules)
		}
	}
	return e
}

// explainRules asks the rules alone, also about what is not alive; nil when there
// is nothing to ask.
func (s *standpoint) explainRules(p *principal, q policy.Query) *policy.Explanation {
	if p.line != s.home.line {
		if p = p.moved(s.home); p == nil {
			return nil
		}
	}
	switch {
	case s.org == p.org:
	case s.org == "" || p.org != s.inst.row.SystemOrg || s.target == "" || s.target == OrgDeleted:
		return nil
	default:
		q.Org = string(s.org)
	}
	q.Account, q.Limits, q.Now = p.handle, p.limits, s.now
	e := s.home.rules.Explain(q)
	e.Decision.Revision = s.revision
	for i := range e.Bindings {
		t := &e.Bindings[i]
		t.Binding.Subject = string(subjectOf(t.Binding.Subject))
		for k, id := range t.Via {
			t.Via[k] = string(subjectOf(id))
		}
	}
	return &e
}

// whyNobody says why nothing could be asked.
func whyNobody(r policy.Reason) string {
	switch r {
	case policy.ReasonUnauthenticated:
		return "the principal is nobody, or of another Authority"
	case policy.ReasonStale:
		return "this process has not seen the revision asked for, or has lost touch with the database"
	}
	return "the database is closed, failing, or not the file that was opened"
}

// why says what is behind a refusal that comes before the rules.
func (s *standpoint) why(r policy.Reason) (culprit, because string) {
	home := string(s.p.org)
	switch r {
	case policy.ReasonMissingOrg:
		return "", "the request names no org"
	case policy.ReasonOtherOrg:
		return string(s.org), "the resource is of another org than the account, " + string(s.org)
	case policy.ReasonUnknownAccount:
		return "", "an account or a credential that the principal stands on is gone"
	case policy.ReasonOrgDeleted:
		if s.home.org.State != OrgDeleted {
			home = string(s.org)
		}
		return home, "the org " + home + " is deleted"
	case policy.ReasonOrgSuspended:
		return home, "the org " + home + " is suspended"
	}
	for _, p := range s.p.all() { // each for itself, to find the one that is not alive
		alone := *p
		alone.chain = nil
		if q := alone.moved(s.home); q != nil && s.home.live(s.inst, q, s.now) == r {
			return s.home.whyDead(q, r)
		}
	}
	return "", r.String() // it ended in between
}

// whyDead says what is behind a refusal of live.
func (v *view) whyDead(p *principal, r policy.Reason) (culprit, because string) {
	account, credential := "the account "+string(p.account), "the credential "+string(p.credential)
	const unstored = " was taken out of use, which could not be stored yet"
	culprit = string(p.account)
	switch life := v.accounts.At(p.accountSlot); {
	case r == policy.ReasonAccountInactive && life.state() == AccountActive:
		return culprit, account + unstored
	case r == policy.ReasonAccountInactive:
		return culprit, account + " is " + string(life.state())
	case r == policy.ReasonAccountExpired:
		return culprit, account + " ended at " + dated(life.until)
	case r == policy.ReasonTokenExpired:
		return culprit, "what " + account + " proved itself with ended at " + dated(p.expires)
	case r == policy.ReasonTokenRevoked:
		return culprit, account + " proved itself before it, its credential, its org or everybody was signed out"
	}
	culprit = string(p.credential)
	switch life := v.credentials.At(p.credentialSlot); {
	case life == nil:
		return culprit, credential + " is gone"
	case r == policy.ReasonCredentialExpired && life.ends != 0 && (life.until == 0 || life.ends < life.until):
		return culprit, credential + " ended at " + dated(life.ends)
	case r == policy.ReasonCredentialExpired:
		return culprit, credential + " ended at " + dated(life.until)
	case life.state == CredentialActive || life.state == CredentialRetiring:
		return culprit, credential + unstored
	default:
		return culprit, credential + " is " + string(life.state)
	}
}

func dated(us int64) string { return timeOf(us).Format(time.RFC3339Nano) }

// String returns the explanation as lines for a terminal, the last one without a
// line break.
func (e Explanation) String() string { return e.Text(nil) }

// Text is String with names instead of ids. name gives the name of an account,
// group, role, binding or org; "" leaves the id.
func (e Explanation) Text(name func(id string) string) string {
	var parts []string
	if e.Decision.Reason == policy.ReasonDelegation || e.Refused != policy.ReasonUnspecified {
		verdict := "refused: " + e.Decision.Reason.String()
		if e.Because != "" {
			verdict += ", since " + e.because(name)
		}
		parts = append(parts, verdict)
		if e.Rules != nil && e.Refused != policy.ReasonUnspecified {
			parts = append(parts, "the rules alone:")
		}
	}
	if e.Rules != nil {
		parts = append(parts, e.Rules.Text(name))
	}
	for i := range e.Actors {
		parts = append(parts, "acting for it:", e.Actors[i].Text(name))
	}
	if len(parts) == 0 {
		return "refused: " + e.Decision.Reason.String()
	}
	return strings.Join(parts, "\n")
}

// because is Because with the name of the culprit, if that has one. What could
// disturb a terminal is quoted.
func (e Explanation) because(name func(id string) string) string {
	if e.Culprit == "" || name == nil {
		return e.Because
	}
	called := name(e.Culprit)
	switch {
	case called == "":
		return e.Because
	case strings.ContainsFunc(called, func(r rune) bool { return !strconv.IsPrint(r) }):
		called = strconv.Quote(called)
	}
	return strings.Replace(e.Because, e.Culprit, called, 1)
}

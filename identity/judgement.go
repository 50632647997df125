package identity

import (
	"strconv"

	"github.com/claviger-go/claviger/policy"
)

// The ceilings of what one call through As may look at to be judged, since
// whoever else writes waits for it.
const (
	maxJudged = 20_000     // bindings that the call concerns
	maxEffort = 10_000_000 // what is compared with them, in units of policy.Coverage
)

// judgement is what has been worked out to judge one call: what the actor holds
// is asked once for each of the roles and the places where it holds the same.
type judgement struct {
	coverages map[coverageKey]*policy.Coverage
	roles     map[roleKey]*policy.Role
	manages   map[roleKey]*policy.Role // what of a role is management; nil if nothing
	escalate  policy.Role              // does not change
	looked    int
	effort    int
}

type coverageKey struct {
	rules   *policy.Snapshot
	account policy.Handle
	limits  *policy.Limits
}

type roleKey struct {
	rules *policy.Snapshot
	id    string
}

func newJudgement() *judgement {
	return &judgement{
		coverages: map[coverageKey]*policy.Coverage{}, roles: map[roleKey]*policy.Role{}, manages: map[roleKey]*policy.Role{},
		escalate: policy.Role{Permissions: []string{PermEscalate}},
	}
}

// covers is [policy.Snapshot.Covers].
func (j *judgement) covers(rules *policy.Snapshot, claim policy.Claim) (missing string, ok bool) {
	key := coverageKey{rules, claim.Account, claim.Limits}
	of := j.coverages[key]
	if of == nil {
		of = rules.Coverage(claim.Account, claim.Limits)
		j.coverages[key] = of
		j.effort += of.Effort()
	}
	before := of.Effort()
	missing, ok = of.Covers(claim)
	j.effort += of.Effort() - before
	return missing, ok
}

// role is a role of a snapshot, always the same pointer; nil if there is none.
func (j *judgement) role(rules *policy.Snapshot, id string) *policy.Role {
	key := roleKey{rules, id}
	r, known := j.roles[key]
	if !known {
		if found, ok := rules.Role(id); ok {
			r = &found
		}
		j.roles[key] = r
	}
	return r
}

// managing is what of a role is management, always the same pointer; nil if it
// is nothing.
func (j *judgement) managing(rules *policy.Snapshot, id string) *policy.Role {
	key := roleKey{rules, id}
	r, known := j.manages[key]
	if !known {
		if part := rules.Management(id); len(part.Permissions) > 0 {
			r = &part
		}
		j.manages[key] = r
	}
	return r
}

// look counts a binding that the call concerns.
func (j *judgement) look() error {
	if j.looked++; j.looked > maxJudged {
		return tooMuch(strconv.Itoa(maxJudged) + " bindings")
	}
	return nil
}

// spent fails when too much was compared.
func (j *judgement) spent() error {
	if j.effort > maxEffort {
		return tooMuch("what can be compared")
	}
	return nil
}

func tooMuch(what string) error {
	return &Error{Kind: ErrLimit, Entity: nounBinding, Err: errText("the call concerns more than " + what + ": make it in smaller steps, or as System")}
}

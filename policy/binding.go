package policy

// Kind says what an account is. The zero value is neither, and such an account does not exist.
type Kind uint8

// The kinds of account.
const (
	User           Kind = 1 // a person
	ServiceAccount Kind = 2 // a workload
)

// The ids of the two system groups. They exist in every organisation, cannot be removed, and hold exactly the accounts of their
// kind without any membership being recorded.
const (
	GroupUsers           = "users"            // every account of kind User
	GroupServiceAccounts = "service-accounts" // every account of kind ServiceAccount
)

// Effect says what a binding does. The zero value is neither and is refused.
type Effect uint8

// The effects.
const (
	Allow Effect = 1 // gives the role's permissions
	Deny  Effect = 2 // takes them away, whatever allows them
)

// String is the effect as the explanations write it.
func (e Effect) String() string {
	switch e {
	case Allow:
		return "allow"
	case Deny:
		return "deny"
	}
	return "unknown"
}

// Account is who acts.
type Account struct {
	ID   string // not empty, unique among the accounts and groups of the organisation, never used again for another
	Kind Kind
	// Boundary is the id of a role that the account's rights are cut down to, whatever its bindings give; "" is none. One that
	// does not exist leaves nothing.
	Boundary string
	// Labels are what conditions read as [AttributePrincipalLabels]. They must not be changed once they are given or got.
	Labels map[string]string
}

// Binding gives a subject a role at a scope, or denies it. It applies at every instant in [Start, End).
//
// While its role does not exist, an allow is without effect and a deny denies every permission at its scope. The same holds for
// the part of a role's contents that comes from an included role that does not exist.
type Binding struct {
	ID      string // unique in the organisation
	Subject string // id of an account or of a group; without effect while there is none
	Role    string // id of a role, "code:<name>" for one declared in code
	Scope   Path   // covers itself and everything under it
	Effect  Effect
	Start   int64  // Unix microseconds; 0 means from ever
	End     int64  // Unix microseconds; 0 means for ever
	Reach   string // organisations it counts for: "" the home organisation, "*" all, otherwise the one with this id
	// Condition is a source in the language of the snapshot's [Conditions]; "" is none. An allow counts only if it is true, a
	// deny unless it is false; one that cannot be read is neither.
	Condition string
	// Eligible: the binding is not in force and gives nothing. It tells whoever judges who may be given what that its subject can
	// have it put in force. Only an allow can be.
	Eligible bool
}

// PutBinding adds a binding, or replaces the one with its id. An empty id, subject or role, a zero scope and an effect that is
// neither Allow nor Deny are [ErrSyntax], and so is an eligible deny. The condition is not checked: [Conditions.Check] does that.
func (d *Draft) PutBinding(b Binding) error {
	refuse := func(field string) error {
		return &Error{Kind: ErrSyntax, Noun: "binding", ID: b.ID, Field: field}
	}
	switch {
	case b.ID == "":
		return refuse("id")
	case b.Subject == "":
		return refuse("subject")
	case b.Role == "":
		return refuse("role")
	case b.Scope.IsZero():
		return refuse("scope")
	case b.Effect != Allow && b.Effect != Deny:
		return refuse("effect")
	case b.Eligible && b.Effect != Allow:
		return refuse("eligible")
	}
	h := hashName(b.ID)
	if slot, ok := d.s.bindings.find(h, b.ID); ok {
		if d.s.binding(slot) == b {
			return nil
		}
		d.dropBinding(h, slot)
	}
	row := bindingRow{subject: d.name(b.Subject), scope: d.useScope(b.Scope), role: d.useRole(b.Role) << 2}
	if b.Effect == Deny {
		row.role |= flagDeny
	}
	slot := d.s.bindings.add(d.own, h, b.ID)
	if b.Start != 0 || b.End != 0 || b.Reach != "" || b.Condition != "" || b.Eligible {
		row.role |= flagTerms
		l := &terms{start: b.Start, end: b.End, reach: b.Reach, eligible: b.Eligible}
		if b.Condition != "" {
			l.condition = d.s.conditions.intern(b.Condition)
		}
		d.s.terms.set(d.own, slot, l)
	}
	*d.s.bindings.edit(d.own, slot) = row
	w := d.touch(row.subject)
	w.added, w.wide = append(w.added, slot), true
	if row.scope == slotRoot {
		d.rootAdded = append(d.rootAdded, slot)
	}
	return nil
}

// RemoveBinding removes a binding, if there is one with this id.
func (d *Draft) RemoveBinding(id string) {
	h := hashName(id)
	if slot, ok := d.s.bindings.find(h, id); ok {
		d.dropBinding(h, slot)
	}
}

func (d *Draft) dropBinding(h uint64, slot uint32) {
	row := *d.s.bindings.row(slot)
	if row.role&flagTerms != 0 {
		d.s.terms.set(d.own, slot, nil)
	}
	d.s.bindings.drop(d.own, h, slot)
	d.released = append(d.released, slot)
	d.touch(row.subject).wide = true
	if row.scope == slotRoot {
		d.rootGone = append(d.rootGone, slot)
	}
	if scope := d.s.scopes.edit(d.own, row.scope); scope.refs > 1 {
		scope.refs--
	} else {
		d.s.scopes.drop(d.own, hashName(d.s.scopes.name(row.scope)), row.scope)
		d.s.scopes.release(row.scope)
	}
	d.releaseRole(row.role >> 2)
}

// useScope counts one more binding at a scope.
func (d *Draft) useScope(p Path) uint32 {
	h := hashName(p.text)
	slot, ok := d.s.scopes.find(h, p.text)
	if !ok {
		slot = d.s.scopes.add(d.own, h, p.text)
		d.s.scopes.edit(d.own, slot).tag = p.tag()
	}
	d.s.scopes.edit(d.own, slot).refs++
	return slot
}

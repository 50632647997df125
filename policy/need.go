package policy

// Need is one thing that stands between an account and a permission, with the ways to clear it, of which one is enough. Where
// several needs are listed, each must be cleared.
type Need struct{ Ways []Way }

// Way is a change that would clear a [Need]. Which of its fields are set depends on its kind.
type Way struct {
	Kind       WayKind
	Account    string // id
	Permission string
	Path       Path
	Org        string // id of the organisation that a binding must reach; "" for the account's own
	Binding    string // id
	Role       string // id
	Attribute  string
	Exclusion  string // of Role or of a role that it includes: what takes the permission out
	At         int64  // an instant, in Unix microseconds
	Effect     Effect // of Binding
	Near       []string
}

// WayKind says what kind of change a [Way] is.
type WayKind uint8

// The kinds of way. [WayBind], [WayUnbind], [WayBoundary] and [WayToken] clear their need for certain, the others if nothing
// comes of them that denies.
const (
	// WayPermission: the request would have to name a Permission of the catalog; Near are some that look like it.
	WayPermission WayKind = iota + 1
	// WayPath: the request would have to name a path.
	WayPath
	// WayAccount: the account would have to exist.
	WayAccount
	// WayBind: Account, or a group it is in, would have to be bound to a role with Permission at Path or above, and the binding to
	// reach Org if that is set.
	WayBind
	// WayUnbind: the deny Binding would have to be deleted.
	WayUnbind
	// WayAttribute: the request would have to carry Attribute, which the condition of Binding reads.
	WayAttribute
	// WayCondition: the condition of Binding would have to come out true, or false for a deny.
	WayCondition
	// WayBegin: Binding gives the permission from At on.
	WayBegin
	// WayEnd: Binding gave the permission until At, or for a deny denies it until then.
	WayEnd
	// WayElevate: Binding would have to be put in force by its subject.
	WayElevate
	// WayReach: Binding would have to reach Org.
	WayReach
	// WayRole: Role, which Binding gives, would have to contain Permission. Exclusion is set if that takes it out.
	WayRole
	// WayBoundary: the account's boundary Role would have to contain Permission, or to be taken away.
	WayBoundary
	// WayToken: the token would have to be one that leaves Permission at Path.
	WayToken
)

// needed lists what is in the way of a question that was refused, in the order in which [Snapshot.Decide] looks.
func (s *Snapshot) needed(e *Explanation, known bool) []Need {
	one := func(w Way) []Need { return []Need{{Ways: []Way{w}}} }
	switch {
	case !known:
		return one(Way{Kind: WayPermission, Permission: e.Permission, Near: e.Near})
	case e.Path.IsZero():
		return one(Way{Kind: WayPath})
	case e.Account.ID == "":
		return one(Way{Kind: WayAccount})
	}
	var needs []Need
	given := false
	for i := range e.Bindings {
		t := &e.Bindings[i]
		switch {
		case t.Applies != False && t.Binding.Effect == Deny:
			needs = append(needs, e.liftDeny(t))
		case t.Applies == True:
			given = true
		}
	}
	if !given {
		needs = append(needs, e.giveAllow(s.foreign(e.Org)))
	}
	if e.Boundary != nil && !e.Boundary.Contains {
		needs = append(needs, Need{[]Way{{
			Kind: WayBoundary, Account: e.Account.ID, Permission: e.Permission, Role: e.Boundary.Role, Exclusion: e.Boundary.Exclusion,
		}}})
	}
	if e.Limits != nil && !(e.Limits.LeavesPermission && e.Limits.LeavesPath) {
		needs = append(needs, Need{[]Way{{Kind: WayToken, Permission: e.Permission, Path: e.Path}}})
	}
	return needs
}

// liftDeny lists what would keep a deny from applying.
func (e *Explanation) liftDeny(t *Tried) Need {
	at := Way{Binding: t.Binding.ID, Effect: Deny}
	n := Need{Ways: t.unless(at)}
	at.Kind = WayUnbind
	n.Ways = append(n.Ways, at)
	if t.Binding.End != 0 {
		at.Kind, at.At = WayEnd, t.Binding.End
		n.Ways = append(n.Ways, at)
	}
	return n
}

// unless lists what would have to be said of the condition of a binding.
func (t *Tried) unless(at Way) []Way {
	switch {
	case t.Binding.Condition == "":
		return nil
	case t.Condition == Unknown && t.Missing != "":
		at.Kind, at.Attribute = WayAttribute, t.Missing
	default:
		at.Kind = WayCondition
	}
	return []Way{at}
}

// giveAllow lists what would make an allow apply: first what the undecided ones lack, then a new one, then what stands in the
// way of those that only one thing does.
func (e *Explanation) giveAllow(foreign bool) Need {
	bind := Way{Kind: WayBind, Account: e.Account.ID, Permission: e.Permission, Path: e.Path}
	if foreign {
		bind.Org = e.Org
	}
	var first, rest []Way
	roles := map[string]bool{}
	for i := range e.Bindings {
		t := &e.Bindings[i]
		at := Way{Binding: t.Binding.ID, Effect: Allow}
		switch {
		case t.Binding.Effect == Deny:
		case t.Applies == Unknown:
			first = append(first, t.unless(at)...)
		case t.obstacles() != 1 || t.Condition == Unknown || !t.Covers:
			// A scope elsewhere is no reason to move a binding: the new one says it.
		case t.Condition == False:
			rest = append(rest, t.unless(at)...)
		case !t.Role.Contains:
			if role := t.Role.Role; !roles[role] {
				roles[role] = true
				at.Kind, at.Role, at.Permission, at.Exclusion = WayRole, role, e.Permission, t.Role.Exclusion
				rest = append(rest, at)
			}
		case t.Binding.Eligible:
			at.Kind = WayElevate
			rest = append(rest, at)
		case t.Dates == Before && t.Binding.End != 0 && t.Binding.End <= t.Binding.Start: // its time never comes
		case t.Dates == Before:
			at.Kind, at.At = WayBegin, t.Binding.Start
			rest = append(rest, at)
		case t.Dates == After:
			at.Kind, at.At = WayEnd, t.Binding.End
			rest = append(rest, at)
		default:
			at.Kind, at.Org = WayReach, e.Org
			rest = append(rest, at)
		}
	}
	return Need{Ways: append(append(first, bind), rest...)}
}

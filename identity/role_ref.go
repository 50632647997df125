package identity

import (
	"slices"
	"strings"
)

// RoleRef names a role in a binding: the id of a stored role, or "code:" and
// the name of a code role.
type RoleRef string

// RoleOwner is the built-in role that holds every permission of the host and
// of management, except the three that are granted by name only.
const RoleOwner RoleRef = "code:owner"

// valid reports whether a role can be called so in a binding, be there one or not.
func (r RoleRef) valid() bool {
	name, ofCode := strings.CutPrefix(string(r), codePrefix)
	return ofCode && checkRoleName(name) == "" || RoleID(r).valid()
}

// includes resolves the names of included roles, of which some were included before.
func (c *change) includes(org OrgID, names []string, had []RoleRef) ([]RoleRef, error) {
	var refs []RoleRef
	for _, name := range names {
		ref, row, err := c.role(org, name)
		if err != nil {
			return nil, &Error{Kind: ErrInvalid, Entity: nounRole, ID: clip(name), Field: "Includes", Err: causeOf(err)}
		}
		if !slices.Contains(had, ref) {
			if err := row.unlockedMembers(); err != nil {
				return nil, err // who is bound to the one would have the other
			}
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// role finds a role by "code:" and a name, by a stored role's id, or by the
// name of either. The row is zero for a code role.
func (c *change) role(org OrgID, name string) (RoleRef, Role, error) {
	if _, ok := c.a.model.Roles.Lookup(name); ok {
		return RoleRef(name), Role{}, nil
	}
	if _, ok := c.a.model.Roles.Lookup(codePrefix + name); ok {
		return RoleRef(codePrefix + name), Role{}, nil
	}
	var row Role
	var err error
	if RoleID(name).valid() {
		row, err = c.tx.Roles().Find(c.ctx, org, RoleID(name))
	} else {
		var found bool
		row, found, err = one(c, c.tx.Roles(), org, Cond{Field: FieldName, Value: name})
		if err == nil && (!found || checkRoleName(name) != "") {
			err = notFound(nounRole, name)
		}
	}
	if err == nil && row.Deleted {
		err = notFound(nounRole, name)
	}
	if err != nil {
		return "", Role{}, err
	}
	if row.Anonymous && row.ID != c.direct {
		return "", Role{}, invalid(nounRole, "ID", "%s is one account's own", name)
	}
	if row.State != RoleActive {
		return "", Role{}, &Error{Kind: ErrDisabled, Entity: nounRole, ID: name, Err: errText("is archived")}
	}
	return RoleRef(row.ID), row, nil
}

package identity

import "github.com/claviger-go/claviger/policy"

// unlinkGroup takes the members out of a group, the group out of others, and its
// bindings away.
func (c *change) unlinkGroup(g Group) error {
	bindings, err := c.linked(g.Org, FieldSubject, string(g.ID))
	if err != nil {
		return err
	}
	var members []Member
	for _, side := range []Field{FieldGroup, FieldMember} {
		rows, err := few(c, c.tx.Members(), Query{Org: g.Org, Where: []Cond{{Field: side, Value: string(g.ID)}}})
		if err != nil {
			return err
		}
		members = append(members, rows...)
	}
	if err := fewLinks(nounGroup, string(g.ID), len(bindings)+len(members)); err != nil {
		return err
	}
	if len(members) > 0 {
		if err := c.permitName(c.a.required["RemoveMember"], policy.Root); err != nil {
			return err
		}
		if err := c.frees(g.Org, string(g.ID)); err != nil { // of what groups above it are denied, too
			return err
		}
	}
	for _, m := range members {
		if err := c.containsSubject(g.Org, string(m.Member)); err != nil {
			return err
		}
	}
	if err := c.deleteAll(bindings); err != nil {
		return err
	}
	for _, m := range members {
		if err := c.deleteMember(m); err != nil {
			return err
		}
	}
	return nil
}

package identity

// deleteAll deletes bindings. The end of each is judged by the state in which all
// of them are there: what goes first must not help its actor with what goes next.
func (c *change) deleteAll(bindings []Binding) error {
	there := make(map[BindingID]bool, len(bindings))
	for _, b := range bindings {
		there[b.ID] = true
		if err := c.permitName(c.a.required["DeleteBinding"], b.Scope); err != nil {
			return err
		}
		if err := c.mayDelete(b); err != nil {
			return err
		}
	}
	for _, b := range bindings {
		if there[b.Elevates] {
			continue // it goes with what it was switched on of
		}
		if err := c.deleteBinding(b); err != nil {
			return err
		}
	}
	return nil
}

// linked are the bindings of a role or of a subject.
func (c *change) linked(org OrgID, field Field, id string) ([]Binding, error) {
	return few(c, c.tx.Bindings(), Query{Org: org, Where: []Cond{{Field: field, Value: id}}})
}

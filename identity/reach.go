package identity

import "github.com/claviger-go/claviger/policy"

// Reach says which orgs a binding covers. The zero value is the binding's own
// org; only bindings of the system org may carry another.
type Reach string

// ReachAll covers every org. The reach of one org is its id.
const ReachAll Reach = "*"

// ReachOrg covers one org.
func ReachOrg(org OrgID) Reach { return Reach(org) }

// checkReach refuses reach outside the system org and towards no org; keepReach
// refuses it for groups that accounts join by themselves.
func (c *change) checkReach(org OrgID, spec BindingSpec) error {
	if spec.Reach == "" {
		return nil
	}
	v, err := c.view(org)
	if err != nil {
		return err
	}
	if !v.org.IsSystem() {
		return invalid(nounBinding, "Reach", "only bindings of the system org have one")
	}
	if spec.Reach != ReachAll {
		if !OrgID(spec.Reach).valid() {
			return invalid(nounBinding, "Reach", "%q is neither an org id nor %q", clip(string(spec.Reach)), string(ReachAll))
		}
	}
	if err := c.permitName(PermInstance, policy.Root); err != nil || spec.Reach == ReachAll {
		return err // whether the org exists is for operators to learn
	}
	_, err = c.tx.Orgs().Find(c.ctx, OrgID(spec.Reach), OrgID(spec.Reach))
	return err
}

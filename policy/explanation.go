package policy

// Explanation is a decision with everything that was tried on the way.
type Explanation struct {
	Decision   Decision // the very one that [Snapshot.Decide] gives
	Account    Account  // zero if there is none
	Org        string   // organisation of the resource
	Permission string
	Path       Path
	Now        int64 // Unix microseconds
	// Near are names of the catalog that look like the permission, if that is not in it; at most three, the nearest first.
	Near []string
	// Bindings are those of the account, of the groups it is in and of the system groups, whatever they say: first the denies
	// that apply, then the allows that do, then the undecided, then those that do not apply, by how much stands in their way;
	// of those alike the account's own come first, then those of nearer groups, then the lesser id. There are none where the
	// question itself was refused, such as one about an unknown permission.
	Bindings []Tried
	Boundary *Contained // nil if the account has none
	Limits   *Limited   // nil if the token has none
	// Needed is what stands between the account and the permission, all of it; none if the decision allows.
	Needed []Need
}

// Tried is one binding with how it fared.
type Tried struct {
	Binding Binding
	// Via are the ids of the groups that lead from the account to the binding's subject, which comes last; none if the binding
	// is the account's own.
	Via []string
	// Applies is True if all of the following hold and Binding is not eligible only, False if one does not, and Unknown if the condition alone is unknown: an
	// allow then gives nothing, and a deny denies.
	Applies   Truth
	Covers    bool      // its scope is the path or above it
	Role      Contained // whether its role contains the permission
	Dates     Phase     // where the instant lies
	Counts    bool      // its reach holds the organisation of the resource
	Condition Truth     // True if it has none
	Missing   string    // an attribute that its condition lacked, if that is Unknown and named one
}

// Phase says where an instant lies in the dates of a binding.
type Phase uint8

// The phases. The zero value is none of them.
const (
	Before Phase = iota + 1 // the binding has not begun
	During
	After // it has ended
)

// String returns "before", "during" or "after", and "none" for a value that is none of the constants.
func (p Phase) String() string {
	switch p {
	case Before:
		return "before"
	case During:
		return "during"
	case After:
		return "after"
	}
	return "none"
}

// Limited says what limits leave.
type Limited struct {
	Permissions []string // patterns; nil is every permission
	Path        Path     // zero is everywhere
	// LeavesPermission and LeavesPath say whether the permission and the path that were asked about are left.
	LeavesPermission, LeavesPath bool
}

// Count returns how many of the bindings apply, do not apply, or are undecided.
func (e Explanation) Count(applies Truth) int {
	n := 0
	for i := range e.Bindings {
		if e.Bindings[i].Applies == applies {
			n++
		}
	}
	return n
}

package identity

import "fmt"

// DeleteMode says what becomes of what is linked to a role or a group that is
// deleted.
type DeleteMode uint8

const (
	// IfUnused fails with ErrInUse while anything is linked to it.
	IfUnused DeleteMode = iota
	// Cascade takes the links away in the same transaction, each with its own event,
	// and is judged like taking them away one by one, before the first of them goes:
	// whoever deletes needs the permissions for that, too, the rights that a deny
	// keeps from somebody, and to manage what those do who lose by it. More than
	// MaxBulk of them fail with ErrLimit.
	Cascade
)

func (m DeleteMode) check(noun string) error {
	if m > Cascade {
		return invalid(noun, "mode", "%d is neither IfUnused nor Cascade", m)
	}
	return nil
}

// fewLinks refuses to take away more than one call may.
func fewLinks(noun, id string, n int) error {
	if n <= MaxBulk {
		return nil
	}
	return &Error{Kind: ErrLimit, Entity: noun, ID: id, Err: fmt.Errorf("more than %d links: take some away first", MaxBulk)}
}

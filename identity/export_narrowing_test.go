package identity

// Severity orders the states of a noun by how much they refuse; unknown ones are
// less than 0.
func Severity(noun, state string) int { return severity(noun, state) }

// Unreplayed is for tests outside of the package.
func Unreplayed(e *Event) bool { return unreplayed(e) }

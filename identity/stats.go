package identity

// Stats is what an Authority counts since it was made, and what it keeps now.
type Stats struct {
	// DroppedObservations were not told to Config.Observer because its queue was full.
	DroppedObservations uint64
	// DroppedUses were not noted because too many waited to be written.
	DroppedUses uint64
	// VerifiedTokens are the access tokens that are remembered, and VerifiedBytes
	// what they take, about.
	VerifiedTokens int
	VerifiedBytes  int64
}

// Stats returns the counts. It takes locks: it is not for every request.
func (a *Authority) Stats() Stats {
	s := Stats{DroppedUses: a.uses.dropped.Load()}
	if a.observer != nil {
		s.DroppedObservations = a.observer.dropped.Load()
	}
	s.VerifiedTokens, s.VerifiedBytes = a.verified.size()
	return s
}

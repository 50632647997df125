package policy

// terms are what few bindings have: dates, a reach and a condition, or that they are not in force.
type terms struct {
	start, end int64
	reach      string
	eligible   bool       // gives nothing
	condition  *condition // nil if there is none
}

func (l *terms) holds(now int64) bool {
	return (l.start == 0 || l.start <= now) && (l.end == 0 || now < l.end)
}

// Package keyring decides when signing keys are made, promoted and retired.
// It is a pure function of the keys and the time; it holds no key material.
package keyring

import "time"

// State is where a key stands.
type State string

// The states that the schedule moves keys through. Keys in any other state are
// not its business.
const (
	Next     State = "next"
	Current  State = "current"
	Retiring State = "retiring"
	Retired  State = "retired"
)

// Key is what the schedule knows of a key.
type Key struct {
	ID        string
	State     State
	SignsFrom time.Time // next, current: not before this does it sign
	EndsAt    time.Time // retiring: nothing that it signed lives past this
}

// Schedule says how long a key stays in a state.
type Schedule struct {
	Period  time.Duration // current
	Publish time.Duration // next, at least, before it signs
	Retire  time.Duration // retiring: longest token life, skew and the verifiers' caches
}

// Step is one thing to do now.
type Step struct {
	Do Action
	ID string    // the key concerned; empty when one is to be made
	At time.Time // Make: SignsFrom of the new key. Retire: EndsAt of the old one
}

// Action is the kind of a step.
type Action uint8

// The actions, in the order in which they are to be carried out.
const (
	Drop    Action = iota + 1 // retiring → retired: forget the private key
	Retire                    // current → retiring, ends at Step.At
	Promote                   // next → current
	Make                      // a new key, current when At is not after now, next otherwise
)

// Due returns what is to be done at now, in order. Nothing is due twice: after
// the steps have been carried out, Due at the same time returns none.
func (s Schedule) Due(keys []Key, now time.Time) []Step {
	var steps []Step
	var current, next *Key
	for i := range keys {
		switch k := &keys[i]; k.State {
		case Retiring:
			if !k.EndsAt.After(now) {
				steps = append(steps, Step{Do: Drop, ID: k.ID})
			}
		case Current:
			current = k
		case Next:
			if next == nil || k.SignsFrom.Before(next.SignsFrom) {
				next = k
			}
		}
	}
	// A ring that lost its current key signs at once, with the key that verifiers are the most likely to know.
	ready := next != nil && (current == nil || !next.SignsFrom.After(now))
	switch {
	case current == nil && next == nil:
		return append(steps, Step{Do: Make, At: now}, Step{Do: Make, At: now.Add(s.lead())})
	case ready:
		if current != nil {
			steps = append(steps, Step{Do: Retire, ID: current.ID, At: now.Add(s.Retire)})
		}
		return append(steps, Step{Do: Promote, ID: next.ID}, Step{Do: Make, At: now.Add(s.lead())})
	case next == nil:
		return append(steps, Step{Do: Make, At: now.Add(s.lead())})
	}
	return steps
}

// Forward returns when a next key signs that is not to wait for its time: at
// once, if it has been published for long enough.
func (s Schedule) Forward(published, now time.Time) time.Time {
	at := published.Add(s.Publish)
	if at.Before(now) {
		return now
	}
	return at
}

// lead is how long before it signs a key is made: its whole predecessor's
// period, and never less than Publish.
func (s Schedule) lead() time.Duration { return max(s.Period, s.Publish) }

// Wake returns the next time at which something is due.
func (s Schedule) Wake(keys []Key, now time.Time) time.Time {
	if len(s.Due(keys, now)) > 0 {
		return now
	}
	wake := now.Add(s.Period)
	earlier := func(t time.Time) {
		if t.Before(wake) {
			wake = t
		}
	}
	for _, k := range keys {
		switch k.State {
		case Retiring:
			earlier(k.EndsAt)
		case Next:
			earlier(k.SignsFrom)
		}
	}
	return wake
}

package identity

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// Observation is one authentication that was tried, or one denial. Neither is
// part of the log, which has what was changed.
type Observation struct {
	At      time.Time
	Outcome Outcome

	// Who it was, as far as it was proven; empty for a proof that was not accepted.
	Org        OrgID
	Account    AccountID
	Credential CredentialID
	TokenID    string    // "jti" of the access token, if there was one
	Actor      AccountID // who acts for the account now, if somebody does
	Way        Way

	// Of a denial: what was asked, and why it was refused.
	Target     Target
	Permission string
	Op         string // the management call; empty for Authorize
	Decision   policy.Decision

	// Err is why an authentication was refused, or a management call denied; for the
	// operator, see [Error].
	Err error
}

// Outcome is how what is observed ended.
type Outcome uint8

// The outcomes.
const (
	Authenticated Outcome = iota + 1 // a proof was accepted
	Refused                          // a proof was not accepted
	Denied                           // a question of Authorize, or a management call, was
)

// String names the outcome.
func (o Outcome) String() string {
	switch o {
	case Authenticated:
		return "authenticated"
	case Refused:
		return "refused"
	case Denied:
		return "denied"
	}
	return ""
}

// maxObserved is how many observations wait. What comes while so many do is
// dropped, and counted: nobody who asks for a decision waits for an observer.
const maxObserved = 4096

// observer passes on what is observed, one after the other.
type observer struct {
	tell    func(Observation)
	queue   chan Observation
	stop    chan struct{}
	done    chan struct{}
	dropped atomic.Uint64
}

// newObserver is nil when nobody wants to know.
func newObserver(tell func(Observation)) *observer {
	if tell == nil {
		return nil
	}
	o := &observer{tell: tell, queue: make(chan Observation, maxObserved), stop: make(chan struct{}), done: make(chan struct{})}
	go o.run()
	return o
}

func (o *observer) run() {
	defer close(o.done)
	for {
		select {
		case seen := <-o.queue:
			o.tell(seen)
		case <-o.stop:
			for {
				select {
				case seen := <-o.queue:
					o.tell(seen)
				default:
					return
				}
			}
		}
	}
}

// close tells what is queued, and no more.
func (o *observer) close() {
	if o != nil {
		close(o.stop)
		<-o.done
	}
}

func (o *observer) see(seen Observation) {
	select {
	case o.queue <- seen:
	default:
		o.dropped.Add(1)
	}
}

// came notes that a proof was accepted.
func (a *Authority) came(p *principal, now int64) {
	a.used(p, now)
	a.observeAccepted(p, now)
}

func (a *Authority) observeAccepted(p *principal, now int64) {
	if a.observer != nil {
		seen := p.observed()
		seen.At, seen.Outcome = timeOf(now), Authenticated
		a.observer.see(seen)
	}
}

// turnedAway notes that a proof was not accepted. A failure to find out is none.
func (a *Authority) turnedAway(way Way, org OrgID, err error) {
	if a.observer == nil || !errors.Is(err, ErrUnauthenticated) {
		return
	}
	seen := Observation{Org: org, Way: way}
	if p := deadOf(err); p != nil {
		seen = p.observed()
	}
	seen.At, seen.Outcome, seen.Err = timeOf(a.clock.Now()), Refused, err
	a.observer.see(seen)
}

// denied notes that a question was answered with no.
func (a *Authority) denied(req *Request, d *policy.Decision) {
	seen := Observation{}
	if req.Principal.p != nil {
		seen = req.Principal.p.observed()
	}
	seen.At, seen.Outcome = timeOf(a.clock.Now()), Denied
	seen.Target, seen.Permission, seen.Decision = Target{Org: req.Org, Path: req.Path}, req.Permission.String(), *d
	a.observer.see(seen)
}

// deniedCall notes that a management call was refused to its actor.
func (s *Admin) deniedCall(op string, org OrgID, err error) error {
	if s.a.observer == nil || s.who.system || !refusedTo(err) {
		return err
	}
	seen := Observation{}
	if p := s.who.principal; p != nil {
		seen = p.observed()
	}
	seen.At, seen.Outcome, seen.Err = timeOf(s.a.clock.Now()), Denied, err
	seen.Op, seen.Target, seen.Permission = op, Target{Org: org}, s.a.required[op]
	s.a.observer.see(seen)
	return err
}

// refusedTo reports whether an error is a refusal of the actor: for what it lacks, or
// because the host has locked what it tried to change.
func refusedTo(err error) bool {
	return errors.Is(err, ErrDenied) || errors.Is(err, ErrEscalation) || errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrImmutable)
}

// observed is who a principal is.
func (p *principal) observed() Observation {
	seen := Observation{Org: p.org, Account: p.account, Credential: p.credential, TokenID: p.tokenID, Way: p.way}
	if p.chain != nil {
		seen.Actor = p.chain[0].account
	}
	return seen
}

// deadProof is why a principal is refused whose proof was good.
type deadProof struct {
	reason policy.Reason
	p      *principal
}

func (d deadProof) Error() string { return d.reason.String() }

// deadOf is whose proof was good, if that was not what was wrong.
func deadOf(err error) *principal {
	var d deadProof
	if errors.As(err, &d) {
		return d.p
	}
	return nil
}

package soak

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// pass is what one workload and one person hold at a moment, and whether the
// call that ended it has returned.
type pass struct {
	token   string
	service identity.Principal // of the token
	person  identity.Principal // vouched for
	dead    atomic.Bool
}

// desk is one workload and one person who are let in and thrown out again and
// again. Probes use the pass of the desk at the same time.
type desk struct {
	id     *identity.Authority
	org    identity.OrgID
	work   workload
	person identity.AccountID
	now    atomic.Pointer[pass]

	probes, admitted, violations atomic.Int64
}

func newDesk(ctx context.Context, id *identity.Authority, name string) (*desk, error) {
	d := &desk{id: id}
	org, err := id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: name})
	if err != nil {
		return nil, err
	}
	d.org = org.ID
	if d.work, err = newWorkload(ctx, id, d.org, "ci"); err != nil {
		return nil, err
	}
	user, err := id.System("setup").In(d.org).CreateUser(ctx, identity.UserSpec{Email: "ann@example.org", Roles: []string{"reader"}})
	d.person = user.ID
	return d, err
}

// admit lets both in, and checks that they are.
func (d *desk) admit(ctx context.Context) (*pass, error) {
	proof, err := d.work.assertion(ctx)
	if err != nil {
		return nil, err
	}
	access, err := d.id.ExchangeAssertion(ctx, proof, identity.TokenRequest{})
	if err != nil {
		return nil, err
	}
	p := &pass{token: access.Token.Reveal()}
	if p.service, err = d.id.Authenticate(ctx, p.token); err != nil {
		return nil, err
	}
	if p.person, err = login(ctx, d.id, d.org, d.person, 0); err != nil {
		return nil, err
	}
	if n := d.passes(ctx, p); n != 4 {
		return nil, fmt.Errorf("%d of 4 ways in are open before the revocation", n)
	}
	return p, nil
}

// passes counts the ways in that a pass opens: the token, the principal of the
// token, that of the person, and the session of the person.
func (d *desk) passes(ctx context.Context, p *pass) int {
	n := 0
	if _, err := d.id.Authenticate(ctx, p.token); err == nil {
		n++
	}
	for _, who := range []identity.Principal{p.service, p.person} {
		if may(ctx, d.id, who, d.org, "wallets:read").Allowed {
			n++
		}
	}
	if _, err := login(ctx, d.id, d.org, d.person, p.person.Revision()); err == nil {
		n++
	}
	return n
}

// entries counts the new passes that can be had after a revocation: after a
// sign-out that is allowed.
func (d *desk) entries(ctx context.Context, way int) int {
	n := 0
	if way%4 != 3 {
		if proof, err := d.work.assertion(ctx); err == nil {
			if _, err := d.id.ExchangeAssertion(ctx, proof, identity.TokenRequest{}); err == nil {
				n++
			}
		}
	}
	if way%4 == 0 || way%4 == 2 {
		if _, err := login(ctx, d.id, d.org, d.person, 0); err == nil {
			n++
		}
	}
	return n
}

// revoke throws both out in one of several ways.
func (d *desk) revoke(ctx context.Context, way int) error {
	sys := d.id.System("soak")
	o := sys.In(d.org)
	switch way % 4 {
	case 0:
		_, err := o.DeactivateAccount(ctx, d.work.account)
		_, also := o.DeactivateAccount(ctx, d.person)
		return errors.Join(err, also)
	case 1:
		_, err := o.DisableCredential(ctx, d.work.keyID)
		_, also := o.SignOutAccount(ctx, d.person)
		return errors.Join(err, also)
	case 2:
		_, err := sys.SuspendOrg(ctx, d.org)
		return err
	default:
		_, err := sys.SignOutOrg(ctx, d.org)
		return err
	}
}

// revive undoes it, which brings no old pass back.
func (d *desk) revive(ctx context.Context, way int) error {
	sys := d.id.System("soak")
	o := sys.In(d.org)
	switch way % 4 {
	case 0:
		_, err := o.ActivateAccount(ctx, d.work.account)
		_, also := o.ActivateAccount(ctx, d.person)
		return errors.Join(err, also)
	case 1:
		_, err := o.EnableCredential(ctx, d.work.keyID)
		return err
	case 2:
		_, err := sys.ResumeOrg(ctx, d.org)
		return err
	}
	return nil
}

// turn goes through a number of admissions.
func (d *desk) turn(ctx context.Context, rounds int) error {
	for way := range rounds {
		p, err := d.admit(ctx)
		if err != nil {
			return err
		}
		d.now.Store(p)
		if err := d.revoke(ctx, way); err != nil {
			return err
		}
		p.dead.Store(true)
		d.violations.Add(int64(d.passes(ctx, p) + d.entries(ctx, way)))
		if err := d.revive(ctx, way); err != nil {
			return err
		}
		d.violations.Add(int64(d.passes(ctx, p)))
	}
	return nil
}

// probe uses the pass of the desk, if there is one yet.
func (d *desk) probe(ctx context.Context) {
	p := d.now.Load()
	if p == nil {
		return
	}
	dead := p.dead.Load() // before: what is dead now must be refused
	n := d.passes(ctx, p)
	d.probes.Add(1)
	switch {
	case n > 0 && dead:
		d.violations.Add(1)
	case n > 0:
		d.admitted.Add(1)
	}
}

// TestRevocation verifies, disables and verifies again, while others verify all
// the time: when the call that disables has returned, nothing gets in.
//
// The long form does so 10,000 times:
//
//	CLAVIGER_SOAK=long go test -run TestRevocation -v -timeout 60m ./internal/soak
func TestRevocation(t *testing.T) {
	ctx := t.Context()
	id := mustOpen(t, filepath.Join(t.TempDir(), "app.db"))
	const desks = 4
	times := rounds(300, 10_000)
	var all []*desk
	for i := range desks {
		all = append(all, must(newDesk(ctx, id, "org-"+strconv.Itoa(i)))(t))
	}
	var working, probing sync.WaitGroup
	var over atomic.Bool
	probing.Go(func() {
		for !over.Load() {
			for _, d := range all {
				d.probe(ctx)
			}
			runtime.Gosched()
		}
	})
	for _, d := range all {
		working.Go(func() {
			if err := d.turn(ctx, times/desks); err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
	over.Store(true)
	probing.Wait()
	var probes, admitted, violations int64
	for _, d := range all {
		probes, admitted, violations = probes+d.probes.Load(), admitted+d.admitted.Load(), violations+d.violations.Load()
	}
	t.Logf("%d revocations by %d desks, %d probes meanwhile, %d of them before a revocation: %d got in after it", times, desks, probes, admitted, violations)
	if violations != 0 {
		t.Errorf("%d ways in were open after the revocation had returned", violations)
	}
	if admitted == 0 {
		t.Error("no probe ever got in: they prove nothing")
	}
}

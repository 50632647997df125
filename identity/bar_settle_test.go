package identity_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestBarsAreSettled: the next call on the subject that is stored decides,
// whichever way, and one that was put off does not come after it.
func TestBarsAreSettled(t *testing.T) {
	begin := failures()[0]
	allowed := func(w *world, c caller) bool { return w.may(c.vouched, c.org, "wallets:read", policy.Root).Allowed }
	t.Run("by activating", func(t *testing.T) {
		w, store := reluctant(t)
		c := w.caller()
		store.how.Store(begin)
		wantKind(t, last(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
		store.how.Store(nil)
		if allowed(w, c) {
			t.Fatal("it is not barred")
		}
		if must(w.in(c.org).ActivateAccount(w.ctx, c.sa.ID))(t) {
			t.Error("activating an active account changed it")
		}
		if !allowed(w, c) {
			t.Error("it is barred still")
		}
		w.id.Retry(w.ctx)
		if !allowed(w, c) {
			t.Error("a call from before came after it")
		}
	})
	t.Run("by activating in a Write", func(t *testing.T) {
		w, store := reluctant(t)
		c := w.caller()
		store.how.Store(begin)
		wantKind(t, last(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
		store.how.Store(nil)
		undo := errors.New("undo")
		for _, keep := range []bool{false, true} {
			err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
				must(tx.System("settle").In(c.org).ActivateAccount(ctx, c.sa.ID))(t)
				if !keep {
					return undo
				}
				return nil
			})
			if keep != (err == nil) || allowed(w, c) != keep {
				t.Errorf("%v, allowed: %v", err, allowed(w, c))
			}
		}
	})
	t.Run("not by a rename, and not a sign-out by activating", func(t *testing.T) {
		w, store := reluctant(t)
		c := w.caller()
		store.how.Store(begin)
		wantKind(t, last(w.in(c.org).SignOutAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
		store.how.Store(nil)
		name := "renamed"
		must(w.in(c.org).UpdateAccount(w.ctx, c.sa.ID, identity.AccountPatch{DisplayName: &name}))(t)
		must(w.in(c.org).ActivateAccount(w.ctx, c.sa.ID))(t)
		if allowed(w, c) {
			t.Error("it was let in again")
		}
	})
	t.Run("not by another process", func(t *testing.T) {
		a := open(t, func(w *world) { w.opts.Shared = true })
		store := &stubborn{}
		b := a.join(t, func(st identity.Store) identity.Store { store.Store = st; return store })
		c := a.caller()
		b.poll()
		c.w = b
		c.prove()
		store.how.Store(begin)
		wantKind(t, last(b.in(c.org).DeactivateAccount(b.ctx, c.sa.ID)), identity.ErrBusy)
		must(a.in(c.org).DeactivateAccount(a.ctx, c.sa.ID))(t)
		must(a.in(c.org).ActivateAccount(a.ctx, c.sa.ID))(t)
		b.poll()
		if bars, _ := b.id.Bars(); bars != 1 {
			t.Errorf("%d bars", bars)
		}
		store.how.Store(nil)
		b.id.Retry(b.ctx)
		if got := must(a.in(c.org).Account(a.ctx, c.sa.ID))(t); got.State != identity.AccountInactive {
			t.Errorf("%s", got.State)
		}
	})
	t.Run("by a restart", func(t *testing.T) {
		w, store := reluctant(t)
		c := w.caller()
		store.how.Store(begin)
		wantKind(t, last(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
		store.how.Store(nil)
		w.reopen()
		if err := last(w.id.Authenticate(w.ctx, c.bearer)); err != nil {
			t.Errorf("%v", err)
		}
	})
	t.Run("latest of two", func(t *testing.T) {
		w, store := reluctant(t)
		c := w.caller()
		store.how.Store(begin)
		wantKind(t, last(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
		wantKind(t, last(w.in(c.org).ArchiveAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
		store.how.Store(nil)
		w.id.Retry(w.ctx)
		if got := must(w.in(c.org).Account(w.ctx, c.sa.ID))(t); got.State != identity.AccountArchived {
			t.Errorf("%s", got.State)
		}
	})
}

// TestBarsOfARefusedCall: when the actor may not make its call any more, the
// subject stays refused until another call decides.
func TestBarsOfARefusedCall(t *testing.T) {
	w, store := reluctant(t)
	c := w.caller()
	clerk := w.user(c.org, "clerk", "*", "identity:*")
	in := w.as(c.org, clerk)
	store.how.Store(failures()[0])
	wantKind(t, last(in.DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
	store.how.Store(nil)
	must(w.in(c.org).SignOutAccount(w.ctx, clerk))(t)
	for range 2 {
		w.id.Retry(w.ctx)
		if bars, tried := w.id.Bars(); bars != 1 || tried != 0 {
			t.Errorf("%d bars, %d tried", bars, tried)
		}
		if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonAccountInactive {
			t.Errorf("%+v", d)
		}
	}
	must(w.in(c.org).ActivateAccount(w.ctx, c.sa.ID))(t)
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("%+v", d)
	}
}

// TestBarsAreBounded: beyond the bound, the org that has the most is refused
// whole, and nobody else.
func TestBarsAreBounded(t *testing.T) {
	w := open(t)
	c := w.caller()
	other := w.org("other")
	u := w.user(other, "u", "wallets:read")
	neighbour := w.login(other, u)
	v := w.user(other, "v", "wallets:read")
	second := w.login(other, v)
	w.id.BarAccount(other, v)
	for i := range identity.MaxBars {
		w.id.BarAccount(c.org, identity.AccountID(fmt.Sprintf("us_%d", i)))
	}
	if bars, _ := w.id.Bars(); bars != identity.MaxBars+1 {
		t.Errorf("%d bars", bars)
	}
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonOrgSuspended {
		t.Errorf("%+v", d)
	}
	if d := w.may(neighbour, other, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("the neighbour: %+v", d)
	}
	if d := w.may(second, other, "wallets:read", policy.Root); d.Reason != policy.ReasonAccountInactive {
		t.Errorf("who is barred there: %+v", d)
	}
	must(w.sys().ResumeOrg(w.ctx, c.org))(t)
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("resumed: %+v", d)
	}
}

// inState fails unless the caller's account is stored in a state.
func (c caller) inState(want identity.AccountState) {
	c.w.t.Helper()
	if got := must(c.w.in(c.org).Account(c.w.ctx, c.sa.ID))(c.w.t); got.State != want {
		c.w.t.Errorf("the account is %s, want %s", got.State, want)
	}
}

// hasKey fails unless the caller's key is stored in a state.
func (c caller) hasKey(want identity.CredentialState) {
	c.w.t.Helper()
	if got := must(c.w.in(c.org).Credential(c.w.ctx, c.sa.Key.ID))(c.w.t); got.State != want {
		c.w.t.Errorf("the key is %s, want %s", got.State, want)
	}
}

// barred fails unless the caller is refused for a reason.
func (c caller) barred(want policy.Reason) {
	c.w.t.Helper()
	if d := c.w.may(c.held, c.org, "wallets:read", policy.Root); d.Reason != want {
		c.w.t.Errorf("%+v, want %v", d, want)
	}
}

// TestBarsAreNotLiftedByWhoMayNot: a call that finds nothing to change, since
// what was to be undone was not stored, is judged as if it did, and leaves the
// bar of whom its actor has no power over.
func TestBarsAreNotLiftedByWhoMayNot(t *testing.T) {
	onOneGoroutine(t)
	for _, how := range failures()[:4] {
		t.Run(how.name, func(t *testing.T) {
			w, store := reluctant(t)
			c := w.caller()
			w.grant(c.org, identity.SubjectID(c.sa.ID), policy.Root, "*", "identity:*")
			p := w.login(c.org, w.user(c.org, "clerk", "identity:accounts.activate", "identity:credentials.update"))
			clerk := w.id.As(p).In(c.org)
			lift := func() {
				t.Helper()
				wantKind(t, last(clerk.ActivateAccount(w.ctx, c.sa.ID)), identity.ErrEscalation)
				wantKind(t, last(clerk.EnableCredential(w.ctx, c.sa.Key.ID)), identity.ErrEscalation)
			}
			lift()
			store.how.Store(how)
			wantKind(t, last(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
			wantKind(t, last(w.in(c.org).RevokeCredential(w.ctx, c.sa.Key.ID)), identity.ErrBusy)
			store.how.Store(nil)
			lift()
			err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
				wantKind(t, last(tx.As(p).In(c.org).ActivateAccount(ctx, c.sa.ID)), identity.ErrEscalation)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			c.barred(policy.ReasonAccountInactive)
			if bars, tried := w.id.Bars(); bars != 2 || tried != 2 {
				t.Errorf("%d bars, %d tried", bars, tried)
			}
			w.id.Retry(w.ctx)
			c.inState(identity.AccountInactive)
			c.hasKey(identity.CredentialRevoked)
		})
	}
}

// TestBarsOutlastWeakerCalls: a call that is less final than the one that waits
// does not settle it, whether or not it changes something and may be made.
func TestBarsOutlastWeakerCalls(t *testing.T) {
	for _, changes := range []bool{false, true} {
		t.Run(fmt.Sprintf("changes %v", changes), func(t *testing.T) {
			w, store := reluctant(t)
			c := w.caller()
			w.grant(c.org, identity.SubjectID(c.sa.ID), policy.Root, "identity:groups.create")
			weak := w.as(c.org, w.user(c.org, "weak", "identity:accounts.deactivate", "identity:credentials.revoke"))
			clerk := w.as(c.org, w.user(c.org, "clerk", "identity:accounts.deactivate", "identity:credentials.revoke", "identity:contain"))
			if !changes {
				must(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID))(t)
				must(w.in(c.org).DisableCredential(w.ctx, c.sa.Key.ID))(t)
			}
			store.how.Store(failures()[0])
			wantKind(t, last(w.in(c.org).ArchiveAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
			wantKind(t, last(w.in(c.org).RevokeCredential(w.ctx, c.sa.Key.ID)), identity.ErrBusy)
			store.how.Store(nil)
			wantKind(t, last(weak.DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrEscalation)
			wantKind(t, last(weak.DisableCredential(w.ctx, c.sa.Key.ID)), identity.ErrEscalation)
			if must(clerk.DeactivateAccount(w.ctx, c.sa.ID))(t) != changes || must(clerk.DisableCredential(w.ctx, c.sa.Key.ID))(t) != changes {
				t.Errorf("it changed something: %v", !changes)
			}
			if bars, tried := w.id.Bars(); bars != 2 || tried != 2 {
				t.Errorf("%d bars, %d tried", bars, tried)
			}
			w.id.Retry(w.ctx)
			c.inState(identity.AccountArchived)
			c.hasKey(identity.CredentialRevoked)
			if bars, _ := w.id.Bars(); bars != 0 {
				t.Errorf("%d bars", bars)
			}
		})
	}
}

// TestBarsKeepEveryCall: calls on the same subject wait together, whoever made
// them. The most final one that its actor may still make is stored, in whichever
// order they came; nobody replaces the call of another.
func TestBarsKeepEveryCall(t *testing.T) {
	type call func(context.Context, *identity.OrgAdmin, caller) error
	deactivate := func(ctx context.Context, in *identity.OrgAdmin, c caller) error {
		return last(in.DeactivateAccount(ctx, c.sa.ID))
	}
	archive := func(ctx context.Context, in *identity.OrgAdmin, c caller) error {
		return last(in.ArchiveAccount(ctx, c.sa.ID))
	}
	for name, x := range map[string]struct {
		host, brief call // brief is made by somebody whose login ends before it can be stored
		want        identity.AccountState
	}{
		"alike":           {deactivate, deactivate, identity.AccountInactive},
		"host more final": {archive, deactivate, identity.AccountArchived},
		"host less final": {deactivate, archive, identity.AccountInactive},
	} {
		for _, hostFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/host first %v", name, hostFirst), func(t *testing.T) {
				w, store := reluctant(t)
				c := w.caller()
				clerk := w.user(c.org, "clerk", "identity:accounts.deactivate", "identity:accounts.delete", "identity:contain")
				now := w.clock.Now()
				brief := must(w.in(c.org).Vouch(w.ctx, clerk, identity.Login{Method: "t", AuthTime: now, NotAfter: now.Add(2 * time.Minute)}))(t)
				store.how.Store(failures()[0])
				if hostFirst {
					wantKind(t, x.host(w.ctx, w.in(c.org), c), identity.ErrBusy)
				}
				for range 2 * 4 { // more than are kept of one kind
					wantKind(t, x.brief(w.ctx, w.id.As(brief).In(c.org), c), identity.ErrBusy)
				}
				if !hostFirst {
					wantKind(t, x.host(w.ctx, w.in(c.org), c), identity.ErrBusy)
				}
				if bars, tried := w.id.Bars(); bars != 1 || tried > 5 {
					t.Errorf("%d bars, %d tried", bars, tried)
				}
				w.clock.advance(3 * time.Minute)
				w.poll()
				store.how.Store(nil)
				w.id.Retry(w.ctx)
				c.inState(x.want)
				if bars, _ := w.id.Bars(); bars != 0 {
					t.Errorf("%d bars", bars)
				}
			})
		}
	}
}

// TestBarsOfAnOperatorWhoLostReach: that an org is hidden from an actor by now
// does not mean that the subject is gone.
func TestBarsOfAnOperatorWhoLostReach(t *testing.T) {
	w, store := reluctant(t)
	c := w.caller()
	sys := w.id.SystemOrg()
	op := w.user(sys, "operator")
	role := w.role(sys, "*", "identity:*")
	b := w.bind(sys, identity.BindingSpec{Subject: identity.SubjectID(op), Role: string(role), Scope: policy.Root, Reach: identity.ReachOrg(c.org)})
	in := w.id.As(w.login(sys, op)).In(c.org)
	store.how.Store(failures()[0])
	wantKind(t, last(in.DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
	store.how.Store(nil)
	if err := w.in(sys).DeleteBinding(w.ctx, b); err != nil {
		t.Fatal(err)
	}
	wantKind(t, last(in.DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrNotFound)
	w.id.Retry(w.ctx)
	c.barred(policy.ReasonAccountInactive)
	if bars, tried := w.id.Bars(); bars != 1 || tried != 0 {
		t.Errorf("%d bars, %d tried", bars, tried)
	}
}

// TestBarsOfAClosedOrg: an org that is refused whole keeps the calls that wait,
// and opening it again leaves whom they concern barred.
func TestBarsOfAClosedOrg(t *testing.T) {
	for _, resumeFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("resume first %v", resumeFirst), func(t *testing.T) {
			w, store := reluctant(t)
			c := w.caller()
			other := w.org("other")
			u := w.user(other, "u", "wallets:read")
			neighbour := w.login(other, u)
			peer := w.login(c.org, w.user(c.org, "another", "wallets:read"))
			store.how.Store(failures()[0])
			wantKind(t, last(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID)), identity.ErrBusy)
			for i := range identity.MaxBars {
				w.id.BarAccount(c.org, identity.AccountID(fmt.Sprintf("us_%d", i)))
			}
			// Another org finds room still, at the cost of the one that has the most.
			wantKind(t, last(w.in(other).DeactivateAccount(w.ctx, u)), identity.ErrBusy)
			store.how.Store(nil)
			if bars, tried := w.id.Bars(); bars != identity.MaxBars+1 || tried != 2 {
				t.Errorf("%d bars, %d tried", bars, tried)
			}
			c.barred(policy.ReasonOrgSuspended)
			if d := w.may(neighbour, other, "wallets:read", policy.Root); d.Reason != policy.ReasonAccountInactive {
				t.Errorf("%+v", d)
			}
			if resumeFirst {
				must(w.sys().ResumeOrg(w.ctx, c.org))(t)
				c.barred(policy.ReasonAccountInactive)
			}
			w.id.Retry(w.ctx)
			if !resumeFirst {
				if d := w.may(peer, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonOrgSuspended {
					t.Errorf("while it is refused whole: %+v", d)
				}
				must(w.sys().ResumeOrg(w.ctx, c.org))(t)
			}
			if d := w.may(peer, c.org, "wallets:read", policy.Root); !d.Allowed {
				t.Errorf("resumed: %+v", d)
			}
			c.barred(policy.ReasonAccountInactive)
			c.inState(identity.AccountInactive)
		})
	}
}

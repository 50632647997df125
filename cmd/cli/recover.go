package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func (t *tool) recover() *cobra.Command {
	g := t.group("recover", "Give an org, or a database, back to its people", "owner", "unlock", "release-held", "reset-ring")
	g.AddCommand(t.releaseHeld(), t.resetRing(),
		t.onAccount(leaf{use: "owner USER --org ORG --reason TEXT", short: "Make an active user an owner of its org", required: []string{"reason"}}, nil,
			func(ctx context.Context, s *session, in *identity.OrgAdmin, a identity.Account) error {
				made, err := in.GrantOwner(ctx, a.ID)
				if err != nil {
					return err
				}
				return s.out.one(row{{"id", string(made.ID), false}, {"user", string(a.ID), false}, {"changed", made.Created, false}})
			}),
		t.onAccount(leaf{use: "unlock ACCOUNT --org ORG --reason TEXT", short: "Lift what locks an owner out of its org",
			long: `Lift what locks an owner out of its org: resume the org, activate the account, remove the end of a user that has passed, and its
boundary, and delete the denies of its own that keep it from managing the org; those of its groups, and those that cannot be judged here, are
listed, stay, and make the exit code 3. All of it happens, or none. What the account may then do is what its bindings give.`,
			required: []string{"reason"}}, nil, unlock))
	return g
}

// step is one thing that was done, or was left to do, as a result.
type step struct {
	did, id string
	left    bool
}

func stepRow(x step) row {
	return row{{"step", x.did, false}, {"id", x.id, false}, {"done", !x.left, false}}
}

func unlock(ctx context.Context, s *session, in *identity.OrgAdmin, a identity.Account) error {
	var steps []step
	err := s.Write(ctx, func(ctx context.Context, tx *identity.Tx) (err error) {
		steps, err = s.lift(ctx, tx, a)
		return err
	})
	if err != nil {
		return err
	}
	left := false
	err = s.out.list(stepRow(step{}), func(yield func(row, error) bool) {
		for _, x := range steps {
			left = left || x.left
			if !yield(stepRow(x), nil) {
				return
			}
		}
	})
	if err == nil && left {
		err = errNo
	}
	return err
}

// lift does what unlock says, and tells what of it there was to do.
func (s *session) lift(ctx context.Context, tx *identity.Tx, a identity.Account) (steps []step, err error) {
	sys := tx.System("claviger recover unlock: " + s.reason)
	in := sys.In(a.Org)
	note := func(did, id string, changed bool, failed error) {
		if changed && failed == nil {
			steps = append(steps, step{did: did, id: id})
		}
		err = errors.Join(err, failed)
	}
	did, failed := false, error(nil)
	if a.Org != s.SystemOrg() { // which is never suspended
		did, failed = sys.ResumeOrg(ctx, a.Org)
	}
	note("resume the org", string(a.Org), did, failed)
	did, failed = in.ActivateAccount(ctx, a.ID)
	note("activate the account", string(a.ID), did, failed)
	if a.Kind == identity.User && !a.ValidUntil.IsZero() && !a.ValidUntil.After(s.now()) {
		_, failed = in.ExtendAccount(ctx, a.ID, time.Time{})
		note("remove the end of the account", string(a.ID), true, failed)
	}
	if a.Boundary != "" {
		did, failed = in.SetBoundary(ctx, a.ID, "")
		note("remove the boundary "+string(a.Boundary), string(a.ID), did, failed)
	}
	if err != nil {
		return nil, err
	}
	denies, err := s.denies(ctx, in, a)
	for _, x := range denies {
		if x.delete {
			note("delete a deny", x.id, true, in.DeleteBinding(ctx, identity.BindingID(x.id)))
		} else {
			steps = append(steps, step{"look at a deny: " + x.why, x.id, true})
		}
	}
	return steps, err
}

// managing is what an owner needs in order to help itself with everything else.
func managing() []string {
	return []string{"identity:bindings.create", "identity:bindings.delete", "identity:accounts.activate", "identity:roles.update"}
}

// deny is a binding that denies the account to manage its org.
type deny struct {
	id     string
	delete bool
	why    string // it is not to be deleted
}

// denies finds them. One that stands against others too, or whose reach is not
// certain, is for somebody to look at.
func (s *session) denies(ctx context.Context, in *identity.OrgAdmin, a identity.Account) (found []deny, err error) {
	seen := map[string]bool{}
	for _, name := range managing() {
		permission, err := policy.ParsePermission(name)
		if err != nil {
			return nil, fmt.Errorf("ask about %s: %w", name, err)
		}
		e, err := in.Explain(ctx, identity.AccountRequest{Account: a.ID, Permission: permission, Path: policy.Root})
		if err != nil {
			return nil, err
		}
		if e.Rules == nil {
			continue
		}
		for _, t := range e.Rules.Bindings {
			if t.Binding.Effect != policy.Deny || t.Applies == policy.False || seen[t.Binding.ID] {
				continue
			}
			seen[t.Binding.ID] = true
			x := deny{id: t.Binding.ID}
			switch {
			case t.Applies == policy.Unknown:
				x.why = "its condition is not known to hold"
			case t.Role.InDoubt:
				x.why = "its role is not known here"
			case len(t.Via) > 0:
				x.why = "it stands against a whole group"
			default:
				x.delete = true
			}
			found = append(found, x)
		}
	}
	return found, nil
}

// now is the time by the tool's clock.
func (t *tool) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}

package store

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// world implements [identity.World]. An org can have a million rows, so they
// are read into plain variables, in the order they lie in, without reflection.
type world struct {
	run     runner
	dialect Dialect
}

func (w world) Accounts(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Account, error] {
	const text = `SELECT id, kind, state, valid_until, min_revision, boundary, labels, system FROM identity_account WHERE org_id = $1`
	var id, kind, state, boundary string
	var until, min int64
	var has labels
	var system bool
	return each(ctx, w, "account", text, org, []any{&id, &kind, &state, &until, &min, &boundary, &has, &system}, func() (identity.Account, error) {
		return identity.Account{ID: identity.AccountID(id), Org: org, Kind: identity.AccountKind(kind),
			State: identity.AccountState(state), ValidUntil: timeOf(until), MinRevision: uint64(min), Boundary: identity.RoleRef(boundary), Labels: has, System: system}, nil
	})
}

func (w world) Groups(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Group, error] {
	const text = `SELECT id, system, deleted FROM identity_group WHERE org_id = $1`
	var id string
	var system, deleted bool
	return each(ctx, w, "group", text, org, []any{&id, &system, &deleted}, func() (identity.Group, error) {
		return identity.Group{ID: identity.GroupID(id), Org: org, System: system, Deleted: deleted}, nil
	})
}

func (w world) Members(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Member, error] {
	const text = `SELECT group_id, member_id FROM identity_member WHERE org_id = $1`
	var group, member string
	return each(ctx, w, "member", text, org, []any{&group, &member}, func() (identity.Member, error) {
		return identity.Member{Org: org, Group: identity.GroupID(group), Member: identity.SubjectID(member)}, nil
	})
}

func (w world) Roles(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Role, error] {
	const text = `SELECT id, name, permissions, exclusions, includes, state, deleted FROM identity_role WHERE org_id = $1`
	var id, name, state string
	var permissions, exclusions list[string]
	var includes list[identity.RoleRef]
	var deleted bool
	into := []any{&id, &name, &permissions, &exclusions, &includes, &state, &deleted}
	return each(ctx, w, "role", text, org, into, func() (identity.Role, error) {
		return identity.Role{ID: identity.RoleID(id), Org: org, Name: name, Permissions: permissions,
			Exclusions: exclusions, Includes: includes, State: identity.RoleState(state), Deleted: deleted}, nil
	})
}

func (w world) Bindings(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Binding, error] {
	const text = `SELECT id, subject, role, scope, effect, starts_at, ends_at, reach, condition, eligible FROM identity_binding WHERE org_id = $1`
	var id, subject, role, at, reach, condition string
	var gives effect
	var start, end int64
	var eligible duration
	into := []any{&id, &subject, &role, &at, &gives, &start, &end, &reach, &condition, &eligible}
	return each(ctx, w, "binding", text, org, into, func() (identity.Binding, error) {
		path, err := policy.ParsePath(at)
		return identity.Binding{ID: identity.BindingID(id), Org: org, Subject: identity.SubjectID(subject),
			Role: identity.RoleRef(role), Scope: path, Effect: policy.Effect(gives),
			Start: timeOf(start), End: timeOf(end), Reach: identity.Reach(reach), Condition: condition, Eligible: time.Duration(eligible)}, err
	})
}

func (w world) Credentials(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Credential, error] {
	const text = `SELECT id, account_id, type, state, valid_until, ends_at, min_revision, permissions, path, networks FROM identity_credential WHERE org_id = $1`
	var id, account, kind, state string
	var until, end, min int64
	var permissions limit
	var path anywhere
	var from networks
	into := []any{&id, &account, &kind, &state, &until, &end, &min, &permissions, &path, &from}
	return each(ctx, w, "credential", text, org, into, func() (identity.Credential, error) {
		return identity.Credential{ID: identity.CredentialID(id), Org: org, Account: identity.AccountID(account),
			Type: identity.CredentialType(kind), State: identity.CredentialState(state),
			ValidUntil: timeOf(until), EndsAt: timeOf(end), MinRevision: uint64(min),
			Permissions: permissions, Path: path.Path, Networks: from}, nil
	})
}

func (w world) Secrets(ctx context.Context) iter.Seq2[identity.Credential, error] {
	const text = `SELECT id, org_id, type, digest FROM identity_credential WHERE digest IS NOT NULL AND state <> 'revoked'`
	var id, org, kind string
	var digest bytes
	return rowsOf(ctx, w, "credential", text, nil, []any{&id, &org, &kind, &digest}, func() (identity.Credential, error) {
		return identity.Credential{ID: identity.CredentialID(id), Org: identity.OrgID(org), Type: identity.CredentialType(kind), Digest: digest}, nil
	})
}

// each yields one noun for each row of an org: it scans the row into the
// variables and has build read them. It holds a row open while the caller's code
// runs.
func each[T any](ctx context.Context, w world, entity, text string, org identity.OrgID, into []any,
	build func() (T, error)) iter.Seq2[T, error] {
	return rowsOf(ctx, w, entity, text, []any{string(org)}, into, build)
}

// rowsOf is each with any parameters.
func rowsOf[T any](ctx context.Context, w world, entity, text string, args, into []any, build func() (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		found, err := w.run.query(ctx, text, args...)
		if err != nil {
			yield(none, w.dialect.fail(entity, "", err))
			return
		}
		if err := w.run.note(scan(found, into, build, yield)); err != nil {
			yield(none, w.dialect.fail(entity, "", err))
		}
	}
}

// scan returns the error that ended the rows, and nil when the caller did.
func scan[T any](found *sql.Rows, into []any, build func() (T, error), yield func(T, error) bool) error {
	defer func() { _ = found.Close() }() // a failure to read shows in Err
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return err
		}
		noun, err := build()
		if err != nil {
			return err
		}
		if !yield(noun, nil) {
			return nil
		}
	}
	return found.Err()
}

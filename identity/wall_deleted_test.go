package identity_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// row is one row of a table, by column.
type row map[string]string

// rowsOf are the rows of an org in a table.
func (w *world) rowsOf(table string, org identity.OrgID) (out []row) {
	w.t.Helper()
	columns, rows := w.fields(w.ctx, w.db, `SELECT * FROM `+table+` WHERE org_id = $1`, string(org))
	for _, values := range rows {
		r := row{}
		for i, column := range columns {
			r[column] = values[i]
		}
		out = append(out, r)
	}
	return out
}

// ways are the calls by which a row of a table could be reached, each with whether it
// was. A table that is not here fails the test.
func (x *wall) ways() map[string]func(row) map[string]error {
	ctx, in, id := x.ctx, x.in(x.there.org), x.id
	last := func(_ any, err error) error { return err }
	purpose, signed := x.there.hook("m")
	return map[string]func(row) map[string]error{
		"identity_account": func(r row) map[string]error {
			account := identity.AccountID(r["id"])
			return map[string]error{
				"Account":      last(in.Account(ctx, account)),
				"AccountsByID": last(in.AccountsByID(ctx, []identity.AccountID{account})),
				"Vouch":        last(in.Vouch(ctx, account, x.session(0))),
				"Explain":      last(in.Explain(ctx, identity.AccountRequest{Account: account, Path: policy.Root})),
				"external id":  x.absentByExternalID(r),
			}
		},
		"identity_group": func(r row) map[string]error {
			return map[string]error{"Group": last(in.Group(ctx, identity.GroupID(r["id"]))), "GroupSize": last(in.GroupSize(ctx, identity.GroupID(r["id"])))}
		},
		"identity_member": func(r row) map[string]error {
			return map[string]error{"Members": last(in.Members(ctx, identity.GroupID(r["group_id"]), identity.Page{}))}
		},
		"identity_role": func(r row) map[string]error {
			return map[string]error{"Role": last(in.Role(ctx, identity.RoleID(r["id"]))), "RoleUse": last(in.RoleUse(ctx, identity.RoleID(r["id"])))}
		},
		"identity_binding": func(r row) map[string]error {
			return map[string]error{"Binding": last(in.Binding(ctx, identity.BindingID(r["id"]))), "DeleteBinding": in.DeleteBinding(ctx, identity.BindingID(r["id"]))}
		},
		"identity_credential": func(r row) map[string]error {
			key := identity.CredentialID(r["id"])
			return map[string]error{
				"Credential": last(in.Credential(ctx, key)),
				"signature":  last(id.VerifySignature(ctx, key, purpose, token.AlgEdDSA, []byte("m"), signed)),
				"assertion":  last(id.ExchangeAssertion(ctx, x.assertion(key, identity.AccountID(r["account_id"]), x.there.private), identity.TokenRequest{})),
			}
		},
		"identity_revoked_token": func(r row) map[string]error {
			return map[string]error{"RevokeTokenID": last(in.RevokeTokenID(ctx, identity.AccountID(r["account_id"]), r["id"]))}
		},
		"identity_idempotency_key": func(r row) map[string]error {
			return map[string]error{"the same call": last(in.WithIdempotencyKey(r["key"]).CreateGroup(ctx, identity.GroupSpec{Name: "again"}))}
		},
		// Nothing is answered from these marks; that no warning is given is seen below.
		"identity_expiry_mark": func(row) map[string]error { return nil },
		// The log is kept.
		"identity_event": func(row) map[string]error { return nil },
	}
}

func (x *wall) absentByExternalID(r row) error {
	if r["external_subject"] == "" {
		return identity.ErrNotFound
	}
	found, err := x.sys().AccountsByExternalID(x.ctx, identity.ExternalID{Issuer: r["external_issuer"], Subject: r["external_subject"]})
	if err == nil && len(found) == 0 {
		return identity.ErrNotFound
	}
	return err
}

// proofs are what its accounts could come in with.
func (x *wall) proofs() map[string]error {
	y, less := x.there, identity.TokenRequest{}
	ask := func(_ any, err error) error { return err }
	purpose, signed := y.hook("m")
	return map[string]error{
		"access token":  ask(x.id.Authenticate(x.ctx, y.access)),
		"API token":     ask(x.id.Authenticate(x.ctx, y.api)),
		"rotated":       ask(x.id.Authenticate(x.ctx, y.old)),
		"client secret": ask(x.id.ExchangeClientSecret(x.ctx, string(y.service), y.shared, less)),
		"assertion":     ask(x.id.AuthenticateClientAssertion(x.ctx, x.assertion(y.key, y.service, y.private))),
		"signature":     ask(x.id.VerifySignature(x.ctx, y.key, purpose, token.AlgEdDSA, []byte("m"), signed)),
		"invitation":    ask(x.id.AcceptInvitation(x.ctx, y.accepted, identity.ExternalID{})),
	}
}

// TestSec54_NoRowIsReachable walks over every table that has rows of an org which was
// deleted: beside the log and the row that keeps the slug, none of them answers, by
// any method, to the host, an operator, somebody of another org or its own, before
// and after a restart; and none of them is changed any more.
func TestSec54_NoRowIsReachable(t *testing.T) {
	onOneGoroutine(t)
	var warned []identity.ExpiryWarning
	x, own := openWall(t, with(func(c *identity.Config) {
		c.OnExpiry = func(_ context.Context, w identity.ExpiryWarning) error { warned = append(warned, w); return nil }
	}))
	there := x.there
	held := x.login(there.org, there.owner)
	watched, stop := x.id.Watch(x.ctx, held)
	defer stop()
	operator := x.user(x.id.SystemOrg(), "operator")
	x.bind(x.id.SystemOrg(), identity.BindingSpec{Subject: identity.SubjectID(operator), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
	for name, err := range x.proofs() {
		if err != nil && name != "invitation" {
			t.Fatalf("%s, before: %v", name, err)
		}
	}
	must(x.sys().DeleteOrg(x.ctx, there.org))(t)
	if err := x.id.WriteUses(x.ctx); err != nil { // of before
		t.Fatal(err)
	}
	x.id.WriteLateUses(x.ctx)
	x.remember()
	if watched.Err() == nil || x.may(held, there.org, "wallets:read", policy.Root).Allowed {
		t.Error("somebody of the org goes on")
	}
	for _, when := range []string{"at once", "after a restart"} {
		x.walkRows(when)
		x.closed(when, own, operator)
		x.reopen()
	}
	x.clock.advance(364 * 24 * time.Hour)
	if err := x.id.WarnExpiry(x.ctx); err != nil {
		t.Fatal(err)
	}
	for _, w := range warned {
		if w.Org == there.org {
			t.Errorf("warned: %+v", w)
		}
	}
	if len(warned) == 0 {
		t.Error("nobody was warned of the other org's")
	}
	x.id.WriteLateUses(x.ctx)
	if err := x.id.WriteUses(x.ctx); err != nil {
		t.Fatal(err)
	}
	if now := x.stored(x.db, there.org); now != x.rows {
		t.Errorf("rows changed:\n%s\nwere\n%s", now, x.rows)
	}
}

// walkRows tries every row by the ways of its table.
func (x *wall) walkRows(when string) {
	x.t.Helper()
	ways, walked := x.ways(), 0
	for _, table := range x.orgTables() {
		if ways[table] == nil {
			x.t.Errorf("%s: say in ways how a row could be reached", table)
			continue
		}
		for _, r := range x.rowsOf(table, x.there.org) {
			walked++
			for name, err := range ways[table](r) {
				if !errors.Is(err, identity.ErrNotFound) && !errors.Is(err, identity.ErrUnauthenticated) {
					x.t.Errorf("%s, %s: %s answers: %v", when, table, name, err)
				}
			}
		}
	}
	if walked < 60 {
		x.t.Errorf("only %d rows", walked)
	}
	for name, err := range x.proofs() {
		if !errors.Is(err, identity.ErrUnauthenticated) {
			x.t.Errorf("%s, %s: %v", when, name, err)
		}
	}
}

// closed asks every method in the org, and has others ask for what it had.
func (x *wall) closed(when string, own *tenant, operator identity.AccountID) {
	x.t.Helper()
	owner := onlooker{name: "an owner", own: own, who: x.login(own.org, own.owner)}
	over := onlooker{name: "an operator", own: own, who: x.login(x.id.SystemOrg(), operator)}
	host := onlooker{name: "the host", own: own}
	for _, m := range verbs(reflect.TypeFor[*identity.OrgAdmin](), reflect.TypeFor[*identity.Admin]()) {
		x.inEachMode(own, m, func() {
			for _, o := range []onlooker{host, over} {
				a := x.ask(one{o.by(x), x.there.org, m, x.there.arguments(x.t, m)})
				switch answers := o.who.IsZero() && identity.Outlives(m.Name); {
				case m.Name == "Vouch" && errors.Is(a.err, identity.ErrUnauthenticated):
				case calls()[m.Name].hostOnly && !o.who.IsZero() || m.Name == "Vouch" && !o.who.IsZero():
				case answers != (a.err == nil) || a.err != nil && !errors.Is(a.err, identity.ErrNotFound):
					x.t.Errorf("%s, %s in it, by %s: %v", when, m.Name, o.name, a.err)
				}
			}
			x.beyond(owner.name, owner.by(x), m)
			x.beyond(over.name, over.by(x), m)
			x.probe(owner.name, owner.by(x), own, m, 1000)
		})
	}
}

// TestSec54_HeldStaysHeld: what is released again after a restore is not what a
// deleted org had.
func TestSec54_HeldStaysHeld(t *testing.T) {
	x, own := openWall(t)
	err := x.id.Write(x.ctx, func(ctx context.Context, tx *identity.Tx) error {
		for _, id := range []identity.CredentialID{own.secret, x.there.secret} {
			if _, err := tx.SQL().ExecContext(ctx, `UPDATE identity_credential SET state = 'held' WHERE id = $1`, string(id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	x.reopen()
	must(x.sys().DeleteOrg(x.ctx, x.there.org))(t)
	x.remember()
	if n := must(x.sys().ReleaseHeld(x.ctx, identity.HeldFilter{Org: x.there.org}))(t); n != 0 {
		t.Errorf("%d of the deleted org were released", n)
	}
	if n := must(x.sys().ReleaseHeld(x.ctx, identity.HeldFilter{}))(t); n != 1 {
		t.Errorf("%d were released", n)
	}
	if now := x.stored(x.db, x.there.org); now != x.rows {
		t.Errorf("rows changed:\n%s\nwere\n%s", now, x.rows)
	}
	names := slices.Sorted(maps.Keys(x.ways()))
	if !slices.Equal(names, x.orgTables()) {
		t.Errorf("tables %q, and ways to %q", x.orgTables(), names)
	}
}

package identity_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// personal is an account with something of every kind hanging on it. All that
// says anything about it has the word in it.
type personal struct {
	org      identity.OrgID
	id       identity.AccountID
	group    identity.GroupID
	login    identity.Principal
	apiToken string
	access   string
}

const (
	word       = "zyzzyva"
	keyOfOther = "key-of-another" // under which somebody else was made
)

func (w *world) personal(org identity.OrgID) personal {
	w.t.Helper()
	t, in := w.t, w.in(org)
	private, public := newKey(t)
	p := personal{org: org, group: must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "staff"}))(t).ID}
	p.id = must(in.WithIdempotencyKey("new-"+word).CreateUser(w.ctx, identity.UserSpec{
		Email: word + "@example.com", DisplayName: "Dr " + word, Description: word, Labels: map[string]string{"nick": word},
		External: identity.ExternalID{Issuer: "https://idp.example", Subject: word}, Groups: []identity.GroupID{p.group},
	}))(t).ID
	other := must(in.WithIdempotencyKey(keyOfOther).CreateUser(w.ctx, identity.UserSpec{Email: "other@example.com", Groups: []identity.GroupID{p.group}}))(t).ID
	for _, name := range []string{"wallets:read", "wallets:create"} { // a role of its own, changed once
		if err := firstFailure(in.AddPermissions(w.ctx, []identity.AccountID{p.id, other}, []string{name})); err != nil {
			t.Fatal(err)
		}
	}
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(p.id), Role: "wallet-reader", Scope: policy.Root, Reason: "for " + word})
	gone := must(in.WithIdempotencyKey("bind-"+word).CreateBinding(w.ctx, identity.BindingSpec{
		Subject: identity.SubjectID(p.id), Role: "wallet-admin", Scope: policy.Root, Reason: "for " + word,
	}))(t).ID
	if err := in.DeleteBinding(w.ctx, gone); err != nil {
		t.Fatal(err)
	}
	key := must(in.AddPublicKey(w.ctx, p.id, identity.PublicKeySpec{Name: "laptop of " + word, UnprovenPublicKey: public}))(t)
	must(in.RenameCredential(w.ctx, key.ID, "phone of "+word))(t)
	p.apiToken = must(in.WithIdempotencyKey("token-"+word).CreateAPIToken(w.ctx, p.id, identity.APITokenSpec{Name: "token of " + word}))(t).Secret.Reveal()
	must(in.CreateClientSecret(w.ctx, p.id, identity.ClientSecretSpec{Name: "secret of " + word}))(t)
	p.access = must(w.id.ExchangeAssertion(w.ctx, w.assertion(key.ID, p.id, private), identity.TokenRequest{}))(t).Token.Reveal()
	ended := must(w.id.ExchangeAssertion(w.ctx, w.assertion(key.ID, p.id, private), identity.TokenRequest{}))(t).Token.Reveal()
	must(in.RevokeToken(w.ctx, ended))(t)
	p.login = w.login(org, p.id)
	// What it does to others is theirs.
	w.grant(org, identity.SubjectID(p.id), policy.Root, "identity:groups.create")
	must(w.id.As(p.login).In(org).WithIdempotencyKey("by-"+word).CreateGroup(w.ctx, identity.GroupSpec{Name: "made by it"}))(t)
	return p
}

// rows counts the rows of every table that name an org, or one text in it.
func (w *world) rows(t testing.TB, org identity.OrgID, text string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, table := range w.column(t, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'identity%'`) {
		columns := w.column(t, `SELECT name FROM pragma_table_info('`+table+`')`)
		owner := "org_id"
		if table == "identity_org" {
			owner = "id"
		}
		if !slices.Contains(columns, owner) {
			continue
		}
		var has []string
		for _, c := range columns {
			if text != "" {
				has = append(has, `instr(coalesce("`+c+`", ''), '`+text+`') > 0`)
			}
		}
		q := `SELECT count(*) FROM ` + table + ` WHERE ` + owner + ` = ?`
		if has != nil {
			q += ` AND (` + strings.Join(has, " OR ") + `)`
		}
		var n int
		if err := w.db.QueryRowContext(w.ctx, q, string(org)).Scan(&n); err != nil {
			t.Fatal(q, err)
		}
		if n > 0 {
			found[table] = n
		}
	}
	return found
}

func (w *world) column(t testing.TB, query string) (out []string) {
	t.Helper()
	rows, err := w.db.QueryContext(w.ctx, query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// verified holds the log against what was kept of it, and an export against its signature.
func (w *world) verified(t testing.TB, org identity.OrgID, kept identity.AuditHead) identity.AuditHead {
	t.Helper()
	head := must(w.in(org).VerifyAudit(w.ctx, kept))(t)
	var export bytes.Buffer
	must(w.in(org).ExportAudit(w.ctx, &export, kept))(t)
	if strings.Contains(export.String(), word) {
		t.Error("the export says what was purged")
	}
	said := must(identity.VerifyExport(&export, must(token.ParseKeySet(must(w.id.JWKS(w.ctx))(t)))(t), issuer))(t)
	if said.Seq != head.Seq {
		t.Errorf("the export ends at %d, the log at %d", said.Seq, head.Seq)
	}
	return head
}

// TestPurgeAccount: nothing is left of a purged account but that things happened to it.
func TestPurgeAccount(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	p := w.personal(org)
	in := w.in(org)
	kept := must(in.AuditHead(w.ctx))(t)
	same := w.unchanged()
	for range 2 {
		wantKind(t, last(in.PurgeAccount(w.ctx, p.id)), identity.ErrInUse)
	}
	must(in.Account(w.ctx, p.id))(t)
	same()
	must(in.ArchiveAccount(w.ctx, p.id))(t)
	wantKind(t, last(in.PurgeAccount(w.ctx, p.id)), identity.ErrInUse)
	must(in.DeleteAccount(w.ctx, p.id))(t)
	before := w.events(org)
	left := w.rows(t, org, string(p.id))

	undo := errors.New("undo")
	same = w.unchanged()
	if err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		must(tx.System("purge").In(org).PurgeAccount(ctx, p.id))(t)
		return undo
	}); !errors.Is(err, undo) {
		t.Fatal(err)
	}
	same()
	if now := w.rows(t, org, string(p.id)); !reflect.DeepEqual(now, left) {
		t.Fatalf("undone: %v, before %v", now, left)
	}

	revision := w.id.Revision()
	done := must(in.PurgeAccount(w.ctx, p.id))(t)
	if now := w.id.Revision(); now != revision+1 || done.Rows < 10 || done.Events < 10 {
		t.Errorf("revision %d, then %d: %+v", revision, now, done)
	}
	if found := w.rows(t, org, word); len(found) > 0 {
		t.Errorf("rows that say something of it: %v", found)
	}
	for table, n := range w.rows(t, org, string(p.id)) {
		if table != "identity_event" && table != "identity_group" { // that it made one
			t.Errorf("%d rows of %s", n, table)
		}
	}
	if kept := w.rows(t, org, keyOfOther); !reflect.DeepEqual(kept, map[string]int{"identity_idempotency_key": 1}) {
		t.Errorf("the key of another: %v", kept)
	}
	if own := strings.ReplaceAll(string(p.id), "_", "-"); len(w.rows(t, org, own)) > 0 {
		t.Errorf("roles of its own: %v", w.rows(t, org, own))
	}
	after := w.events(org)
	forgotten := 0
	for i, e := range before {
		now := after[i]
		if (e.Before != nil && now.Before == nil) || (e.After != nil && now.After == nil) {
			forgotten++
			if e.ID != string(p.id) && !bytes.Contains(append(e.Before, e.After...), []byte(p.id[3:])) {
				t.Errorf("%s %s %s is not about it, and was forgotten", e.Noun, e.ID, e.Verb)
			}
			now.Before, now.After = e.Before, e.After
		}
		if !reflect.DeepEqual(e, now) {
			t.Errorf("%+v\nbecame\n%+v", e, now)
		}
	}
	if forgotten != done.Events {
		t.Errorf("%d events were forgotten, it says %d", forgotten, done.Events)
	}
	for _, e := range after[len(before):] {
		if e.Verb != "purge" || e.Before != nil || e.After != nil || e.Revision != revision+1 {
			t.Errorf("%+v", e)
		}
	}
	if e := after[len(after)-1]; e.Noun != "account" || e.ID != string(p.id) {
		t.Errorf("the last event is %s %s", e.Noun, e.ID)
	}
	followed := 0
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	for e, err := range in.Follow(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if followed++; e.Seq != uint64(followed) {
			t.Fatalf("event %d after %d", e.Seq, followed-1)
		}
		if followed == len(after) {
			break
		}
	}
	cancel()
	head := w.verified(t, org, kept)

	refused := func(when string) {
		t.Helper()
		same := w.unchanged()
		wantKind(t, last(w.in(org).PurgeAccount(w.ctx, p.id)), identity.ErrNotFound)
		wantKind(t, last(w.in(org).Account(w.ctx, p.id)), identity.ErrNotFound)
		wantKind(t, last(w.in(org).ActivateAccount(w.ctx, p.id)), identity.ErrNotFound)
		for name, raw := range map[string]string{"API token": p.apiToken, "access token": p.access} {
			if _, err := w.id.Authenticate(w.ctx, raw); !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("%s, %s: %v", when, name, err)
			}
		}
		if _, err := w.in(org).Vouch(w.ctx, p.id, w.session(0)); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%s, vouched for: %v", when, err)
		}
		same()
	}
	if d := w.may(p.login, org, "wallets:read", policy.Root); d.Allowed || d.Reason != policy.ReasonUnknownAccount {
		t.Errorf("%+v", d)
	}
	refused("at once")
	// The name is free again, and whoever gets it gets nothing else.
	again := must(in.CreateUser(w.ctx, identity.UserSpec{Email: word + "@example.com", External: identity.ExternalID{Issuer: "https://idp.example", Subject: word}}))(t).ID
	for range 2 {
		if d := w.may(w.login(org, again), org, "wallets:read", policy.Root); again == p.id || d.Allowed {
			t.Errorf("%s: %+v", again, d)
		}
		refused("later")
		w.reopen()
	}
	if again := must(w.in(org).VerifyAudit(w.ctx, kept, head))(t); again.Seq <= head.Seq {
		t.Errorf("%d after %d", again.Seq, head.Seq)
	}
}

// rationed is a store with a number of transactions left, if that is not negative.
type rationed struct {
	identity.Store
	left atomic.Int64
}

func (s *rationed) Begin() (identity.WriteTxn, error) {
	if s.left.Load() == 0 {
		return nil, &identity.Error{Kind: identity.ErrBusy, Entity: "database", Err: errors.New("no more")}
	}
	s.left.Add(-1)
	return s.Store.Begin()
}

// TestPurgeInSteps: an account of which very many events say something is forgotten in
// several transactions; one that fails on the way leaves an account that can be purged.
func TestPurgeInSteps(t *testing.T) {
	store := &rationed{}
	store.left.Store(-1)
	w := open(t, func(w *world) {
		w.wrap = func(st identity.Store) identity.Store { store.Store = st; return store }
	}, with(func(c *identity.Config) { c.MaxWrite = time.Minute }))
	org := w.org("acme")
	in := w.in(org)
	user := must(in.WithIdempotencyKey("key").CreateUser(w.ctx, identity.UserSpec{Email: "who@example.com"}))(t).ID
	if err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("many").In(org)
		for i := range identity.PurgeStep + 100 {
			name := fmt.Sprint(word, i)
			if _, err := in.UpdateAccount(ctx, user, identity.AccountPatch{DisplayName: &name}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	kept := must(in.AuditHead(w.ctx))(t)
	wantKind(t, last(in.PurgeAccount(w.ctx, user)), identity.ErrInUse)
	if n := w.rows(t, org, word)["identity_event"]; n != identity.PurgeStep+100 {
		t.Fatalf("%d events", n)
	}
	must(in.DeleteAccount(w.ctx, user))(t)

	store.left.Store(1)
	done, err := in.PurgeAccount(w.ctx, user)
	if !errors.Is(err, identity.ErrBusy) || done.Events != identity.PurgeStep {
		t.Errorf("%+v, %v", done, err)
	}
	store.left.Store(-1)
	if a := must(in.Account(w.ctx, user))(t); a.State != identity.AccountDeleted {
		t.Errorf("%+v", a)
	}
	rest := must(in.PurgeAccount(w.ctx, user))(t)
	if rest.Events == 0 || rest.Events > 200 || rest.Rows == 0 {
		t.Errorf("%+v", rest)
	}
	if found := w.rows(t, org, word); len(found) > 0 {
		t.Errorf("rows that say something of it: %v", found)
	}
	if n := w.rows(t, org, string(user))["identity_idempotency_key"]; n != 0 {
		t.Errorf("%d keys", n)
	}
	wantKind(t, last(in.PurgeAccount(w.ctx, user)), identity.ErrNotFound)
	w.verified(t, org, kept)
	w.reopen()
	wantKind(t, last(w.in(org).PurgeAccount(w.ctx, user)), identity.ErrNotFound)
}

// TestPurgeGroupAndRole: their names are free again.
func TestPurgeGroupAndRole(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	in := w.in(x.Org)
	kept := must(in.AuditHead(w.ctx))(t)
	keyed := in.WithIdempotencyKey("key-" + word)
	group := must(keyed.CreateGroup(w.ctx, identity.GroupSpec{Name: word, Description: word}))(t).ID
	role := must(keyed.CreateRole(w.ctx, identity.RoleSpec{Name: word, Description: word, Permissions: []string{"wallets:read"}}))(t).ID
	purge := map[string]func() error{
		"group": func() error { return last(in.PurgeGroup(w.ctx, group)) },
		"role":  func() error { return last(in.PurgeRole(w.ctx, role)) },
	}
	for what, call := range purge {
		same := w.unchanged()
		if err := call(); !errors.Is(err, identity.ErrInUse) {
			t.Errorf("%s: %v", what, err)
		}
		same()
	}
	wantKind(t, last(in.PurgeGroup(w.ctx, identity.GroupUsers)), identity.ErrInUse)
	must(in.ArchiveRole(w.ctx, role))(t)
	wantKind(t, purge["role"](), identity.ErrInUse)
	if err := errors.Join(in.DeleteGroup(w.ctx, group, identity.IfUnused), in.DeleteRole(w.ctx, role, identity.IfUnused)); err != nil {
		t.Fatal(err)
	}
	for what, call := range purge {
		if err := call(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		same := w.unchanged()
		if err := call(); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%s again: %v", what, err)
		}
		same()
	}
	if found := w.rows(t, x.Org, word); len(found) > 0 {
		t.Errorf("left: %v", found)
	}
	w.verified(t, x.Org, kept)
	w.reopen()
	in = w.in(x.Org)
	if g := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: word}))(t); g.ID == group {
		t.Errorf("%+v", g)
	}
	if r := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: word}))(t); r.ID == role {
		t.Errorf("%+v", r)
	}
}

// TestSec54_PurgedOrg: in no table is a row of a purged org but those of its log,
// emptied, and the one that keeps the slug.
func TestSec54_PurgedOrg(t *testing.T) {
	w := open(t, func(w *world) { w.cfg.MaxWrite = time.Minute })
	beside := w.personal(w.org("beside"))
	untouched, its := w.events(beside.org), w.rows(t, beside.org, "")
	org := must(w.sys().WithIdempotencyKey(word).CreateOrg(w.ctx, identity.OrgSpec{Slug: "acme", DisplayName: "Dr " + word, WithSystemAccount: true}))(t).ID
	p := w.personal(org)
	must(w.sys().UpdateOrg(w.ctx, org, identity.OrgPatch{Settings: &identity.OrgSettings{DefaultUserGroups: []identity.GroupID{p.group}}}))(t)
	many := identity.PurgeStep + 500
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error { // more than one step of rows, and of events
		in := tx.System("many").In(org)
		for i := range many {
			must(in.WithIdempotencyKey(fmt.Sprint("g", i)).CreateGroup(ctx, identity.GroupSpec{Name: fmt.Sprint("g", i), Description: word}))(t)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	kept := must(w.in(org).AuditHead(w.ctx))(t)
	for _, state := range []func() error{
		func() error { return nil }, func() error { return last(w.sys().SuspendOrg(w.ctx, org)) },
	} {
		if err := state(); err != nil {
			t.Fatal(err)
		}
		same := w.unchanged()
		wantKind(t, last(w.sys().PurgeOrg(w.ctx, org)), identity.ErrInUse)
		wantKind(t, last(w.sys().PurgeOrg(w.ctx, w.id.SystemOrg())), identity.ErrInUse)
		wantKind(t, last(w.sys().PurgeOrg(w.ctx, "or_absent")), identity.ErrNotFound)
		same()
	}
	must(w.sys().DeleteOrg(w.ctx, org))(t)
	n := len(w.events(org))
	before := w.id.Revision()
	done := must(w.sys().PurgeOrg(w.ctx, org))(t)
	steps := int(w.id.Revision() - before)
	if done.Rows < 2*many || done.Events != n || steps < 2 {
		t.Errorf("%+v in %d steps, of %d events", done, steps, n)
	}
	for range 2 {
		if found := w.rows(t, org, ""); !reflect.DeepEqual(found, map[string]int{"identity_org": 1, "identity_event": n + steps}) {
			t.Errorf("left: %v", found)
		}
		for _, at := range []identity.OrgID{org, w.id.SystemOrg()} { // where it was made
			if found := w.rows(t, at, word); len(found) > 0 {
				t.Errorf("left: %v", found)
			}
		}
		w.verified(t, org, kept)
		same := w.unchanged()
		if again := must(w.sys().PurgeOrg(w.ctx, org))(t); again != (identity.Purged{}) {
			t.Errorf("again: %+v", again)
		}
		wantKind(t, last(w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: "acme"})), identity.ErrConflict)
		if tomb := must(w.sys().Org(w.ctx, org))(t); tomb.Slug != "acme" || tomb.DisplayName != "acme" || tomb.State != identity.OrgDeleted || !reflect.DeepEqual(tomb.Settings, identity.OrgSettings{}) {
			t.Errorf("%+v", tomb)
		}
		wantKind(t, last(w.in(org).Accounts(w.ctx, identity.AccountFilter{}, identity.Page{})), identity.ErrNotFound)
		for name, raw := range map[string]string{"API token": p.apiToken, "access token": p.access} {
			if _, err := w.id.Authenticate(w.ctx, raw); !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("%s: %v", name, err)
			}
		}
		same()
		// Nothing happened to others.
		if now := w.rows(t, beside.org, ""); !reflect.DeepEqual(now, its) {
			t.Errorf("beside: %v, it was %v", now, its)
		}
		if !reflect.DeepEqual(w.events(beside.org), untouched) {
			t.Error("the log of another org changed")
		}
		if _, err := w.id.Authenticate(w.ctx, beside.apiToken); err != nil {
			t.Error(err)
		}
		w.reopen()
	}
	if d := w.may(p.login, org, "wallets:read", policy.Root); d.Allowed {
		t.Errorf("%+v", d)
	}
}

// TestPurgeElsewhere: another process that has the org in memory knows the account no
// more, lets nobody in with its secrets, and goes on with the chain of the log.
func TestPurgeElsewhere(t *testing.T) {
	a, b := share(t)
	org := a.org("acme")
	p := a.personal(org)
	b.poll()
	old := must(b.id.Authenticate(b.ctx, p.apiToken))(t)
	if d := b.may(old, org, "wallets:read", policy.Root); !d.Allowed {
		t.Fatalf("%+v", d)
	}
	must(a.in(org).DeleteAccount(a.ctx, p.id))(t)
	must(a.in(org).PurgeAccount(a.ctx, p.id))(t)
	b.poll()
	if d := b.may(old, org, "wallets:read", policy.Root); d.Reason != policy.ReasonUnknownAccount {
		t.Errorf("%+v", d)
	}
	if _, err := b.id.Authenticate(b.ctx, p.apiToken); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Error(err)
	}
	again := must(b.in(org).CreateUser(b.ctx, identity.UserSpec{Email: word + "@example.com", Groups: []identity.GroupID{p.group}}))(t)
	if n := must(b.in(org).GroupSize(b.ctx, p.group))(t); n.Members != 2 || n.Accounts != 2 {
		t.Errorf("%+v", n)
	}
	a.poll()
	if _, err := a.in(org).DeleteAccount(a.ctx, again.ID); err != nil {
		t.Error(err)
	}
	must(a.sys().DeleteOrg(a.ctx, org))(t)
	must(a.sys().PurgeOrg(a.ctx, org))(t)
	b.poll()
	must(b.in(org).VerifyAudit(b.ctx))(t)
	must(b.sys().PurgeOrg(b.ctx, org))(t)
}

// TestSec65_PurgedEventsStay: who has the file cannot put anything in the place of
// what was purged, nor take the rest away.
func TestSec65_PurgedEventsStay(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	p := w.personal(org)
	must(w.in(org).DeleteAccount(w.ctx, p.id))(t)
	must(w.in(org).PurgeAccount(w.ctx, p.id))(t)
	head := must(w.in(org).VerifyAudit(w.ctx))(t)
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	db := must(sql.Open("sqlite", w.file()))(t)
	defer func() { _ = db.Close() }()
	for _, text := range []string{
		`UPDATE identity_event SET before = x'7B7D' WHERE before IS NULL AND before_hash IS NOT NULL`,
		`UPDATE identity_event SET after = x'7B7D' WHERE after IS NULL AND after_hash IS NOT NULL`,
		`UPDATE identity_event SET after_hash = NULL WHERE after IS NULL AND after_hash IS NOT NULL`,
		`UPDATE identity_event SET before = NULL, after = NULL, actor = 'system' WHERE actor <> 'system'`,
		`UPDATE OR REPLACE identity_event SET seq = seq + 1`,
		`DELETE FROM identity_event WHERE verb = 'purge'`,
		`REPLACE INTO identity_event SELECT * FROM identity_event WHERE verb = 'purge'`,
	} {
		if _, err := db.ExecContext(w.ctx, text); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", text, err)
		}
	}
	w.start()
	if again := must(w.in(org).VerifyAudit(w.ctx, head))(t); again.Seq != head.Seq {
		t.Errorf("%d, it was %d", again.Seq, head.Seq)
	}
}

package soak

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	world "github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/internal/workload/host"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// large is one org of many accounts: all rows of workload W in a single org, an
// API token for every account, and an event for every row that was made.
type large struct {
	h        *host.Host
	org      identity.OrgID
	accounts []identity.AccountID
	groups   []identity.GroupID
	role     identity.RoleID    // the first stored one
	code     identity.RoleRef   // the first declared in code
	places   []policy.Path      // of the resource tree, the root first
	bindings int                // of the world
	subject  identity.SubjectID // of a binding
	binding  identity.BindingID // the first by its id
	sparse   identity.AccountID // acted once
	busy     identity.AccountID // acted in every eighth event
	began    time.Time          // the first event
	each     time.Duration      // between two events
	events   int                // before the org is used
}

// largeSize is what the org has: the long form is that of workload W at L, in one
// org, or as much of it as CLAVIGER_ACCOUNTS says.
func largeSize() world.Size {
	n := rounds(1_000, 100_000)
	if asked, err := strconv.Atoi(os.Getenv("CLAVIGER_ACCOUNTS")); err == nil && long() {
		n = max(1_000, asked)
	}
	s := world.Size{Name: fmt.Sprint("one org of ", n, " accounts"), Orgs: 1, Accounts: n, Groups: n / 5, Bindings: 10 * n, Projects: n / 1000, Folders: 10, Items: 20}
	if !long() {
		s.Bindings, s.Projects = 5*n, 10
	}
	return s
}

// newLarge writes the rows straight into the tables: what is measured is not how
// they came there. The chain of the events cannot be theirs, so the key ring is
// reset, and a new chain begins behind them.
func newLarge(t *testing.T) *large {
	t.Helper()
	w := must(world.New(largeSize()))(t)
	o := w.Orgs[0]
	slices.SortFunc(o.Bindings, func(x, y world.Binding) int { return cmp.Compare(x.ID, y.ID) }) // as ids are made
	h := must(host.Open(w, func(c *identity.Config) { c.MaxMemory = 8 << 30 }))(t)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	l := &large{
		h: h, org: identity.OrgID(o.ID), bindings: len(o.Bindings), began: time.UnixMicro(1_767_225_600_000_000).UTC(), each: time.Second,
		role: identity.RoleID(o.Roles[world.SharedRoles].ID), code: identity.RoleRef(o.Roles[0].ID),
		subject: identity.SubjectID(o.Bindings[0].Subject), binding: identity.BindingID(o.Bindings[0].ID),
	}
	for _, id := range o.Accounts {
		l.accounts = append(l.accounts, identity.AccountID([]byte(id)))
	}
	for _, id := range o.Groups {
		l.groups = append(l.groups, identity.GroupID([]byte(id)))
	}
	for _, n := range o.Nodes {
		l.places = append(l.places, n.Path)
	}
	l.sparse, l.busy = l.accounts[1], l.accounts[2]
	err := h.Between(func(st identity.Store, cfg identity.Config) error {
		if err := l.fill(t.Context(), st, o); err != nil {
			return err
		}
		cfg.Seal = token.SealBytes([]byte("another key, which only measures"))
		if err := identity.ResetKeyRing(t.Context(), st, cfg, "what is measured begins here"); err != nil {
			return err
		}
		h.Tune(func(c *identity.Config) { c.Seal = cfg.Seal })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fill adds the credentials and the log.
func (l *large) fill(ctx context.Context, st identity.Store, o *world.Org) error {
	err := inPieces(st, len(l.accounts), func(tx identity.WriteTxn, i int) error { return tx.Credentials().Insert(ctx, l.credential(i)) })
	if err != nil {
		return err
	}
	var revision uint64
	var head []byte
	err = st.Read(ctx, func(tx identity.Txn) (err error) {
		revision, err = tx.Changes().Revision(ctx)
		return err
	})
	if err != nil {
		return err
	}
	l.events = len(l.accounts) + len(o.Bindings)
	return inPieces(st, l.events, func(tx identity.WriteTxn, i int) error {
		e, err := l.event(i, o)
		if err != nil {
			return err
		}
		revision++
		e.Revision, e.Prev = revision, head
		sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, revision), e.ID...))
		e.MAC, head = sum[:], sum[:]
		return tx.Changes().Append(ctx, []identity.Event{e})
	})
}

// inPieces has something written for each of n, in transactions of 100,000.
func inPieces(st identity.Store, n int, write func(tx identity.WriteTxn, i int) error) error {
	for first := 0; first < n; first += 100_000 {
		tx, err := st.Begin()
		if err != nil {
			return err
		}
		for i := first; i < min(n, first+100_000); i++ {
			if err := write(tx, i); err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func (l *large) credential(i int) identity.Credential {
	sum := sha256.Sum256([]byte(l.accounts[i]))
	c := identity.Credential{
		ID: identity.CredentialID("cr_" + string(l.accounts[i][3:])), Org: l.org, Account: l.accounts[i], Type: identity.APIToken, Name: "first",
		State: identity.CredentialActive, Digest: sum[:], Meta: identity.Meta{CreatedAt: l.began, CreatedBy: "system", UpdatedAt: l.began, UpdatedBy: "system"},
	}
	if i%100 == 99 {
		c.State = identity.CredentialRevoked
	}
	if i%100 == 50 {
		c.ValidUntil = time.Now().Add(24 * time.Hour).UTC().Truncate(time.Microsecond)
	}
	return c
}

// event is that of the i-th row that was made: first the accounts, then the bindings.
func (l *large) event(i int, o *world.Org) (identity.Event, error) {
	at := l.began.Add(time.Duration(i) * l.each)
	meta := identity.Meta{CreatedAt: at, CreatedBy: "system", UpdatedAt: at, UpdatedBy: "system"}
	e := identity.Event{Org: l.org, Seq: uint64(i + 1), At: at, Verb: "create", Actor: "system"}
	switch {
	case i == 0 || i == len(l.accounts)+len(o.Bindings)/2:
		e.Actor = string(l.sparse)
	case i%8 == 0:
		e.Actor = string(l.busy)
	}
	var row any
	if i < len(l.accounts) {
		e.Noun, e.ID = "account", string(l.accounts[i])
		row = identity.Account{ID: l.accounts[i], Org: l.org, Kind: identity.User, Name: e.ID, State: identity.AccountActive, Meta: meta}
	} else {
		b := o.Bindings[i-len(l.accounts)]
		e.Noun, e.ID = "binding", b.ID
		row = identity.Binding{
			ID: identity.BindingID(b.ID), Org: l.org, Subject: identity.SubjectID(b.Subject), Role: identity.RoleRef(o.Roles[b.Role].ID),
			Scope: o.Nodes[b.Scope].Path, Effect: policy.Allow, Meta: meta,
		}
	}
	var err error
	e.After, err = json.Marshal(row)
	sum := sha256.Sum256(e.After)
	e.AfterHash = sum[:]
	return e, err
}

package identity

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/claviger-go/claviger/policy"
)

// change is one management call at work inside the door: its rows go to the
// transaction, and their effect on decisions to its own fork of the candidate.
type change struct {
	ctx    context.Context // never cancelled: a cancelled statement would undo everyone in the transaction
	a      *Authority
	tx     WriteTxn
	who    actor
	op     string
	org    OrgID
	at     time.Time
	now    int64
	base   candidate
	drafts map[OrgID]*draft
	loaded map[OrgID]*view // read on the way
	inst   *instance
	events []Event
	judged *judgement
	direct RoleID // an account's own role, while that is bound to it
	// settles is what the call decides, whether or not it changes anything.
	settles *decided
}

func (a *Authority) newChange(ctx context.Context, tx WriteTxn, cand candidate, who actor, op string, org OrgID) *change {
	now := a.clock.Now()
	return &change{
		ctx: context.WithoutCancel(ctx), a: a, tx: tx, who: who, op: op, org: org,
		at: time.UnixMicro(now).UTC(), now: now, base: cand, drafts: map[OrgID]*draft{}, loaded: map[OrgID]*view{}, inst: cand.instance,
		judged: newJudgement(),
	}
}

// revision is the number that this change will have.
func (c *change) revision() uint64 { return c.base.revision + 1 }

// draft is the fork of an org that this change edits.
func (c *change) draft(org OrgID) (*draft, error) {
	if d := c.drafts[org]; d != nil {
		return d, nil
	}
	v, err := c.before(org)
	if err != nil {
		return nil, err
	}
	d := v.edit()
	c.drafts[org] = d
	return d, nil
}

// before is the org as this change found it.
func (c *change) before(org OrgID) (*view, error) {
	if v := c.loaded[org]; v != nil {
		return v, nil
	}
	v, err := c.a.viewIn(c.ctx, c.tx, c.base, org)
	if err == nil {
		c.loaded[org] = v
	}
	return v, err
}

// view is the org as this change has made it so far.
func (c *change) view(org OrgID) (*view, error) {
	if d := c.drafts[org]; d != nil {
		return d.freeze(), nil
	}
	return c.before(org)
}

// created and updated stamp the rows that the change writes.
func (c *change) created() Meta {
	return Meta{CreatedAt: c.at, CreatedBy: c.who.name(), UpdatedAt: c.at, UpdatedBy: c.who.name(), Revision: c.revision()}
}

func (c *change) updated(m Meta) Meta {
	m.UpdatedAt, m.UpdatedBy, m.Revision = c.at, c.who.name(), c.revision()
	return m
}

// record notes one event. Before and after are nouns; nil means there is nothing.
func (c *change) record(org OrgID, noun, id, verb string, before, after any) error {
	e := Event{
		Revision: c.revision(), Item: c.base.items + uint32(len(c.events)), At: c.at,
		Actor: c.who.name(), Reason: c.who.reason, OnBehalfOf: c.who.onBehalfOf(), Credential: c.who.credential(),
		RequestID: c.who.request,
	}
	if err := e.tell(org, noun, id, verb, before, after); err != nil {
		return err
	}
	c.events = append(c.events, e)
	return nil
}

// tell says what happened to what. Before and after are nouns; nil means there is nothing.
func (e *Event) tell(org OrgID, noun, id, verb string, before, after any) (err error) {
	e.Org, e.Noun, e.ID, e.Verb = org, noun, id, verb
	if e.Before, err = encodeNoun(before); err != nil {
		return err
	}
	e.After, err = encodeNoun(after)
	return err
}

func encodeNoun(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}

// finish checks the whole, writes the events and returns the fork. A change
// without events changed nothing that decisions or the log know of.
func (c *change) finish() (candidate, error) {
	if err := c.keepOwners(); err != nil {
		return c.base, err
	}
	if _, touched := c.drafts[c.inst.row.SystemOrg]; touched {
		if err := c.keepReach(c.inst.row.SystemOrg); err != nil {
			return c.base, err
		}
	}
	for i := range c.events {
		e := &c.events[i]
		d, err := c.draft(e.Org)
		if err != nil {
			return c.base, err
		}
		d.head = e.chain(c.inst.macKey, d.head)
		d.revision = e.Revision
	}
	if len(c.events) > 0 {
		if err := c.tx.Changes().Append(c.ctx, c.events); err != nil {
			return c.base, err
		}
	}
	views := make(map[OrgID]*view, len(c.drafts))
	for id, d := range c.drafts {
		views[id] = d.freeze()
	}
	next := c.base.with(views)
	for _, d := range c.drafts {
		next.note(d.secrets...)
	}
	next.instance = c.inst
	next.items += uint32(len(c.events))
	next.narrow(c.events)
	if c.settles != nil {
		next.settle(*c.settles)
	}
	return next, nil
}

// keepOwners refuses a change through As after which an org that had an
// effective owner has none.
func (c *change) keepOwners() error {
	if c.who.system {
		return nil
	}
	for id, d := range c.drafts {
		if d.org.State == OrgDeleted {
			continue // nobody is left to be locked out
		}
		if d.owner = d.freeze().someOwner(c.now); d.owner != "" {
			continue
		}
		before, err := c.before(id)
		if errors.Is(err, ErrNotFound) {
			continue // made by this change
		}
		if err != nil {
			return err
		}
		if before.someOwner(c.now) != "" {
			return &Error{Kind: ErrInUse, Entity: "org", ID: string(id), Err: errText("this would remove its last owner")}
		}
	}
	return nil
}

// someOwner is an active user without end of validity that owns the org, if there
// is one. Whoever did when it was last asked is looked at first: to find one may
// take all that is bound at Root.
func (v *view) someOwner(now int64) AccountID {
	if v.org.State == OrgDeleted {
		return ""
	}
	if v.owner != "" && v.stays(v.owner) && v.rules.Owner(string(v.owner), now) {
		return v.owner
	}
	for id := range v.rules.Owners(now) {
		if v.stays(AccountID(id)) {
			return AccountID(id)
		}
	}
	return ""
}

// stays reports whether an account is an active user without end of validity.
func (v *view) stays(id AccountID) bool {
	_, life := v.accountLife(id)
	return life != nil && life.kind() == User && life.state() == AccountActive && life.until == 0
}

// permit fails unless the actor holds the permission of this call at a path of
// the org it concerns.
func (c *change) permit(path policy.Path) error {
	return c.permitName(c.a.required[c.op], path)
}

// alive fails unless all that the actor stands on is alive, in its own org.
func (c *change) alive() error {
	p := c.who.principal
	if c.who.foreign(c.org) || p.org != c.org {
		return notFound(nounOrg, string(c.org))
	}
	v, err := c.view(p.org)
	if err != nil {
		return err
	}
	q := p.moved(v)
	if q == nil {
		return refusal(policy.ReasonUnknownAccount, "")
	}
	if dead := v.live(c.inst, q, c.now); dead != policy.ReasonUnspecified {
		return refusal(dead, "")
	}
	return nil
}

func (c *change) permitName(permission string, path policy.Path) error {
	if c.who.foreign(c.org) {
		return notFound(nounOrg, string(c.org))
	}
	target, err := c.view(c.org)
	if err != nil {
		return err
	}
	if c.who.system {
		if target.org.State == OrgDeleted && !outlives(c.op) {
			return notFound("org", string(c.org))
		}
		return nil
	}
	home, err := c.view(c.who.principal.org)
	if err != nil {
		return err
	}
	return c.a.permitted(home, c.inst, c.who, target, permission, path, c.now)
}

// verbOf is the verb that the log has for a call: the words of its name but the
// last, which is the noun. "SignOutAccount" is written "sign out".
func verbOf(op string) string {
	var b strings.Builder
	for i, r := range op {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	words := b.String()
	if last := strings.LastIndexByte(words, ' '); last > 0 {
		return words[:last]
	}
	return words
}

// differs logs that an Ensure found something other than what it was asked for.
func (c *change) differs(noun, id string, same bool) {
	if !same {
		c.a.log.Warn("what is stored differs from what was to be ensured, and stays", "noun", noun, "id", id, "op", c.op)
	}
}

// where drops the conditions without a value.
func where(conds ...Cond) []Cond {
	kept := conds[:0]
	for _, c := range conds {
		if c.Value != "" {
			kept = append(kept, c)
		}
	}
	return kept
}

// one returns the only row that a query can match.
func one[T any, K ~string](c *change, table Table[T, K], org OrgID, conds ...Cond) (row T, found bool, err error) {
	rows, err := table.Page(c.ctx, Query{Org: org, Where: conds, Limit: 1})
	if err != nil || len(rows) == 0 {
		return row, false, err
	}
	return rows[0], true, nil
}

// changeID makes an identifier of the change's time.
func changeID[K Kind](c *change, prefix string) (ID[K], error) {
	return newID[K](prefix, c.at, c.a.cfg.Random)
}

// only and whether pick from what an edit returns: the row, or whether it was
// changed.
func only[T any](row T, _ bool, err error) (T, error) { return row, err }

func whether[T any](_ T, changed bool, err error) (bool, error) { return changed, err }

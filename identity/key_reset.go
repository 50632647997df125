package identity

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity/internal/clock"
	"github.com/claviger-go/claviger/identity/internal/fence"
	"github.com/claviger-go/claviger/token"
)

// ResetKeyRing gives a database whose sealing key is lost new keys, sealed with
// that of the configuration, in one transaction; a key file that is not there is
// made. It is never done by itself. [New] opens the database afterwards. The
// store stays the caller's, and no Authority may have it open; a process that
// shares the database denies everything until it is restarted with the new key.
//
// What dies with the old keys: every access token, at once here, and where others
// verify by themselves when they have dropped the old keys from their caches;
// everything that was signed with the instance secret, such as cursors and
// challenges, so that a call with an idempotency key of before is not known again
// (ErrConflict); what the file beside the database tells of a rollback before; and
// the power to verify the log of before. In every org a record
// of the break ("reset" of the "instance") begins a new chain of the log: its
// Prev still is the last MAC of the old one, which nobody can recompute any more.
// Accounts, rights, sessions, API tokens, secrets and credentials live on. When
// it is only a signing key that cannot be opened, such as one that its KeySource
// has lost, the instance secret stays and only the access tokens die.
//
// The reason goes into the log. It fails with ErrConflict when the key of the
// configuration opens the database, since then nothing is lost and
// [Admin.Reseal] or [Admin.CompromiseSigningKey] is meant, with ErrNotFound when
// the database is new, with ErrLocked while an Authority uses the store, and with ErrBusy while a key service that would tell
// whether its key is the right one cannot be asked.
func ResetKeyRing(ctx context.Context, store Store, cfg Config, reason string) error {
	return wrap("ResetKeyRing", resetKeyRing(ctx, store, cfg, reason))
}

func resetKeyRing(ctx context.Context, store Store, cfg Config, reason string) error {
	switch {
	case store == nil:
		return invalid("config", "store", "is required")
	case strings.TrimSpace(reason) == "":
		return invalid("actor", "reason", "a reset needs a reason")
	}
	if err := checkText("actor", "reason", reason, maxText); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return err
	}
	release, err := store.Claim()
	if err != nil {
		return err
	}
	defer release()
	used, err := isUsed(ctx, store)
	if err == nil && !used {
		err = notFound(nounInstance, "1")
	}
	if err != nil {
		return err
	}
	a := &Authority{cfg: cfg, store: store, shared: store.Shared(), log: cfg.Logger}
	if a.sealer, err = cfg.Seal.Open(true); err != nil {
		return &Error{Kind: ErrKey, Entity: "config", Field: "Seal", Err: err}
	}
	a.clock = clock.New(clock.Config{Now: cfg.Now, Jump: a.clockJumped})
	defer func() { _ = a.clock.Close() }() // always nil
	if err := store.Read(ctx, func(tx Txn) error { return a.lostKeys(ctx, tx) }); err != nil {
		return err
	}
	tx, err := store.Begin()
	if err != nil {
		return err
	}
	inst, err := a.reset(context.WithoutCancel(ctx), tx, reason)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return a.renewSidecar(inst)
}

// renewSidecar begins the sidecar anew, when it is sealed with a secret that is
// gone. If that fails, New finds a sidecar that is not ours and raises the fence.
func (a *Authority) renewSidecar(inst *instance) error {
	old, err := a.store.Sidecar().Read()
	if err != nil || old == nil {
		return err
	}
	if _, err := fence.Parse(inst.fenceKey, old); err == nil {
		return nil
	}
	return a.store.Sidecar().Rewrite(func([]byte) ([]byte, error) {
		return fence.Log{Base: inst.row.MinTokenRevision}.Bytes(inst.fenceKey), nil
	})
}

// lostKeys fails unless the keys of the database cannot be opened.
func (a *Authority) lostKeys(ctx context.Context, tx Txn) error {
	_, err := a.loadInstance(ctx, tx)
	switch {
	case err == nil:
		return conflict(nounInstance, "1", "Seal", "the sealing key opens this database: nothing is lost")
	case errors.Is(err, token.ErrConfig):
		return invalid("config", "KeySource", "it keeps a key of this database, and is not set")
	case errors.Is(err, token.ErrUnavailable):
		return &Error{Kind: ErrBusy, Entity: nounInstance, Err: causeOf(err)}
	case ctx.Err() != nil || !errors.Is(err, ErrKey):
		return err
	}
	return nil
}

// verbReset is the break in a log.
const verbReset = "reset"

// breaker writes to the logs of orgs that no view is loaded of.
type breaker struct {
	a       *Authority
	ctx     context.Context
	tx      WriteTxn
	inst    *instance
	event   Event // what all have in common
	pending []Event
	ends    chains
}

func (a *Authority) reset(ctx context.Context, tx WriteTxn, reason string) (*instance, error) {
	last, err := tx.Changes().Revision(ctx)
	if err != nil {
		return nil, err
	}
	row, err := tx.Instance().Load(ctx)
	if err != nil {
		return nil, err
	}
	at := time.UnixMicro(a.clock.Now()).UTC()
	old := row.public()
	row.MinTokenRevision = last + 1
	inst, err := a.openInstance(ctx, row)
	kept := err == nil
	if !kept {
		if inst, err = a.newSecret(ctx, row); err != nil {
			return nil, err
		}
	}
	if err := tx.Instance().Save(ctx, inst.row); err != nil {
		return nil, err
	}
	b := &breaker{a: a, ctx: ctx, tx: tx, inst: inst, ends: chains{}}
	b.event = Event{Revision: last + 1, At: at, Actor: actor{system: true}.name(), Reason: reason}
	if kept {
		err = b.record(row.SystemOrg, nounInstance, "1", "renew keys", old, row.public())
	} else {
		err = b.breakChains(old)
	}
	if err != nil {
		return nil, err
	}
	if err := b.dropKeys(); err != nil {
		return nil, err
	}
	if err := b.makeKeys(); err != nil {
		return nil, err
	}
	return inst, b.flush()
}

// breakChains begins a new chain in every org.
func (b *breaker) breakChains(old Instance) error {
	for org, err := range selected(b.ctx, b.tx.Orgs(), Query{Everywhere: true}) {
		if err == nil {
			err = b.record(org.ID, nounInstance, "1", verbReset, old, b.inst.row.public())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropKeys forgets the keys that nobody can open any more.
func (b *breaker) dropKeys() error {
	for _, state := range []KeyState{KeyNext, KeyCurrent, KeyRetiring} {
		rows, err := b.tx.SigningKeys().Page(b.ctx, Query{Everywhere: true, Where: []Cond{{Field: FieldState, Value: string(state)}}})
		if err != nil {
			return err
		}
		for _, k := range rows {
			before := k.public()
			k.State, k.Sealed, k.RetiredAt, k.EndsAt, k.Revision = KeyRetired, nil, b.event.At, b.event.At, b.event.Revision
			if err := b.tx.SigningKeys().Update(b.ctx, k); err != nil {
				return err
			}
			if err := b.record(b.inst.row.SystemOrg, nounSigningKey, k.ID, "drop", before, k.public()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *breaker) makeKeys() error {
	steps := b.a.due(&ring{}, b.event.At)
	made, err := b.a.spares(b.ctx, b.inst, steps)
	if err != nil {
		return err
	}
	for i, s := range made {
		k := s.row(b.event.At, steps[i].At, b.event.Revision)
		if err := b.tx.SigningKeys().Insert(b.ctx, k); err != nil {
			return err
		}
		if err := b.record(b.inst.row.SystemOrg, nounSigningKey, k.ID, "create", nil, k.public()); err != nil {
			return err
		}
	}
	return nil
}

func (b *breaker) record(org OrgID, noun, id, verb string, before, after any) error {
	e := b.event
	if err := e.tell(org, noun, id, verb, before, after); err != nil {
		return err
	}
	if err := b.ends.add(b.ctx, b.tx, b.inst.macKey, &e); err != nil {
		return err
	}
	b.event.Item++
	if b.pending = append(b.pending, e); len(b.pending) == 1000 {
		return b.flush()
	}
	return nil
}

func (b *breaker) flush() error {
	if len(b.pending) == 0 {
		return nil
	}
	err := b.tx.Changes().Append(b.ctx, b.pending)
	b.pending = b.pending[:0]
	return err
}

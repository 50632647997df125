package identity

import "context"

// verbBackup is the event of a backup.
const verbBackup = "backup"

// Backup writes a copy of the database to a new file with mode 0600, while
// everything goes on: what is committed at one moment, and nothing by half. It
// has every secret of the instance in it, sealed or as a digest, but not the
// sealing key, which is to be kept apart. The copy is marked: [New] raises the
// fence before it answers from it. To put it in the place of the database use
// Restore of the engine.
//
// It is for the host only, and is written to the log of the system org. It fails
// with ErrConflict when there is something at the path, and with ErrNested inside
// Write.
func (s *Admin) Backup(ctx context.Context, path string) error {
	const op = "Backup"
	if err := s.checkActor(); err != nil {
		return wrap(op, err)
	}
	switch {
	case !s.who.system:
		return &Error{Kind: ErrDenied, Op: op, Entity: "database", Err: errText("only System makes backups")}
	case s.tx != nil && s.tx.usable(ctx) != nil:
		return wrap(op, s.tx.usable(ctx))
	case s.tx != nil || ctx.Value(nestedKey{s.a}) != nil:
		return wrap(op, errNested())
	}
	if err := s.a.attached(); err != nil {
		return wrap(op, err)
	}
	if err := s.a.store.Backup(ctx, path); err != nil {
		return wrap(op, err)
	}
	return s.write(ctx, op, s.a.SystemOrg(), func(c *change) error {
		return c.record(c.org, nounInstance, "1", verbBackup, nil, struct{ Path string }{clip(path)})
	})
}

package identity

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// SigningKeys returns a page of the signing keys of all times, without their
// sealed halves. It needs identity:signing-keys.read, in the system org.
func (s *Admin) SigningKeys(ctx context.Context, page Page) (List[SigningKey], error) {
	list, err := listRows(ctx, s, "SigningKeys", nounSigningKey, s.a.SystemOrg(), Query{Everywhere: true}, page, Txn.SigningKeys)
	for i := range list.Items {
		list.Items[i] = list.Items[i].public()
	}
	return list, err
}

// AllSigningKeys iterates over the signing keys of all times.
func (s *Admin) AllSigningKeys(ctx context.Context) iter.Seq2[SigningKey, error] {
	return every(func(page Page) (List[SigningKey], error) { return s.SigningKeys(ctx, page) })
}

// RotateSigningKey has the next signing key take over without waiting for its
// time, and returns it: at once if it has been published for twice
// [JWKSMaxAge], or else, by itself, as soon as it has been; SignsFrom says when.
// No token dies of it. It needs identity:signing-keys.rotate, in the system org.
//
// With [Config.KeySource] it fails with ErrBusy while no new key can be made.
func (s *Admin) RotateSigningKey(ctx context.Context) (SigningKey, error) {
	var out SigningKey
	err := s.write(ctx, "RotateSigningKey", s.a.SystemOrg(), func(c *change) error {
		next, ok := c.key(func(k SigningKey) bool { return k.State == KeyNext })
		if !ok {
			return &Error{Kind: ErrBusy, Entity: nounSigningKey, Err: errText("no next key could be made yet")}
		}
		if at := c.a.schedule().Forward(next.CreatedAt, c.at); at.Before(next.SignsFrom) {
			before := next.public()
			next.SignsFrom = at
			if err := c.putKey(before, next, "hasten"); err != nil {
				return err
			}
		}
		made, err := c.makeSpares()
		if err != nil {
			return err
		}
		if err := c.turnRing(made); err != nil {
			return err
		}
		next, _ = c.key(func(k SigningKey) bool { return k.ID == next.ID })
		out = next.public()
		return nil
	})
	return out, err
}

// CompromiseSigningKey ends a signing key that somebody else may have, and
// returns it; kid is its id. From the moment of the commit on, here and within
// MaxStaleness in other processes of the same database, it is in no key set,
// and every access token issued before is dead, whichever key signed it: any of
// them may have been had for one that was forged. Sessions, API tokens and
// credentials live on; workloads get new tokens with their next assertions.
//
// The next key signs at once, though it may not have been published for long.
// Services that verify by themselves see the compromised key in what they have
// cached for up to [JWKSMaxAge], and until their caches end they may refuse what
// the new key signs; token.RemoteKeys asks for the keys again when it meets an
// unknown one.
//
// Whoever can read the database and has the sealing key has the next key too:
// then [Admin.Reseal] first, and end every key that is not retired. A key that
// was compromised already stays as it is. When it cannot be stored, the call fails with
// ErrBusy, and until it is this process takes no access token, makes none, and hands out no
// key set. It needs identity:signing-keys.revoke, in the system org.
func (s *Admin) CompromiseSigningKey(ctx context.Context, kid string) (SigningKey, error) {
	var out SigningKey
	about := subject{org: s.a.SystemOrg(), noun: nounSigningKey, id: kid}
	err := s.decide(ctx, "CompromiseSigningKey", s.a.SystemOrg(), about, func(c *change) error {
		row, err := c.tx.SigningKeys().Find(c.ctx, "", kid)
		if errors.Is(err, ErrNotFound) {
			return notFound(nounSigningKey, kid)
		}
		if err != nil || row.State == KeyCompromised {
			out = row.public()
			return err
		}
		before := row.public()
		row.State, row.Sealed = KeyCompromised, nil
		if row.RetiredAt.IsZero() {
			row.RetiredAt = c.at
		}
		if row.EndsAt.IsZero() || row.EndsAt.After(c.at) {
			row.EndsAt = c.at
		}
		if err := c.putKey(before, row, "compromise"); err != nil {
			return err
		}
		if err := c.endTokens(); err != nil || c.rehearsed() {
			return err
		}
		made, err := c.makeSpares()
		if err != nil { // what is compromised does not wait for a new key
			c.a.log.Error("a signing key was compromised, and its successor cannot be made yet", "err", err)
		}
		out, _ = c.key(func(k SigningKey) bool { return k.ID == kid })
		out = out.public()
		return c.turnRing(made)
	}, func(ctx context.Context, s *Admin) error {
		_, err := s.CompromiseSigningKey(ctx, kid)
		return err
	})
	return out, err
}

// key finds a key of the ring as this change has made it so far.
func (c *change) key(is func(SigningKey) bool) (SigningKey, bool) {
	i := slices.IndexFunc(c.inst.ring.rows, is)
	if i < 0 {
		return SigningKey{}, false
	}
	return c.inst.ring.rows[i], true
}

// putKey changes one key. What follows from that is for turnRing.
func (c *change) putKey(before, row SigningKey, verb string) error {
	row.Revision = c.revision()
	if err := c.tx.SigningKeys().Update(c.ctx, row); err != nil {
		return err
	}
	next, ring := *c.inst, *c.inst.ring
	ring.rows = slices.DeleteFunc(slices.Clone(ring.rows), func(k SigningKey) bool { return k.ID == row.ID })
	ring.rows = append(ring.rows, row)
	next.ring = &ring
	c.inst = &next
	return c.record(next.row.SystemOrg, nounSigningKey, row.ID, verb, before, row.public())
}

// endTokens ends every access token that was issued before this change.
func (c *change) endTokens() error {
	next := *c.inst
	next.row.MinTokenRevision = c.revision()
	c.inst = &next
	return c.tx.Instance().Save(c.ctx, next.row)
}

// makeSpares makes what is due inside of the door, where everybody waits. It is
// for an operator's calls, which are rare, and it is bounded.
func (c *change) makeSpares() ([]spare, error) {
	ctx, cancel := context.WithTimeout(c.ctx, turnWait)
	defer cancel()
	return c.a.spares(ctx, c.inst, c.a.due(c.inst.ring, c.at))
}

package identity

import (
	"context"
	"errors"
)

// chains are the ends of the logs that are written to while no view of their orgs is
// loaded: by a fence, and by a reset of the keys.
type chains map[OrgID]chainHead

// add places an event at the end of the log of its org.
func (h chains) add(ctx context.Context, tx Txn, key []byte, e *Event) error {
	head, known := h[e.Org]
	if !known {
		last, err := tx.Changes().Head(ctx, e.Org)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		head = chainHead{seq: last.Seq, mac: last.MAC}
	}
	h[e.Org] = e.chain(key, head)
	return nil
}

package token

import (
	"context"
	"errors"
	"io/fs"
)

// SealEither is for the time in which one sealing key takes over from another: it seals with current, and opens what either of
// the two has sealed. A key file of current that is not there yet is made, if the key of former is there; one of former that has
// been put away is no longer asked.
func SealEither(current, former Seal) Seal {
	return Seal{func(create bool) (*Sealer, error) {
		old, oldErr := former.Open(false)
		now, err := current.Open(create || oldErr == nil)
		switch {
		case err != nil:
			return nil, err
		case errors.Is(oldErr, fs.ErrNotExist):
			return now, nil // it has been put away
		case oldErr != nil:
			return nil, oldErr
		}
		b := eitherBox{now, old}
		return &Sealer{now.seal, b.open}, nil
	}}
}

type eitherBox struct{ current, former *Sealer }

// open tells what is wrong with the current key when neither opens, unless only the former could not be asked.
func (b eitherBox) open(ctx context.Context, sealed, aad []byte) ([]byte, error) {
	plain, err := b.current.open(ctx, sealed, aad)
	if err == nil || ctx.Err() != nil {
		return plain, err
	}
	plain, oldErr := b.former.open(ctx, sealed, aad)
	if oldErr == nil {
		return plain, nil
	}
	if errors.Is(err, ErrKey) && !errors.Is(oldErr, ErrKey) {
		return nil, oldErr
	}
	return nil, err
}

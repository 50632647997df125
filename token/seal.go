package token

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
)

// Seal says how the host keeps the key that seals secrets at rest: SealFile, SealBytes, SealPassphrase or SealFunc. The zero
// value is refused. It does nothing until Open.
type Seal struct {
	open func(create bool) (*Sealer, error) // a function, so that no way of printing shows what it holds
}

// A sealed text begins with two bytes, the version of the format and the method, which are authenticated with the rest.
const (
	sealVersion    = 1
	sealKey        = 'k' // nonce (12), AES-256-GCM
	sealPassphrase = 'p' // argon2id parameters and salt, nonce (12), AES-256-GCM
	sealFunc       = 'f' // what the host's function returned
)

// SealBytes seals with an AES-256 key that the host keeps: 32 bytes exactly.
func SealBytes(key []byte) Seal {
	key = bytes.Clone(key)
	return Seal{func(bool) (*Sealer, error) { return sealerOfKey(key) }}
}

// SealFunc seals with the host's own functions, for instance a key management service. They are called concurrently, must bind aad
// to the text, and must honour ctx. An open function reports a key that is not the right one with an error that is ErrKey; any
// other error becomes ErrUnavailable, which says nothing about the key.
func SealFunc(seal, open func(ctx context.Context, data, aad []byte) ([]byte, error)) Seal {
	return Seal{func(bool) (*Sealer, error) {
		if seal == nil || open == nil {
			return nil, failed(ErrConfig, "Seal", errReason("want two functions"))
		}
		b := funcBox{seal, open}
		return &Sealer{b.seal, b.open}, nil
	}}
}

// Open gets the key ready. Create says that nothing has been sealed yet, so that a key may be made; without it a missing key is
// ErrKey, never a new one. Other errors: ErrConfig for a zero Seal or a key that is not acceptable, ErrKey for a key that is
// malformed or that others can read.
func (s Seal) Open(create bool) (*Sealer, error) {
	if s.open == nil {
		return nil, failed(ErrConfig, "Seal", errReason("none given"))
	}
	return s.open(create)
}

// Sealer seals and opens secrets. It is safe for concurrent use.
type Sealer struct {
	// Functions of one of the boxes below, which no way of printing looks into. What they work on begins with sealVersion and
	// the method.
	seal func(ctx context.Context, plain, aad []byte) ([]byte, error)
	open func(ctx context.Context, sealed, aad []byte) ([]byte, error)
}

// Seal encrypts and authenticates plain, and binds it to aad, which Open must be given again: where the text is kept, so that it
// cannot be moved. Errors: ErrUnavailable.
func (s *Sealer) Seal(ctx context.Context, plain, aad []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.seal(ctx, plain, aad)
}

// Open returns what was sealed. A text that this key did not seal for this aad, or that was changed, is ErrKey; one that is no
// sealed text is ErrFormat; ErrUnavailable if the key could not be used.
func (s *Sealer) Open(ctx context.Context, sealed, aad []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(sealed) < 2 || sealed[0] != sealVersion {
		return nil, fail(ErrFormat, "sealed text")
	}
	return s.open(ctx, sealed, aad)
}

// newAEAD makes AES-256-GCM with a random nonce in front of the text (NIST SP 800-38D). The keys sealed here are few, far below
// the 2^32 texts after which random nonces would have to end.
func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, failed(ErrConfig, "Seal", errReason("want a key of 32 bytes"))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fail(ErrConfig, "Seal")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fail(ErrConfig, "Seal")
	}
	return aead, nil
}

// sealWith appends the sealed text to a head, which is authenticated too. A head has one length per method, so head and aad
// cannot run into one another.
func sealWith(aead cipher.AEAD, head, plain, aad []byte) []byte {
	return aead.Seal(bytes.Clone(head), nil, plain, append(bytes.Clone(head), aad...))
}

func openWith(aead cipher.AEAD, head, text, aad []byte) ([]byte, error) {
	plain, err := aead.Open(nil, nil, text, append(bytes.Clone(head), aad...))
	if err != nil {
		return nil, fail(ErrKey, "sealed text")
	}
	return plain, nil
}

// keyBox seals with a key at hand.
type keyBox struct{ aead cipher.AEAD }

func sealerOfKey(key []byte) (*Sealer, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	b := keyBox{aead}
	return &Sealer{b.seal, b.open}, nil
}

func (b keyBox) seal(_ context.Context, plain, aad []byte) ([]byte, error) {
	return sealWith(b.aead, []byte{sealVersion, sealKey}, plain, aad), nil
}

func (b keyBox) open(_ context.Context, sealed, aad []byte) ([]byte, error) {
	if sealed[1] != sealKey {
		return nil, failed(ErrKey, "sealed text", errReason("sealed in another way"))
	}
	return openWith(b.aead, sealed[:2], sealed[2:], aad)
}

// funcBox seals with the host's functions.
type funcBox struct {
	sealer, opener func(ctx context.Context, data, aad []byte) ([]byte, error)
}

func (b funcBox) seal(ctx context.Context, plain, aad []byte) ([]byte, error) {
	text, err := b.sealer(ctx, plain, aad)
	if err != nil {
		return nil, failed(ErrUnavailable, "Seal", err)
	}
	return append([]byte{sealVersion, sealFunc}, text...), nil
}

func (b funcBox) open(ctx context.Context, sealed, aad []byte) ([]byte, error) {
	if sealed[1] != sealFunc {
		return nil, failed(ErrKey, "sealed text", errReason("sealed in another way"))
	}
	plain, err := b.opener(ctx, bytes.Clone(sealed[2:]), aad)
	switch {
	case errors.Is(err, ErrKey):
		return nil, failed(ErrKey, "sealed text", err)
	case err != nil:
		return nil, failed(ErrUnavailable, "Seal", err)
	}
	return plain, nil
}

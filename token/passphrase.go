package token

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"sync"

	"golang.org/x/crypto/argon2"
)

// minPassphrase is the least length of a sealing passphrase, in bytes.
const minPassphrase = 12

// The head of a text sealed with a passphrase: version, method, passes (4), KiB of memory (4), lanes (1), salt (16).
const (
	saltSize           = 16
	passphraseHeadSize = 2 + 4 + 4 + 1 + saltSize
)

// derivation is how a key comes from a passphrase, and is the head of what is sealed with that key.
type derivation [passphraseHeadSize]byte

// SealPassphrase seals with a key derived from a passphrase of at least 12 bytes by argon2id (RFC 9106), with the second recommended
// parameters (3 passes, 64 MiB, 4 lanes), which every sealed text carries with its salt. A key is derived once per salt, one at a
// time; that takes some 100 ms and 64 MiB.
func SealPassphrase(pass Secret) Seal {
	return Seal{func(bool) (*Sealer, error) {
		if len(pass.Reveal()) < minPassphrase {
			return nil, failed(ErrConfig, "Seal", errReason("want a passphrase of 12 bytes or more"))
		}
		b := newPassphraseBox(pass)
		return &Sealer{b.seal, b.open}, nil
	}}
}

// maxDerived bounds how many derived keys are kept; the texts of one database usually share one salt.
const maxDerived = 64

type passphraseBox struct {
	pass     Secret
	deriving chan struct{} // held while a key is derived: one at a time, which bounds memory

	mu      sync.Mutex
	keys    map[derivation]cipher.AEAD
	current derivation // what Seal uses: that of the first text opened or sealed
	chosen  bool
}

func newPassphraseBox(pass Secret) *passphraseBox {
	return &passphraseBox{pass: pass, keys: map[derivation]cipher.AEAD{}, deriving: make(chan struct{}, 1)}
}

func newDerivation(passes, kib uint32, lanes uint8) (d derivation) {
	d[0], d[1] = sealVersion, sealPassphrase
	binary.BigEndian.PutUint32(d[2:], passes)
	binary.BigEndian.PutUint32(d[6:], kib)
	d[10] = lanes
	_, _ = rand.Read(d[11:]) // never fails (crypto/rand)
	return d
}

// What new texts are sealed with (RFC 9106 section 4).
const (
	argonPasses = 3
	argonKiB    = 64 << 10
	argonLanes  = 4
)

// parameters returns what the head says, if it is within what we would ever write: the head is not authenticated before the key
// is derived, so a text must not be able to ask for more memory or time than that.
func (d *derivation) parameters() (passes, kib uint32, lanes uint8, ok bool) {
	passes, kib, lanes = binary.BigEndian.Uint32(d[2:]), binary.BigEndian.Uint32(d[6:]), d[10]
	ok = passes >= 1 && passes <= 16 && kib >= 19<<10 && kib <= 256<<10 && lanes >= 1 && lanes <= 16
	return passes, kib, lanes, ok
}

// key returns the key of a derivation, from memory if it was derived before.
func (b *passphraseBox) key(ctx context.Context, d derivation) (cipher.AEAD, error) {
	if aead := b.derived(d); aead != nil {
		return aead, nil
	}
	passes, kib, lanes, ok := d.parameters()
	if !ok {
		return nil, failed(ErrFormat, "sealed text", errReason("argon2id parameters outside our limits"))
	}
	select {
	case b.deriving <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-b.deriving }()
	if aead := b.derived(d); aead != nil {
		return aead, nil
	}
	aead, err := newAEAD(argon2.IDKey([]byte(b.pass.Reveal()), d[11:], passes, kib, lanes, 32))
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.keys) >= maxDerived {
		clear(b.keys)
	}
	b.keys[d] = aead
	return aead, nil
}

func (b *passphraseBox) derived(d derivation) cipher.AEAD {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keys[d]
}

// choose makes d what Seal uses, unless that is chosen already, and returns what is chosen.
func (b *passphraseBox) choose(d derivation) derivation {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.chosen {
		b.current, b.chosen = d, true
	}
	return b.current
}

func (b *passphraseBox) seal(ctx context.Context, plain, aad []byte) ([]byte, error) {
	d := b.choose(newDerivation(argonPasses, argonKiB, argonLanes))
	aead, err := b.key(ctx, d)
	if err != nil {
		return nil, err
	}
	return sealWith(aead, d[:], plain, aad), nil
}

func (b *passphraseBox) open(ctx context.Context, sealed, aad []byte) ([]byte, error) {
	switch {
	case sealed[1] != sealPassphrase:
		return nil, failed(ErrKey, "sealed text", errReason("sealed in another way"))
	case len(sealed) < passphraseHeadSize:
		return nil, fail(ErrFormat, "sealed text")
	}
	d := derivation(sealed[:passphraseHeadSize])
	aead, err := b.key(ctx, d)
	if err != nil {
		return nil, err
	}
	plain, err := openWith(aead, d[:], sealed[passphraseHeadSize:], aad)
	if err != nil {
		return nil, err
	}
	if want := newDerivation(argonPasses, argonKiB, argonLanes); bytes.Equal(d[:11], want[:11]) {
		b.choose(d) // it is good, and saves deriving another
	}
	return plain, nil
}

package identity_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// vault is a key service. What it is told to do wrong it does wrong.
type vault struct {
	mu     sync.Mutex
	keys   map[string]crypto.Signer
	fail   error                                                         // of Create and Open
	answer func(ctx context.Context, signature []byte) ([]byte, error)   // instead of a signature
	create func(reference string, s token.Signer) (string, token.Signer) // instead of what is made
	opened func(reference string, s token.Signer) (token.Signer, error)  // instead of what is found
	asked  []string                                                      // the references
	by     func(alg token.Algorithm) (crypto.Signer, error)              // makes a key
}

var errVault = errors.New("the vault is closed")

func newVault() *vault {
	return &vault{keys: map[string]crypto.Signer{}, by: func(alg token.Algorithm) (crypto.Signer, error) {
		if alg == token.AlgES256 {
			return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}}
}

func (v *vault) set(change func(*vault)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(v)
}

func (v *vault) Create(_ context.Context, alg token.Algorithm) (string, token.Signer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fail != nil {
		return "", nil, v.fail
	}
	key, err := v.by(alg)
	if err != nil {
		return "", nil, err
	}
	reference := fmt.Sprintf("vault/key-%d", len(v.keys))
	v.keys[reference] = key
	var s token.Signer = inVault{v, key}
	if v.create != nil {
		reference, s = v.create(reference, s)
	}
	return reference, s, nil
}

func (v *vault) Open(_ context.Context, _ token.Algorithm, reference string) (token.Signer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, reference)
	key, ok := v.keys[reference]
	switch {
	case v.fail != nil:
		return nil, v.fail
	case !ok:
		return nil, &token.Error{Kind: token.ErrUnknownKey}
	case v.opened != nil:
		return v.opened(reference, inVault{v, key})
	}
	return inVault{v, key}, nil
}

type inVault struct {
	v   *vault
	key crypto.Signer
}

func (s inVault) Public() crypto.PublicKey { return s.key.Public() }

func (s inVault) Sign(ctx context.Context, input []byte, hash crypto.Hash) ([]byte, error) {
	signature, err := s.key.Sign(rand.Reader, input, hash)
	s.v.mu.Lock()
	answer := s.v.answer
	s.v.mu.Unlock()
	if answer != nil && err == nil {
		return answer(ctx, signature)
	}
	return signature, err
}

// TestSec24_KeySource: a ring whose keys are kept elsewhere makes tokens like
// any other, holds no private key, and takes over from and gives back to one
// whose keys are here.
func TestSec24_KeySource(t *testing.T) {
	for _, alg := range []token.Algorithm{token.AlgEdDSA, token.AlgES256} {
		t.Run(string(alg), func(t *testing.T) {
			v := newVault()
			w := open(t, with(func(c *identity.Config) { c.TokenAlgorithm = alg }))
			sa, key := w.service(w.org("acme"), "ci", "wallets:read")
			local := w.bearer(sa, key)
			w.cfg.KeySource = v
			w.reopen()
			if k := w.keyOf(identity.KeyCurrent); k.External {
				t.Error("a key that was made here is external")
			}
			must(w.id.Authenticate(w.ctx, local))(t)
			turn := func() {
				t.Helper()
				w.clock.advance(24 * time.Hour)
				must(w.sys().RotateSigningKey(w.ctx))(t)
			}
			turn()
			turn()
			if k := w.keyOf(identity.KeyCurrent); !k.External {
				t.Error("a key that is kept elsewhere is not external")
			}
			raw := w.bearer(sa, key)
			for range 2 {
				must(w.id.Authenticate(w.ctx, raw))(t)
				set := must(token.ParseKeySet(must(w.id.JWKS(w.ctx))(t)))(t)
				must(offline(t).Verify(set, raw, w.clock.Now()))(t)
				w.reopen()
			}
			if len(v.asked) == 0 {
				t.Error("the vault was not asked for a key")
			}
			w.cfg.KeySource = nil
			if err := w.id.Close(); err != nil {
				t.Fatal(err)
			}
			_, err := w.another()
			wantKind(t, err, identity.ErrKey)
			err = w.reset()
			wantKind(t, err, identity.ErrInvalid)
			w.cfg.KeySource = v
			w.start()
			must(w.id.Authenticate(w.ctx, raw))(t)
		})
	}
}

// TestSec24_FailingSigner: while a signer does not sign there are no tokens, no
// assertion is used up for none, and nothing is written.
func TestSec24_FailingSigner(t *testing.T) {
	v := newVault()
	w := open(t, with(func(c *identity.Config) { c.KeySource = v }))
	sa, key := w.service(w.org("acme"), "ci", "wallets:read")
	held := must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(t)
	assertion := w.assertion(sa.Key.ID, sa.ID, key)
	for name, c := range map[string]struct {
		answer func(context.Context, []byte) ([]byte, error)
		want   error
	}{
		"fails":           {func(context.Context, []byte) ([]byte, error) { return nil, errVault }, identity.ErrBusy},
		"gives nothing":   {func(context.Context, []byte) ([]byte, error) { return nil, nil }, identity.ErrKey},
		"signs wrongly":   {func(_ context.Context, s []byte) ([]byte, error) { s[0] ^= 1; return s, nil }, identity.ErrKey},
		"gives DER":       {func(_ context.Context, s []byte) ([]byte, error) { return append([]byte{0x30, 64}, s...), nil }, identity.ErrKey},
		"does not answer": {func(ctx context.Context, s []byte) ([]byte, error) { <-ctx.Done(); return s, nil }, identity.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			v.set(func(v *vault) { v.answer = c.answer })
			ctx, cancel := w.ctx, func() {}
			if strings.Contains(name, "not answer") {
				ctx, cancel = context.WithTimeout(w.ctx, 10*time.Millisecond)
			}
			defer cancel()
			same := w.unchanged()
			got, err := w.id.ExchangeAssertion(ctx, assertion, identity.TokenRequest{})
			wantKind(t, err, c.want)
			if got.Token.Reveal() != "" || errors.Is(err, identity.ErrUnauthenticated) || strings.Contains(identity.PublicText(err), "vault") {
				t.Errorf("%v, outside %q", err, identity.PublicText(err))
			}
			_, err = w.id.IssueToken(ctx, held, identity.TokenRequest{})
			wantKind(t, err, c.want)
			same()
		})
	}
	v.set(func(v *vault) { v.answer = nil })
	must(w.id.ExchangeAssertion(w.ctx, assertion, identity.TokenRequest{}))(t)
}

// TestNewWithoutKeyService: a service that cannot be asked for a key, or for what
// opens the database, says nothing about either: New may be called again.
func TestNewWithoutKeyService(t *testing.T) {
	v := newVault()
	box := must(token.SealBytes(make([]byte, 32)).Open(false))(t)
	var down atomic.Bool
	through := func(f func(context.Context, []byte, []byte) ([]byte, error)) func(context.Context, []byte, []byte) ([]byte, error) {
		return func(ctx context.Context, data, aad []byte) ([]byte, error) {
			if down.Load() {
				return nil, errVault
			}
			return f(ctx, data, aad)
		}
	}
	seal := token.SealFunc(through(box.Seal), through(box.Open))
	w := open(t, with(func(c *identity.Config) { c.KeySource, c.Seal = v, seal }))
	w.clock.advance(24 * time.Hour)
	must(w.sys().RotateSigningKey(w.ctx))(t)
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	fails := func(what string, kind error) {
		t.Helper()
		_, err := w.another()
		wantKind(t, err, kind)
		if errors.Is(err, identity.ErrKey) != (kind == identity.ErrKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	down.Store(true)
	fails("the sealing service is down", identity.ErrBusy)
	down.Store(false)
	v.set(func(v *vault) { v.fail = errVault })
	fails("the key service is down", identity.ErrBusy)
	v.set(func(v *vault) { v.fail = nil })
	w.cfg.Seal = token.SealFunc(through(box.Seal), func(context.Context, []byte, []byte) ([]byte, error) {
		return nil, &token.Error{Kind: token.ErrKey}
	})
	fails("another sealing key", identity.ErrKey)
	w.cfg.Seal = seal
	w.start()
}

// TestSec24_BadKeySource: a key that cannot sign, or is of the wrong kind, is
// never published; the keys that are there go on.
func TestSec24_BadKeySource(t *testing.T) {
	onOneGoroutine(t)
	other := newVault()
	for name, set := range map[string]func(*vault){
		"fails":        func(v *vault) { v.fail = errVault },
		"no reference": func(v *vault) { v.create = func(_ string, s token.Signer) (string, token.Signer) { return "", s } },
		"a long reference": func(v *vault) {
			v.create = func(_ string, s token.Signer) (string, token.Signer) { return long(2049), s }
		},
		"no signer": func(v *vault) { v.create = func(r string, _ token.Signer) (string, token.Signer) { return r, nil } },
		"a key that is known": func(v *vault) {
			v.create = func(string, token.Signer) (string, token.Signer) {
				return "vault/key-0", inVault{v, v.keys["vault/key-0"]}
			}
		},
		"the wrong kind": func(v *vault) {
			v.by = func(token.Algorithm) (crypto.Signer, error) { return other.by(token.AlgES256) }
		},
		"a broken signer": func(v *vault) { v.answer = func(context.Context, []byte) ([]byte, error) { return nil, errVault } },
		"a lying signer": func(v *vault) {
			v.answer = func(_ context.Context, s []byte) ([]byte, error) { s[3] ^= 8; return s, nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault()
			w := open(t, with(func(c *identity.Config) { c.KeySource = v }))
			w.clock.advance(24 * time.Hour)
			before := must(w.id.JWKS(w.ctx))(t)
			v.set(set)
			same := w.unchanged()
			if _, err := w.sys().RotateSigningKey(w.ctx); err == nil {
				t.Error("rotated")
			}
			same()
			w.clock.advance(60 * 24 * time.Hour)
			if after := must(w.id.JWKS(w.ctx))(t); sha256.Sum256(after) != sha256.Sum256(before) {
				t.Errorf("published:\n%s\n%s", before, after)
			}
		})
	}
}

// TestOneTurnsForAll: however many need the next key at once, one is made.
func TestOneTurnsForAll(t *testing.T) {
	v := newVault()
	w := open(t, with(func(c *identity.Config) { c.KeySource = v }))
	sa, key := w.service(w.org("acme"), "ci", "wallets:read")
	made := len(v.keys)
	w.clock.advance(31 * 24 * time.Hour)
	var work sync.WaitGroup
	for range 20 {
		assertion := w.assertion(sa.Key.ID, sa.ID, key)
		work.Go(func() {
			if _, err := w.id.ExchangeAssertion(w.ctx, assertion, identity.TokenRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if n := len(v.keys) - made; n != 1 || made != 2 {
		t.Errorf("%d keys were made at first, and %d for one turn", made, n)
	}
}

// TestCompromiseWithoutNewKey: what is compromised does not wait until the key
// source can make another one; the last key that is gives way to none.
func TestCompromiseWithoutNewKey(t *testing.T) {
	v := newVault()
	w := open(t, with(func(c *identity.Config) { c.KeySource = v }))
	sa, key := w.service(w.org("acme"), "ci", "wallets:read")
	raw := w.bearer(sa, key)
	v.set(func(v *vault) { v.fail = errVault })
	next := w.keyOf(identity.KeyNext)
	must(w.sys().CompromiseSigningKey(w.ctx, w.keyOf(identity.KeyCurrent).ID))(t)
	if _, err := w.id.Authenticate(w.ctx, raw); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("its token: %v", err)
	}
	if k := w.keyOf(identity.KeyCurrent); k.ID != next.ID || k.SignsFrom.After(w.clock.Now()) {
		t.Errorf("signs now: %+v", k)
	}
	w.bearer(sa, key)
	must(w.sys().CompromiseSigningKey(w.ctx, next.ID))(t)
	if len(w.id.SigningKeys()) != 0 {
		t.Errorf("left: %+v", w.id.SigningKeys())
	}
	same := w.unchanged()
	for range 2 {
		_, err := w.id.ExchangeAssertion(w.ctx, w.assertion(sa.Key.ID, sa.ID, key), identity.TokenRequest{})
		wantKind(t, err, identity.ErrBusy)
		if set := string(must(w.id.JWKS(w.ctx))(t)); set != `{"keys":[]}` {
			t.Errorf("published: %s", set)
		}
	}
	same()
	v.set(func(v *vault) { v.fail = nil })
	w.clock.advance(time.Second) // it was tried just now
	must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(t)
}

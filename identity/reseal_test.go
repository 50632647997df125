package identity_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// sealed are the texts in the file that only the sealing key opens.
func (w *world) sealed() map[string][]byte {
	w.t.Helper()
	found := map[string][]byte{}
	rows, err := w.db.QueryContext(w.ctx, `SELECT id, sealed FROM identity_signing_key WHERE sealed IS NOT NULL UNION ALL SELECT 'secret', sealed_secret FROM identity_instance`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		var text []byte
		if err := rows.Scan(&id, &text); err != nil {
			w.t.Fatal(err)
		}
		found[id] = text
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return found
}

// chained checks the whole log of an org with the key that is in use, from the
// event with a number on.
func (w *world) chained(org identity.OrgID, from uint64) {
	w.t.Helper()
	var prev []byte
	for _, e := range w.events(org) {
		if e.Seq >= from && (!bytes.Equal(w.id.MAC(e), e.MAC) || e.Seq > 1 && !bytes.Equal(e.Prev, prev)) {
			w.t.Errorf("event %d, %s %s, is not chained", e.Seq, e.Verb, e.Noun)
		}
		prev = e.MAC
	}
}

// TestSec22_NoKeyInTheFiles: neither the private keys nor the instance secret are
// in the database or its log, as they are or as text.
func TestSec22_NoKeyInTheFiles(t *testing.T) {
	w := open(t)
	w.caller()
	w.clock.advance(31 * 24 * time.Hour)
	must(w.id.JWKS(w.ctx))(t)
	var secrets [][]byte
	sealer := must(w.cfg.Seal.Open(false))(t)
	for id, text := range w.sealed() {
		aad := "claviger/" + string(w.id.SystemOrg()) + "/identity_signing_key/sealed/" + id
		if id == "secret" {
			aad = "claviger/" + string(w.id.SystemOrg()) + "/identity_instance/sealed_secret/1"
		}
		plain := must(sealer.Open(w.ctx, text, []byte(aad)))(t)
		secrets = append(secrets, plain[len(plain)-32:]) // of PKCS #8 the seed
	}
	if len(secrets) != 3 {
		t.Fatalf("%d secrets", len(secrets))
	}
	for _, file := range []string{w.file() + "-wal", w.file()} {
		if file == w.file() {
			w.reopen() // which brings the log into it
		}
		data := must(os.ReadFile(file))(t)
		if !bytes.Contains(data, []byte(w.id.SystemOrg())) {
			t.Errorf("%s holds nothing of the database", filepath.Base(file))
		}
		for _, secret := range secrets {
			for name, form := range map[string]string{
				"bytes": string(secret), "hex": hex.EncodeToString(secret),
				"base64": base64.StdEncoding.EncodeToString(secret)[:40], "base64url": base64.RawURLEncoding.EncodeToString(secret)[:40],
			} {
				if bytes.Contains(data, []byte(form)) {
					t.Errorf("%s holds a secret as %s", filepath.Base(file), name)
				}
			}
		}
	}
}

// TestSec23_Reseal: with a new sealing key everything goes on, in this process
// and in the next; the old key opens nothing any more.
func TestSec23_Reseal(t *testing.T) {
	v := newVault()
	for name, source := range map[string]identity.KeySource{"keys here": nil, "keys elsewhere": v} {
		t.Run(name, func(t *testing.T) {
			w := open(t, with(func(c *identity.Config) { c.KeySource = source }))
			c := w.caller()
			cursor := must(w.in(c.org).Events(w.ctx, identity.EventFilter{}, identity.Page{Limit: 1}))(t).Next
			old, keys := w.cfg.Seal, must(w.id.JWKS(w.ctx))(t)
			before := w.sealed()
			seal := token.SealFile(filepath.Join(w.dir, "new.key"))
			if err := w.sys().Reseal(w.ctx, seal); err != nil {
				t.Fatal(err)
			}
			after := w.sealed()
			if len(after) != len(before) || len(after) != 3 {
				t.Errorf("%d texts were sealed, now %d", len(before), len(after))
			}
			for id, text := range after {
				if bytes.Equal(text, before[id]) {
					t.Errorf("%s is as it was", id)
				}
			}
			check := func(ways ...way) {
				t.Helper()
				got := c.ways()
				for _, in := range ways {
					if err := got[in]; err != nil {
						t.Errorf("%s: %v", in, err)
					}
				}
				must(w.in(c.org).Events(w.ctx, identity.EventFilter{}, identity.Page{Cursor: cursor}))(t)
				if now := must(w.id.JWKS(w.ctx))(t); string(now) != string(keys) {
					t.Errorf("other keys:\n%s\n%s", keys, now)
				}
				w.chained(c.org, 1)
				w.chained(w.id.SystemOrg(), 1)
			}
			check(slices.Collect(maps.Keys(c.ways()))...)
			w.clock.advance(2 * identity.JWKSMaxAge)
			must(w.sys().RotateSigningKey(w.ctx))(t) // makes a key, sealed with the new one
			keys = must(w.id.JWKS(w.ctx))(t)
			c.prove()
			if err := w.id.Close(); err != nil {
				t.Fatal(err)
			}
			same := w.unchanged()
			w.cfg.Seal = old
			_, err := w.another()
			wantKind(t, err, identity.ErrKey)
			same()
			w.cfg.Seal = seal
			w.start()
			check(wayAuthenticate, wayNarrowed, wayActing, wayActed, waySession, wayExchange)
		})
	}
}

// TestSec23_MixedStore: while one key takes over from another, with texts of
// both in the database, it opens with both; once everything is sealed anew the
// new one is enough.
func TestSec23_MixedStore(t *testing.T) {
	w := open(t)
	c := w.caller()
	former, current := w.cfg.Seal, token.SealFile(filepath.Join(w.dir, "new.key"))
	w.cfg.Seal = token.SealEither(current, former)
	w.reopen()
	w.clock.advance(2 * identity.JWKSMaxAge)
	must(w.sys().RotateSigningKey(w.ctx))(t)
	c.prove()
	w.reopen()
	must(w.id.Authenticate(w.ctx, c.bearer))(t)
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	both := w.cfg.Seal
	for name, one := range map[string]token.Seal{"former": former, "current": current} {
		w.cfg.Seal = one
		if _, err := w.another(); !errors.Is(err, identity.ErrKey) {
			t.Errorf("with the %s key alone: %v", name, err)
		}
	}
	w.cfg.Seal = both
	w.start()
	if err := w.sys().Reseal(w.ctx, current); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.dir, "app.key")); err != nil {
		t.Fatal(err)
	}
	for _, seal := range []token.Seal{both, current} {
		w.cfg.Seal = seal
		w.reopen()
		must(w.id.Authenticate(w.ctx, c.bearer))(t)
	}
}

// TestResealFails: whatever goes wrong, the old key stays the one, here and in
// the file.
func TestResealFails(t *testing.T) {
	w := open(t)
	c := w.caller()
	echo := func(_ context.Context, data, _ []byte) ([]byte, error) { return data, nil }
	down := func(context.Context, []byte, []byte) ([]byte, error) { return nil, errVault }
	other := func(context.Context, []byte, []byte) ([]byte, error) { return []byte("something else"), nil }
	before := w.sealed()
	for name, f := range map[string]struct {
		seal token.Seal
		kind error
	}{
		"none":                 {token.Seal{}, identity.ErrInvalid},
		"a short key":          {token.SealBytes(make([]byte, 5)), identity.ErrInvalid},
		"does not seal":        {token.SealFunc(down, echo), identity.ErrBusy},
		"does not open":        {token.SealFunc(echo, down), identity.ErrBusy},
		"opens something else": {token.SealFunc(echo, other), identity.ErrKey},
	} {
		same := w.unchanged()
		wantKind(t, w.sys().Reseal(w.ctx, f.seal), f.kind)
		same()
		for id, text := range w.sealed() {
			if !bytes.Equal(text, before[id]) {
				t.Errorf("%s: %s was sealed anew", name, id)
			}
		}
	}
	wantKind(t, w.id.As(c.held).Reseal(w.ctx, token.SealBytes(make([]byte, 32))), identity.ErrDenied)
	wantKind(t, w.id.System("").Reseal(w.ctx, token.SealBytes(make([]byte, 32))), identity.ErrInvalid)
	undo := errors.New("undo")
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		return errors.Join(tx.System("test").Reseal(ctx, token.SealBytes(make([]byte, 32))), undo)
	})
	if !errors.Is(err, undo) || errors.Is(err, identity.ErrKey) {
		t.Fatal(err)
	}
	w.clock.advance(31 * 24 * time.Hour) // the ring turns, with the old key
	w.in(c.org).ExtendAccount(w.ctx, c.sa.ID, w.clock.Now().Add(time.Hour))
	must(w.id.JWKS(w.ctx))(t)
	w.reopen()
	must(w.id.JWKS(w.ctx))(t)
}

// TestResealElsewhere: a process with the old key denies everything, one with
// both goes on.
func TestResealElsewhere(t *testing.T) {
	a, b := share(t)
	c := a.caller()
	next := token.SealFile(filepath.Join(a.dir, "new.key"))
	both := *a
	both.cfg.Seal = token.SealEither(next, a.cfg.Seal)
	d := both.join(t, nil)
	if err := a.sys().Reseal(a.ctx, next); err != nil {
		t.Fatal(err)
	}
	if err := b.id.Poll(b.ctx); !errors.Is(err, identity.ErrKey) {
		t.Errorf("with the old key: %v", err)
	}
	b.clock.advance(2 * time.Hour) // past MaxStaleness
	if _, err := b.id.Authenticate(b.ctx, c.bearer); !errors.Is(err, identity.ErrStale) {
		t.Errorf("with the old key: %v", err)
	}
	if _, err := b.id.JWKS(b.ctx); !errors.Is(err, identity.ErrStale) {
		t.Errorf("with the old key it publishes: %v", err)
	}
	d.poll()
	must(d.id.JWKS(d.ctx))(t)
}

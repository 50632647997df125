package token

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/argon2"
)

func key32(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// rot is a key service.
func rot(shift byte) Seal {
	turn := func(d byte) func(context.Context, []byte, []byte) ([]byte, error) {
		return func(_ context.Context, data, aad []byte) ([]byte, error) {
			out := append([]byte(nil), data...)
			for i := range out {
				out[i] += d
			}
			if d == shift { // sealing
				return append(append(out, aad...), byte(len(aad)), shift), nil
			}
			n := len(data) - 2
			if n < 0 || data[n+1] != shift || int(data[n]) != len(aad) || !bytes.Equal(data[n-len(aad):n], aad) {
				return nil, ErrKey
			}
			return out[:n-len(aad)], nil
		}
	}
	return SealFunc(turn(shift), turn(-shift))
}

func TestSec22_Sealed(t *testing.T) {
	dir := t.TempDir()
	pass := NewSecret("correct horse battery")
	ctx := t.Context()
	for name, c := range map[string]struct{ one, again, other Seal }{
		"bytes":      {SealBytes(key32(1)), SealBytes(key32(1)), SealBytes(key32(2))},
		"file":       {SealFile(filepath.Join(dir, "a")), SealFile(filepath.Join(dir, "a")), SealFile(filepath.Join(dir, "b"))},
		"passphrase": {SealPassphrase(pass), SealPassphrase(NewSecret(pass.Reveal())), SealPassphrase(NewSecret("correct horse batterz"))},
		"func":       {rot(3), rot(3), rot(4)},
	} {
		t.Run(name, func(t *testing.T) {
			open := func(s Seal) *Sealer {
				t.Helper()
				sealer, err := s.Open(true)
				if err != nil {
					t.Fatal(err)
				}
				return sealer
			}
			one, again, other := open(c.one), open(c.again), open(c.other)
			plain, aad := []byte("the private key"), []byte("key/private/row 1")
			sealed, err := one.Seal(ctx, plain, aad)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(sealed, plain) {
				t.Error("not sealed at all")
			}
			if got, err := again.Open(ctx, sealed, aad); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("same key: %q, %v", got, err)
			}
			if got, err := other.Open(ctx, sealed, aad); got != nil || !errors.Is(err, ErrKey) {
				t.Errorf("other key: %q, %v", got, err)
			}
			for _, moved := range []string{"", "key/private/row 2", "key/private/row 11", "key/private/row"} {
				if got, err := one.Open(ctx, sealed, []byte(moved)); got != nil || !errors.Is(err, ErrKey) {
					t.Errorf("moved to %q: %q, %v", moved, got, err)
				}
			}
			if empty, err := one.Seal(ctx, nil, nil); err != nil {
				t.Error(err)
			} else if got, err := again.Open(ctx, empty, nil); err != nil || len(got) != 0 {
				t.Errorf("nothing came back as %q, %v", got, err)
			}
			twice, err := one.Seal(ctx, plain, aad)
			if err != nil || name != "func" && bytes.Equal(twice, sealed) {
				t.Errorf("sealed twice alike, %v", err)
			}
			for _, s := range [][]byte{nil, {}, {1}, {0, 'k'}, {2, 'k', 0}, append([]byte{9}, sealed[1:]...)} {
				if _, err := one.Open(ctx, s, aad); !errors.Is(err, ErrFormat) {
					t.Errorf("%x: %v", s, err)
				}
			}
			cancelled, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := one.Seal(cancelled, plain, aad); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if _, err := one.Open(cancelled, sealed, aad); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// Every flipped bit, every prefix and every extension of a sealed text is refused, its head included.
func TestSec22_SealedTextsAreWhole(t *testing.T) {
	ctx := t.Context()
	sealer, err := SealBytes(key32(7)).Open(false)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := sealer.Seal(ctx, []byte("plain"), []byte("aad"))
	if err != nil {
		t.Fatal(err)
	}
	for b := range 256 {
		if got, err := sealer.Open(ctx, append(bytes.Clone(sealed), byte(b)), []byte("aad")); got != nil || !errors.Is(err, ErrKey) {
			t.Errorf("%d behind it: %q, %v", b, got, err)
		}
	}
	for i := range len(sealed) {
		if got, err := sealer.Open(ctx, sealed[:i], []byte("aad")); got != nil || err == nil {
			t.Errorf("prefix of %d bytes opened", i)
		}
		for bit := range 8 {
			b := bytes.Clone(sealed)
			b[i] ^= 1 << bit
			if got, err := sealer.Open(ctx, b, []byte("aad")); got != nil || !errors.Is(err, ErrKey) && !errors.Is(err, ErrFormat) {
				t.Errorf("byte %d bit %d: %q, %v", i, bit, got, err)
			}
		}
	}
	// The texts of one method are not those of another, with the same key.
	derived := argon2.IDKey([]byte("correct horse battery"), key32(0)[:16], 3, 64<<10, 4, 32)
	byBytes, err := SealBytes(derived).Open(false)
	if err != nil {
		t.Fatal(err)
	}
	byPass, err := SealPassphrase(NewSecret("correct horse battery")).Open(false)
	if err != nil {
		t.Fatal(err)
	}
	text, err := byBytes.Seal(ctx, []byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	head := newDerivation(3, 64<<10, 4)
	copy(head[11:], make([]byte, 16))
	if got, err := byPass.Open(ctx, append(head[:], text[2:]...), nil); got != nil || !errors.Is(err, ErrKey) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := byPass.Open(ctx, text, nil); got != nil || !errors.Is(err, ErrKey) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := byBytes.Open(ctx, append(head[:], text[2:]...), nil); got != nil || !errors.Is(err, ErrKey) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSealRefuses(t *testing.T) {
	for name, s := range map[string]Seal{
		"zero": {}, "no bytes": SealBytes(nil), "31 bytes": SealBytes(key32(1)[:31]), "33 bytes": SealBytes(append(key32(1), 1)),
		"no passphrase": SealPassphrase(Secret{}), "short passphrase": SealPassphrase(NewSecret("11 bytes...")), "no file name": SealFile(""),
		"no functions": SealFunc(nil, nil), "no open": SealFunc(func(context.Context, []byte, []byte) ([]byte, error) { return nil, nil }, nil),
	} {
		for _, create := range []bool{false, true} {
			if sealer, err := s.Open(create); sealer != nil || !errors.Is(err, ErrConfig) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	key := key32(1)
	s := SealBytes(key)
	key[0] = 0
	sealer, err := s.Open(false)
	if err != nil {
		t.Fatal(err)
	}
	same, err := SealBytes(key32(1)).Open(false)
	if err != nil {
		t.Fatal(err)
	}
	text, err := sealer.Seal(t.Context(), []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := same.Open(t.Context(), text, nil); err != nil {
		t.Error("the key was not copied")
	}
}

// An outage of the key service is not a wrong key: nobody may be led to replace a good key ring.
func TestSealFuncErrors(t *testing.T) {
	outage := errors.New("no route to host")
	fails := func(err error) func(context.Context, []byte, []byte) ([]byte, error) {
		return func(context.Context, []byte, []byte) ([]byte, error) { return nil, err }
	}
	sealer, err := SealFunc(fails(outage), fails(outage)).Open(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealer.Seal(t.Context(), nil, nil); !errors.Is(err, ErrUnavailable) || !errors.Is(err, outage) || errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if _, err := sealer.Open(t.Context(), []byte{1, 'f'}, nil); !errors.Is(err, ErrUnavailable) || !errors.Is(err, outage) || errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

func TestSealFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.key")
	if sealer, err := SealFile(path).Open(false); sealer != nil || !errors.Is(err, ErrKey) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("missing: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("a file was made without create")
	}
	if _, err := SealFile(path).Open(true); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(string(text), "\n")); err != nil || len(key) != 32 {
		t.Errorf("%q is not 32 bytes in base64", text)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// Opened again, with create or without, it is the same file.
	for _, create := range []bool{true, false} {
		if _, err := SealFile(path).Open(create); err != nil {
			t.Error(err)
		}
		if again, _ := os.ReadFile(path); !bytes.Equal(text, again) {
			t.Error("the key was replaced")
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}

	write := func(content string, mode fs.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	good := string(text)
	for content, ok := range map[string]bool{
		good: true, strings.TrimSuffix(good, "\n"): true, strings.TrimSuffix(good, "\n") + "\r\n": true,
		"": false, "\n": false, good[:20]: false, good + good: false, good + "\n": false, " " + good: false, strings.Repeat("A", 44): false,
		base64.StdEncoding.EncodeToString(key32(1)[:31]): false, base64.RawStdEncoding.EncodeToString(key32(1)): false,
		good[:10] + "\n" + good[10:]: false, string(key32(1)): false, strings.Repeat("A", 1<<20): false,
	} {
		write(content, 0o600)
		sealer, err := SealFile(path).Open(true)
		if (err == nil) != ok || !ok && (sealer != nil || !errors.Is(err, ErrKey)) {
			t.Errorf("%.60q: %v", content, err)
		}
		if err != nil && len(content) > 40 && strings.Contains(err.Error(), content[:8]) {
			t.Errorf("the error quotes the file: %v", err)
		}
		if now, _ := os.ReadFile(path); string(now) != content {
			t.Errorf("%.60q was replaced", content)
		}
	}
	if runtime.GOOS != "windows" {
		for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777} {
			write(good, mode)
			if _, err := SealFile(path).Open(true); !errors.Is(err, ErrKey) {
				t.Errorf("mode %o: %v", mode, err)
			}
		}
		write(good, 0o400)
		if _, err := SealFile(path).Open(false); err != nil {
			t.Error(err)
		}
	}
	if _, err := SealFile(dir).Open(true); !errors.Is(err, ErrKey) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := SealFile(filepath.Join(dir, "none", "app.key")).Open(true); !errors.Is(err, ErrKey) {
		t.Errorf("no folder: %v", err)
	}
	t.Chdir(dir)
	if _, err := SealFile("bare.key").Open(true); err != nil {
		t.Errorf("a bare name: %v", err)
	}
}

// Many who create at once end up with one key.
func TestSealFileRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.key")
	sealers := make([]*Sealer, 16)
	var wg sync.WaitGroup
	for i := range sealers {
		wg.Go(func() {
			sealer, err := SealFile(path).Open(true)
			if err != nil {
				t.Error(err)
				return
			}
			sealers[i] = sealer
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	text, err := sealers[0].Seal(t.Context(), []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sealers {
		if _, err := s.Open(t.Context(), text, nil); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// A passphrase costs one derivation per salt, and a process that opens first goes on with the salt it found.
func TestSealPassphrase(t *testing.T) {
	ctx := t.Context()
	pass := NewSecret("correct horse battery")
	open := func() (*Sealer, *passphraseBox) {
		b := newPassphraseBox(pass)
		return &Sealer{b.seal, b.open}, b
	}
	first, box := open()
	var texts [][]byte
	for range 3 {
		text, err := first.Seal(ctx, []byte("x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if len(box.keys) != 1 || !bytes.Equal(texts[0][:passphraseHeadSize], texts[1][:passphraseHeadSize]) {
		t.Errorf("%d keys for one salt", len(box.keys))
	}
	second, box := open()
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if _, err := second.Open(ctx, texts[i%3], nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	text, err := second.Seal(ctx, []byte("y"), nil)
	if err != nil || !bytes.Equal(text[:passphraseHeadSize], texts[0][:passphraseHeadSize]) || len(box.keys) != 1 {
		t.Errorf("another salt, %d keys, %v", len(box.keys), err)
	}
	// Parameters are in the text and bounded, because nothing vouches for them before the key is there.
	for _, p := range [][2]uint32{{0, 64 << 10}, {17, 64 << 10}, {3, 18 << 10}, {3, 257 << 10}, {1 << 31, 1 << 31}, {3, 0}} {
		d := newDerivation(p[0], p[1], 4)
		if _, err := second.Open(ctx, append(d[:], texts[0][passphraseHeadSize:]...), nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%v: %v", p, err)
		}
	}
	for _, lanes := range []uint8{0, 17, 255} {
		d := newDerivation(3, 64<<10, lanes)
		if _, err := second.Open(ctx, append(d[:], 1, 2, 3), nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%d lanes: %v", lanes, err)
		}
	}
	if _, err := second.Open(ctx, texts[0][:passphraseHeadSize-1], nil); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
	// Texts with other parameters open, and new ones are still sealed with ours.
	d := newDerivation(1, 19<<10, 1)
	aead, err := newAEAD(argon2.IDKey([]byte(pass.Reveal()), d[11:], 1, 19<<10, 1, 32))
	if err != nil {
		t.Fatal(err)
	}
	third, _ := open()
	if got, err := third.Open(ctx, sealWith(aead, d[:], []byte("old"), nil), nil); err != nil || string(got) != "old" {
		t.Errorf("%q, %v", got, err)
	}
	if text, err := third.Seal(ctx, []byte("new"), nil); err != nil || bytes.Equal(text[:11], d[:11]) {
		t.Errorf("went on with weaker parameters, %v", err)
	}
	// Waiting for somebody else's derivation ends with the context.
	fourth, box := open()
	box.deriving <- struct{}{}
	waiting, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := fourth.open(waiting, texts[0], nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

package token

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestSec23_Either: while one key takes over from another, what either has sealed opens, and only the current one seals.
func TestSec23_Either(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	plain, aad := []byte("the private key"), []byte("row 1")
	files := []Seal{SealFile(filepath.Join(dir, "a")), SealFile(filepath.Join(dir, "b")), SealFile(filepath.Join(dir, "c"))}
	must(files[2].Open(true))
	for name, seals := range map[string][]Seal{
		"bytes": {SealBytes(key32(1)), SealBytes(key32(2)), SealBytes(key32(3))},
		"file":  files,
		"func":  {rot(3), rot(4), rot(5)},
		"mixed": {SealBytes(key32(1)), rot(3), SealFile(filepath.Join(dir, "c"))},
	} {
		t.Run(name, func(t *testing.T) {
			former := must(seals[0].Open(true))
			both := must(SealEither(seals[1], seals[0]).Open(false)) // makes the file of the current one
			current, third := must(seals[1].Open(false)), must(seals[2].Open(false))
			old, now := must(former.Seal(ctx, plain, aad)), must(both.Seal(ctx, plain, aad))
			for what, c := range map[string]struct {
				by     *Sealer
				sealed []byte
				want   error
			}{
				"the old text":                 {both, old, nil},
				"the new text":                 {both, now, nil},
				"the new text, the new key":    {current, now, nil},
				"the new text, the old key":    {former, now, ErrKey},
				"the old text, the new key":    {current, old, ErrKey},
				"a text of neither":            {both, must(third.Seal(ctx, plain, aad)), ErrKey},
				"no sealed text":               {both, []byte("x"), ErrFormat},
				"a text of a method of no one": {both, []byte{1, 'x', 0}, ErrKey},
			} {
				got, err := c.by.Open(ctx, c.sealed, aad)
				if !errors.Is(err, c.want) || err == nil && !bytes.Equal(got, plain) {
					t.Errorf("%s: %q, %v", what, got, err)
				}
			}
			if got, err := both.Open(ctx, old, []byte("row 2")); got != nil || !errors.Is(err, ErrKey) {
				t.Errorf("moved: %q, %v", got, err)
			}
		})
	}
}

func TestEitherKeyFiles(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	former, current := filepath.Join(dir, "former"), filepath.Join(dir, "current")
	either := SealEither(SealFile(current), SealFile(former))
	if s, err := either.Open(false); s != nil || !errors.Is(err, ErrKey) {
		t.Errorf("neither file: %v", err)
	}
	if _, err := os.Stat(current); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a key was made although that of the database is missing")
	}
	old := must(must(SealFile(former).Open(true)).Seal(ctx, []byte("plain"), nil))
	must(either.Open(false))
	if err := os.Chmod(former, 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := either.Open(false); s != nil || !errors.Is(err, ErrKey) {
		t.Errorf("a former file that others may read: %v", err)
	}
	if err := os.Remove(former); err != nil {
		t.Fatal(err)
	}
	if _, err := must(either.Open(false)).Open(ctx, old, nil); !errors.Is(err, ErrKey) {
		t.Errorf("a text of the key that was put away: %v", err)
	}
	for name, s := range map[string]Seal{"no current": SealEither(Seal{}, SealBytes(key32(1))), "no former": SealEither(SealBytes(key32(1)), Seal{})} {
		if _, err := s.Open(true); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key service that cannot be asked is not a wrong key, whichever of the two it is.
func TestEitherUnavailable(t *testing.T) {
	ctx := t.Context()
	down := func(context.Context, []byte, []byte) ([]byte, error) { return nil, errors.New("down") }
	away, file := SealFunc(down, down), SealBytes(key32(1))
	sealed := must(must(file.Open(true)).Seal(ctx, []byte("plain"), nil))
	by := append([]byte{sealVersion, sealFunc}, "text"...)
	for name, s := range map[string]Seal{"current": SealEither(away, file), "former": SealEither(file, away)} {
		box := must(s.Open(false))
		if got, err := box.Open(ctx, sealed, nil); err != nil || string(got) != "plain" {
			t.Errorf("%s is down, a text of the other: %q, %v", name, got, err)
		}
		if _, err := box.Open(ctx, by, nil); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s is down, a text of its own: %v", name, err)
		}
	}
}

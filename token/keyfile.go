package token

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// SealFile seals with a key in a file: 32 random bytes as one line of base64. The file is made, with mode 0600, when Open is told
// to create and there is none; it never replaces a file and never appears half written. A file that its group or others may
// read or write is refused (not on Windows, which has other means).
func SealFile(path string) Seal {
	return Seal{func(create bool) (*Sealer, error) {
		if path == "" {
			return nil, failed(ErrConfig, "Seal", errReason("no file name"))
		}
		key, err := readKeyFile(path)
		if create && errors.Is(err, fs.ErrNotExist) {
			if err = makeKeyFile(path); err == nil {
				key, err = readKeyFile(path)
			}
		}
		if err != nil {
			return nil, failed(ErrKey, "key file", err)
		}
		return sealerOfKey(key)
	}}
}

// readKeyFile reads the key. Its errors never quote the file's content.
func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()            // of what was opened, not of what the name means by now
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errReason("not a regular file")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, errReason("others than its owner may use it; make its mode 0600")
	}
	text, err := io.ReadAll(io.LimitReader(f, 128))
	if err != nil {
		return nil, err
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	key, err := base64.StdEncoding.Strict().DecodeString(line)
	if err != nil || len(key) != 32 || len(line) != 44 {
		return nil, errReason("want one line of base64, 32 bytes")
	}
	return key, nil
}

// makeKeyFile makes the file, unless another process does so first.
func makeKeyFile(path string) error {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	line := base64.StdEncoding.EncodeToString(key[:]) + "\n"

	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	// Written beside and linked into place: a link, unlike a rename, never replaces a key that is in use.
	temp := filepath.Join(dir, "."+name+"."+rand.Text())
	defer func() { _ = os.Remove(temp) }() // a stray one is worth nothing
	if err := writeNew(temp, line); err != nil {
		return err
	}
	err := os.Link(temp, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		// A file system without links. A crash here leaves a short file, which is refused, not taken for a key.
		err = writeNew(path, line)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// writeNew writes and syncs a file that must not exist.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path) // ours alone, and worth nothing
	}
	return err
}

// syncDir makes the names in a directory durable, where the system can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

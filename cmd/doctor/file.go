package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// files looks at the file, its folder and what stands beside it.
func (f *findings) files(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		f.problem("file", path+" is no regular file", "name the database file")
	}
	f.mode(path, info)
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if modes() && folder.Mode().Perm()&0o022 != 0 {
		f.problem("folder-mode", fmt.Sprintf("others than its owner may replace files in %s (mode %04o)", filepath.Dir(path), folder.Mode().Perm()),
			"chmod go-w "+filepath.Dir(path))
	}
	for _, suffix := range []string{"-wal", "-shm", ".fence"} {
		beside, err := os.Stat(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		f.mode(path+suffix, beside)
		if suffix == "-wal" && beside.Size() > 0 {
			f.note("wal", fmt.Sprintf("%s%s holds %d bytes that the last process did not write back", path, suffix, beside.Size()),
				"keep it beside the file, and copy both or neither: the next start writes it back")
		}
	}
	return nil
}

func (f *findings) mode(path string, info fs.FileInfo) {
	if perm := info.Mode().Perm(); modes() && perm&0o077 != 0 {
		f.problem("file-mode", fmt.Sprintf("others than its owner may use %s (mode %04o)", path, perm), "chmod 600 "+path)
	}
}

// modes reports whether modes say who may do what.
func modes() bool { return runtime.GOOS != "windows" }

// header says whether this can be a database at all
// (https://sqlite.org/fileformat.html, section 1.3).
func (f *findings) header(path string) (sound bool, err error) {
	const magic = "SQLite format 3\x00"
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	var head [512]byte
	n, err := io.ReadFull(file, head[:])
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return false, err
	case n < len(head) || !bytes.HasPrefix(head[:], []byte(magic)):
		f.problem("header", path+" is no SQLite database", "restore a backup")
		return false, nil
	}
	return true, nil
}

// duplicate copies a database and what is not written back yet. Nobody has it
// open; the shared index of the WAL is made anew.
func duplicate(from, to string) error {
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(from+suffix, to+suffix); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

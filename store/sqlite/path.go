package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// location is where a database is.
type location struct {
	given string // absolute, as the host named it
	path  string // the same without symbolic links: what is opened and locked
}

// minSize is one page of the smallest size (https://sqlite.org/fileformat.html,
// section 1.3.2).
const minSize = 512

// locate finds the file that a path names, which need not exist yet. Locks go
// by the name without links, or two names would have two owners.
func locate(path string) (location, error) {
	switch {
	case path == "":
		return location{}, invalid(path, "Path", "absent")
	case path == ":memory:":
		return location{}, invalid(path, "Path", "a database in memory has nothing to keep")
	case strings.HasPrefix(path, "file:"):
		return location{}, invalid(path, "Path", "a path is wanted, not a URI")
	case strings.ContainsRune(path, 0):
		return location{}, invalid(path, "Path", "has a NUL byte")
	}
	given, err := filepath.Abs(path)
	if err != nil {
		return location{}, invalid(path, "Path", "%w", err)
	}
	if strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(filepath.Separator)) {
		return location{}, invalid(path, "Path", "names a directory")
	}
	if _, err := os.Lstat(given); errors.Is(err, fs.ErrNotExist) {
		dir, err := filepath.EvalSymlinks(filepath.Dir(given))
		if err != nil {
			return location{}, failure(location{given: given}, "find the directory", err)
		}
		return location{given: given, path: filepath.Join(dir, filepath.Base(given))}, nil
	}
	real, err := filepath.EvalSymlinks(given)
	if err != nil {
		return location{}, failure(location{given: given}, "find the file", err)
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return location{}, failure(location{given: given}, "find the file", err)
	case !info.Mode().IsRegular():
		return location{}, invalid(path, "Path", "not a regular file")
	case info.Size() > 0 && info.Size() < minSize:
		// SQLite would take it for an empty database and write over it.
		return location{}, invalid(path, "Path", "not a database: the file has %d bytes", info.Size())
	}
	return location{given: given, path: real}, nil
}

// uri writes a path as SQLite's "file:" URI, in which every byte that could
// mean something else is escaped (RFC 3986, section 2.1).
func uri(path string) string {
	const hex = "0123456789ABCDEF"
	path = filepath.ToSlash(path)
	var b strings.Builder
	b.WriteString("file://")
	if !strings.HasPrefix(path, "/") {
		b.WriteByte('/') // C:/app.db
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '/', c == '.', c == '-', c == '_', c == ':':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

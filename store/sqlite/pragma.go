package sqlite

import (
	"net/url"
	"strconv"
)

// pragma is one setting of a connection, and how it reads back.
type pragma struct{ name, value, reads string }

// pragmas are the settings of every connection of a pool. They are in the DSN,
// because a PRAGMA run on a pool reaches one connection of it.
type pragmas struct {
	writes bool
	list   []pragma
}

func writerPragmas(o Options) pragmas {
	return pragmas{writes: true, list: append(sharedPragmas(o),
		pragma{"journal_mode", "wal", "wal"},
		// An acknowledged commit is on the disk, also where fsync stops at the
		// drive's cache (macOS).
		pragma{"synchronous", "full", "2"},
		pragma{"fullfsync", "on", "1"},
		pragma{"checkpoint_fullfsync", "on", "1"},
		// What a savepoint keeps of the pages it may have to put back is no
		// business of the temporary directory, which may lie on another disk, and
		// to make a file there costs as much as a small commit.
		pragma{"temp_store", "memory", "2"},
	)}
}

func readerPragmas(o Options) pragmas {
	return pragmas{list: append(sharedPragmas(o), pragma{"query_only", "on", "1"})}
}

func sharedPragmas(o Options) []pragma {
	wait := strconv.FormatInt(o.lockWait().Milliseconds(), 10)
	return []pragma{
		{"busy_timeout", wait, wait},
		{"foreign_keys", "on", "1"},
		{"recursive_triggers", "on", "1"}, // the log's delete trigger sees INSERT OR REPLACE
		{"trusted_schema", "off", "0"},    // what the file defines cannot call unsafe functions
	}
}

// dsn is a file and the settings of a pool. Nothing in it but the escaped path
// comes from the host.
func (p pragmas) dsn(path string) string {
	q := url.Values{}
	q.Set("_defensive", "1")
	q.Set("_dqs", "0")
	q.Set("_error_rc", "1")
	if p.writes {
		q.Set("mode", "rw")
		q.Set("_txlock", "immediate")
	} else {
		q.Set("mode", "ro")
	}
	for _, one := range p.list {
		q.Add("_pragma", one.name+"("+one.value+")")
	}
	return uri(path) + "?" + q.Encode()
}

// Package doctor looks for what is wrong with a database file, without changing
// it: call [Examine]. It works on a copy in a folder of its own, which it removes,
// so the disk needs room for one. It never repairs anything.
package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// Options are the choices of [Examine].
type Options struct {
	// Seal opens the signing keys, to see whether it does; with nil that, the MACs of
	// the log, and who can give rights, are not looked at.
	Seal *token.Seal
	// Temp is where the copy goes; empty means the system's folder for such things.
	Temp string
	// Now is the clock; nil means the system's.
	Now func() time.Time
}

// Severity says how much a finding matters. The zero value is none.
type Severity string

// The severities.
const (
	Problem Severity = "problem" // something is wrong
	Note    Severity = "note"    // something to know
)

// Finding is one thing that was found.
type Finding struct {
	Check    string // which check found it, a stable word
	Severity Severity
	Found    string // what is there
	Do       string // what to do about it
}

// findings gathers what the checks find.
type findings []Finding

func (f *findings) problem(check, found, do string) {
	*f = append(*f, Finding{check, Problem, found, do})
}

func (f *findings) note(check, found, do string) {
	*f = append(*f, Finding{check, Note, found, do})
}

// Examine looks a database over, from the file's mode to who can give rights in
// each org, and returns what it found in that order. What a check needs must be
// sound itself: where the file is damaged it ends there.
//
// It fails with identity.ErrNotFound when there is no file, with
// identity.ErrLocked when a process has it, and with other errors when it could
// not look; that a database is damaged is a finding and no error.
func Examine(ctx context.Context, path string, o Options) (_ []Finding, err error) {
	path, err = resolve(path)
	if err != nil {
		return nil, err
	}
	lock, err := take(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.release()) }()

	var found findings
	if err := found.files(path); err != nil {
		return nil, err
	}
	if sound, err := found.header(path); err != nil || !sound {
		return found, err
	}
	dir, err := os.MkdirTemp(o.Temp, "claviger-doctor-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied := filepath.Join(dir, "copy.db")
	if err := duplicate(path, copied); err != nil {
		return nil, err
	}
	return found, found.contents(ctx, copied, o)
}

// contents examines a copy, which may change.
func (f *findings) contents(ctx context.Context, copied string, o Options) error {
	sound, err := f.pages(ctx, copied)
	if err != nil || !sound {
		return err
	}
	if sound, err = f.opens(ctx, copied); err != nil || !sound {
		return err
	}
	broken, err := f.rows(ctx, copied)
	if err != nil {
		return err
	}
	if o.Seal == nil {
		f.note("seal", "whether the sealing key opens the signing keys, and whether the log is what was written, was not looked at", "name it: --seal-file KEYFILE")
		return nil
	}
	return f.keys(ctx, copied, o, broken)
}

// resolve follows links, since locks and companions go by the real name.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", &identity.Error{Kind: identity.ErrNotFound, Entity: "database", ID: path}
	}
	return real, err
}

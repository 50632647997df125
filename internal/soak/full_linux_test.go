package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
)

// native plays the parts that only Linux has.
func (c *child) native(part string) error {
	switch part {
	case "full":
		return c.full()
	case "nobody":
		return c.nobody()
	}
	return errors.New("no such part: " + part)
}

// TestFullDisk lets the disk run full in the middle of management calls and of
// token issue: the error is ErrStorage, no token is returned, nothing is there
// by half, and with room again what was refused can be done. A file size limit
// fails with an I/O error; a small file system of its own fails with "full".
//
// The long form fills it 200 times:
//
//	CLAVIGER_SOAK=long go test -run TestFullDisk -v -timeout 60m ./internal/soak
func TestFullDisk(t *testing.T) {
	times := strconv.Itoa(rounds(8, 200))
	t.Run("limit", func(t *testing.T) {
		seed := strconv.FormatUint(seeded(t).Uint64(), 10)
		p := mustStart(t, "full", "limit", t.TempDir(), seed, times)
		t.Log(strings.Join(p.expect(t, "done"), " "))
		p.wait(t)
	})
	t.Run("tmpfs", func(t *testing.T) {
		seed := strconv.FormatUint(seeded(t).Uint64(), 10)
		p, err := prepare(t.Context(), "full", "tmpfs", t.TempDir(), seed, times)
		if err != nil {
			t.Fatal(err)
		}
		p.cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		if err := p.cmd.Start(); err != nil {
			t.Skipf("no user namespace for a file system of our own: %v", err)
		}
		words := p.next()
		switch {
		case len(words) > 0 && words[0] == "unable":
			t.Skipf("no file system of our own: %s", strings.Join(words[1:], " "))
		case len(words) == 0 || words[0] != "done":
			t.Fatalf("the other process said %q; it ended with: %v %s", words, p.cmd.Wait(), p.stderr.String())
		}
		t.Log(strings.Join(words[1:], " "))
		p.wait(t)
	})
}

// disk is something that can run full.
type disk interface {
	squeeze(wal string, room int64) error // leaves about that many bytes for a file to grow
	relieve() error
}

// limited is the limit on the size of files of this process (setrlimit(2)).
type limited struct{ all unix.Rlimit }

func (l limited) squeeze(wal string, room int64) error {
	info, err := os.Stat(wal)
	if err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(info.Size() + room), Max: l.all.Max})
}

func (l limited) relieve() error { return unix.Setrlimit(unix.RLIMIT_FSIZE, &l.all) }

// ballast is a file that takes what is free on a small file system.
type ballast string

func (b ballast) squeeze(_ string, room int64) error {
	f, err := os.Create(string(b))
	if err != nil {
		return err
	}
	n, err := io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(errors.New("the disk did not run full"), err, f.Close())
	}
	return errors.Join(f.Truncate(max(0, n-room)), f.Close())
}

func (b ballast) relieve() error { return os.Remove(string(b)) }

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// full runs out of disk again and again; it is the child of TestFullDisk.
func (c *child) full() error {
	dir := c.args[1]
	seed, err := strconv.ParseUint(c.args[2], 10, 64)
	if err != nil {
		return err
	}
	times, err := strconv.Atoi(c.args[3])
	if err != nil {
		return err
	}
	s := shortage{rng: source(seed)}
	if c.args[0] == "limit" {
		signal.Ignore(syscall.SIGXFSZ) // the write fails with EFBIG instead
		var l limited
		if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &l.all); err != nil {
			return err
		}
		s.disk = l
	} else {
		if err := unix.Mount("none", dir, "tmpfs", 0, "size=8m"); err != nil {
			c.say("unable", err.Error())
			return nil
		}
		s.disk = ballast(filepath.Join(dir, "ballast"))
	}
	for n := range times {
		if err := s.once(context.Background(), filepath.Join(dir, strconv.Itoa(n))); err != nil {
			return fmt.Errorf("time %d: %w", n, err)
		}
	}
	c.say("done", fmt.Sprintf("%d times full: %d writes and %d tokens refused, %d and %d acknowledged, 0 violations",
		times, s.refusedWrites, s.refusedTokens, s.writes, s.tokens))
	return nil
}

// shortage writes and issues tokens on a disk that runs full.
type shortage struct {
	disk disk
	rng  *mathrand.Rand

	// Of the database at hand.
	id    *identity.Authority
	org   identity.OrgID
	work  workload
	units []unit

	writes, refusedWrites, tokens, refusedTokens int
}

// once lets the disk run full under a new database.
func (s *shortage) once(ctx context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(dir, "app.db")
	var err error
	if s.id, err = open(ctx, file, sqlite.Options{}); err != nil {
		return err
	}
	if err := s.fill(ctx, file+"-wal"); err != nil {
		return errors.Join(err, s.id.Close())
	}
	if err := s.id.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if s.id, err = open(ctx, file, sqlite.Options{}); err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	if err := errors.Join(s.check(ctx), s.id.Close()); err != nil {
		return fmt.Errorf("opened again: %w", err)
	}
	return os.RemoveAll(dir)
}

func (s *shortage) fill(ctx context.Context, wal string) error {
	org, err := s.id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: "office"})
	if err != nil {
		return err
	}
	s.org, s.units = org.ID, nil
	if s.work, err = newWorkload(ctx, s.id, s.org, "ci"); err != nil {
		return err
	}
	if err := s.disk.squeeze(wal, int64(s.rng.IntN(200_000))); err != nil {
		return fmt.Errorf("squeeze: %w", err)
	}
	used, unused, err := s.exhaust(ctx)
	if err := errors.Join(err, s.disk.relieve()); err != nil {
		return err
	}
	for _, proof := range used {
		if _, err := s.id.ExchangeAssertion(ctx, proof, identity.TokenRequest{}); !errors.Is(err, identity.ErrRevoked) {
			return fmt.Errorf("with room again, an assertion that got a token: %w", err)
		}
	}
	for _, proof := range unused { // nothing of a refused issue was kept
		if _, err := s.id.ExchangeAssertion(ctx, proof, identity.TokenRequest{}); err != nil {
			return fmt.Errorf("with room again, an assertion that got no token: %w", err)
		}
	}
	if err := s.write(ctx); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	return s.check(ctx)
}

// exhaust writes and issues until both have failed for a while. It returns the
// assertions that got a token, and those that got none.
func (s *shortage) exhaust(ctx context.Context) (used, unused []string, err error) {
	for failures := 0; failures < 6; {
		written := s.write(ctx)
		proof, err := s.work.assertion(ctx)
		if err != nil {
			return nil, nil, err
		}
		got, issued := s.id.ExchangeAssertion(ctx, proof, identity.TokenRequest{})
		switch {
		case issued == nil:
			used, s.tokens = append(used, proof), s.tokens+1
		case !got.Token.IsZero():
			return nil, nil, errors.New("a token was returned with an error")
		default:
			unused, s.refusedTokens = append(unused, proof), s.refusedTokens+1
		}
		for _, err := range []error{written, issued} {
			if err == nil {
				continue
			}
			failures++
			if !errors.Is(err, identity.ErrStorage) || errors.Is(err, identity.ErrUnauthenticated) {
				return nil, nil, fmt.Errorf("a full disk is reported as: %w", err)
			}
		}
	}
	return used, unused, nil
}

func (s *shortage) write(ctx context.Context) error {
	u, err := writeWhole(ctx, s.id, s.org, "u-"+strconv.Itoa(s.writes+s.refusedWrites))
	if err != nil {
		s.refusedWrites++
		return err
	}
	s.units, s.writes = append(s.units, u), s.writes+1
	return nil
}

// check finds what was acknowledged, and nothing else.
func (s *shortage) check(ctx context.Context) error {
	n, err := noHalves(ctx, s.id, s.org, s.units)
	if err == nil && n != len(s.units) {
		err = fmt.Errorf("%d transactions are stored, %d were acknowledged", n, len(s.units))
	}
	return err
}

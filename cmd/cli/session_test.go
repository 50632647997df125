package cli_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/claviger-go/claviger/cmd/cli"
	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

var update = flag.Bool("update", false, "write what the sessions print into testdata")

// TestSession runs the terminal sessions of testdata. In them
//
//	$ claviger …      is typed; what follows is printed, out before err, and [exit N] if N is not 0
//	$ … < FILE        has a file as its standard input
//	$ … > FILE        has its standard output in a file
//	% WORD            breaks something, see damages
//
// and us_1 stands for the first id of its kind that was printed. What other runs and
// releases have otherwise has a word in capitals for it, see hide. Files called
// alone-… run the tool on its own, the others as a host mounts it.
func TestSession(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d sessions, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			file, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(script), !strings.HasPrefix(filepath.Base(file), "alone-"))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(script) {
				t.Errorf("the session differs from %s:\n%s", filepath.Base(file), differences(string(script), got))
			}
		})
	}
}

// play types the commands of a script and returns the script with what was printed.
func play(t *testing.T, script string, mounted bool) string {
	t.Setenv("NO_COLOR", "")
	world := newWorld(t)
	t.Chdir(world.dir)
	ids := newIDs()
	var out strings.Builder
	for text := range strings.Lines(script) {
		text = strings.TrimSuffix(text, "\n")
		switch {
		case strings.HasPrefix(text, "#"):
			if out.Len() > 0 {
				out.WriteString("\n")
			}
			fmt.Fprintln(&out, text)
		case strings.HasPrefix(text, "% "):
			fmt.Fprintf(&out, "\n%s\n", text)
			world.damage(strings.TrimPrefix(text, "% "))
		case strings.HasPrefix(text, "$ "):
			fmt.Fprintf(&out, "\n%s\n", text)
			printed, code := world.typed(ids.restore(strings.TrimPrefix(text, "$ ")), mounted)
			out.WriteString(ids.hide(strings.ReplaceAll(printed, world.dir, "$DIR")))
			if code != 0 {
				fmt.Fprintf(&out, "[exit %d]\n", code)
			}
		}
	}
	return out.String()
}

// world is a folder with a database, as a host made it.
type world struct {
	t   *testing.T
	dir string
	now atomic.Int64 // seconds
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir()}
	w.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix())
	if err := os.Chmod(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.pub", "two.pub", "three.pub"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		w.write(name, text)
	}
	w.write("passphrase", []byte("correct horse battery\n"))
	id, err := w.host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) write(name string, text []byte) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time { return time.Unix(w.now.Load(), 0) }

// tick moves the clock: ids are in the order of the seconds that they were made in.
func (w *world) tick() { w.now.Add(60) }

// host opens the database as the host does.
func (w *world) host(ctx context.Context) (*identity.Authority, error) {
	st, err := sqlite.Open(ctx, filepath.Join(w.dir, "app.db"), sqlite.Options{LockWait: -1})
	if err != nil {
		return nil, err
	}
	return identity.New(ctx, st, identity.Config{
		Issuer: "https://app.example", Seal: token.SealFile(filepath.Join(w.dir, "app.key")), Now: w.clock,
		Permissions: []policy.PermissionSpec{{Name: "wallets:read"}, {Name: "wallets:create"}},
		Roles:       []identity.CodeRole{{Name: "wallet-reader", Permissions: []string{"wallets:read"}}},
	})
}

// typed runs one line and returns what it printed and its exit code.
func (w *world) typed(line string, mounted bool) (string, int) {
	w.t.Helper()
	var in io.Reader = strings.NewReader("")
	if command, file, ok := strings.Cut(line, " < "); ok {
		text, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		line, in = command, bytes.NewReader(text)
	}
	line, file, toFile := strings.Cut(line, " > ")
	words := split(w.t, line)
	if words[0] != "claviger" {
		w.t.Fatalf("no command %q", words[0])
	}
	var out, errs bytes.Buffer
	o := cli.Options{In: in, Out: &out, Err: &errs, Now: w.clock}
	if mounted {
		o.Open = w.host
	}
	w.tick()
	code := cli.Run(w.t.Context(), o, words[1:])
	if toFile {
		w.write(file, out.Bytes())
		out.Reset()
	}
	return out.String() + errs.String(), code
}

// split splits a line into words; "…" is one.
func split(t *testing.T, line string) (words []string) {
	t.Helper()
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	if len(words) == 0 {
		t.Fatal("an empty line")
	}
	return words
}

// ids stand in the sessions for those of this run.
type ids struct {
	short, long map[string]string
	made        map[string]int
}

func newIDs() *ids {
	return &ids{short: map[string]string{}, long: map[string]string{}, made: map[string]int{}}
}

var (
	longID  = regexp.MustCompile(`\b(or|us|sa|gr|ro|bi|cr)_[0-9a-z]{26}\b`)
	shortID = regexp.MustCompile(`\b(or|us|sa|gr|ro|bi|cr)_[0-9]+\b`)
	hash    = regexp.MustCompile(`[A-Za-z0-9+/]{43}=`)
	kid     = regexp.MustCompile(`[A-Za-z0-9_-]{43}\b`)
	spaces  = regexp.MustCompile(` {2,}`)
	opaque  = regexp.MustCompile(`\bcvg_[a-z]{2}_[0-9a-z]{60,}`)
	damaged = regexp.MustCompile(`(the database is damaged: ).*?(  restore)`)
	schema  = regexp.MustCompile(`(this release (?:knows|needs) )[0-9]+`)
)

func (x *ids) hide(text string) string {
	text = longID.ReplaceAllStringFunc(text, func(id string) string {
		if x.short[id] == "" {
			kind, _, _ := strings.Cut(id, "_")
			x.made[kind]++
			x.short[id] = fmt.Sprintf("%s_%d", kind, x.made[kind])
			x.long[x.short[id]] = id
		}
		return x.short[id]
	})
	text = opaque.ReplaceAllString(text, "SECRET")
	text = kid.ReplaceAllString(hash.ReplaceAllString(text, "HASH"), "KID")
	text = damaged.ReplaceAllString(spaces.ReplaceAllString(text, "  "), "$1…$2")
	text = schema.ReplaceAllString(text, "${1}VERSION") // which every migration raises
	return regexp.MustCompile(`(?m) +$`).ReplaceAllString(text, "")
}

func (x *ids) restore(line string) string {
	return shortID.ReplaceAllStringFunc(line, func(id string) string {
		if long, ok := x.long[id]; ok {
			return long
		}
		return id
	})
}

// differences lists the lines that two texts do not share, from the first on.
func differences(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range w {
		if i >= len(g) || w[i] != g[i] {
			from := max(0, i-2)
			return "want\n\t" + strings.Join(w[from:min(len(w), i+8)], "\n\t") + "\ngot\n\t" + strings.Join(g[min(from, len(g)):min(len(g), i+8)], "\n\t")
		}
	}
	return "got more:\n" + strings.Join(g[len(w):], "\n")
}

// TestEveryCommandIsShown fails for a command that no session types with success.
func TestEveryCommandIsShown(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(script), "\n$ ")[1:] {
			line, printed, _ := strings.Cut(part, "\n")
			if strings.Contains(printed, "[exit") && !strings.Contains(printed, "[exit 3]") {
				continue
			}
			line, _, _ = strings.Cut(line, " < ")
			line, _, _ = strings.Cut(line, " > ")
			cmd, _, err := cli.New(cli.Options{}).Find(split(t, line)[1:])
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			shown[cmd.CommandPath()] = true
		}
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if !cmd.HasSubCommands() && !shown[cmd.CommandPath()] {
			t.Errorf("%s is in no session of testdata", cmd.CommandPath())
		}
	}
	walk(cli.New(cli.Options{}))
}

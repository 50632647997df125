package soak

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// childVariable names the part that a process started by a test plays.
const childVariable = "CLAVIGER_SOAK_CHILD"

// child is what a part has of its process: lines to and from the test.
type child struct {
	args []string
	in   *bufio.Scanner
	mu   sync.Mutex
}

// play runs one part and returns the exit code.
func play(part string, args []string) int {
	c := &child{args: args, in: bufio.NewScanner(os.Stdin)}
	var err error
	switch part {
	case "writer":
		err = c.writer()
	case "victim":
		err = c.victim()
	case "resealer":
		err = c.resealer()
	case "opener":
		err = c.opener()
	case "asker":
		err = c.asker()
	case "exchanger":
		err = c.exchanger()
	case "narrower":
		err = c.narrower()
	default:
		err = c.native(part)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", part, err)
		return 1
	}
	return 0
}

// say sends one line. Each is one write, shorter than what a pipe takes whole,
// so that a killed process has said a line or not.
func (c *child) say(words ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = os.Stdout.WriteString(strings.Join(words, " ") + "\n") // without a reader the process is ended by SIGPIPE
}

// hear waits for a line of the test.
func (c *child) hear() error {
	if !c.in.Scan() {
		return errors.Join(io.ErrUnexpectedEOF, c.in.Err())
	}
	return nil
}

// process is a started part, seen from the test.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr strings.Builder
}

// start runs this test binary again, playing a part.
func start(ctx context.Context, part string, args ...string) (*process, error) {
	p, err := prepare(ctx, part, args...)
	if err != nil {
		return nil, err
	}
	return p, p.cmd.Start()
}

// prepare does all of start but the start.
func prepare(ctx context.Context, part string, args ...string) (*process, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, binary, args...)}
	p.cmd.Env = append(os.Environ(), childVariable+"="+part)
	p.cmd.Stderr = &p.stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, nil
}

func mustStart(t *testing.T, part string, args ...string) *process {
	t.Helper()
	p, err := start(t.Context(), part, args...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// next returns the words of the next whole line, or nil at the end.
func (p *process) next() []string {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(line, "\n"), " ")
}

// expect stops the test unless the next line begins with a word; it returns the rest.
func (p *process) expect(t *testing.T, word string) []string {
	t.Helper()
	got := p.next()
	if len(got) == 0 || got[0] != word {
		t.Fatalf("the other process said %q, not %q; it ended with: %v %s", got, word, p.cmd.Wait(), p.stderr.String())
	}
	return got[1:]
}

// tell sends a line.
func (p *process) tell(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// wait lets the process end by itself.
func (p *process) wait(t *testing.T) {
	t.Helper()
	_ = p.in.Close()
	for p.next() != nil {
	}
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("the other process failed: %v: %s", err, p.stderr.String())
	}
}

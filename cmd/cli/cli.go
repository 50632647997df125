package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/claviger-go/claviger/identity"
)

// Options are what the commands need of who runs them. The zero value is the
// tool on its own, in the process's standard streams.
type Options struct {
	// Open gives the Authority to work with; each command opens one and closes it.
	// With nil the commands have flags that name a database file and its sealing key.
	Open func(ctx context.Context) (*identity.Authority, error)
	// In, Out and Err are the streams; nil means those of the process.
	In       io.Reader
	Out, Err io.Writer
	// Terminal says that a person looks at Out: verdicts are coloured, unless the
	// environment variable NO_COLOR is set and not empty (https://no-color.org).
	Terminal bool
	// Now is the clock of the tool on its own; nil means the system's.
	Now func() time.Time
}

// tool is one invocation.
type tool struct {
	Options
	format format
	reason string
	file   fileFlags
}

// New makes the command "claviger" with everything below it. Its errors are not
// printed by cobra: whoever executes it prints the error, on one line, and exits
// with [ExitCode].
func New(o Options) *cobra.Command {
	if o.In == nil {
		o.In = os.Stdin
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Err == nil {
		o.Err = os.Stderr
	}
	t := &tool{Options: o}
	root := t.group("claviger", "Work on an identity database", "orgs", "accounts", "groups", "keys", "tokens", "roles", "bindings",
		"explain", "who-can", "audit", "recover", "backup", "restore", "doctor")
	root.Long = rootHelp
	root.SetIn(o.In)
	root.SetOut(o.Out)
	root.SetErr(o.Err)
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.VarP(&t.format, "output", "o", "how to print: table or json, an object on each line")
	flags.StringVar(&t.reason, "reason", "", "why, for the audit")
	if o.Open == nil {
		t.file.add(flags)
	}
	complete(root, "output", "table", "json")
	root.AddCommand(t.orgs(), t.accounts(), t.groups(), t.keys(), t.tokens(), t.roles(), t.bindings(), t.explain(), t.whoCan(), t.audit(),
		t.recover(), t.backup(), t.restore(), t.doctor())
	return root
}

const rootHelp = `Work on an identity database.

Exit codes:
  0  done; explain: allowed; doctor: nothing is wrong
  1  failed: the file, the sealing key, the disk
  2  not understood: the last line says what to type
  3  the answer is no; explain: denied; doctor, audit verify, check-export: something is wrong; unlock: something is left
  4  not found
  5  refused as things are: a conflict, a limit, in use, not active
  6  busy: another process has the file, or writes; it may be repeated`

// Run executes the arguments, prints an error in one line and returns the exit
// code.
func Run(ctx context.Context, o Options, args []string) int {
	root := New(o)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if text := oneLine(err); text != "" {
		_, _ = fmt.Fprintln(root.ErrOrStderr(), "claviger: "+text) // there is nowhere else to say it
	}
	return ExitCode(err)
}

// session is one command at work on an open Authority.
type session struct {
	*tool
	*identity.Authority
	sys  *identity.Admin // the host itself, with the reason for the audit
	args []string
	out  printer
}

// with opens the Authority for one command and closes it.
func (t *tool) with(cmd *cobra.Command, args []string, run func(context.Context, *session) error) (err error) {
	ctx := cmd.Context()
	open := t.Open
	if open == nil {
		open = t.openFile
	}
	id, err := open(ctx)
	if err != nil {
		return asUsage(cmd, err)
	}
	defer func() { err = errors.Join(err, id.Close()) }()
	reason := cmd.CommandPath()
	if t.reason != "" {
		reason += ": " + t.reason
	}
	s := &session{tool: t, Authority: id, sys: id.System(reason), args: args, out: t.printer()}
	return asUsage(cmd, run(ctx, s))
}

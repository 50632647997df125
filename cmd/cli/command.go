package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// leaf is one command that does something.
type leaf struct {
	use      string // the whole line to type after the name of its group
	short    string
	long     string
	args     int // how many words it takes
	flags    func(*pflag.FlagSet)
	required []string // flags
	final    bool     // cannot be taken back: wants --yes
	run      func(context.Context, *session) error
	offline  func(cmd *cobra.Command, args []string) error // instead of run, where there is nothing to open
}

// command makes a leaf into a command that checks what was typed before anything
// is opened.
func (t *tool) command(l leaf) *cobra.Command {
	yes := false
	if l.final {
		l.use += " --yes"
	}
	cmd := &cobra.Command{
		Use: l.use, Short: l.short, Long: l.long, DisableFlagsInUseLine: true, SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != l.args {
				return wrongUse(cmd, fmt.Sprintf("%s takes %s, not %d", cmd.CommandPath(), count(l.args, "argument"), len(args)))
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range l.required {
				if !cmd.Flags().Changed(name) {
					return wrongUse(cmd, "--"+name+" is required")
				}
			}
			if l.final && !yes {
				return wrongUse(cmd, "this cannot be taken back and wants --yes")
			}
			if l.offline != nil {
				return l.offline(cmd, args)
			}
			return t.with(cmd, args, l.run)
		},
	}
	if l.flags != nil {
		l.flags(cmd.Flags())
	}
	if l.final {
		cmd.Flags().BoolVar(&yes, "yes", false, "it cannot be taken back, and is meant")
	}
	return cmd
}

// group makes a command that only has others below it.
func (t *tool) group(name, short string, below ...string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, DisableFlagsInUseLine: true, SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			wrong := "which command of " + cmd.CommandPath()
			if len(args) > 0 {
				wrong = fmt.Sprintf("%s has no command %q", cmd.CommandPath(), args[0])
			}
			return &usageError{wrong: wrong, typed: cmd.CommandPath() + " " + strings.Join(below, "|")}
		},
	}
}

// complete offers the values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// It fails for a flag that is not there, which a test of every command would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
)

func (t *tool) backup() *cobra.Command {
	return t.command(leaf{use: "backup FILE", short: "Write a copy of the database to a new file", args: 1,
		long: "Write a copy of the database to a new file, mode 0600. The sealing key is not in it: keep it apart, and keep it.",
		run: func(ctx context.Context, s *session) error {
			if err := s.sys.Backup(ctx, s.args[0]); err != nil {
				return err
			}
			return s.out.one(row{{"file", s.args[0], false}})
		}})
}

func (t *tool) restore() *cobra.Command {
	return t.command(leaf{use: "restore BACKUP --db FILE", short: "Put a backup in the place of a database that nobody has open", args: 1, final: true,
		long: `Put a backup in the place of a database that nobody has open. The next start of the host raises the fence: what was issued since is dead, and
API tokens and client secrets may be held until "recover release-held".`,
		flags: t.offlineFile,
		offline: func(cmd *cobra.Command, args []string) error {
			if t.file.db == "" {
				return wrongUse(cmd, "--db is required")
			}
			if _, err := os.Stat(args[0]); errors.Is(err, fs.ErrNotExist) {
				return &identity.Error{Kind: identity.ErrNotFound, Entity: "backup", ID: args[0]}
			}
			if err := sqlite.Restore(cmd.Context(), args[0], t.file.db); err != nil {
				return t.inTheWay(err)
			}
			return t.printer().one(row{{"file", t.file.db, false}, {"restored_from", args[0], false}})
		}})
}

// offlineFile adds the flags of a file to a command that works on one, also among
// those of a host.
func (t *tool) offlineFile(f *pflag.FlagSet) {
	if t.Open != nil {
		t.file.add(f)
	}
}

// inTheWay says what to do about a process that has a file which is wanted alone.
func (t *tool) inTheWay(err error) error {
	if !errors.Is(err, identity.ErrLocked) {
		return err
	}
	return &identity.Error{Kind: identity.ErrLocked, Entity: "database", ID: t.file.db, Err: errors.New("a running server has it: stop it, " +
		"with every process that opened it with sqlite.Options{Shared: true}")}
}

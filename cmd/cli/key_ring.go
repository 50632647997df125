package cli

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// resetRing works on the file also for a host: no Authority can have it open, since
// none can be opened.
func (t *tool) resetRing() *cobra.Command {
	var algorithm string
	cmd := t.command(leaf{use: "reset-ring --db FILE --seal-file KEYFILE --reason TEXT", short: "Give a database whose sealing key is lost new keys", final: true,
		long: `Give a database whose sealing key is lost new keys, sealed with the key named here; a key file that is not there is made. Every access token
dies, and the log begins a new chain in every org; accounts, rights, API tokens and credentials live on. No process may have the file open.`,
		required: []string{"reason"},
		flags: func(f *pflag.FlagSet) {
			t.offlineFile(f)
			f.StringVar(&algorithm, "algorithm", string(token.AlgEdDSA), "of the new signing keys, as the host has it: EdDSA or ES256")
		},
		offline: func(cmd *cobra.Command, _ []string) (err error) {
			if t.file.db == "" {
				return wrongUse(cmd, "--db is required")
			}
			if _, err := os.Stat(t.file.db); errors.Is(err, fs.ErrNotExist) {
				return &identity.Error{Kind: identity.ErrNotFound, Entity: "database", ID: t.file.db}
			}
			seal, err := t.file.seal.open(t.In)
			if err != nil {
				return err
			}
			st, err := sqlite.Open(cmd.Context(), t.file.db, sqlite.Options{Migrate: sqlite.Check, LockWait: -1})
			if err != nil {
				return t.inTheWay(err)
			}
			defer func() { err = errors.Join(err, st.Close()) }()
			cfg := identity.Config{Issuer: toolIssuer, Seal: seal, Now: t.Now, TokenAlgorithm: token.Algorithm(algorithm)}
			if err := identity.ResetKeyRing(cmd.Context(), st, cfg, cmd.CommandPath()+": "+t.reason); err != nil {
				return asUsage(cmd, err)
			}
			return t.printer().one(row{{"file", t.file.db, false}, {"reset", true, false}})
		}})
	complete(cmd, "algorithm", string(token.AlgEdDSA), string(token.AlgES256))
	return cmd
}

package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

func (t *tool) auditExport() *cobra.Command {
	var org orgFlag
	var kept string
	use, required := "export FILE|- --org ORG [--head FILE]", []string{"org"}
	if t.Open == nil {
		use, required = "export FILE|- --org ORG --issuer URL [--head FILE]", append(required, "issuer")
	}
	return t.command(leaf{use: use, short: "Write the log of an org, verified and signed, to a new file or the standard output", args: 1,
		long: `Write the log of an org, verified and signed, to a new file, mode 0600, or to the standard output: a line of JSON for each event, oldest
first, and a last one that the instance has signed. Keep the host's JWKS of the day with whoever will check it: claviger audit check-export.`,
		required: required,
		flags: func(f *pflag.FlagSet) {
			org.add(f)
			keptFlag(f, &kept)
			if t.Open == nil {
				f.StringVar(&t.file.issuer, "issuer", "", "the host's issuer, in whose name the export is signed")
			}
		},
		run: func(ctx context.Context, s *session) error {
			of, err := s.org(ctx, string(org))
			if err != nil {
				return err
			}
			heads, err := headsOf(of.ID, kept)
			if err != nil {
				return err
			}
			in := s.sys.In(of.ID)
			if s.args[0] == "-" {
				_, err := in.ExportAudit(ctx, s.Out, heads[of.ID]...)
				return err
			}
			head, err := exportTo(ctx, in, s.args[0], heads[of.ID])
			if err != nil {
				return err
			}
			return s.out.one(append(headRow(head), field{"file", s.args[0], false}))
		}})
}

// exportTo writes an export to a new file, which is there whole or not at all.
func exportTo(ctx context.Context, in *identity.OrgAdmin, path string, kept []identity.AuditHead) (identity.AuditHead, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return identity.AuditHead{}, err
	}
	w := bufio.NewWriter(file)
	head, err := in.ExportAudit(ctx, w, kept...)
	if err == nil {
		err = errors.Join(w.Flush(), file.Sync())
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return identity.AuditHead{}, errors.Join(err, os.Remove(path))
	}
	return head, nil
}

func (t *tool) auditCheckExport() *cobra.Command {
	var jwks, issuer string
	return t.command(leaf{use: "check-export FILE|- --jwks FILE --issuer URL", short: "Check an export without the database", args: 1,
		long: `Check an export without the database: that the host signed it, that not a byte of it is another, and that no event is missing up to the
head that is printed. Exits with 3 if it is not so. The JWKS is the host's of the day of the export, and not from whoever hands over the export.`,
		required: []string{"jwks", "issuer"},
		flags: func(f *pflag.FlagSet) {
			f.StringVar(&jwks, "jwks", "", "the host's public keys (RFC 7517, section 5)")
			f.StringVar(&issuer, "issuer", "", "the host's issuer")
		},
		offline: func(_ *cobra.Command, args []string) error {
			keys, err := readKeySet(jwks)
			if err != nil {
				return err
			}
			in := t.In
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer func() { _ = file.Close() }() // it was only read
				in = file
			}
			return t.checkExport(in, keys, issuer)
		}})
}

func (t *tool) checkExport(in io.Reader, keys *token.KeySet, issuer string) error {
	from := &witness{from: in}
	head, err := identity.VerifyExport(from, keys, issuer)
	if from.failed != nil {
		return from.failed
	}
	v, err := judged("", head, err)
	if err != nil { // no event is to blame, but it is not what was signed
		v = logVerdict{wrong: cause(err)}
	}
	if err := t.printer().one(verdictRow(v)); err != nil {
		return err
	}
	if v.wrong != "" {
		return errNo
	}
	return nil
}

// cause is what an error says without where it arose.
func cause(err error) string {
	var known *identity.Error
	if errors.As(err, &known) && known.Err != nil {
		return known.Err.Error()
	}
	return trimmed(err)
}

// witness tells what could not be read from what is not right.
type witness struct {
	from   io.Reader
	failed error
}

// Read remembers a failure.
func (w *witness) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.failed = err
	}
	return n, err
}

const maxKeySet = 1 << 20 // more than token.ParseKeySet takes

func readKeySet(path string) (*token.KeySet, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxKeySet))
	if err != nil {
		return nil, err
	}
	keys, err := token.ParseKeySet(text)
	if err != nil {
		return nil, &usageError{wrong: path + ": " + err.Error(), typed: "--jwks FILE, as the host publishes it", cause: err}
	}
	return keys, nil
}

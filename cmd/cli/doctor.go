package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/claviger-go/claviger/cmd/doctor"
)

func findingRow(f doctor.Finding) row {
	return row{{"severity", string(f.Severity), false}, {"check", f.Check, false}, {"found", f.Found, false}, {"do", f.Do, false}}
}

func (t *tool) doctor() *cobra.Command {
	return t.command(leaf{use: "doctor --db FILE [--seal-file KEYFILE]", short: "Look for what is wrong with a database file, and change nothing",
		long: `Look for what is wrong with a database file: modes, damage, the schema, loose ends, gaps in the log, and with the sealing key
whether it fits, whether the log is what was written, and who can give rights. It looks at a copy, which it removes, and changes nothing. No process may have the file open. Each line says what to do.`,
		flags: t.offlineFile,
		offline: func(cmd *cobra.Command, _ []string) error {
			if t.file.db == "" {
				return wrongUse(cmd, "--db is required")
			}
			o := doctor.Options{Now: t.Now}
			if t.file.seal.given() {
				seal, err := t.file.seal.open(t.In)
				if err != nil {
					return err
				}
				o.Seal = &seal
			}
			found, err := doctor.Examine(cmd.Context(), t.file.db, o)
			if err != nil {
				return err
			}
			return t.findings(found)
		}})
}

// findings prints what was found; a problem is a no.
func (t *tool) findings(found []doctor.Finding) error {
	if len(found) == 0 && t.format != "json" {
		_, err := fmt.Fprintln(t.Out, "nothing is wrong")
		return err
	}
	wrong := false
	err := t.printer().list(findingRow(doctor.Finding{}), func(yield func(row, error) bool) {
		for _, f := range found {
			wrong = wrong || f.Severity == doctor.Problem
			if !yield(findingRow(f), nil) {
				return
			}
		}
	})
	if err == nil && wrong {
		err = errNo
	}
	return err
}

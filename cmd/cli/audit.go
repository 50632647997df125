package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func eventRow(e identity.Event) row {
	return row{
		{"seq", e.Seq, false}, {"at", e.At, false}, {"actor", e.Actor, false}, {"verb", e.Verb, false}, {"noun", e.Noun, false},
		{"id", e.ID, false}, {"reason", e.Reason, false}, {"revision", e.Revision, true}, {"item", e.Item, true}, {"org", string(e.Org), true},
		{"on_behalf_of", e.OnBehalfOf, true}, {"credential", e.Credential, true}, {"request_id", e.RequestID, true},
		{"before", json.RawMessage(e.Before), true}, {"after", json.RawMessage(e.After), true},
		{"before_sha256", base64Text(e.BeforeHash), true}, {"after_sha256", base64Text(e.AfterHash), true},
		{"prev", base64Text(e.Prev), true}, {"mac", base64Text(e.MAC), true},
	}
}

// base64Text writes bytes as an export of the log does.
func base64Text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func (t *tool) audit() *cobra.Command {
	g := t.group("audit", "Read, check and export the log of an org", "list", "head", "verify", "export", "check-export")
	g.AddCommand(t.auditList(), t.auditHead(), t.auditVerify(), t.auditExport(), t.auditCheckExport())
	return g
}

// eventFlags select events; zero values select all.
type eventFlags struct {
	identity.EventFilter
	since, until moment
	after        uint64
	limit        uint
}

func (f *eventFlags) add(flags *pflag.FlagSet) {
	flags.Uint64Var(&f.after, "after", 0, "only those after this seq")
	flags.Var(&f.since, "since", "not before this (RFC 3339)")
	flags.Var(&f.until, "until", "before this (RFC 3339)")
	flags.StringVar(&f.Noun, "noun", "", "only what happened to such things, like account")
	flags.StringVar(&f.ID, "id", "", "only what happened to the thing with this id")
	flags.StringVar(&f.Verb, "verb", "", "only what happened so, like create")
	flags.StringVar(&f.Actor, "actor", "", "only what this account did; system is the host")
	flags.BoolVar(&f.NewestFirst, "newest", false, "the newest first")
	flags.UintVar(&f.limit, "limit", 0, "at most so many; 0 is all")
}

// events yields what the flags select. Of what they need not see they read
// nothing, but for what stands before --after.
func (f *eventFlags) events(ctx context.Context, in *identity.OrgAdmin) func(func(identity.Event, error) bool) {
	filter := f.EventFilter
	filter.From, filter.Until = f.since.Time, f.until.Time
	return func(yield func(identity.Event, error) bool) {
		shown := uint(0)
		for e, err := range in.AllEvents(ctx, filter) {
			if err == nil && e.Seq <= f.after {
				if f.NewestFirst {
					return
				}
				continue
			}
			if !yield(e, err) {
				return
			}
			if shown++; shown == f.limit {
				return
			}
		}
	}
}

func (t *tool) auditList() *cobra.Command {
	var flags eventFlags
	return t.inOrg(leaf{
		use:   "list --org ORG [--after SEQ] [--since TIME] [--until TIME] [--noun NOUN] [--id ID] [--verb VERB] [--actor ACTOR] [--newest] [--limit N]",
		short: "List what happened in an org, oldest first",
		long:  "List what happened in an org, oldest first. With -o json each line is a whole event, with what was before and after."},
		flags.add,
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			return s.out.list(eventRow(identity.Event{}), rowsOf(flags.events(ctx, in), eventRow))
		})
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

// headRow has the names that identity.AuditHead has in JSON, so that a line that
// was printed can be kept and read again.
func headRow(h identity.AuditHead) row {
	return row{
		{"org", string(h.Org), false}, {"seq", h.Seq, false}, {"at", h.At, false}, {"since", h.Since, false}, {"mac", base64Text(h.MAC), false},
	}
}

// chosen finds the org that was named, or every org. The log of one that was
// deleted cannot be read any more, which it says.
func (s *session) chosen(ctx context.Context, f orgFlag) (orgs, deleted []identity.OrgID, err error) {
	if f != "" {
		org, err := s.org(ctx, string(f))
		return []identity.OrgID{org.ID}, nil, err
	}
	for org, err := range s.sys.AllOrgs(ctx, identity.OrgFilter{}) {
		if err != nil {
			return nil, nil, err
		}
		if org.State != identity.OrgDeleted {
			orgs = append(orgs, org.ID)
			continue
		}
		deleted = append(deleted, org.ID)
		if _, err := fmt.Fprintf(s.Err, "note: the org %s (%s) was deleted: its log is not read\n", org.ID, org.Slug); err != nil {
			return nil, nil, err
		}
	}
	return orgs, deleted, nil
}

func (t *tool) auditHead() *cobra.Command {
	var org orgFlag
	return t.command(leaf{use: "head [--org ORG]", short: "Print where the log of an org, or of every org, ends",
		long: `Print where the log of an org, or of every org, ends. Kept where nobody who can write the database can write, it shows later that nothing was
cut off or made anew: claviger audit head -o json > FILE, and another day claviger audit verify --head FILE.`,
		flags: func(f *pflag.FlagSet) { org.add(f) },
		run: func(ctx context.Context, s *session) error {
			orgs, _, err := s.chosen(ctx, org)
			if err != nil {
				return err
			}
			return s.out.list(headRow(identity.AuditHead{}), func(yield func(row, error) bool) {
				for _, id := range orgs {
					head, err := s.sys.In(id).AuditHead(ctx)
					if !yield(headRow(head), err) || err != nil {
						return
					}
				}
			})
		}})
}

// verdict on a log or an export of one: what was found, and whether it is what was
// written.
type logVerdict struct {
	head  identity.AuditHead // of what is not intact only the org, and the first event that is not
	wrong string             // empty: it is intact
}

// verdictRow of a log that is not intact has no MAC, so that it cannot pass for a
// head.
func verdictRow(v logVerdict) row {
	return append(headRow(v.head), field{"intact", v.wrong == "", false}, field{"wrong", v.wrong, false})
}

// judged turns an error that names an event into a verdict.
func judged(org identity.OrgID, head identity.AuditHead, err error) (logVerdict, error) {
	var bad *identity.AuditError
	if errors.As(err, &bad) {
		return logVerdict{identity.AuditHead{Org: org, Seq: bad.Seq}, bad.Error()}, nil
	}
	return logVerdict{head: head}, err
}

func (t *tool) auditVerify() *cobra.Command {
	var org orgFlag
	var kept string
	return t.command(leaf{use: "verify [--org ORG] [--head FILE]", short: "Check that the log of an org, or of every org, is what was written",
		long: `Check that the log of an org, or of every org, is what was written: every event, in its place, with nothing missing between. Only with the
heads of an earlier day does it show whether something was cut off at the end. Exits with 3 if it is not.`,
		flags: func(f *pflag.FlagSet) {
			org.add(f)
			keptFlag(f, &kept)
		},
		run: func(ctx context.Context, s *session) error {
			orgs, deleted, err := s.chosen(ctx, org)
			if err != nil {
				return err
			}
			heads, err := readHeads(kept)
			if org != "" {
				heads, err = headsOf(orgs[0], kept)
			}
			if err != nil {
				return err
			}
			for _, id := range deleted {
				delete(heads, id)
			}
			return s.verify(ctx, orgs, heads)
		}})
}

// verify prints a verdict on each log. The orgs that heads were kept of must be
// among them.
func (s *session) verify(ctx context.Context, orgs []identity.OrgID, heads headsByOrg) error {
	intact := true
	err := s.out.list(verdictRow(logVerdict{}), func(yield func(row, error) bool) {
		for _, id := range orgs {
			head, err := s.sys.In(id).VerifyAudit(ctx, heads[id]...)
			delete(heads, id)
			v, err := judged(id, head, err)
			intact = intact && v.wrong == ""
			if !yield(verdictRow(v), err) || err != nil {
				return
			}
		}
		for _, id := range slices.Sorted(maps.Keys(heads)) {
			intact = false
			if !yield(verdictRow(logVerdict{identity.AuditHead{Org: id}, "the org is not there any more"}), nil) {
				return
			}
		}
	})
	if err == nil && !intact {
		err = errNo
	}
	return err
}

func keptFlag(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "head", "", "a file with heads that were kept, as audit head -o json prints them")
}

const (
	maxHeads = 16 << 20
	macSize  = 32 // HMAC-SHA256
)

// headsByOrg are heads that were kept.
type headsByOrg map[identity.OrgID][]identity.AuditHead

// readHeads reads the heads that were kept, of any number of orgs; no file has none.
func readHeads(file string) (headsByOrg, error) {
	heads := headsByOrg{}
	if file == "" {
		return heads, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := json.NewDecoder(io.LimitReader(f, maxHeads))
	for {
		var h identity.AuditHead
		err := lines.Decode(&h)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || !isHead(h) {
			return nil, wrongHeads(file, "holds something else than heads")
		}
		heads[h.Org] = append(heads[h.Org], h)
	}
	if len(heads) == 0 {
		return nil, wrongHeads(file, "holds no head")
	}
	return heads, nil
}

// isHead refuses what was printed of a log that is not intact.
func isHead(h identity.AuditHead) bool {
	mac := macSize
	if h.Seq == 0 { // the end of an empty log
		mac = 0
	}
	_, err := identity.ParseID[identity.Org](string(h.Org))
	return err == nil && len(h.MAC) == mac
}

// headsOf reads the heads that were kept of one org. A file without one is the
// wrong file.
func headsOf(org identity.OrgID, file string) (headsByOrg, error) {
	all, err := readHeads(file)
	if err != nil || file == "" {
		return all, err
	}
	if len(all[org]) == 0 {
		return nil, wrongHeads(file, "holds no head of "+string(org))
	}
	return headsByOrg{org: all[org]}, nil
}

func wrongHeads(file, why string) error {
	return &usageError{wrong: file + " " + why, typed: "--head FILE, as claviger audit head -o json prints it"}
}

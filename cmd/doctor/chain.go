package doctor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/claviger-go/claviger/identity"
)

// link is one event of the log, as far as the chain goes.
type link struct {
	org                                             string
	seq                                             int64
	before, after, beforeHash, afterHash, prev, mac []byte
}

// chain sees that each org's log has no gap, that every event holds on to the one
// before it, and that what was before and after is what the event says. It has no
// key, so it does not see a log that was rewritten by who knows how. It returns
// the orgs whose log is broken.
func (f *findings) chain(ctx context.Context, db *sql.DB) (broken []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT org_id, seq, before, after, before_hash, after_hash, prev, mac FROM identity_event ORDER BY org_id, seq`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var last link
	for rows.Next() {
		var e link
		if err := rows.Scan(&e.org, &e.seq, &e.before, &e.after, &e.beforeHash, &e.afterHash, &e.prev, &e.mac); err != nil {
			return nil, err
		}
		if e.org != last.org {
			last = link{org: e.org}
		}
		if wrong := e.follows(last); wrong != "" && !slices.Contains(broken, e.org) {
			broken = append(broken, e.org)
			f.problem("audit", fmt.Sprintf("org %s: %s", e.org, wrong), distrust)
		}
		last = e
	}
	return broken, rows.Err()
}

const distrust = "the log is not to be trusted from there on; compare it with a backup or an export"

// verify does what chain does with the key, in the orgs whose log seems sound.
func (f *findings) verify(ctx context.Context, id *identity.Authority, broken []string) error {
	sys := id.System("claviger doctor")
	for org, err := range sys.AllOrgs(ctx, identity.OrgFilter{}) {
		if err != nil {
			return err
		}
		if org.State == identity.OrgDeleted || slices.Contains(broken, string(org.ID)) {
			continue // the log of a deleted org cannot be read this way
		}
		_, err := sys.In(org.ID).VerifyAudit(ctx)
		var bad *identity.AuditError
		switch {
		case errors.As(err, &bad):
			f.problem("audit", fmt.Sprintf("org %s: event %d %s", bad.Org, bad.Seq, bad.Why), distrust)
		case err != nil:
			return err
		}
	}
	return nil
}

// follows says what is wrong with an event behind another, or "".
func (e link) follows(last link) string {
	switch {
	case e.seq > last.seq+1:
		return fmt.Sprintf("events are missing from the log: behind %d comes %d", last.seq, e.seq)
	case !bytes.Equal(e.prev, last.mac):
		return fmt.Sprintf("event %d does not follow event %d", e.seq, last.seq)
	case !hashed(e.before, e.beforeHash) || !hashed(e.after, e.afterHash):
		return fmt.Sprintf("event %d was altered", e.seq)
	}
	return ""
}

// hashed reports whether a text has its hash. A text that was purged is absent,
// and its hash stays.
func hashed(text, hash []byte) bool {
	if text == nil {
		return true
	}
	sum := sha256.Sum256(text)
	return bytes.Equal(sum[:], hash)
}

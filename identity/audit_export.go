package identity

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"hash"
	"io"
	"time"

	"github.com/claviger-go/claviger/token"
)

// auditLine is one line of an export: an event, with the names and the order
// that its readers rely on.
type auditLine struct {
	Revision   uint64          `json:"revision"`
	Item       uint32          `json:"item"`
	Org        OrgID           `json:"org"`
	Seq        uint64          `json:"seq"`
	At         time.Time       `json:"at"`
	Noun       string          `json:"noun"`
	ID         string          `json:"id"`
	Verb       string          `json:"verb"`
	Actor      string          `json:"actor"`
	Reason     string          `json:"reason,omitempty"`
	OnBehalfOf string          `json:"on_behalf_of,omitempty"`
	Credential string          `json:"credential,omitempty"`
	RequestID  string          `json:"request_id,omitempty"`
	Before     json.RawMessage `json:"before,omitempty"`
	After      json.RawMessage `json:"after,omitempty"`
	BeforeHash []byte          `json:"before_sha256,omitempty"`
	AfterHash  []byte          `json:"after_sha256,omitempty"`
	Prev       []byte          `json:"prev,omitempty"`
	MAC        []byte          `json:"mac"`
}

// auditSeal is the last line of an export. Statement is a JWS in compact form,
// a token.StatementAudit, over an auditStatement.
type auditSeal struct {
	Statement string `json:"statement"`
}

// auditStatement is what the instance says of an export: what it holds, by the
// hash of all lines before this one.
type auditStatement struct {
	Issuer string    `json:"iss"`
	Made   int64     `json:"iat"`
	Head   AuditHead `json:"head"`
	Hash   []byte    `json:"sha256"`
}

func lineOf(e *Event) auditLine {
	return auditLine{
		Revision: e.Revision, Item: e.Item, Org: e.Org, Seq: e.Seq, At: e.At.UTC(), Noun: e.Noun, ID: e.ID, Verb: e.Verb, Actor: e.Actor,
		Reason: e.Reason, OnBehalfOf: e.OnBehalfOf, Credential: e.Credential, RequestID: e.RequestID, Before: e.Before, After: e.After,
		BeforeHash: e.BeforeHash, AfterHash: e.AfterHash, Prev: e.Prev, MAC: e.MAC,
	}
}

// event is what the line says, but for what only the MAC covers.
func (l *auditLine) event() *Event {
	return &Event{
		Revision: l.Revision, Item: l.Item, Org: l.Org, Seq: l.Seq, At: l.At, Before: l.Before, After: l.After,
		BeforeHash: l.BeforeHash, AfterHash: l.AfterHash, Prev: l.Prev, MAC: l.MAC,
	}
}

const (
	// maxAuditLine is the longest line that is read: two rows as JSON.
	maxAuditLine = 16 << 20
)

// ExportAudit writes the org's log, verified as [OrgAdmin.VerifyAudit] does, as
// lines of JSON: one an event, oldest first, and a last one that the instance
// has signed. [VerifyExport] checks it without the database. A writer that fails
// fails it with ErrInvalid; what it has then is no export. It needs
// identity:events.read.
func (o *OrgAdmin) ExportAudit(ctx context.Context, to io.Writer, kept ...AuditHead) (AuditHead, error) {
	const op = "ExportAudit"
	sum := sha256.New()
	lines := json.NewEncoder(io.MultiWriter(to, sum))
	head, err := o.verifyAudit(ctx, op, kept, func(events []Event) error {
		for i := range events {
			if err := lines.Encode(lineOf(&events[i])); err != nil {
				return badWriter(err)
			}
		}
		return nil
	})
	if err != nil {
		return AuditHead{}, err
	}
	seal, err := o.a.sealExport(ctx, head, sum)
	if err == nil {
		if err = json.NewEncoder(to).Encode(seal); err != nil {
			err = badWriter(err)
		}
	}
	return head, wrap(op, err)
}

func badWriter(err error) error {
	return &Error{Kind: ErrInvalid, Entity: "export", Field: "to", Err: err}
}

func (a *Authority) sealExport(ctx context.Context, head AuditHead, sum hash.Hash) (auditSeal, error) {
	said, err := json.Marshal(auditStatement{Issuer: a.cfg.Issuer, Made: a.clock.Now() / 1e6, Head: head, Hash: sum.Sum(nil)})
	if err != nil {
		return auditSeal{}, err
	}
	ring, err := a.currentRing(ctx)
	if err != nil {
		return auditSeal{}, err
	}
	text, err := ring.signer.SignStatement(ctx, token.StatementAudit, said)
	return auditSeal{text}, err
}

// VerifyExport checks what [OrgAdmin.ExportAudit] wrote, without a database: that
// one of the keys signed it for that issuer, that not a byte of it is another,
// and that no event is missing up to the head it returns. Signing keys are
// replaced: keep the JWKS of the day beside the export, where its reader does
// not take it from whoever hands him the export. Whether the head is the newest
// is for the caller to know.
//
// It fails with ErrInvalid, with an [*AuditError] if an event is to blame.
func VerifyExport(from io.Reader, keys *token.KeySet, issuer string) (AuditHead, error) {
	head, err := verifyExport(from, keys, issuer)
	return head, wrap("VerifyExport", err)
}

func verifyExport(from io.Reader, keys *token.KeySet, issuer string) (AuditHead, error) {
	var (
		check *auditCheck
		sum   = sha256.New()
		lines = bufio.NewScanner(from)
	)
	lines.Buffer(nil, maxAuditLine)
	for lines.Scan() {
		line := lines.Bytes()
		var seal auditSeal
		if err := json.Unmarshal(line, &seal); err == nil && seal.Statement != "" {
			if lines.Scan() {
				return AuditHead{}, badExport(errText("there is more after the last line"))
			}
			if err := lines.Err(); err != nil {
				return AuditHead{}, badExport(err)
			}
			return openSeal(seal, check, sum, keys, issuer)
		}
		var e auditLine
		if err := json.Unmarshal(line, &e); err != nil {
			return AuditHead{}, badExport(err)
		}
		if check == nil {
			check = &auditCheck{head: AuditHead{Org: e.Org}}
		}
		if err := check.next(e.event()); err != nil {
			return AuditHead{}, badExport(causeOf(err))
		}
		sum.Write(line)
		sum.Write([]byte{'\n'})
	}
	if err := lines.Err(); err != nil {
		return AuditHead{}, badExport(err)
	}
	return AuditHead{}, badExport(errText("it ends without its signature"))
}

func openSeal(seal auditSeal, check *auditCheck, sum hash.Hash, keys *token.KeySet, issuer string) (AuditHead, error) {
	text, err := keys.VerifyStatement(token.StatementAudit, seal.Statement)
	if err != nil {
		return AuditHead{}, badExport(err)
	}
	var said auditStatement
	if err := json.Unmarshal(text, &said); err != nil {
		return AuditHead{}, badExport(err)
	}
	if check == nil {
		check = &auditCheck{head: AuditHead{Org: said.Head.Org}}
	}
	switch {
	case said.Issuer != issuer:
		return AuditHead{}, badExport(errText("it is of another issuer"))
	case string(said.Hash) != string(sum.Sum(nil)):
		return AuditHead{}, badExport(errText("its lines are not those that were signed"))
	case said.Head.Org != check.head.Org || said.Head.Seq != check.head.Seq || string(said.Head.MAC) != string(check.head.MAC):
		return AuditHead{}, badExport(errText("it ends elsewhere than the signature says"))
	}
	return said.Head, nil
}

func badExport(err error) error {
	return &Error{Kind: ErrInvalid, Entity: "export", Err: err}
}

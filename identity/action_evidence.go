package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/claviger-go/claviger/token"
)

// ActionEvidence is what the log keeps of a request that was signed and done: the
// After of the event "consume" of an "action", whose ID names what was used up. Its
// signature can be verified years later, with nothing but the event: by
// [VerifyActionEvent]. Of the request it has the digest; who has kept the request
// can show with Of that it is the one.
type ActionEvidence struct {
	Org        OrgID           // in whose log it is
	Account    AccountID       // that did it
	Purpose    token.Purpose   // of the signature
	Message    []byte          // what was signed, behind the purpose: it names the issuer and ends with Digest
	Digest     []byte          // of the request, see [token.Action.Digest]
	Credential CredentialID    // that signed
	PublicKey  []byte          // its key, SPKI DER
	Thumbprint string          // of the key (RFC 7638)
	Algorithm  token.Algorithm // of the signature
	Signature  []byte          // in the form of [token.PublicKey.Verify]
}

// verbConsume is the event of an action that was done.
const verbConsume = "consume"

// Of reports whether a request is the one that was signed.
func (e ActionEvidence) Of(action Action) bool {
	digest, err := action.Digest()
	return err == nil && bytes.Equal(digest[:], e.Digest)
}

// VerifyActionEvent verifies the signature in an event of the log, from an export
// just as well, and returns what it says. It needs no database, only the issuer of
// whose log the event is (Config.Issuer): the same key may sign for another one, too.
// All that was signed is compared with the event: the issuer; the credential; of a
// request signed in one step also its id, which is the event's, and its time, which is
// the event's but for [token.RequestLife] and the skew of clocks. Org and account are
// the event's. The host and the rest of the request are in the digest: see Of. That the
// event was written when and by whom it says, and that the key was that account's, is
// what [OrgAdmin.VerifyAudit] tells of it.
//
// It fails with ErrNotFound when the event is of something else or was purged, and
// with ErrInvalid when anything in it is not what was signed, or no issuer is given.
func VerifyActionEvent(issuer string, e Event) (ActionEvidence, error) {
	said, err := verifyActionEvent(issuer, e)
	if err != nil {
		return ActionEvidence{}, wrap("VerifyActionEvent", err)
	}
	return said, nil
}

func verifyActionEvent(issuer string, e Event) (said ActionEvidence, err error) {
	if e.Noun != nounAction || e.Verb != verbConsume || e.After == nil {
		return said, notFound(nounAction, e.ID)
	}
	bad := func(why string) error { return invalid(nounAction, "After", "%s", why) }
	if !bytes.Equal(hashOf(e.After), e.AfterHash) {
		return said, bad("was altered")
	}
	if err := json.Unmarshal(e.After, &said); err != nil {
		return said, bad("is not what the log writes")
	}
	key, err := token.PublicKeyFromDER(said.PublicKey)
	switch {
	case issuer == "":
		return said, invalid(nounAction, "issuer", "is required")
	case err != nil:
		return said, bad("has no key that could sign")
	case key.Thumbprint() != said.Thumbprint:
		return said, bad("has another key than its thumbprint names")
	case said.Credential == "" || string(said.Credential) != e.Credential:
		return said, bad("is of another credential than its event")
	case said.Org == "" || said.Org != e.Org:
		return said, bad("is of another org than its event")
	case said.Account == "" || string(said.Account) != e.Actor || e.OnBehalfOf != "":
		return said, bad("is of another account than its event")
	}
	if why := said.disagrees(issuer, e); why != "" {
		return said, bad(why)
	}
	if err := key.Verify(said.Purpose, said.Algorithm, said.Message, said.Signature); err != nil {
		return said, bad("has a signature that is not of its key")
	}
	return said, nil
}

// disagrees is in what the message that was signed differs from the rest of the
// evidence and its event, or "". What only the message says is taken from its end, and
// the whole of it must be what is signed of that and of the rest.
func (e ActionEvidence) disagrees(issuer string, event Event) string {
	if len(e.Digest) != sha256.Size || len(e.Message) < 2*sha256.Size {
		return "has no digest"
	}
	var want []byte
	digest := [sha256.Size]byte(e.Digest)
	switch e.Purpose {
	case token.PurposeAction:
		challenge := [sha256.Size]byte(e.Message[len(e.Message)-2*sha256.Size:])
		want = token.ActionMessageOf(issuer, challenge, digest)
	case token.PurposeRequest:
		s := token.RequestSignature{KeyID: string(e.Credential), Digest: digest}
		own := e.Message[len(e.Message)-sha256.Size-len(s.ID)-8:]
		s.CreatedAt, s.ID = time.Unix(int64(binary.BigEndian.Uint64(own)), 0), [len(s.ID)]byte(own[8:])
		want = s.Message(issuer)
		switch {
		case event.ID != onceOfRequest(e.Credential, s, time.Time{}).nonce:
			return "has another id than was signed"
		case event.At.Before(s.CreatedAt.Add(-maxSkew)) || !event.At.Before(s.Ends(maxSkew)):
			return "was signed at another time"
		}
	default:
		return "was signed for another purpose"
	}
	if !bytes.Equal(e.Message, want) {
		return "was signed for another issuer, request or key"
	}
	return ""
}

// proof is what was signed, and how.
type proof struct {
	purpose   token.Purpose
	message   []byte
	algorithm token.Algorithm
	signature []byte
}

// recordAction notes that a signed request is done.
func (c *change) recordAction(s *SignedAction) error {
	row, err := c.tx.Credentials().Find(c.ctx, s.by.Org(), s.by.Credential())
	if err != nil {
		return err
	}
	return c.record(s.by.Org(), nounAction, s.used.nonce, verbConsume, nil, ActionEvidence{
		Org: s.by.Org(), Account: s.by.Account(),
		Purpose: s.proof.purpose, Message: s.proof.message, Digest: s.digest[:], Credential: row.ID, PublicKey: row.PublicKey,
		Thumbprint: row.Thumbprint, Algorithm: s.proof.algorithm, Signature: s.proof.signature,
	})
}

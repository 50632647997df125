package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"github.com/claviger-go/claviger/token"
)

// ActionEvidence is what the log keeps of a request that was signed and done: the
// After of the event "consume" of an "action", whose ID names what was used up. Its
// signature can be verified years later, with nothing but the event: by
// [VerifyActionEvent]. Of the request it has the digest; who has kept the request
// can show with Of that it is the one.
type ActionEvidence struct {
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
// just as well, and returns what it says. It needs no database. That the event was
// written when and by whom it says, and that the key was that account's, is what
// [OrgAdmin.VerifyAudit] tells of it.
//
// It fails with ErrNotFound when the event is of something else or was purged, and
// with ErrInvalid when anything in it is not what was signed.
func VerifyActionEvent(e Event) (ActionEvidence, error) {
	said, err := verifyActionEvent(e)
	if err != nil {
		return ActionEvidence{}, wrap("VerifyActionEvent", err)
	}
	return said, nil
}

func verifyActionEvent(e Event) (said ActionEvidence, err error) {
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
	case err != nil:
		return said, bad("has no key that could sign")
	case key.Thumbprint() != said.Thumbprint:
		return said, bad("has another key than its thumbprint names")
	case string(said.Credential) != e.Credential:
		return said, bad("is of another credential than its event")
	case said.Purpose != token.PurposeAction && said.Purpose != token.PurposeRequest:
		return said, bad("was signed for another purpose")
	case len(said.Digest) != sha256.Size || !bytes.HasSuffix(said.Message, said.Digest):
		return said, bad("has the digest of another request than was signed")
	}
	if err := key.Verify(said.Purpose, said.Algorithm, said.Message, said.Signature); err != nil {
		return said, bad("has a signature that is not of its key")
	}
	return said, nil
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
		Purpose: s.proof.purpose, Message: s.proof.message, Digest: s.digest[:], Credential: row.ID, PublicKey: row.PublicKey,
		Thumbprint: row.Thumbprint, Algorithm: s.proof.algorithm, Signature: s.proof.signature,
	})
}

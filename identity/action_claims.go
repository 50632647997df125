package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/claviger-go/claviger/token"
)

// actionClaims are what the challenge for an action and the token for it carry:
// what was asked for, and what the two proofs behind it stand on.
type actionClaims struct {
	digest  [sha256.Size]byte // of the action
	org     OrgID
	account AccountID
	// The principal that asked for the challenge.
	credential  CredentialID // empty for a vouched login
	tokenID     string
	issued      uint64
	expires     int64    // Unix microseconds, 0 = with the account
	permissions []string // nil is all of them
	path        string   // empty is everywhere
	// Of a token: the credential that signed, the revision at which that was looked at,
	// and what it signed: for the log.
	signer    CredentialID
	signed    uint64
	challenge string // its SHA-256
	algorithm token.Algorithm
	signature string
}

const (
	actionHead  = sha256.Size + 3*8 + 1
	actionTexts = 9 // and the permissions
)

// encode is the one spelling of the claims: numbers of eight bytes, big-endian,
// and texts after their length in two.
func (c *actionClaims) encode() []byte {
	b := bytes.Clone(c.digest[:])
	for _, n := range []uint64{c.issued, uint64(c.expires), c.signed} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	listed := byte(0)
	if c.permissions != nil {
		listed = 1
	}
	b = append(b, listed)
	texts := []string{string(c.org), string(c.account), string(c.credential), c.tokenID, c.path, string(c.signer), c.challenge, string(c.algorithm), c.signature}
	for _, text := range append(texts, c.permissions...) {
		b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
		b = append(b, text...)
	}
	return b
}

// decodeActionClaims reads what encode wrote, and reports whether it did.
func decodeActionClaims(b []byte) (c actionClaims, ok bool) {
	if len(b) < actionHead {
		return actionClaims{}, false
	}
	c.digest = [sha256.Size]byte(b)
	numbers := b[sha256.Size:]
	c.issued, c.expires = binary.BigEndian.Uint64(numbers), int64(binary.BigEndian.Uint64(numbers[8:]))
	c.signed = binary.BigEndian.Uint64(numbers[16:])
	var texts []string
	for rest := b[actionHead:]; len(rest) > 0; {
		if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
			return actionClaims{}, false
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		texts, rest = append(texts, string(rest[2:end])), rest[end:]
	}
	if len(texts) < actionTexts {
		return actionClaims{}, false
	}
	c.org, c.account, c.credential = OrgID(texts[0]), AccountID(texts[1]), CredentialID(texts[2])
	c.tokenID, c.path, c.signer = texts[3], texts[4], CredentialID(texts[5])
	c.challenge, c.algorithm, c.signature = texts[6], token.Algorithm(texts[7]), texts[8]
	if b[actionHead-1] == 1 {
		c.permissions = texts[actionTexts:]
	}
	if !bytes.Equal(c.encode(), b) || c.challenge != "" && len(c.challenge) != sha256.Size {
		return actionClaims{}, false
	}
	return c, true
}

// asker is the principal that asked for the challenge.
func (c *actionClaims) asker(a *Authority) (principal, error) {
	p := principal{
		org: c.org, account: c.account, credential: c.credential, tokenID: c.tokenID, issued: c.issued, expires: c.expires,
	}
	if c.tokenID != "" {
		p.tokenKey = tokenKey(c.account, c.tokenID)
	}
	return p, p.limit(a, c.permissions, c.path)
}

// by is the principal that the action is done by: it stands on the key that
// signed, until then, and can do what the one that asked could.
func (c *actionClaims) by(asker principal, tokenID string, until int64) principal {
	p := asker
	p.credential, p.issued, p.expires = c.signer, c.signed, until
	p.tokenID, p.tokenKey = tokenID, tokenKey(c.account, tokenID)
	return p
}

// signedBy are the claims of the token for a challenge that was signed.
func (c actionClaims) signedBy(signer CredentialID, text string, s signature) (actionClaims, error) {
	raw, err := s.bytes()
	if err != nil {
		return c, refuse(nil, err)
	}
	challenge := sha256.Sum256([]byte(text))
	c.signer, c.challenge, c.algorithm, c.signature = signer, string(challenge[:]), s.algorithm, string(raw)
	return c, nil
}

// proof is what the action token's challenge was signed with.
func (c *actionClaims) proof(issuer string) proof {
	var challenge [sha256.Size]byte
	copy(challenge[:], c.challenge)
	return proof{
		purpose: token.PurposeAction, message: token.ActionMessageOf(issuer, challenge, c.digest), algorithm: c.algorithm, signature: []byte(c.signature),
	}
}

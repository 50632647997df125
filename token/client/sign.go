package client

import (
	"crypto"
	"encoding/base64"
	"fmt"

	"github.com/claviger-go/claviger/token"
)

// Signature is a signature in the texts that servers take.
type Signature struct {
	Algorithm string // the JOSE name
	Text      string // base64url without padding; for ECDSA of R and S side by side (RFC 7518 section 3.4)
}

// Sign signs a message for a purpose: what [token.ChallengeMessage] makes of a challenge, for [token.PurposePossession] or
// [token.PurposeLogin]; what [token.ActionMessage] makes, for [token.PurposeAction]; or anything, for a purpose of the host. The issuer of
// a ChallengeMessage is the one that the workload is configured with, never one that came with the challenge. Errors: those of
// [token.Sign].
func Sign(key crypto.Signer, purpose token.Purpose, message []byte) (Signature, error) {
	alg, signature, err := token.Sign(key, purpose, message)
	if err != nil {
		return Signature{}, fmt.Errorf("token/client: %w", err)
	}
	return Signature{Algorithm: string(alg), Text: base64.RawURLEncoding.EncodeToString(signature)}, nil
}

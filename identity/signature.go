package identity

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/claviger-go/claviger/token"
)

// signature is one as it came, under a purpose.
type signature struct {
	purpose   token.Purpose
	algorithm token.Algorithm
	text      string // base64url without padding
}

// verify checks the signature of a message by a key.
func (s signature) verify(key token.PublicKey, message []byte) error {
	raw, err := s.bytes()
	if err != nil {
		return err
	}
	return key.Verify(s.purpose, s.algorithm, message, raw)
}

// maxSignature bounds the text of a signature: one of RSA with 4096 bits has 683 bytes.
const maxSignature = 1024

func (s signature) bytes() ([]byte, error) {
	if len(s.text) > maxSignature {
		return nil, errText("the signature is too long")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s.text)
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != s.text { // the decoder skips line breaks
		return nil, errText("the signature is not base64url without padding")
	}
	return raw, nil
}

// signer finds the credential that somebody says to have signed with.
func (a *Authority) signer(ctx context.Context, id CredentialID) (Credential, error) {
	c, err := a.credentialByID(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return c, refuse(nil, err)
	}
	return c, err
}

// signed is who signed a message with a credential. What the signature proves ends
// at an instant, in Unix microseconds; 0 is with the credential.
func (a *Authority) signed(ctx context.Context, way Way, c Credential, s signature, message []byte, until, now int64) (Principal, error) {
	revision := a.revision.Load()
	key, err := a.publicKey(c)
	if err == nil {
		err = s.verify(key, message)
	}
	if err != nil && !errors.Is(err, ErrStorage) {
		err = refuse(nil, err)
	}
	if err != nil {
		return Principal{}, err
	}
	return a.admit(ctx, way, principal{org: c.Org, account: c.Account, credential: c.ID, issued: revision, expires: until}, now)
}

// VerifySignature tells whose signature of a message it is, for a purpose of the
// host's own ([token.HostPurpose]): a web hook, a file. The signature is in the
// form of [token.PublicKey.Verify], not in base64. The credential that is returned
// is alive, and so are its account and org; which of them the host expects is for
// the host to compare. That a message was signed says nothing about when, nor
// whether it was seen before.
//
// It fails with ErrInvalid for a purpose that is not of the host, and else like
// Authenticate.
func (a *Authority) VerifySignature(ctx context.Context, credential CredentialID, purpose token.Purpose, alg token.Algorithm, message, signature []byte) (Credential, error) {
	c, err := a.verifySignature(ctx, credential, purpose, alg, message, signature)
	if err != nil {
		a.turnedAway(WaySignature, "", err)
		return Credential{}, wrap("VerifySignature", err)
	}
	return c, nil
}

func (a *Authority) verifySignature(ctx context.Context, id CredentialID, purpose token.Purpose, alg token.Algorithm, message, raw []byte) (Credential, error) {
	if !purpose.OfHost() {
		return Credential{}, invalid("signature", "purpose", "is not of the host")
	}
	now := a.clock.Now()
	if err := a.answers(ctx, now); err != nil {
		return Credential{}, err
	}
	c, err := a.signer(ctx, id)
	if err != nil {
		return c, err
	}
	p, err := a.signed(ctx, WaySignature, c, signature{purpose, alg, base64.RawURLEncoding.EncodeToString(raw)}, message, 0, now)
	if err == nil {
		a.came(p.p, now)
	}
	return c, err
}

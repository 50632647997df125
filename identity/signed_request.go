package identity

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/claviger-go/claviger/token"
)

// VerifyRequest verifies a request that its caller has signed in one step, without
// asking for a challenge: raw is the text of [token.SignRequest] that came with it,
// and of says which request that is. It is [Authority.VerifyAction] for workloads
// that sign every request: the signature is bound to method, host, target, content
// type and encoding, and body, it is good for [token.RequestLife] and Config.Skew, and
// once. That its sender was there at the moment is known only as well as its
// clock; who must know for sure makes a challenge.
//
// The signature is verified before of is called, which may read a body. The Principal
// has all the rights of the account, and ends with the signature. VerifyRequest
// writes nothing. It fails like Authenticate, with one text for strangers.
func (a *Authority) VerifyRequest(ctx context.Context, raw string, of func() (Action, error)) (*SignedAction, error) {
	s, err := a.verifyRequest(ctx, raw)
	return a.compared("VerifyRequest", WaySignedRequest, s, err, of)
}

func (a *Authority) verifyRequest(ctx context.Context, raw string) (*SignedAction, error) {
	now := a.clock.Now()
	if err := a.answers(ctx, now); err != nil {
		return nil, err
	}
	made, err := token.ParseRequestSignature(raw)
	if err == nil {
		err = made.CheckTime(time.UnixMicro(now), a.cfg.Skew)
	}
	if err != nil {
		return nil, refuse(tokenKind(err), err)
	}
	if err := a.unused(made.CreatedAt); err != nil {
		return nil, err
	}
	c, err := a.signer(ctx, CredentialID(made.KeyID))
	if err != nil {
		return nil, err
	}
	ends := made.Ends(a.cfg.Skew)
	message := made.Message(a.cfg.Issuer)
	text := base64.RawURLEncoding.EncodeToString(made.Signature)
	by, err := a.signed(ctx, WaySignedRequest, c, signature{token.PurposeRequest, made.Algorithm, text}, message, ends.UnixMicro(), now)
	if err != nil {
		return nil, err
	}
	return &SignedAction{
		a: a, digest: made.Digest, asker: by.p, by: by, used: onceOfRequest(c.ID, made, ends),
		proof: proof{purpose: token.PurposeRequest, message: message, algorithm: made.Algorithm, signature: made.Signature},
	}, nil
}

// onceOfRequest is what a signature uses up: its id, for its key only.
func onceOfRequest(key CredentialID, s token.RequestSignature, ends time.Time) once {
	return once{scope: "request", nonce: string(key) + "/" + hex.EncodeToString(s.ID[:]), until: ends}
}

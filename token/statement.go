package token

import "context"

// A Statement is what an issuer signs beside access tokens, such as the end of an audit log: a JWS in compact form with a "typ" of its
// own (RFC 8725 section 3.11), so that it is never taken for a token, nor a token for it.
type Statement string

// StatementAudit is the end of an exported audit log.
const StatementAudit Statement = "claviger-audit+jws"

func (s Statement) valid() bool { return s == StatementAudit }

// SignStatement signs a payload of at most 4 KiB. Errors: ErrPurpose for a type of statement that is none, ErrFormat for a payload that is
// empty or too long, ErrSignature.
func (k *SigningKey) SignStatement(ctx context.Context, s Statement, payload []byte) (string, error) {
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case !s.valid():
		return "", fail(ErrPurpose, "typ")
	case len(payload) == 0 || len(payload) > maxStatement:
		return "", failed(ErrFormat, "payload", errReason("want 1 to 4,096 bytes"))
	}
	b := append([]byte(s.header(k.algorithm, k.ID())), '.')
	b = segments.AppendEncode(b, payload)
	signature, err := k.signature(ctx, b)
	if err != nil {
		return "", err
	}
	return string(segments.AppendEncode(append(b, '.'), signature)), nil
}

const maxStatement = 4 << 10 // bytes

// VerifyStatement checks a statement that one of the keys signed, and returns what it says. As with access tokens, its header must be, byte
// for byte, the one that SignStatement writes for that key. Errors: ErrPurpose, ErrFormat, ErrUnknownKey, ErrSignature.
func (s *KeySet) VerifyStatement(of Statement, raw string) ([]byte, error) {
	if !of.valid() {
		return nil, fail(ErrPurpose, "typ")
	}
	t, err := split(raw)
	if err != nil {
		return nil, err
	}
	if s != nil {
		for _, k := range s.ordered {
			if t.header != of.header(k.Algorithm, k.ID) {
				continue
			}
			if !k.Algorithm.verify(k.Key.key.public, t.input(), t.signature) {
				return nil, fail(ErrSignature, "")
			}
			return t.payload, nil
		}
	}
	return nil, fail(ErrUnknownKey, "header")
}

func (s Statement) header(alg Algorithm, id string) string {
	b := appendString([]byte(`{"alg":`), string(alg))
	b = appendString(append(b, `,"kid":`...), id)
	b = appendString(append(b, `,"typ":`...), string(s))
	return segments.EncodeToString(append(b, '}'))
}

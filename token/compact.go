package token

import "strings"

// compact is a JWS in compact serialization (RFC 7515 section 7.1), the only form that is read here, taken apart but not
// believed yet.
type compact struct {
	header    string // the segment as it came, not decoded
	text      []byte // header and payload segments and all that follows
	signed    int    // how much of text is signed
	payload   []byte // decoded
	signature []byte // decoded
}

// split takes a token apart: at most 8 KiB, three segments none of which is empty, payload and signature canonical base64url. The
// length is looked at first, so that nothing is allocated for a text that is too long.
func split(raw string) (compact, error) {
	if len(raw) > maxToken {
		return compact{}, failed(ErrFormat, "token", errReason("longer than 8 KiB"))
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || header == "" || payload == "" || signature == "" || strings.IndexByte(signature, '.') >= 0 {
		return compact{}, failed(ErrFormat, "token", errReason("want three segments"))
	}
	t := compact{header: header, text: []byte(raw), signed: len(header) + 1 + len(payload)}
	decoded := make([]byte, 0, segments.DecodedLen(len(payload))+segments.DecodedLen(len(signature)))
	decoded, ok = appendSegment(decoded, t.text[len(header)+1:t.signed])
	if !ok {
		return compact{}, failed(ErrFormat, "payload", errReason("not canonical base64url"))
	}
	n := len(decoded)
	decoded, ok = appendSegment(decoded, t.text[t.signed+1:])
	if !ok {
		return compact{}, failed(ErrFormat, "signature", errReason("not canonical base64url"))
	}
	t.payload, t.signature = decoded[:n:n], decoded[n:]
	return t, nil
}

// input is what the signature is over (RFC 7515 section 5.2 step 8): the bytes as they came.
func (t compact) input() []byte { return t.text[:t.signed] }

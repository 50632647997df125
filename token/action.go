package token

import (
	"crypto/sha256"
	"encoding/binary"
)

// MaxActionBody bounds the body of a request that is signed, in bytes.
const MaxActionBody = 1 << 20

const (
	maxActionMethod = 32
	maxActionURI    = 8 << 10
	maxActionField  = 1 << 10
	maxActionHost   = 255

	actionDomain = "claviger/action-digest/v1\n"
)

// Action is one HTTP request, as far as whoever signs it answers for it. Every field is what is sent, byte for byte.
type Action struct {
	Method          string            // 1 to 32 bytes of a token (RFC 9110 section 5.6.2)
	Host            string            // the Host field or the :authority (RFC 9110 section 7.2), with its port if it has one: 1 to 255 printable bytes of ASCII
	RequestURI      string            // the request target (RFC 9112 section 3.2), at most 8 KiB, without spaces and control characters
	ContentType     string            // the field's value, "" if there is none; at most 1 KiB, without control characters
	ContentEncoding string            // likewise
	BodySHA256      [sha256.Size]byte // of the body, also of an empty one; all zeros means that nobody computed it, and is refused
}

// Digest is the SHA-256 of the one spelling of an action: "claviger/action-digest/v1\n", then method, host, request target, content type, content
// encoding and the digest of the body in this order, each behind its length as four bytes, the most significant first. Errors: ErrFormat, naming the field.
func (a Action) Digest() ([sha256.Size]byte, error) {
	if field := a.malformed(); field != "" {
		return [sha256.Size]byte{}, fail(ErrFormat, field)
	}
	b := []byte(actionDomain)
	for _, part := range []string{a.Method, a.Host, a.RequestURI, a.ContentType, a.ContentEncoding, string(a.BodySHA256[:])} {
		b = appendPart(b, part)
	}
	return sha256.Sum256(b), nil
}

// ActionMessage is what is signed for an action, under PurposeAction: the issuer and the SHA-256 of the text of the challenge, each behind its length as
// four bytes, the most significant first, and the digest of the action. The issuer is the one that the signer was configured with, and the digest is of
// the request that it means to send: nobody who hands it a challenge chooses what it signs.
func ActionMessage(issuer, challenge string, digest [sha256.Size]byte) []byte {
	return ActionMessageOf(issuer, sha256.Sum256([]byte(challenge)), digest)
}

// ActionMessageOf is ActionMessage for who has kept no more of the challenge than its SHA-256.
func ActionMessageOf(issuer string, challenge, digest [sha256.Size]byte) []byte {
	return append(appendPart(appendPart(nil, issuer), string(challenge[:])), digest[:]...)
}

func appendPart(b []byte, part string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
}

// malformed names the field that no signature can cover, or "".
func (a Action) malformed() string {
	switch {
	case a.Method == "" || len(a.Method) > maxActionMethod || !each(a.Method, tokenByte):
		return "Method"
	case a.Host == "" || len(a.Host) > maxActionHost || !each(a.Host, func(c byte) bool { return c > ' ' && c < 0x7f }):
		return "Host"
	case a.RequestURI == "" || len(a.RequestURI) > maxActionURI || !each(a.RequestURI, func(c byte) bool { return c > ' ' && c != 0x7f }):
		return "RequestURI"
	case len(a.ContentType) > maxActionField || !each(a.ContentType, fieldByte):
		return "ContentType"
	case len(a.ContentEncoding) > maxActionField || !each(a.ContentEncoding, fieldByte):
		return "ContentEncoding"
	case a.BodySHA256 == [sha256.Size]byte{}:
		return "BodySHA256"
	}
	return ""
}

func fieldByte(c byte) bool { return c >= ' ' && c != 0x7f }

// tokenByte reports whether a token may hold c (RFC 9110 section 5.6.2).
func tokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	for _, other := range []byte("!#$%&'*+-.^_`|~") {
		if c == other {
			return true
		}
	}
	return false
}

func each(s string, of func(byte) bool) bool {
	for i := range len(s) {
		if !of(s[i]) {
			return false
		}
	}
	return true
}

package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"hash/crc32"
	"io"
	"strings"
)

// The kinds of opaque secret.
const (
	KindAPIToken     = "at" // proves an account by itself, at every request
	KindClientSecret = "cs" // proves a client at a token endpoint (RFC 6749 section 2.3.1)
	KindInvitation   = "iv" // makes the account that was invited active, once
	KindEnrollCode   = "ec" // adds a public key to an account, once
)

// An opaque secret is <prefix>_<kind>_<id><secret><checksum>: a prefix that the host has chosen, two letters for its kind,
// the id of the credential (a ULID, 26 characters), 256 random bits (52), and a CRC-32 (IEEE) of everything before it (7).
// The three are numbers in Crockford's base 32, lower case, so that each has one spelling. The checksum tells a mistyped or
// made-up text from one that was issued, without a database; it proves nothing.
const (
	opaqueID     = 26
	opaqueSecret = 52
	opaqueSum    = 7
	opaqueKind   = 2
	opaqueTail   = 1 + opaqueKind + 1 + opaqueID + opaqueSecret + opaqueSum // what follows the prefix

	minOpaquePrefix = 2
	maxOpaquePrefix = 16
	maxOpaque       = maxOpaquePrefix + opaqueTail
)

// opaqueDomain begins what is hashed, so that a digest is one of nothing else.
const opaqueDomain = "claviger/opaque/v1\n"

// Opaque is an opaque secret that was read. It holds the digest and not the secret, and shares the memory of the text that
// it was read from. The zero value is none, and matches nothing.
type Opaque struct {
	text   string // the prefix, the kind and the id: none of it secret
	digest [sha256.Size]byte
}

// Kind is [KindAPIToken], [KindClientSecret], [KindInvitation], [KindEnrollCode], or another pair of lower-case letters.
func (o Opaque) Kind() string {
	if o.text == "" {
		return ""
	}
	return o.Name()[:opaqueKind]
}

// ID is the ULID of the credential.
func (o Opaque) ID() string {
	if o.text == "" {
		return ""
	}
	return o.Name()[opaqueKind+1:]
}

// Prefix is what the host has chosen.
func (o Opaque) Prefix() string { return strings.TrimSuffix(o.text, "_"+o.Name()) }

// Name is the kind and the id, with "_" between them: what the secret is found by.
func (o Opaque) Name() string { return o.text[max(0, len(o.text)-opaqueKind-1-opaqueID):] }

// Digest is what is stored of a secret: SHA-256 over a domain, the id of the credential and the 256 bits.
func (o Opaque) Digest() [sha256.Size]byte { return o.digest }

// Matches compares with a stored digest, in constant time.
func (o Opaque) Matches(digest [sha256.Size]byte) bool {
	return subtle.ConstantTimeCompare(o.digest[:], digest[:]) == 1 && o.text != ""
}

// NewOpaque makes an opaque secret for the credential with a ULID. random is the source of its 256 bits; nil means
// crypto/rand. The secret is to be shown once; the digest is what to keep. Errors: ErrConfig for a prefix that
// [ValidOpaquePrefix] refuses, a kind that is not two lower-case letters, and an id that is no lower-case ULID; what random
// returns.
func NewOpaque(prefix, kind, id string, random io.Reader) (Secret, [sha256.Size]byte, error) {
	var none [sha256.Size]byte
	switch {
	case !ValidOpaquePrefix(prefix):
		return Secret{}, none, fail(ErrConfig, "prefix")
	case !validOpaqueKind(kind):
		return Secret{}, none, fail(ErrConfig, "kind")
	case !validULID(id):
		return Secret{}, none, fail(ErrConfig, "id")
	}
	if random == nil {
		random = rand.Reader
	}
	var secret [32]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return Secret{}, none, err
	}
	b := make([]byte, 0, maxOpaque)
	b = append(b, prefix+"_"+kind+"_"+id...)
	b = appendBase32(b, secret[:], opaqueSecret)
	sum := crc32.ChecksumIEEE(b)
	b = appendBase32(b, []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}, opaqueSum)
	return NewSecret(string(b)), digestOpaque(id, &secret), nil
}

// ParseOpaque reads an opaque secret. There is one text for each: no white space, no other case, no other length, and the
// checksum must be right. It does not allocate. Errors: ErrFormat.
func ParseOpaque(text string) (Opaque, error) {
	at := strings.IndexByte(text, '_')
	if at < 0 || len(text) != at+opaqueTail || !ValidOpaquePrefix(text[:at]) {
		return Opaque{}, fail(ErrFormat, "opaque secret")
	}
	kind, rest := text[at+1:at+1+opaqueKind], text[at+1+opaqueKind:]
	if !validOpaqueKind(kind) || rest[0] != '_' || !validULID(rest[1:1+opaqueID]) {
		return Opaque{}, fail(ErrFormat, "opaque secret")
	}
	id, rest := rest[1:1+opaqueID], rest[1+opaqueID:]
	var secret [32]byte
	sum, ok := base32Number(rest[opaqueSecret:])
	if !decodeSecret(&secret, rest) || !ok {
		return Opaque{}, fail(ErrFormat, "opaque secret")
	}
	body := len(text) - opaqueSum
	if uint64(checksum(text[:body])) != sum {
		return Opaque{}, failed(ErrFormat, "opaque secret", errReason("the checksum is wrong"))
	}
	return Opaque{text: text[:body-opaqueSecret], digest: digestOpaque(id, &secret)}, nil
}

// decodeSecret reads 256 bits from the 52 digits that a text begins with, and reports whether they are the spelling of them.
func decodeSecret(secret *[32]byte, text string) bool {
	first, good := base32Number(text[:4]) // 20 bits, 4 of them spare
	secret[0], secret[1] = byte(first>>8), byte(first)
	good = good && first>>16 == 0
	for i := range 6 { // 8 digits are 5 bytes
		n, ok := base32Eight(text[4+8*i : 12+8*i])
		good = good && ok
		five := secret[2+5*i : 7+5*i : 7+5*i]
		five[0], five[1], five[2], five[3], five[4] = byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	}
	return good
}

func digestOpaque(id string, secret *[32]byte) [sha256.Size]byte {
	var b [len(opaqueDomain) + opaqueID + len(secret)]byte
	n := copy(b[:], opaqueDomain)
	n += copy(b[n:], id)
	copy(b[n:], secret[:])
	return sha256.Sum256(b[:])
}

// ValidOpaquePrefix reports whether opaque secrets may begin with a prefix: 2 to 16 of [a-z0-9], a letter first.
func ValidOpaquePrefix(prefix string) bool {
	if len(prefix) < minOpaquePrefix || len(prefix) > maxOpaquePrefix || !lowerCase(prefix[0]) {
		return false
	}
	for i := range len(prefix) {
		if c := prefix[i]; !lowerCase(c) && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func validOpaqueKind(kind string) bool {
	return len(kind) == opaqueKind && lowerCase(kind[0]) && lowerCase(kind[1])
}

func lowerCase(c byte) bool { return 'a' <= c && c <= 'z' }

// Package cursor seals the position of a keyset-paged list into a text that a client can hold and hand back but neither make nor carry
// over to another list.
//
// A cursor is base64url without padding (RFC 4648 section 5) of: version, noun, filter hash, last key, and the first 16 bytes of an HMAC-SHA256
// (RFC 2104, truncated as its section 5 allows) over all of that and the org. It is authenticated, not encrypted: the last key can be read
// by whoever holds the cursor, who has just seen that row. It grants nothing; rights are checked again on the page it asks for.
package cursor

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// MaxLen is the longest cursor in bytes; longer texts are refused unread.
	MaxLen = 1024

	// KeyLen is the length in bytes of a Sealer's key.
	KeyLen = 32

	version   = 1
	domain    = "claviger/cursor/v1\n"
	filterLen = sha256.Size
	tagLen    = 16
	maxRaw    = MaxLen / 4 * 3
	maxNoun   = 255
)

var (
	// ErrInvalid is the one answer to every text that is not a cursor of this list: altered, forged, of another org, noun, filter, version
	// or key. It does not say which.
	ErrInvalid = errors.New("cursor: not a cursor of this list")

	// ErrTooLong is returned by Encode when the cursor would exceed MaxLen. Noun and last key together have room for 718 bytes.
	ErrTooLong = errors.New("cursor: last key too long")

	errNoKey = errors.New("cursor: sealer without a key")
)

// Sealer makes and checks cursors. Make it with New; the zero value refuses everything. It is safe for concurrent use.
type Sealer struct {
	// mac returns the tag that binds body to the org, which the cursor does not carry. The key is in the closure and not in a field, so that no
	// way of printing a Sealer, or what holds one, shows it.
	mac func(org string, body []byte) [tagLen]byte
}

// New returns a Sealer for a secret key of KeyLen bytes, which it copies. A key of another length or of zeros only is an error.
func New(key []byte) (*Sealer, error) {
	if len(key) != KeyLen {
		return nil, fmt.Errorf("cursor: key of %d bytes, want %d", len(key), KeyLen)
	}
	own := [KeyLen]byte(key)
	if own == [KeyLen]byte{} {
		return nil, errors.New("cursor: key is all zero")
	}
	return &Sealer{mac: func(org string, body []byte) [tagLen]byte {
		h := hmac.New(sha256.New, own[:])
		h.Write([]byte(domain))
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(org))))
		h.Write([]byte(org))
		h.Write(body)
		return [tagLen]byte(h.Sum(nil))
	}}, nil
}

// Encode returns the cursor that continues after the row whose key is last, in the list of noun in org under filter (a SHA-256 of the
// filter, order and whatever else makes it another list). noun is 1 to 255 bytes. last may be any bytes; too many give ErrTooLong.
func (s *Sealer) Encode(noun string, filter [filterLen]byte, org, last string) (string, error) {
	if s == nil || s.mac == nil {
		return "", errNoKey
	}
	if noun == "" || len(noun) > maxNoun {
		return "", fmt.Errorf("cursor: noun of %d bytes", len(noun))
	}
	n := 2 + len(noun) + filterLen + len(last) + tagLen
	if n > maxRaw {
		return "", ErrTooLong
	}
	raw := make([]byte, 0, n)
	raw = appendHead(raw, noun, filter)
	raw = append(raw, last...)
	tag := s.mac(org, raw)
	raw = append(raw, tag[:]...)
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// Decode returns the last key of a cursor that Encode made with the same key, noun, filter and org, and ErrInvalid for anything else. Only
// the exact text that Encode returned is accepted.
func (s *Sealer) Decode(noun string, filter [filterLen]byte, org, cursor string) (last string, err error) {
	if s == nil || s.mac == nil || noun == "" || len(noun) > maxNoun || len(cursor) > MaxLen {
		return "", ErrInvalid
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	// The decoder skips line breaks, so one cursor would have many spellings without the second comparison.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != cursor {
		return "", ErrInvalid
	}
	head := appendHead(make([]byte, 0, 2+len(noun)+filterLen), noun, filter)
	if len(raw) < len(head)+tagLen {
		return "", ErrInvalid
	}
	body, tag := raw[:len(raw)-tagLen], raw[len(raw)-tagLen:]
	want := s.mac(org, body)
	ok := subtle.ConstantTimeCompare(tag, want[:])
	ok &= subtle.ConstantTimeCompare(body[:len(head)], head)
	if ok != 1 {
		return "", ErrInvalid
	}
	return string(body[len(head):]), nil
}

// appendHead writes what must be equal in every cursor of one list. The noun carries its length, so that where it ends is not open to choice.
func appendHead(b []byte, noun string, filter [filterLen]byte) []byte {
	b = append(b, version, byte(len(noun)))
	b = append(b, noun...)
	return append(b, filter[:]...)
}

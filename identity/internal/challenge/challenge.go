// Package challenge makes texts that are good for one thing, for a short time, without anything being stored: a challenge that is to be
// signed, and the token that is given for it.
//
// A text is base64url without padding (RFC 4648 section 5) of: version, expiry, a random number, what it carries, and an HMAC-SHA256
// (RFC 2104) over all of that and over what it is bound to. What it is bound to is not in it: whoever reads it says what it should be, and a text
// that was made for anything else is refused. That it is used only once is for the caller to remember, by the random number.
package challenge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

const (
	// KeyLen is the length in bytes of a Sealer's key.
	KeyLen = 32

	// MaxCarried bounds what a text carries, in bytes.
	MaxCarried = 7 << 9

	version  = 1
	domain   = "claviger/challenge/v1\n"
	nonceLen = 16
	headLen  = 1 + 8 + nonceLen
	tagLen   = sha256.Size
	maxText  = (headLen + MaxCarried + tagLen + 2) / 3 * 4
)

// ErrInvalid is the one answer to every text that was not made with the same key and for the same: altered, forged, or for
// another use. It does not say which.
var ErrInvalid = errors.New("challenge: not made here, or not for this")

// Ticket is what a text says.
type Ticket struct {
	Expiry  int64 // Unix microseconds; at this instant it has ended
	Nonce   [nonceLen]byte
	Carried []byte // at most MaxCarried; can be read by whoever holds the text
}

// ID names the text among all others: its random number in hexadecimal.
func (t Ticket) ID() string { return hex.EncodeToString(t.Nonce[:]) }

// Sealer makes and reads texts. Make it with New; the zero value refuses everything. It is safe for concurrent use.
type Sealer struct {
	// tag is a closure and not a field for the key, so that no way of printing a Sealer, or what holds one, shows it.
	tag func(body []byte, bound []string) [tagLen]byte
}

// New returns a Sealer for a secret key of KeyLen bytes, which it copies. A key of another length or of zeros only is an error.
func New(key []byte) (*Sealer, error) {
	if len(key) != KeyLen {
		return nil, fmt.Errorf("challenge: key of %d bytes, want %d", len(key), KeyLen)
	}
	own := [KeyLen]byte(key)
	if own == [KeyLen]byte{} {
		return nil, errors.New("challenge: key is all zero")
	}
	return &Sealer{tag: func(body []byte, bound []string) [tagLen]byte {
		h := hmac.New(sha256.New, own[:])
		h.Write([]byte(domain))
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(bound))))
		for _, b := range bound { // each with its length, so that where one ends is not open to choice
			h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
			h.Write([]byte(b))
		}
		h.Write(body)
		return [tagLen]byte(h.Sum(nil))
	}}, nil
}

// Seal makes the text of a ticket, bound to some texts in their order.
func (s *Sealer) Seal(t Ticket, bound ...string) (string, error) {
	switch {
	case s == nil || s.tag == nil:
		return "", errors.New("challenge: sealer without a key")
	case len(t.Carried) > MaxCarried:
		return "", fmt.Errorf("challenge: carries %d bytes, at most %d", len(t.Carried), MaxCarried)
	}
	body := append(make([]byte, 0, headLen+len(t.Carried)+tagLen), version)
	body = binary.BigEndian.AppendUint64(body, uint64(t.Expiry))
	body = append(body, t.Nonce[:]...)
	body = append(body, t.Carried...)
	tag := s.tag(body, bound)
	return base64.RawURLEncoding.EncodeToString(append(body, tag[:]...)), nil
}

// Carried reads what a text carries before it is known to be good: what the text is bound to may depend on it. Nothing else may be done with it
// until Open has accepted the text.
func Carried(text string) ([]byte, error) {
	body, _, err := split(text)
	if err != nil {
		return nil, err
	}
	return body[headLen:], nil
}

// Open reads a text that Seal made with the same key, bound to the same texts; for anything else it returns ErrInvalid. Only the exact
// text that Seal returned is accepted. Whether it has expired is for the caller, who has the clock.
func (s *Sealer) Open(text string, bound ...string) (Ticket, error) {
	if s == nil || s.tag == nil {
		return Ticket{}, ErrInvalid
	}
	body, tag, err := split(text)
	if err != nil {
		return Ticket{}, err
	}
	if want := s.tag(body, bound); !hmac.Equal(tag, want[:]) {
		return Ticket{}, ErrInvalid
	}
	t := Ticket{Expiry: int64(binary.BigEndian.Uint64(body[1:9])), Nonce: [nonceLen]byte(body[9:headLen])}
	if len(body) > headLen {
		t.Carried = body[headLen:]
	}
	return t, nil
}

// split takes a text apart that has the form of one.
func split(text string) (body, tag []byte, err error) {
	if len(text) > maxText {
		return nil, nil, ErrInvalid
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// The decoder skips line breaks, so one text would have many spellings without the second comparison.
	if err != nil || len(raw) < headLen+tagLen || len(raw) > headLen+MaxCarried+tagLen || raw[0] != version ||
		base64.RawURLEncoding.EncodeToString(raw) != text {
		return nil, nil, ErrInvalid
	}
	at := len(raw) - tagLen
	return raw[:at:at], raw[at:], nil
}

package identity

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"
)

// ID is the typed identifier of one kind of noun: a prefix that names the kind
// ("or_", "us_", "sa_", "gr_", "ro_", "bi_", "cr_", "ev_") and a lower-case
// ULID. An identifier is never reused. The zero value identifies nothing, and
// every call refuses it.
//
// An ID is a string so that it travels through databases, JSON and URLs as it
// is; what comes from outside goes through [ParseID], and every verb checks the
// form of the ids it is given.
type ID[K Kind] string

// Kind is what an [ID] can identify. The set is closed.
type Kind interface{ prefixes() []string }

// The identifiers of the nouns. A SubjectID is an account or a group; an
// AccountID is a user or a service account.
type (
	OrgID        = ID[Org]
	AccountID    = ID[Account]
	GroupID      = ID[Group]
	RoleID       = ID[Role]
	BindingID    = ID[Binding]
	CredentialID = ID[Credential]
	SubjectID    = ID[Subject]
)

// Subject is the kind of a [SubjectID]: whoever a binding can name.
type Subject struct{}

func (Org) prefixes() []string        { return []string{"or_"} }
func (Account) prefixes() []string    { return []string{"us_", "sa_"} }
func (Group) prefixes() []string      { return []string{"gr_"} }
func (Role) prefixes() []string       { return []string{"ro_"} }
func (Binding) prefixes() []string    { return []string{"bi_"} }
func (Credential) prefixes() []string { return []string{"cr_"} }
func (Subject) prefixes() []string    { return []string{"us_", "sa_", "gr_"} }

// ParseID checks the form of an identifier: a prefix of its kind and 1 to 64
// of [0-9a-z]. It fails with ErrInvalid.
func ParseID[K Kind](s string) (ID[K], error) {
	id := ID[K](s)
	if !id.valid() {
		return "", &Error{Kind: ErrInvalid, Op: "ParseID", Entity: entityOf[K](), ID: clip(s), Field: "id"}
	}
	return id, nil
}

// String returns the identifier as it is stored.
func (id ID[K]) String() string { return string(id) }

// IsZero reports whether the identifier is absent.
func (id ID[K]) IsZero() bool { return id == "" }

func (id ID[K]) valid() bool {
	var k K
	for _, p := range k.prefixes() {
		if rest, ok := strings.CutPrefix(string(id), p); ok {
			return validSuffix(rest)
		}
	}
	return false
}

// check refuses what is no id of its kind.
func (id ID[K]) check() error {
	if id.valid() {
		return nil
	}
	return &Error{Kind: ErrInvalid, Entity: entityOf[K](), ID: clip(string(id)), Field: "ID"}
}

func validSuffix(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// entityOf names the noun of a kind in errors.
func entityOf[K Kind]() string {
	var k K
	switch any(k).(type) {
	case Org:
		return nounOrg
	case Account:
		return nounAccount
	case Group:
		return nounGroup
	case Role:
		return nounRole
	case Binding:
		return nounBinding
	case Credential:
		return nounCredential
	default:
		return "subject"
	}
}

// clip shortens foreign text before it is quoted in an error. What is longer than any name is as likely a secret that was
// pasted into the wrong place: of that only the beginning is shown, which in a secret of ours ends within its id.
func clip(s string) string {
	const most, start = 80, 24
	if len(s) <= most {
		return s
	}
	return s[:start] + "…"
}

// newID makes an identifier: 48 bits of milliseconds and 80 random bits, in
// Crockford's base 32, lower case (the ULID form).
func newID[K Kind](prefix string, now time.Time, random io.Reader) (ID[K], error) {
	text, err := newULID(now, random)
	if err != nil {
		return "", err
	}
	return ID[K](prefix + text), nil
}

func newULID(now time.Time, random io.Reader) (string, error) {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	if random == nil {
		random = rand.Reader
	}
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(now.UnixMilli())<<16)
	if _, err := io.ReadFull(random, raw[6:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	hi, lo := binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])
	var out [26]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = alphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:]), nil
}

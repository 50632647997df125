package token

import "errors"

// The kinds of failure. Test with errors.Is; every error of this package is an [*Error] of one of these kinds, except a
// context's own error, and where a callback of the host failed and the documentation says that its error is returned.
var (
	// ErrFormat: the text is not what it should be: length, segments, base64url, UTF-8, JSON, PEM, DER.
	ErrFormat = errors.New("malformed")
	// ErrAlgorithm: the signature algorithm is not known, or not one of the key's own.
	ErrAlgorithm = errors.New("algorithm not allowed")
	// ErrSignature: the signature does not verify, or a signer gave a signature that does not.
	ErrSignature = errors.New("signature does not verify")
	// ErrUnknownKey: no key with that id, or no live key produces that header.
	ErrUnknownKey = errors.New("unknown key")
	// ErrPurpose: the token says that it is of another kind (typ).
	ErrPurpose = errors.New("made for another purpose")
	// ErrClaim: a claim is absent, of the wrong type, out of range, or not the expected value.
	ErrClaim = errors.New("claim not acceptable")
	// ErrExpired: the expiry has passed.
	ErrExpired = errors.New("expired")
	// ErrNotYetValid: not valid yet, or issued in the future.
	ErrNotYetValid = errors.New("not yet valid")
	// ErrKey: the sealing key is missing, unusable, or not the one that sealed the data.
	ErrKey = errors.New("wrong or missing key")
	// ErrUnavailable: a service that keeps the sealing key or publishes keys did not do its work. It says nothing about the keys.
	ErrUnavailable = errors.New("key service unavailable")
	// ErrWeakKey: a key of a supported kind that is not safe to use.
	ErrWeakKey = errors.New("weak key")
	// ErrUnsupportedKey: a kind of key that is not used here.
	ErrUnsupportedKey = errors.New("unsupported kind of key")
	// ErrPrivateKey: a private key where a public one belongs. It was shown to someone who must not have it.
	ErrPrivateKey = errors.New("private key where a public key belongs; treat it as leaked")
	// ErrConfig: a policy or configuration value is missing or outside its limits.
	ErrConfig = errors.New("configuration not acceptable")
)

// Error is what this package returns. It is for the operator's log, not for the stranger who sent the token: it tells which
// check failed. It never contains the token, a claim value or key material.
type Error struct {
	Kind  error  // one of the Err… values above
	Field string // the claim, header, member or part that failed; may be empty
	Err   error  // the cause, if there is one to tell
}

// Error returns the kind, the field and the cause.
func (e *Error) Error() string {
	s := "token: "
	if e.Field != "" {
		s += e.Field + ": "
	}
	s += e.Kind.Error()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool { return target == e.Kind }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail makes an error of a kind about a field.
func fail(kind error, field string) error { return &Error{Kind: kind, Field: field} }

// failed makes an error of a kind about a field, with its cause.
func failed(kind error, field string, cause error) error {
	return &Error{Kind: kind, Field: field, Err: cause}
}

// errReason is a fixed cause; it never carries input.
type errReason string

func (e errReason) Error() string { return string(e) }

package token

import (
	"strconv"
	"unicode/utf8"
)

// maxToken bounds a token's text in bytes, made or read.
const maxToken = 8 << 10

// maxActors bounds how many actors act for one another in a token.
const maxActors = 8

// Claims is what an access token says (RFC 9068 section 2.2). Texts are valid UTF-8 without control characters. The texts of
// claims that were read share the memory of their token: clone what is kept for long.
type Claims struct {
	Issuer    string   // iss, required: who issued the token
	Subject   string   // sub, required: the account
	Audience  []string // aud, required: who it is for; one value is written as a string
	Expiry    int64    // exp, required: seconds since 1970 (RFC 7519 NumericDate), to the year 9999
	IssuedAt  int64    // iat, required: seconds, before Expiry
	NotBefore int64    // nbf: seconds; 0 is absent
	ID        string   // jti, required: never issued twice
	ClientID  string   // client_id, required: the account that asked

	Org         string // org: the subject's organisation; "" is absent
	Credential  string // cid: the credential behind the token; "" is absent
	Incarnation string // inc: which history of the issuer's database this is; "" is absent
	Revision    uint64 // rev: the revision it was issued at; 0 is absent

	Permissions []string // perm: cuts the token down to these; nil is absent and does not cut, an empty list leaves nothing
	Path        string   // path: cuts the token down to what is under it; "" is absent
	Actor       *Actor   // act: who acts for the subject (RFC 8693 section 4.1); nil is absent
}

// Actor is who acts for the subject of a token (RFC 8693 section 4.1). The outermost acts now; those inside acted before it, or it
// acts through them. Beside who it is, it says what its own proof said.
type Actor struct {
	Subject     string   // sub, required
	Credential  string   // cid: the credential that it proved itself with; "" is absent
	Revision    uint64   // rev: the revision that its proof was made at; 0 is absent
	Permissions []string // perm: what its proof was cut down to; nil is absent and does not cut, an empty list leaves nothing
	Path        string   // path: what its proof was cut down to; "" is absent
	Actor       *Actor   // act: the next one; at most 8 in a row
}

// check says which claim keeps c from being signed; it is what Verify would refuse in any token.
func (c *Claims) check() error {
	required := [...]struct{ field, value string }{
		{"iss", c.Issuer}, {"sub", c.Subject}, {"jti", c.ID}, {"client_id", c.ClientID},
	}
	for _, r := range required {
		if !validText(r.value) {
			return fail(ErrClaim, r.field)
		}
	}
	optional := [...]struct{ field, value string }{
		{"org", c.Org}, {"cid", c.Credential}, {"inc", c.Incarnation}, {"path", c.Path},
	}
	for _, o := range optional {
		if o.value != "" && !validText(o.value) {
			return fail(ErrClaim, o.field)
		}
	}
	for _, a := range c.Audience {
		if !validText(a) {
			return fail(ErrClaim, "aud")
		}
	}
	for _, p := range c.Permissions {
		if !validText(p) {
			return fail(ErrClaim, "perm")
		}
	}
	actors := 0
	for a := c.Actor; a != nil; a = a.Actor {
		if actors++; actors > maxActors || !a.valid() {
			return fail(ErrClaim, "act")
		}
	}
	switch {
	case len(c.Audience) == 0:
		return fail(ErrClaim, "aud")
	case c.IssuedAt <= 0:
		return fail(ErrClaim, "iat")
	case c.Expiry <= c.IssuedAt || c.Expiry > maxDate:
		return fail(ErrClaim, "exp")
	case c.NotBefore < 0 || c.NotBefore >= c.Expiry:
		return fail(ErrClaim, "nbf")
	}
	return nil
}

func (a *Actor) valid() bool {
	for _, p := range a.Permissions {
		if !validText(p) {
			return false
		}
	}
	return validText(a.Subject) && (a.Credential == "" || validText(a.Credential)) && (a.Path == "" || validText(a.Path))
}

func validText(s string) bool { return printable(s) && utf8.ValidString(s) }

// append writes checked claims as JSON, in one order.
func (c *Claims) append(b []byte) []byte {
	b = append(b, `{"iss":`...)
	b = appendString(b, c.Issuer)
	b = append(b, `,"sub":`...)
	b = appendString(b, c.Subject)
	b = append(b, `,"aud":`...)
	if len(c.Audience) == 1 {
		b = appendString(b, c.Audience[0])
	} else {
		b = appendStrings(b, c.Audience)
	}
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, c.Expiry, 10)
	b = append(b, `,"iat":`...)
	b = strconv.AppendInt(b, c.IssuedAt, 10)
	if c.NotBefore != 0 {
		b = append(b, `,"nbf":`...)
		b = strconv.AppendInt(b, c.NotBefore, 10)
	}
	b = append(b, `,"jti":`...)
	b = appendString(b, c.ID)
	b = append(b, `,"client_id":`...)
	b = appendString(b, c.ClientID)
	b = appendMember(b, `,"org":`, c.Org)
	b = appendMember(b, `,"cid":`, c.Credential)
	b = appendMember(b, `,"inc":`, c.Incarnation)
	if c.Revision != 0 {
		b = append(b, `,"rev":`...)
		b = strconv.AppendUint(b, c.Revision, 10)
	}
	if c.Permissions != nil {
		b = append(b, `,"perm":`...)
		b = appendStrings(b, c.Permissions)
	}
	b = appendMember(b, `,"path":`, c.Path)
	actors := 0
	for a := c.Actor; a != nil; a = a.Actor {
		actors++
		b = append(b, `,"act":{"sub":`...)
		b = appendString(b, a.Subject)
		b = appendMember(b, `,"cid":`, a.Credential)
		if a.Revision != 0 {
			b = append(b, `,"rev":`...)
			b = strconv.AppendUint(b, a.Revision, 10)
		}
		if a.Permissions != nil {
			b = append(b, `,"perm":`...)
			b = appendStrings(b, a.Permissions)
		}
		b = appendMember(b, `,"path":`, a.Path)
	}
	for ; actors >= 0; actors-- {
		b = append(b, '}')
	}
	return b
}

func appendMember(b []byte, start, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, start...), value)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

// parseClaims reads the claims of an access token: the required ones by presence and type, the known optional ones by type. Other
// claims are held to the rules of the reader and forgotten.
func parseClaims(payload string) (Claims, error) {
	var c Claims
	err := readObject(payload, c.member)
	if err != nil {
		return Claims{}, formatError("claims", err)
	}
	// Values that are present are not zero, so what is zero is absent.
	switch {
	case c.Issuer == "":
		err = fail(ErrClaim, "iss")
	case c.Subject == "":
		err = fail(ErrClaim, "sub")
	case c.Audience == nil:
		err = fail(ErrClaim, "aud")
	case c.Expiry == 0:
		err = fail(ErrClaim, "exp")
	case c.IssuedAt == 0:
		err = fail(ErrClaim, "iat")
	case c.ID == "":
		err = fail(ErrClaim, "jti")
	case c.ClientID == "":
		err = fail(ErrClaim, "client_id")
	}
	if err != nil {
		return Claims{}, err
	}
	return c, nil
}

// member reads one claim.
func (c *Claims) member(r *reader, name string) (err error) {
	switch name {
	case "iss":
		c.Issuer, err = r.text(name)
	case "sub":
		c.Subject, err = r.text(name)
	case "aud":
		c.Audience, err = r.audience()
	case "exp":
		c.Expiry, err = r.date(name)
	case "iat":
		c.IssuedAt, err = r.date(name)
	case "nbf":
		c.NotBefore, err = r.date(name)
	case "jti":
		c.ID, err = r.text(name)
	case "client_id":
		c.ClientID, err = r.text(name)
	case "org":
		c.Org, err = r.text(name)
	case "cid":
		c.Credential, err = r.text(name)
	case "inc":
		c.Incarnation, err = r.text(name)
	case "rev":
		c.Revision, err = r.count(name)
	case "perm":
		c.Permissions, err = r.texts(name)
	case "path":
		c.Path, err = r.text(name)
	case "act":
		c.Actor, err = r.actor(1)
	default:
		err = r.skip()
	}
	return err
}

// actor reads an actor, the depth-th of its chain.
func (r *reader) actor(depth int) (*Actor, error) {
	if r.peek() != '{' || depth > maxActors {
		return nil, fail(ErrClaim, "act")
	}
	a := new(Actor)
	err := r.object(func(r *reader, name string) (err error) {
		switch name {
		case "sub":
			a.Subject, err = r.text("act")
		case "cid":
			a.Credential, err = r.text("act")
		case "rev":
			a.Revision, err = r.count("act")
		case "perm":
			a.Permissions, err = r.texts("act")
		case "path":
			a.Path, err = r.text("act")
		case "act":
			a.Actor, err = r.actor(depth + 1)
		default:
			err = r.skip()
		}
		return err
	})
	if err == nil && a.Subject == "" {
		err = fail(ErrClaim, "act")
	}
	return a, err
}

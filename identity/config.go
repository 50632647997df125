package identity

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// Config is what a host says once, at start. Issuer and Seal are required;
// every other zero value is a safe default.
type Config struct {
	// Issuer is the "iss" of every token and the only audience that assertions
	// may name (RFC 8414 section 2): an https URL without query or fragment, or
	// http on a loopback host. It is never derived from a request.
	Issuer string
	// Audience is the "aud" of access tokens; empty means the issuer.
	Audience string
	// Audiences are those that a token can be made for instead, with
	// [TokenRequest.Audience]: other services, which verify it by the key set. At most 64.
	Audiences []string
	// Seal says how the signing keys are sealed at rest. To change it see [Admin.Reseal].
	Seal token.Seal
	// KeySource makes signing keys outside of this process; without it they are
	// made here. It is needed for as long as a key that it made signs or is to sign.
	KeySource KeySource

	// Permissions are the host's atomic operations. Names under "identity:" are
	// taken.
	Permissions []policy.PermissionSpec
	// Roles are the roles declared in code, the same in every org.
	Roles []CodeRole
	// Attributes are what conditions may read beside the attributes that every
	// request has.
	Attributes []policy.AttributeSpec
	// Conditions is the language of conditions, such as the one of policy/cel.
	// Without it no condition can be written, and one that is stored is unknown:
	// its allow gives nothing, its deny denies.
	Conditions policy.Language

	// AccountDomain ends the computed handles, name@org-slug.<AccountDomain>.
	AccountDomain string
	// TokenLife is how long access tokens live; default 10 minutes, at most 1 hour.
	TokenLife time.Duration
	// TokenAlgorithm signs access tokens: token.AlgEdDSA (default) or token.AlgES256.
	TokenAlgorithm token.Algorithm
	// TokenPrefix begins API tokens and client secrets, so that they are known by
	// sight; default "cvg", 2 to 16 of [a-z0-9], a letter first. To change it makes
	// those that begin otherwise useless until it is changed back.
	TokenPrefix string
	// KeyPeriod is how long a signing key stays current; default 30 days, at least 1 hour.
	KeyPeriod time.Duration
	// Skew is how far clocks may differ; default 30 seconds, at most 2 minutes.
	Skew time.Duration
	// DefaultValidity and MaxValidity bound the life of service accounts and
	// credentials; default 365 and 730 days.
	DefaultValidity, MaxValidity time.Duration
	// MaxCredentials is how many live credentials an account may have; default 20.
	MaxCredentials int
	// MaxWrite bounds Write, and how long a call waits for its turn to write;
	// default 10 seconds.
	MaxWrite time.Duration
	// MaxStaleness bounds how far a Shared process may be behind; default 1 second.
	MaxStaleness time.Duration
	// MaxMemory is how many bytes the orgs that are kept in memory may take, as
	// estimated; default 1 GiB. Those beyond it that were not used for the longest
	// time are dropped, and read again at their next use. The system org stays, and
	// so does an org in use that is larger than that alone.
	MaxMemory int64

	// MaxVerified is how many bytes the access tokens may take, about, that are
	// remembered so that those who show them again need not be verified again;
	// default 32 MiB, less than 0 remembers none.
	MaxVerified int64
	// LastUsedEvery is how often it is written down who was here; default 1 minute.
	LastUsedEvery time.Duration
	// IdempotencyFor is how long an idempotency key is remembered; default 24 hours,
	// between 1 minute and 30 days. See [Admin.WithIdempotencyKey].
	IdempotencyFor time.Duration
	// OnExpiry, if set, is called in the background for every account and credential
	// that ends soon, once for each of ExpiryThresholds, also when nothing ran at the
	// time. It is for what has to be replaced: of a credential that was rotated nobody
	// is warned, though [OrgAdmin.Expiring] lists it, nor of one that is disabled or
	// held. If it fails it is called again later, as it is when the process ends
	// before it returns. It is called by one goroutine, and [Authority.Close] waits
	// for it.
	OnExpiry func(context.Context, ExpiryWarning) error
	// ExpiryThresholds are how long before the end OnExpiry is called; default 30, 7
	// and 1 days. At most 8, between 1 minute and 365 days. What lives no longer than a
	// threshold is not warned of at it.
	ExpiryThresholds []time.Duration
	// Observer, if set, is told of every authentication that is tried, and of every
	// denial by Authorize, Check or a management call through As. It is called by one
	// goroutine, which [Authority.Close] waits for, and must not block for long: what
	// finds 4,096 observations waiting is dropped and counted, see [Stats].
	Observer func(Observation)

	// Witness remembers how far the database has come, for hosts whose disk does not
	// outlive the machine; see [Witness].
	Witness Witness
	// ReservedSlugs are those that no org gets, such as "www" and "api" of a host
	// that puts orgs into the names of its subdomains. "system" is taken.
	ReservedSlugs []string

	// ServiceAccountsMayMint lets service accounts create accounts and credentials
	// for others, where their roles permit it.
	ServiceAccountsMayMint bool
	// InsecureAcceptEndpointAudience is a token endpoint URL that assertions may
	// name as their audience beside the issuer. Some clients send it; another
	// server could then replay what it was sent (RFC 7523 section 3).
	InsecureAcceptEndpointAudience string

	// Logger receives what an operator should know; default discards.
	Logger *slog.Logger
	// Now is the clock; nil means the system's. A clock given here is read at every call.
	Now func() time.Time
	// Random is the source of keys and ids; nil means crypto/rand.
	Random io.Reader
}

// JWKSMaxAge is how long a verifier may cache the key set. A new signing key is
// published for twice as long before it signs.
const JWKSMaxAge = 5 * time.Minute

// What a token may live, and clocks may differ, at most.
const (
	maxTokenLife = time.Hour
	maxSkew      = 2 * time.Minute
)

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.TokenLife, 10*time.Minute)
	set(&c.KeyPeriod, 30*24*time.Hour)
	set(&c.Skew, 30*time.Second)
	set(&c.MaxValidity, 730*24*time.Hour)
	set(&c.DefaultValidity, min(365*24*time.Hour, c.MaxValidity))
	set(&c.MaxWrite, 10*time.Second)
	set(&c.MaxStaleness, time.Second)
	if c.Audience == "" {
		c.Audience = c.Issuer
	}
	if c.TokenAlgorithm == "" {
		c.TokenAlgorithm = token.AlgEdDSA
	}
	if c.TokenPrefix == "" {
		c.TokenPrefix = "cvg"
	}
	if c.MaxCredentials == 0 {
		c.MaxCredentials = 20
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = 1 << 30
	}
	if c.MaxVerified == 0 {
		c.MaxVerified = 32 << 20
	}
	set(&c.LastUsedEvery, time.Minute)
	set(&c.IdempotencyFor, 24*time.Hour)
	c.ExpiryThresholds = expiryThresholds(c.ExpiryThresholds)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) check() error {
	bad := func(field, format string, args ...any) error { return invalid("config", field, format, args...) }
	if err := checkIssuer(c.Issuer); err != "" {
		return bad("Issuer", "%s", err)
	}
	between := []struct {
		field      string
		v, lo, top time.Duration
	}{
		{"TokenLife", c.TokenLife, time.Second, maxTokenLife},
		{"KeyPeriod", c.KeyPeriod, time.Hour, 3650 * 24 * time.Hour},
		{"Skew", c.Skew, 0, maxSkew},
		{"MaxValidity", c.MaxValidity, time.Minute, 3650 * 24 * time.Hour},
		{"DefaultValidity", c.DefaultValidity, time.Minute, c.MaxValidity},
		{"MaxWrite", c.MaxWrite, time.Millisecond, time.Hour},
		{"MaxStaleness", c.MaxStaleness, 10 * time.Millisecond, time.Hour},
		{"LastUsedEvery", c.LastUsedEvery, time.Second, 24 * time.Hour},
		{"IdempotencyFor", c.IdempotencyFor, time.Minute, 30 * 24 * time.Hour},
	}
	for _, b := range between {
		if b.v < b.lo || b.v > b.top {
			return bad(b.field, "%s is not between %s and %s", b.v, b.lo, b.top)
		}
	}
	if why := checkAudiences(c.Audiences); why != "" {
		return bad("Audiences", "%s", why)
	}
	for _, slug := range c.ReservedSlugs {
		if !validSlug(slug) {
			return bad("ReservedSlugs", "%q is no DNS label in lower case", clip(slug))
		}
	}
	if c.TokenAlgorithm != token.AlgEdDSA && c.TokenAlgorithm != token.AlgES256 {
		return bad("TokenAlgorithm", "%q cannot sign access tokens", string(c.TokenAlgorithm))
	}
	if !token.ValidOpaquePrefix(c.TokenPrefix) {
		return bad("TokenPrefix", "%q is not 2 to 16 of [a-z0-9], a letter first", clip(c.TokenPrefix))
	}
	if c.MaxCredentials < 1 {
		return bad("MaxCredentials", "%d is less than 1", c.MaxCredentials)
	}
	if c.MaxMemory < 0 {
		return bad("MaxMemory", "%d is negative", c.MaxMemory)
	}
	if why := checkThresholds(c.ExpiryThresholds); why != "" {
		return bad("ExpiryThresholds", "%s", why)
	}
	if c.AccountDomain != "" && !validDomain(c.AccountDomain) {
		return bad("AccountDomain", "%q is no domain name", clip(c.AccountDomain))
	}
	for _, p := range c.Permissions {
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			if strings.HasPrefix(name, managementPrefix) {
				return bad("Permissions", "%q: names under %q are taken", clip(name), managementPrefix)
			}
		}
	}
	return nil
}

// maxAudiences bounds Config.Audiences, maxAudience each of them in bytes.
const (
	maxAudiences = 64
	maxAudience  = 512
)

// checkAudiences returns what is wrong with audiences, or "".
func checkAudiences(audiences []string) string {
	if len(audiences) > maxAudiences {
		return "are more than 64"
	}
	for _, text := range audiences {
		if text == "" || len(text) > maxAudience || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return "are not all 1 to 512 bytes of printable ASCII without spaces"
		}
	}
	return ""
}

// checkIssuer returns what is wrong with an issuer, or "".
func checkIssuer(issuer string) string {
	u, err := url.Parse(issuer)
	switch {
	case issuer == "":
		return "is required"
	case err != nil || u.Host == "" || u.Opaque != "":
		return "is no URL"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(issuer, "#"):
		return "has a query or a fragment"
	case u.User != nil:
		return "has user information"
	case u.Scheme == "https":
		return ""
	case u.Scheme == "http" && loopback(u.Hostname()):
		return ""
	}
	return "is neither https nor http on a loopback host"
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func validDomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !validSlug(label) {
			return false
		}
	}
	return true
}

// CodeRole is a role declared in code: the same in every org, without rows.
type CodeRole struct {
	Name        string // 1 to 128 of [A-Za-z0-9._/-]; bound as "code:" + Name
	Description string
	Permissions []string // names and patterns of the host's permissions and of management
	Exclusions  []string // taken away from this role only
	Includes    []string // names of other code roles
}

// Ref is how bindings name the role.
func (r CodeRole) Ref() RoleRef { return RoleRef(codePrefix + r.Name) }

const codePrefix = "code:"

// compileModel builds the permissions, code roles and conditions of one binary.
func (c Config) compileModel() (policy.Model, error) {
	specs := append(managementPermissions(), c.Permissions...)
	catalog, err := policy.NewCatalog(specs...)
	if err != nil {
		return policy.Model{}, &Error{Kind: ErrInvalid, Entity: "config", Field: "Permissions", Err: err}
	}
	roles := []policy.Role{{ID: string(RoleOwner), Permissions: []string{"*", managementPrefix + "*"}}}
	for _, r := range c.Roles {
		if why := checkRoleName(r.Name); why != "" {
			return policy.Model{}, &Error{Kind: ErrInvalid, Entity: "role", ID: clip(r.Name), Field: "Name", Err: errText(why)}
		}
		def := policy.Role{ID: string(r.Ref()), Permissions: r.Permissions, Exclusions: r.Exclusions}
		for _, name := range r.Includes {
			def.Includes = append(def.Includes, codePrefix+name)
		}
		roles = append(roles, def)
	}
	compiled, err := policy.NewRoles(catalog, roles)
	if err != nil {
		return policy.Model{}, &Error{Kind: ErrInvalid, Entity: "config", Field: "Roles", Err: err}
	}
	schema, err := policy.NewSchema(c.Attributes...)
	if err != nil {
		return policy.Model{}, &Error{Kind: ErrInvalid, Entity: "config", Field: "Attributes", Err: err}
	}
	return policy.Model{Catalog: catalog, Roles: compiled, Conditions: policy.NewConditions(c.Conditions, schema)}, nil
}

package policy

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"
)

// MaxCondition is the greatest length in bytes of a condition's source.
const MaxCondition = 4096

// Truth is the outcome of a condition. The zero value is Unknown, which fails closed: an allow counts only if its condition is
// True, a deny counts unless its condition is False.
type Truth uint8

// The outcomes.
const (
	Unknown Truth = iota
	False
	True
)

// String returns "unknown", "false" or "true".
func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	}
	return "unknown"
}

// Language is the port behind which a language for conditions stands; package policy/cel is one. Without a language every
// condition is Unknown.
type Language interface {
	// Compile checks a source of at most [MaxCondition] bytes against a schema and returns what it means. It must refuse what is
	// not a condition, what is of the wrong type, and what could cost too much to evaluate.
	Compile(source string, schema *Schema) (Condition, error)
}

// Condition is a compiled condition, safe for concurrent use. A panic of Eval counts as Unknown.
type Condition interface {
	// Eval answers for one request, within a bounded cost. If a value that it needs is missing, the answer is Unknown and missing
	// names the attribute; that a value is missing must not make anything true or false, since [Snapshot.Filter] asks without a
	// path. It must not keep env.
	Eval(env *Env) (truth Truth, missing string)
	// Attributes are the names of the attributes that it may read.
	Attributes() []string
}

// Env is what a condition may know of a request.
type Env struct {
	account string
	kind    Kind
	labels  map[string]string
	org     string
	path    Path
	now     int64
	attrs   *Attrs
	schema  *Schema
}

// NewEnv makes an environment for trying a condition out. Now is in Unix microseconds.
func NewEnv(schema *Schema, account Account, org string, path Path, now int64, attrs *Attrs) *Env {
	return &Env{account: account.ID, kind: account.Kind, labels: account.Labels, org: org, path: path, now: now, attrs: attrs, schema: schema}
}

// Lookup returns the value of an attribute, of the Go type that its [AttributeType] names, and false if there is none or it is
// not of the type that the schema declares. A slice or a map must not be changed.
func (e *Env) Lookup(name string) (any, bool) {
	switch name {
	case AttributeTime:
		return time.UnixMicro(e.now).UTC(), true
	case AttributePath:
		return e.path.text, e.path.text != ""
	case AttributeOrg:
		return e.org, e.org != ""
	case AttributePrincipalID:
		return e.account, e.account != ""
	case AttributePrincipalKind:
		switch e.kind {
		case User:
			return "user", true
		case ServiceAccount:
			return "service-account", true
		}
		return nil, false
	case AttributePrincipalLabels: // of an account all of them are known, also that it has none
		return e.labels, e.account != ""
	}
	v, ok := e.attrs.lookup(name)
	if !ok || e.schema.Type(name) != typeOf(v) {
		return nil, false
	}
	return v, true
}

// Conditions compiles conditions, each source once for all who use it. It is safe for concurrent use.
type Conditions struct {
	language Language
	schema   *Schema
	interned sync.Map // source → weak.Pointer[condition]
}

// NewConditions joins a language, which may be nil, and a schema.
func NewConditions(language Language, schema *Schema) *Conditions {
	return &Conditions{language: language, schema: schema}
}

// Compiled is a source that is compiled, be it to an error. While it is held, the source is not compiled again.
type Compiled struct{ in *condition }

// Err is what [Conditions.Check] answers for the source.
func (c Compiled) Err() error { return c.in.err }

// Compile compiles a source ahead of its use, which is dear, so that what is done under a lock need not. The caller holds what it
// returns, with [runtime.KeepAlive] if need be, until a snapshot has the condition.
func (c *Conditions) Compile(source string) Compiled { return Compiled{c.intern(source)} }

// Check reports whether a source is a condition: the error of the language, or [ErrNoLanguage].
func (c *Conditions) Check(source string) error { return c.intern(source).err }

// Attributes returns the names of the attributes that a condition may read. ok is false if the source is no condition, which
// may then read anything.
func (c *Conditions) Attributes(source string) (names []string, ok bool) {
	in := c.intern(source)
	if in.err != nil {
		return nil, false
	}
	return slices.Clone(in.reads), true
}

// ReadsPrincipal reports whether the outcome of a condition may depend on whose binding it stands in: whether it may read an
// attribute named principal.*.
func (c *Conditions) ReadsPrincipal(source string) bool { return c.intern(source).ofPrincipal() }

// ReadsPath reports whether the outcome of a condition may depend on the path of the resource: whether it may read [AttributePath].
// One that cannot be read depends on nothing: its outcome is always [Unknown].
func (c *Conditions) ReadsPath(source string) bool {
	return slices.Contains(c.intern(source).reads, AttributePath)
}

// Schema is the one that conditions are checked against; it may be nil.
func (c *Conditions) Schema() *Schema {
	if c == nil {
		return nil
	}
	return c.schema
}

// condition is a source with what it means. It stays in memory while some snapshot uses it.
type condition struct {
	source string
	means  Condition // nil if err is not
	reads  []string
	err    error
}

func (c *Conditions) intern(source string) *condition {
	if c == nil || c.language == nil {
		return &condition{source: source, err: &Error{Kind: ErrNoLanguage, Noun: "condition", Value: source}}
	}
	for {
		if w, ok := c.interned.Load(source); ok {
			if in := w.(weak.Pointer[condition]).Value(); in != nil {
				return in
			}
			c.interned.CompareAndDelete(source, w)
		}
		in := c.compile(source)
		w := weak.Make(in)
		if _, taken := c.interned.LoadOrStore(source, w); !taken {
			runtime.AddCleanup(in, func(source string) { c.interned.CompareAndDelete(source, w) }, source)
			return in
		}
	}
}

// compile never panics: the language is the host's code.
func (c *Conditions) compile(source string) (in *condition) {
	in = &condition{source: source}
	refuse := func() { in.err = &Error{Kind: ErrSyntax, Noun: "condition", Value: source} }
	defer func() {
		if recover() != nil {
			in.means = nil
			refuse()
		}
	}()
	if source == "" || len(source) > MaxCondition {
		refuse()
		return in
	}
	means, err := c.language.Compile(source, c.schema)
	switch {
	case err != nil:
		in.err = &Error{Kind: ErrSyntax, Noun: "condition", Value: source, Err: err}
	case means == nil:
		refuse()
	default:
		in.reads = slices.Clone(means.Attributes())
		in.means = means
	}
	return in
}

// ofPrincipal reports whether the outcome may depend on who asks.
func (in *condition) ofPrincipal() bool {
	return in.err != nil || slices.ContainsFunc(in.reads, func(name string) bool { return strings.HasPrefix(name, principalPrefix) })
}

// eval never panics. Its environment lies on the heap, so a decision that meets no condition does not come here.
func (in *condition) eval(env *Env) (t Truth, missing string) {
	if in.means == nil {
		return Unknown, ""
	}
	defer func() {
		if recover() != nil {
			t, missing = Unknown, ""
		}
	}()
	switch t, missing = in.means.Eval(env); t {
	case True, False:
		return t, ""
	}
	return Unknown, missing
}

package policy

import (
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// AttributeType is the type of an attribute's value. The zero value is none.
type AttributeType uint8

// The types of attributes, with the Go type of their values.
const (
	TypeBool     AttributeType = iota + 1 // bool
	TypeInt                               // int64
	TypeFloat                             // float64
	TypeString                            // string
	TypeStrings                           // []string
	TypeTime                              // time.Time
	TypeDuration                          // time.Duration
	TypeAddr                              // netip.Addr
	TypeMap                               // map[string]string
)

var typeNames = [...]string{
	TypeBool: "bool", TypeInt: "int", TypeFloat: "float", TypeString: "string", TypeStrings: "strings", TypeTime: "time",
	TypeDuration: "duration", TypeAddr: "addr", TypeMap: "map",
}

// String returns the name of the type, "none" for a value that is none of the constants.
func (t AttributeType) String() string {
	if t == 0 || int(t) >= len(typeNames) {
		return "none"
	}
	return typeNames[t]
}

// AttributeSpec declares an attribute that conditions may read.
type AttributeSpec struct {
	// Name is 1 to [MaxName] bytes: words of [a-z][A-Za-z0-9_]*, joined by dots, such as request.ip. What says something of the
	// caller is named principal.*: the same condition may then have another outcome for another caller.
	Name        string
	Type        AttributeType
	Description string // for people
}

// The attributes that every request has. A host declares others and cannot redeclare these.
const (
	AttributeTime          = "request.time"   // TypeTime: the instant of the decision
	AttributePath          = "resource.path"  // TypeString: canonical text of the path
	AttributeOrg           = "resource.org"   // TypeString: id of the organisation of the resource
	AttributePrincipalID   = "principal.id"   // TypeString: id of the account
	AttributePrincipalKind = "principal.kind" // TypeString: "user" or "service-account"
	// AttributePrincipalLabels is a TypeMap: the labels of the account, as they are stored. Who has none has an empty map.
	AttributePrincipalLabels = "principal.labels"
)

// principalPrefix begins the names of the attributes that say something of the caller.
const principalPrefix = "principal."

var builtIn = []AttributeSpec{
	{AttributeTime, TypeTime, "the instant of the decision"},
	{AttributePath, TypeString, "the path of the resource"},
	{AttributeOrg, TypeString, "the id of the organisation of the resource"},
	{AttributePrincipalID, TypeString, "the id of the account"},
	{AttributePrincipalKind, TypeString, `"user" or "service-account"`},
	{AttributePrincipalLabels, TypeMap, "the labels of the account"},
}

// Schema is the set of attributes that conditions may read: those of every request and those that the host declares. It does
// not change and is safe for concurrent use.
type Schema struct {
	specs []AttributeSpec
	types map[string]AttributeType
}

// NewSchema builds a schema. A malformed name or type is [ErrSyntax], a name given twice [ErrDuplicate], one of the built-in
// ones, or one that is another's beginning (request beside request.ip), [ErrReserved].
func NewSchema(specs ...AttributeSpec) (*Schema, error) {
	s := &Schema{types: map[string]AttributeType{}}
	for i, spec := range slices.Concat(builtIn, specs) {
		kind, field := error(nil), "name"
		switch _, twice := s.types[spec.Name]; {
		case !validAttribute(spec.Name):
			kind = ErrSyntax
		case spec.Type == 0 || int(spec.Type) >= len(typeNames):
			kind, field = ErrSyntax, "type"
		case twice && slices.ContainsFunc(builtIn, func(b AttributeSpec) bool { return b.Name == spec.Name }) && i >= len(builtIn):
			kind = ErrReserved
		case twice:
			kind = ErrDuplicate
		}
		if kind != nil {
			return nil, &Error{Kind: kind, Noun: "attribute", ID: spec.Name, Field: field, Value: spec.Name}
		}
		s.types[spec.Name] = spec.Type
		s.specs = append(s.specs, spec)
	}
	for _, spec := range s.specs {
		for name := range s.types {
			if strings.HasPrefix(name, spec.Name+".") {
				return nil, &Error{Kind: ErrReserved, Noun: "attribute", ID: spec.Name, Field: "name", Value: name}
			}
		}
	}
	return s, nil
}

// Type returns the type of an attribute, 0 if the schema, which may be nil, does not have it.
func (s *Schema) Type(name string) AttributeType {
	if s == nil {
		return 0
	}
	return s.types[name]
}

// All yields the attributes, the built-in ones first.
func (s *Schema) All() iter.Seq[AttributeSpec] {
	return func(yield func(AttributeSpec) bool) {
		if s == nil {
			return
		}
		for _, spec := range s.specs {
			if !yield(spec) {
				return
			}
		}
	}
}

func validAttribute(name string) bool {
	if len(name) == 0 || len(name) > MaxName {
		return false
	}
	for word := range strings.SplitSeq(name, ".") {
		if word == "" || word[0] < 'a' || word[0] > 'z' {
			return false
		}
		for i := range len(word) {
			if c := word[i]; c != '_' && (!typeByte(c) || c == '.' || c == '-') {
				return false
			}
		}
	}
	return true
}

// Attrs are the values of attributes for one request. A nil *Attrs has none. It may be filled again after Reset, but not while
// a decision reads it.
type Attrs struct{ list []attr }

type attr struct {
	name  string
	value any
}

// Reset forgets every value and keeps the memory.
func (a *Attrs) Reset() {
	clear(a.list)
	a.list = a.list[:0]
}

// Clone returns the same values apart from these, so that those can be filled again. That of a nil *Attrs is nil.
func (a *Attrs) Clone() *Attrs {
	if a == nil {
		return nil
	}
	return &Attrs{list: slices.Clone(a.list)}
}

// SetBool sets an attribute of [TypeBool], and so on. Each returns a, so that calls can be chained; a value set earlier under
// the name is replaced. A name that the schema does not have, or has with another type, counts as not set.
func (a *Attrs) SetBool(name string, v bool) *Attrs { return a.set(name, v) }

// SetInt sets an attribute of [TypeInt].
func (a *Attrs) SetInt(name string, v int64) *Attrs { return a.set(name, v) }

// SetFloat sets an attribute of [TypeFloat].
func (a *Attrs) SetFloat(name string, v float64) *Attrs { return a.set(name, v) }

// SetString sets an attribute of [TypeString].
func (a *Attrs) SetString(name, v string) *Attrs { return a.set(name, v) }

// SetStrings sets an attribute of [TypeStrings]. The slice must not be changed afterwards.
func (a *Attrs) SetStrings(name string, v []string) *Attrs { return a.set(name, v) }

// SetTime sets an attribute of [TypeTime].
func (a *Attrs) SetTime(name string, v time.Time) *Attrs { return a.set(name, v) }

// SetDuration sets an attribute of [TypeDuration].
func (a *Attrs) SetDuration(name string, v time.Duration) *Attrs { return a.set(name, v) }

// SetAddr sets an attribute of [TypeAddr]. An IPv4 address in IPv6 form is unmapped and a zone dropped, so that there is one
// spelling of every address; the zero Addr counts as not set.
func (a *Attrs) SetAddr(name string, v netip.Addr) *Attrs { return a.set(name, v.Unmap().WithZone("")) }

// SetMap sets an attribute of [TypeMap]. The map must not be changed afterwards; nil is an empty one.
func (a *Attrs) SetMap(name string, v map[string]string) *Attrs { return a.set(name, v) }

func (a *Attrs) set(name string, v any) *Attrs {
	for i := range a.list {
		if a.list[i].name == name {
			a.list[i].value = v
			return a
		}
	}
	a.list = append(a.list, attr{name, v})
	return a
}

func (a *Attrs) lookup(name string) (any, bool) {
	if a == nil {
		return nil, false
	}
	for i := range a.list {
		if a.list[i].name == name {
			return a.list[i].value, true
		}
	}
	return nil, false
}

func typeOf(v any) AttributeType {
	switch v := v.(type) {
	case bool:
		return TypeBool
	case int64:
		return TypeInt
	case float64:
		return TypeFloat
	case string:
		return TypeString
	case []string:
		return TypeStrings
	case map[string]string:
		return TypeMap
	case time.Time:
		return TypeTime
	case time.Duration:
		return TypeDuration
	case netip.Addr:
		if v.IsValid() {
			return TypeAddr
		}
	}
	return 0
}

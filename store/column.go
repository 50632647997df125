package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jmoiron/sqlx/reflectx"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// newMapper names the column of a field: CreatedAt is created_at, and what
// refers to a row of another table ends in _id. A field of a row struct
// shadows the one of the noun it embeds.
func newMapper() *reflectx.Mapper {
	return reflectx.NewMapperFunc("", func(field string) string {
		switch field {
		case "Org", "Account", "Group", "Member":
			return strings.ToLower(field) + "_id"
		}
		var b strings.Builder
		var previous rune
		for _, r := range field {
			if unicode.IsUpper(r) && unicode.IsLower(previous) {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
			previous = r
		}
		return b.String()
	})
}

// micros is a time as Unix microseconds; absent is 0.
type micros struct{ time.Time }

func (m micros) Value() (driver.Value, error) {
	if m.IsZero() {
		return int64(0), nil
	}
	if y := m.Year(); y < 0 || y > 9999 {
		return nil, unfit{fmt.Sprintf("a time in the year %d cannot be stored", y)}
	}
	us := m.UnixMicro()
	if us == 0 {
		return nil, unfit{"1970-01-01T00:00:00Z cannot be stored: it would read as absent"}
	}
	return us, nil
}

func (m *micros) Scan(src any) error {
	us, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", src)
	}
	m.Time = timeOf(us)
	return nil
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// duration is a span of time as microseconds.
type duration time.Duration

func (d duration) Value() (driver.Value, error) { return time.Duration(d).Microseconds(), nil }

func (d *duration) Scan(src any) error {
	us, ok := src.(int64)
	if !ok || us < 0 || us > math.MaxInt64/int64(time.Microsecond) {
		return fmt.Errorf("%v is no span of time", src)
	}
	*d = duration(time.Duration(us) * time.Microsecond)
	return nil
}

// stamps shadows the times of [identity.Meta].
type stamps struct{ CreatedAt, UpdatedAt micros }

func stampsOf(m identity.Meta) stamps {
	return stamps{micros{m.CreatedAt}, micros{m.UpdatedAt}}
}

func (s stamps) onto(m *identity.Meta) {
	m.CreatedAt, m.UpdatedAt = s.CreatedAt.Time, s.UpdatedAt.Time
}

// list is a list of text as JSON. Empty and absent are the same.
type list[S ~string] []S

func (l list[S]) Value() (driver.Value, error) {
	if len(l) == 0 {
		return "[]", nil
	}
	return jsonText([]S(l))
}

func (l *list[S]) Scan(src any) error {
	*l = nil
	if src == "[]" {
		return nil
	}
	return scanJSON(src, (*[]S)(l))
}

// labels is a map of text as JSON. Empty and absent are the same.
type labels map[string]string

func (l labels) Value() (driver.Value, error) {
	if len(l) == 0 {
		return "{}", nil
	}
	return jsonText(map[string]string(l))
}

func (l *labels) Scan(src any) error {
	*l = nil
	if src == "{}" {
		return nil
	}
	return scanJSON(src, (*map[string]string)(l))
}

// bytes is a blob. Empty and absent are the same.
type bytes []byte

func (b bytes) Value() (driver.Value, error) {
	if len(b) == 0 {
		return nil, nil
	}
	return []byte(b), nil
}

func (b *bytes) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		*b = nil
	case []byte:
		*b = slices.Clone(src)
	default:
		return fmt.Errorf("a blob is stored as %T", src)
	}
	return nil
}

// scope is a path as its canonical text.
type scope struct{ policy.Path }

func (s scope) Value() (driver.Value, error) {
	if s.IsZero() {
		return nil, unfit{"the scope is absent"}
	}
	return s.String(), nil
}

func (s *scope) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("a path is stored as %T", src)
	}
	path, err := policy.ParsePath(text)
	if err != nil {
		return err
	}
	s.Path = path
	return nil
}

// effect is allow or deny, in words.
type effect policy.Effect

func (e effect) Value() (driver.Value, error) {
	switch policy.Effect(e) {
	case policy.Allow:
		return "allow", nil
	case policy.Deny:
		return "deny", nil
	}
	return nil, unfit{fmt.Sprintf("%d is no effect", e)}
}

func (e *effect) Scan(src any) error {
	switch src {
	case "allow":
		*e = effect(policy.Allow)
	case "deny":
		*e = effect(policy.Deny)
	default:
		return fmt.Errorf("%v is no effect", src)
	}
	return nil
}

func jsonText(v any) (driver.Value, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return string(text), nil
}

// scanJSON is strict: a member that this release does not know would be lost
// by the next write.
func scanJSON(src, dest any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("JSON is stored as %T", src)
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(dest)
}

package store

import (
	"database/sql/driver"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestColumns: what is stored comes back, and a zero value of what decides is
// not stored at all.
func TestColumns(t *testing.T) {
	for _, c := range []struct {
		in   driver.Valuer
		want any
		back any // a new value to scan into
	}{
		{micros{time.Date(2031, 1, 2, 3, 4, 5, 6000, time.UTC)}, int64(1925089445000006), &micros{}},
		{micros{}, int64(0), &micros{time.Now()}},
		{duration(3 * time.Hour), int64(10800000000), new(duration)},
		{duration(0), int64(0), new(duration)},
		{list[string]{"a", "\"b\"", ""}, `["a","\"b\"",""]`, &list[string]{"old"}},
		{list[string](nil), "[]", &list[string]{"old"}},
		{labels{"k": "v"}, `{"k":"v"}`, &labels{"old": "x"}},
		{labels(nil), "{}", &labels{"old": "x"}},
		{bytes{0, 255}, []byte{0, 255}, &bytes{1}},
		{bytes(nil), nil, &bytes{1}},
		{scope{policy.Root}, "/", &scope{}},
		{effect(policy.Allow), "allow", new(effect)},
		{effect(policy.Deny), "deny", new(effect)},
		{settings{}, "{}", &settings{}},
		{settings{MaxServiceAccounts: 3, MaxValidity: math.MaxInt64},
			`{"max_validity_ns":9223372036854775807,"max_service_accounts":3}`, &settings{}},
	} {
		got, err := c.in.Value()
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%#v is stored as %#v, it should be %#v (%v)", c.in, got, c.want, err)
			continue
		}
		if err := c.back.(interface{ Scan(any) error }).Scan(got); err != nil {
			t.Errorf("%#v: %v", got, err)
		}
		if back := reflect.ValueOf(c.back).Elem().Interface(); !reflect.DeepEqual(back, c.in) {
			t.Errorf("%#v came back as %#v", c.in, back)
		}
	}
	for _, in := range []driver.Valuer{scope{}, effect(0), effect(3), micros{time.Unix(0, 0)}, micros{time.Unix(0, 999)},
		micros{time.Unix(1<<60, 0)}, micros{time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}} {
		if got, err := in.Value(); err == nil {
			t.Errorf("%#v is stored as %#v", in, got)
		}
	}
}

// TestColumnsOfAnotherHand: a row that this release did not write, or cannot
// read, is an error and never a guess.
func TestColumnsOfAnotherHand(t *testing.T) {
	for _, c := range []struct {
		into interface{ Scan(any) error }
		src  any
	}{
		{&micros{}, "0"}, {&micros{}, nil}, {&micros{}, 1.5},
		{new(duration), "0"}, {new(duration), nil}, {new(duration), int64(-1)}, {new(duration), int64(math.MaxInt64)},
		{&list[string]{}, nil}, {&list[string]{}, `{"a":1}`}, {&list[string]{}, ""}, {&list[string]{}, []byte("[]")},
		{&labels{}, `["a"]`}, {&labels{}, nil}, {&labels{}, `{"a":1}`},
		{&bytes{}, "text"}, {&bytes{}, int64(1)},
		{&scope{}, ""}, {&scope{}, "a"}, {&scope{}, "a//b"}, {&scope{}, nil}, {&scope{}, "projects/.."},
		{new(effect), "Allow"}, {new(effect), ""}, {new(effect), nil}, {new(effect), int64(1)},
		{&settings{}, `{"unknown":1}`}, {&settings{}, ""}, {&settings{}, nil},
	} {
		if err := c.into.Scan(c.src); err == nil {
			t.Errorf("%T took %#v for %#v", c.into, c.src, c.into)
		}
	}
}

// TestEveryFieldHasAColumn: a field that is added to a noun and to no table
// would be lost in silence.
func TestEveryFieldHasAColumn(t *testing.T) {
	n := newNouns(newMapper(), Dialect{})
	for _, c := range []struct {
		noun    any
		columns []string
		other   int // columns that are no field of the noun, less fields without a column of their own
	}{
		{identity.Org{}, n.orgs.columns, 0},
		{identity.Account{}, n.accounts.columns, 1}, // the external id is two columns
		{identity.Group{}, n.groups.columns, 0},
		{identity.Member{}, n.members.columns, 0},
		{identity.Role{}, n.roles.columns, 0},
		{identity.Binding{}, n.bindings.columns, 0},
		{identity.Credential{}, n.credentials.columns, -2}, // what is told of the owner is read from its account
		{identity.SigningKey{}, n.signingKeys.columns, 0},
		{identity.Instance{}, n.instance.columns, 1}, // its number, always 1
		{identity.Event{}, n.events.columns, 0},
	} {
		fields := 0
		typ := reflect.TypeOf(c.noun)
		for f := range typ.Fields() {
			if f.Type == reflect.TypeFor[identity.Meta]() {
				fields += f.Type.NumField()
				continue
			}
			fields++
		}
		if len(c.columns) != fields+c.other {
			t.Errorf("%s has %d fields and %d columns", typ.Name(), fields, len(c.columns))
		}
	}
}

package storetest

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// The orgs that the laws use. Nothing of one may show in the other.
const (
	home    identity.OrgID = "or_1home"
	foreign identity.OrgID = "or_2foreign"
)

// hostile is text that breaks what is put together from text.
const hostile = "Robert'); DROP TABLE identity_org; --\" \\ $1 ? :a %_ \t\r\n\x00 é 日本 \U0010ffff \u202e{\"a\":[1,2]}"

// long is text of exactly n bytes that begins with a number, so that it is
// unlike the others.
func long(i, n int) string {
	s := fmt.Sprintf("%d %s ", i, hostile)
	return (s + strings.Repeat("x", n))[:n]
}

// at is a moment with microseconds, in UTC.
func at(i int) time.Time {
	return time.Date(2031, 2, 3, 4, 5, 6, 789012000, time.UTC).Add(time.Duration(i) * time.Microsecond)
}

func meta(i int) identity.Meta {
	return identity.Meta{
		CreatedAt: at(i), CreatedBy: hostile, UpdatedAt: at(i + 1), UpdatedBy: "sa_" + fmt.Sprint(i),
		Revision: 1<<63 - 1 - uint64(i),
	}
}

func org(id identity.OrgID, i int) identity.Org {
	return identity.Org{
		ID: id, Slug: fmt.Sprintf("slug-%d-%s", i, id), DisplayName: long(i, 255), State: identity.OrgSuspended,
		Settings: identity.OrgSettings{
			DefaultUserGroups:           []identity.GroupID{"gr_a", "gr_b"},
			DefaultServiceAccountGroups: []identity.GroupID{"gr_c"},
			MaxValidity:                 time.Hour + time.Nanosecond,
			MaxServiceAccounts:          7 + i,
		},
		MinRevision: uint64(i) + 1, Meta: meta(i),
	}
}

func account(of identity.OrgID, i int) identity.Account {
	many := make(map[string]string, 32)
	for n := range 32 {
		many[long(n, 128)[:100]] = long(i+n, 128)[:100]
	}
	return identity.Account{
		ID: identity.AccountID(fmt.Sprintf("us_%05d", i)), Org: of, Kind: identity.User, Name: fmt.Sprintf("%d%s", i, hostile),
		DisplayName: long(i, 255), Description: long(i, 1024), Labels: many,
		External: identity.ExternalID{Issuer: "https://issuer/" + hostile, Subject: long(i, 255)},
		State:    identity.AccountInactive, ValidUntil: at(i), MinRevision: uint64(i) + 1, Boundary: "code:owner", System: true, LastUsed: at(i + 3), Meta: meta(i),
	}
}

func group(of identity.OrgID, i int) identity.Group {
	return identity.Group{ID: identity.GroupID(fmt.Sprintf("gr_%05d", i)), Org: of, Name: long(i, 128),
		Description: long(i, 1024), System: true, Deleted: true, Meta: meta(i)}
}

func member(of identity.OrgID, i int) identity.Member {
	return identity.Member{Org: of, Group: identity.GroupID(fmt.Sprintf("gr_%05d", i/7)),
		Member: identity.SubjectID(fmt.Sprintf("us_%05d", i)), CreatedAt: at(i), CreatedBy: hostile, Revision: uint64(i) + 1}
}

func role(of identity.OrgID, i int) identity.Role {
	return identity.Role{ID: identity.RoleID(fmt.Sprintf("ro_%05d", i)), Org: of, Name: fmt.Sprintf("role/%d", i),
		DisplayName: long(i, 255), Description: long(i, 1024), Permissions: []string{"wallets:*", hostile, ""},
		Exclusions: []string{"wallets:delete"}, Includes: []identity.RoleRef{"code:reader", "ro_00000"},
		ResourceTypes: []string{"projects"}, Locks: identity.RoleLocks{Name: true, Members: true, Permissions: true, Deletion: true}, Anonymous: true, State: identity.RoleArchived, Deleted: true, Meta: meta(i)}
}

func binding(of identity.OrgID, i int) identity.Binding {
	path, err := policy.NewPath("projects", fmt.Sprintf("p%d/%%é", i), "wallets", "w1")
	if err != nil {
		panic(err) // a constant of this package is wrong
	}
	return identity.Binding{ID: identity.BindingID(fmt.Sprintf("bi_%05d", i)), Org: of,
		Subject: identity.SubjectID(fmt.Sprintf("us_%05d", i)), Role: "code:owner", Scope: path, Effect: policy.Deny,
		Start: at(i), End: at(i + 1), Reach: identity.ReachAll, Condition: long(i, policy.MaxCondition), Reason: long(i, 1024), Immutable: true,
		Eligible: time.Duration(i+1) * time.Hour, Elevates: "bi_00000", Meta: meta(i)}
}

func credential(of identity.OrgID, i int) identity.Credential {
	return identity.Credential{ID: identity.CredentialID(fmt.Sprintf("cr_%05d%s", i, of[3:4])), Org: of, Account: "us_00000",
		Type: identity.PublicKey, Name: long(i, 255), State: identity.CredentialRetiring,
		PublicKey: []byte{0, 0xff, byte(i), '\''}, Thumbprint: fmt.Sprintf("thumb-%d", i), Proven: true,
		Digest: []byte{0, 0xff, byte(i)}, Permissions: []string{hostile}, Path: policy.Root, Networks: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")},
		ValidUntil: at(i), EndsAt: at(i + 1), LastUsed: at(i + 2), KeyUntil: at(i + 4), Algorithms: []string{"PS256", hostile}, Successor: "cr_next", MadeWith: "cr_used", MadeAt: uint64(i) + 2, MadeToken: "01j", MinRevision: uint64(i) + 1, Meta: meta(i)}
}

func signingKey(_ identity.OrgID, i int) identity.SigningKey {
	return identity.SigningKey{ID: fmt.Sprintf("key-%05d", i), Algorithm: "EdDSA", State: identity.KeyRetiring,
		Public: []byte{0, byte(i)}, Sealed: []byte{0xff, 0}, External: true, CreatedAt: at(i), SignsFrom: at(i + 1), RetiredAt: at(i + 2),
		EndsAt: at(i + 3), Revision: uint64(i) + 1}
}

func event(of identity.OrgID, revision uint64, item uint32, seq uint64) identity.Event {
	return identity.Event{Revision: revision, Item: item, Org: of, Seq: seq, At: at(int(seq)), Noun: "account", ID: "us_1" + hostile,
		Verb: "create", Actor: hostile, Reason: hostile, OnBehalfOf: "us_2", Credential: "cr_1", RequestID: hostile,
		Before: []byte(`{"a":"` + "\x00\xff" + `"}`), After: []byte("null"), BeforeHash: []byte{1}, AfterHash: []byte{2},
		Prev: []byte{0}, MAC: []byte{3, byte(seq)}}
}

// full fails when a field of a noun is zero: a field that no fixture fills is
// a field that no law checks.
func full(t *testing.T, noun any) {
	t.Helper()
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		if strings.HasPrefix(path, "Credential.Owner") {
			return // computed from the account, and stored with it
		}
		if v.IsZero() && !strings.HasSuffix(path, "Event.Item") {
			t.Errorf("the fixture leaves %s zero", path)
		}
		switch v.Interface().(type) {
		case time.Time, policy.Path:
			return
		}
		if v.Kind() == reflect.Struct {
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
	walk(reflect.TypeOf(noun).Name(), reflect.ValueOf(noun))
}

// settle makes what other rows refer to: both orgs, an account and some groups
// in each.
func settle(t *testing.T, tx identity.WriteTxn) {
	t.Helper()
	for i, id := range []identity.OrgID{home, foreign} {
		ok(t, tx.Orgs().Insert(t.Context(), org(id, i)))
	}
}

func settleAccounts(t *testing.T, tx identity.WriteTxn) {
	t.Helper()
	settle(t, tx)
	for _, id := range []identity.OrgID{home, foreign} {
		ok(t, tx.Accounts().Insert(t.Context(), account(id, 0)))
	}
}

func settleGroups(t *testing.T, tx identity.WriteTxn) {
	t.Helper()
	settle(t, tx)
	for _, id := range []identity.OrgID{home, foreign} {
		for i := range 10 {
			ok(t, tx.Groups().Insert(t.Context(), group(id, i)))
		}
	}
}

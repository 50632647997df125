package identity_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// lister is one list: its pages, and its iterator.
type lister struct {
	page func(identity.Page) ([]string, string, error)
	all  func() ([]string, error)
	want int
}

func listerOf[T any](page func(identity.Page) (identity.List[T], error), all iter.Seq2[T, error], want int) lister {
	name := func(item T) string {
		v := reflect.ValueOf(item)
		switch item := any(item).(type) {
		case identity.Member:
			return string(item.Key())
		case identity.Event:
			return fmt.Sprint(item.Seq)
		}
		return v.FieldByName("ID").String()
	}
	return lister{
		page: func(p identity.Page) ([]string, string, error) {
			part, err := page(p)
			var ids []string
			for _, item := range part.Items {
				ids = append(ids, name(item))
			}
			return ids, part.Next, err
		},
		all: func() (ids []string, err error) {
			for item, err := range all {
				if err != nil {
					return nil, err
				}
				ids = append(ids, name(item))
			}
			return ids, nil
		},
		want: want,
	}
}

// crowd fills an org with n of everything, in one transaction.
func (w *world) crowd(slug string, n int) (org identity.OrgID, group identity.GroupID) {
	w.t.Helper()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		org = must(tx.System("crowd").CreateOrg(ctx, identity.OrgSpec{Slug: slug}))(w.t).ID
		in := tx.System("crowd").In(org)
		group = must(in.CreateGroup(ctx, identity.GroupSpec{Name: "crowd"}))(w.t).ID
		for i := range n {
			_, key := newKey(w.t)
			sa := must(in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{
				Name: fmt.Sprintf("sa-%d", i), UnprovenPublicKey: key, Groups: []identity.GroupID{group}, Roles: []string{"wallet-reader"},
			}))(w.t)
			must(in.CreateUser(ctx, identity.UserSpec{Email: fmt.Sprintf("u%d@example.com", i)}))(w.t)
			outer := must(in.CreateGroup(ctx, identity.GroupSpec{Name: fmt.Sprintf("g%d", i)}))(w.t)
			must(in.AddMember(ctx, outer.ID, identity.SubjectID(group)))(w.t)
			must(in.CreateRole(ctx, identity.RoleSpec{Name: fmt.Sprintf("r%d", i)}))(w.t)
			if sa.ID == "" {
				return errors.New("no account")
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return org, group
}

func (w *world) lists(org identity.OrgID, group identity.GroupID, n int) map[string]lister {
	o, s, ctx := w.in(org), w.sys(), w.ctx
	ids := func() (n int) {
		for range o.AllEvents(ctx, identity.EventFilter{}) {
			n++
		}
		return n
	}
	return map[string]lister{
		"orgs": listerOf(func(p identity.Page) (identity.List[identity.Org], error) {
			return s.Orgs(ctx, identity.OrgFilter{}, p)
		},
			s.AllOrgs(ctx, identity.OrgFilter{}), 3),
		"accounts": listerOf(func(p identity.Page) (identity.List[identity.Account], error) {
			return o.Accounts(ctx, identity.AccountFilter{}, p)
		}, o.AllAccounts(ctx, identity.AccountFilter{}), 2*n),
		"users": listerOf(func(p identity.Page) (identity.List[identity.Account], error) {
			return o.Accounts(ctx, identity.AccountFilter{Kind: identity.User, State: identity.AccountActive, NamePrefix: "u"}, p)
		}, o.AllAccounts(ctx, identity.AccountFilter{Kind: identity.User}), n),
		"groups": listerOf(func(p identity.Page) (identity.List[identity.Group], error) {
			return o.Groups(ctx, identity.GroupFilter{}, p)
		}, o.AllGroups(ctx, identity.GroupFilter{}), n+3),
		"members": listerOf(func(p identity.Page) (identity.List[identity.Member], error) { return o.Members(ctx, group, p) },
			o.AllMembers(ctx, group), n),
		"memberships": listerOf(func(p identity.Page) (identity.List[identity.Member], error) {
			return o.Memberships(ctx, identity.SubjectID(group), p)
		}, o.AllMemberships(ctx, identity.SubjectID(group)), n),
		"roles": listerOf(func(p identity.Page) (identity.List[identity.Role], error) {
			return o.Roles(ctx, identity.RoleFilter{}, p)
		},
			o.AllRoles(ctx, identity.RoleFilter{}), n),
		"bindings": listerOf(func(p identity.Page) (identity.List[identity.Binding], error) {
			return o.Bindings(ctx, identity.BindingFilter{}, p)
		}, o.AllBindings(ctx, identity.BindingFilter{}), n),
		"credentials": listerOf(func(p identity.Page) (identity.List[identity.Credential], error) {
			return o.Credentials(ctx, identity.CredentialFilter{}, p)
		}, o.AllCredentials(ctx, identity.CredentialFilter{}), n),
		"events": listerOf(func(p identity.Page) (identity.List[identity.Event], error) {
			return o.Events(ctx, identity.EventFilter{}, p)
		}, o.AllEvents(ctx, identity.EventFilter{}), ids()),
	}
}

// TestPages reads every list in pages of several sizes: all of it, once, in one
// order, with a cursor on every page but the last.
func TestPages(t *testing.T) {
	w := open(t)
	const n = 12
	w.crowd("other", 2)
	org, group := w.crowd("acme", n)
	for name, l := range w.lists(org, group, n) {
		t.Run(name, func(t *testing.T) {
			all := must(l.all())(t)
			if len(all) != l.want {
				t.Fatalf("%d items, want %d: %v", len(all), l.want, all)
			}
			if name != "events" && !slices.IsSorted(all) {
				t.Errorf("not in order: %v", all)
			}
			for _, size := range []int{0, 1, 5, l.want - 1, l.want, l.want + 1, 1000} {
				if size < 0 || size == 0 && name == "orgs" {
					continue
				}
				var got []string
				page := identity.Page{Limit: size}
				for {
					part, next, err := l.page(page)
					if err != nil {
						t.Fatalf("size %d: %v", size, err)
					}
					if size > 0 && (len(part) > size || next != "" && len(part) < size) {
						t.Errorf("size %d: a page of %d, more to come: %t", size, len(part), next != "")
					}
					got = append(got, part...)
					if next == "" {
						break
					}
					page.Cursor = next
				}
				if !slices.Equal(got, all) {
					t.Errorf("size %d: %d items, want %d", size, len(got), len(all))
				}
			}
			for _, size := range []int{-1, 1001} {
				_, _, err := l.page(identity.Page{Limit: size})
				if e := wantKind(t, err, identity.ErrInvalid); e.Field != "Limit" {
					t.Errorf("size %d: %v", size, err)
				}
			}
		})
	}
}

// TestLongLists: the iterators read more than one page of the most.
func TestLongLists(t *testing.T) {
	onOneGoroutine(t)
	w := open(t)
	org := w.org("acme")
	const n = 2001
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		for i := range n {
			must(tx.System("many").In(org).CreateGroup(ctx, identity.GroupSpec{Name: fmt.Sprint("g", i)}))(t)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	groups := 0
	for _, err := range w.in(org).AllGroups(w.ctx, identity.GroupFilter{NamePrefix: "g"}) {
		if err != nil {
			t.Fatal(err)
		}
		groups++
		if groups == 1500 { // no transaction is open while the caller's code runs
			must(w.in(org).CreateUser(w.ctx, identity.UserSpec{Email: "in-between@example.com"}))(t)
		}
	}
	if groups != n {
		t.Errorf("%d groups, want %d", groups, n)
	}
	if events := w.events(org); len(events) != n+4 {
		t.Errorf("%d events, want %d", len(events), n+4)
	}
	for range w.in(org).AllGroups(w.ctx, identity.GroupFilter{}) {
		break // leaving early is no error
	}
}

// TestSec50_Cursors: a cursor works for the list, the filter and the org it was
// made for, unaltered, and across a restart.
func TestSec50_Cursors(t *testing.T) {
	w := open(t)
	const n = 3
	other, otherGroup := w.crowd("other", n)
	org, group := w.crowd("acme", n)
	cursors := map[string]string{}
	for name, l := range w.lists(org, group, n) {
		_, next, err := l.page(identity.Page{Limit: 1})
		if err != nil || next == "" {
			t.Fatalf("%s: %q, %v", name, next, err)
		}
		cursors[name] = next
	}
	refused := func(what string, l lister, cursor string) {
		t.Helper()
		_, _, err := l.page(identity.Page{Cursor: cursor})
		if e := new(identity.Error); !errors.As(err, &e) || !errors.Is(err, identity.ErrInvalid) || e.Field != "Cursor" {
			t.Errorf("%s: %v", what, err)
		}
	}
	here, there := w.lists(org, group, n), w.lists(other, otherGroup, n)
	for name, l := range here {
		for from, cursor := range cursors {
			if from != name {
				refused("a cursor of "+from+" for "+name, l, cursor)
			}
		}
		c := cursors[name]
		if name != "orgs" {
			refused(name+" of another org", there[name], c)
		}
		flipped := []byte(c)
		flipped[len(flipped)/2] ^= 1
		for what, bad := range map[string]string{"cut": c[:len(c)-1], "longer": c + "A", "flipped": string(flipped), "nonsense": "x", "padded": c + "="} {
			refused(name+" "+what, l, bad)
		}
	}
	second, _ := w.in(org).Members(w.ctx, "gr_absent", identity.Page{Cursor: cursors["members"]})
	if len(second.Items) > 0 {
		t.Error("a cursor of another group's members")
	}
	_, err := w.in(org).Members(w.ctx, otherGroup, identity.Page{Cursor: cursors["members"]})
	wantKind(t, err, identity.ErrInvalid)
	w.reopen()
	for name, l := range w.lists(org, group, n) {
		if part, _, err := l.page(identity.Page{Cursor: cursors[name]}); err != nil || len(part) != l.want-1 {
			t.Errorf("%s after a restart: %d items, %v", name, len(part), err)
		}
	}
}

// TestFilters selects by every field of every filter.
func TestFilters(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	in := w.in(x.Org)
	ext := must(in.CreateUser(w.ctx, identity.UserSpec{Email: "ext@example.com", External: identity.ExternalID{Issuer: "i", Subject: "s"}}))(t)
	scoped := w.bind(x.Org, identity.BindingSpec{Subject: identity.SubjectID(x.Group), Role: "wallet-reader", Scope: path(t, "projects/1")})
	credential := must(in.Credential(w.ctx, x.Credential))(t)
	accounts := func(f identity.AccountFilter) (ids []string) {
		for a := range in.AllAccounts(w.ctx, f) {
			ids = append(ids, string(a.ID))
		}
		return ids
	}
	bindings := func(f identity.BindingFilter) (ids []string) {
		for b := range in.AllBindings(w.ctx, f) {
			ids = append(ids, string(b.ID))
		}
		return ids
	}
	credentials := func(f identity.CredentialFilter) (ids []string) {
		for c := range in.AllCredentials(w.ctx, f) {
			ids = append(ids, string(c.ID))
		}
		return ids
	}
	ofUser := []string{string(x.Binding), string(x.Eligible)}
	slices.Sort(ofUser)
	for what, c := range map[string]struct{ got, want []string }{
		"kind":             {accounts(identity.AccountFilter{Kind: identity.ServiceAccount}), []string{string(x.Idle)}},
		"state":            {accounts(identity.AccountFilter{State: identity.AccountInactive}), []string{string(x.Idle)}},
		"name prefix":      {accounts(identity.AccountFilter{NamePrefix: "ext@"}), []string{string(ext.ID)}},
		"name":             {accounts(identity.AccountFilter{Name: "ext@example.com"}), []string{string(ext.ID)}},
		"part of a name":   {accounts(identity.AccountFilter{Name: "ext@"}), nil},
		"name and prefix":  {accounts(identity.AccountFilter{Name: "ext@example.com", NamePrefix: "f"}), nil},
		"no LIKE":          {accounts(identity.AccountFilter{NamePrefix: "%"}), nil},
		"case":             {accounts(identity.AccountFilter{NamePrefix: "EXT"}), nil},
		"external":         {accounts(identity.AccountFilter{External: identity.ExternalID{Issuer: "i", Subject: "s"}}), []string{string(ext.ID)}},
		"no SQL":           {accounts(identity.AccountFilter{Name: "' OR ''='"}), nil},
		"binding subject":  {bindings(identity.BindingFilter{Subject: identity.SubjectID(x.User)}), ofUser},
		"binding role":     {bindings(identity.BindingFilter{Role: "code:wallet-reader"}), []string{string(scoped)}},
		"binding scope":    {bindings(identity.BindingFilter{Scope: path(t, "projects/1")}), []string{string(scoped)}},
		"binding at Root":  {bindings(identity.BindingFilter{Scope: policy.Root}), ofUser},
		"credential state": {credentials(identity.CredentialFilter{State: identity.CredentialDisabled}), []string{string(x.Disabled)}},
		"thumbprint":       {credentials(identity.CredentialFilter{Account: x.User, Thumbprint: credential.Thumbprint}), []string{string(x.Credential)}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
}

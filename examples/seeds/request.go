package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// request is one call being served.
type request struct {
	*http.Request
	*host
	system  system
	org     identity.Org
	in      *admin                                 // what the caller may do in the org, checked at every call
	account identity.Account                       // that the path names, if it names one
	text    []byte                                 // of the body
	made    map[identity.CredentialID]token.Secret // by this call, whose answer shows them; no other does
	after   []func()                               // what is to be done once all is stored
	failed  error                                  // the first failure, see check
	stop    context.CancelFunc
}

type admin = identity.OrgAdmin

// check takes note of a failure, if err is one. The call fails with the first, which ends its context too, so that the library
// does nothing after it: what comes next need not ask.
func (q *request) check(err error) {
	if err != nil && q.failed == nil {
		q.failed = err
		q.stop()
	}
}

// done is check for what answers something that is not needed.
func (q *request) done(_ any, err error) { q.check(err) }

// run does what a call is for, once its guard has let a caller pass. Unless it only reads, it is one transaction: all that it
// does is stored together, or nothing, and its answer is what it left.
func (q *request) run(do handler) (out any, err error) {
	me, _ := httpauth.Principal(q.Request)
	if q.org, err = q.system.org(q.host, q.Request); err != nil {
		return nil, err
	}
	act := func(ctx context.Context, as *identity.Admin) (err error) {
		ctx, q.stop = context.WithCancel(ctx)
		defer q.stop()
		q.Request, q.in = q.WithContext(ctx), as.In(q.org.ID)
		if q.account, err = q.named(); err != nil {
			return err
		}
		out = do(q)
		return q.failed
	}
	if q.Method == http.MethodGet {
		err = act(q.Context(), httpauth.Actor(q.Request))
		return out, err
	}
	// The body is read before: somebody who sends it slowly keeps nobody else from writing.
	if q.text, err = io.ReadAll(io.LimitReader(q.Body, 1<<20)); err != nil {
		return nil, errors.Join(identity.ErrInvalid, err)
	}
	err = q.id.Write(q.Context(), func(ctx context.Context, tx *identity.Tx) error { return act(ctx, tx.As(me)) }) // no conditions here
	if err == nil {
		for _, next := range q.after {
			next()
		}
	}
	return out, err
}

// object is a body of an answer. What serves a field stands beside its name.
type object = map[string]any

// body makes a call of what is done with its body: one JSON value with no field that T does not have, whatever its capital letters.
func body[T any](do func(*request, T) any) handler {
	return func(q *request) any {
		var in T
		d := json.NewDecoder(bytes.NewReader(q.text))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			return q.invalid("body: " + err.Error())
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return q.invalid("there is more behind the body")
		}
		return do(q, in)
	}
}

// invalid refuses what was sent.
func (q *request) invalid(why string) any {
	q.check(fmt.Errorf("%w: %s", identity.ErrInvalid, why))
	return nil
}

// count reads a number of the query: 0 if it is absent, and what every call refuses if it is none.
func (q *request) count(name string) int {
	n, err := strconv.Atoi(cmp.Or(q.URL.Query().Get(name), "0"))
	if err != nil {
		return -1
	}
	return n
}

// ask makes a call of the library. If that fails, so does the call that is served.
func ask[In, Out any](q *request, method func(context.Context, In) (Out, error), in In) Out {
	out, err := method(q.Context(), in)
	q.check(err)
	return out
}

// read is ask for what the library lists.
func read[In, Out any](q *request, method func(context.Context, In) iter.Seq2[Out, error], in In) iter.Seq[Out] {
	return func(yield func(Out) bool) {
		for out, err := range method(q.Context(), in) {
			if q.check(err); err != nil || !yield(out) {
				return
			}
		}
	}
}

// each makes the items of a list, which is never null in JSON.
func each[A, B any](items iter.Seq[A], show func(A) B) []B {
	out := []B{}
	for item := range items {
		out = append(out, show(item))
	}
	return out
}

// named is the account that the path names, if it names one. Its wildcard says of which kind it is.
func (q *request) named() (identity.Account, error) {
	for wildcard, kind := range map[string]identity.AccountKind{"user": identity.User, "service": identity.ServiceAccount, "any": ""} {
		if name := q.PathValue(wildcard); name != "" {
			return q.find(name, kind)
		}
	}
	return identity.Account{}, nil
}

// find finds an account by the name that the system has for it. It is of a kind, or of any if that is "", and was not deleted.
func (q *request) find(name string, kind identity.AccountKind) (identity.Account, error) {
	a, err := q.system.account(q, name)
	if err == nil && (kind != "" && a.Kind != kind || a.State == identity.AccountDeleted) {
		err = identity.ErrNotFound
	}
	return a, err
}

// byID is for systems that name an account by the library's id, behind a prefix.
func byID(prefix string) func(*request, string) (identity.Account, error) {
	return func(q *request, id string) (identity.Account, error) {
		return q.in.Account(q.Context(), identity.AccountID(prefix+id))
	}
}

func (q *request) show(a identity.Account) object { return q.system.show(q, a) }

// get is a call that answers with the account that its path names.
func get(q *request) any { return q.show(q.account) }

// page is a call for a page of the service accounts in a state, or "" in any; everywhere its parameters and cursor have other names.
func page(limit, cursor, next string, state identity.AccountState) handler {
	return func(q *request) any {
		which := identity.AccountFilter{Kind: identity.ServiceAccount, State: state}
		accounts, err := q.in.Accounts(q.Context(), which, identity.Page{Limit: q.count(limit), Cursor: q.URL.Query().Get(cursor)})
		q.check(err)
		return object{"items": each(slices.Values(accounts.Items), q.show), next: accounts.Next}
	}
}

// change is a call that changes the state of the account that its path names, and answers with it.
func change(to func(*admin, context.Context, identity.AccountID) (bool, error)) handler {
	return func(q *request) any {
		q.done(to(q.in, q.Context(), q.account.ID))
		return q.show(ask(q, q.in.Account, q.account.ID))
	}
}

// create makes a service account, and answers with it and its secret.
func (q *request) create(spec identity.ServiceAccountSpec) any {
	made := ask(q, q.in.CreateServiceAccount, spec)
	for _, c := range []identity.CredentialSecret{made.APIToken, made.ClientSecret} {
		if !c.Secret.IsZero() {
			q.made[c.ID] = c.Secret
		}
	}
	return q.show(made.Account)
}

// external is what somebody else calls an account; "" is nothing.
func external(issuer, id string) identity.ExternalID {
	if id == "" {
		return identity.ExternalID{}
	}
	return identity.ExternalID{Issuer: issuer, Subject: id}
}

// grant is a role that somebody was given, and the role.
type grant struct {
	identity.Binding
	role identity.Role
}

// grants are the roles that an account or a group was given itself, and beside them the permissions that it has directly.
func (q *request) grants(id identity.SubjectID) (given []grant, direct []string) {
	direct = []string{}
	for b := range read(q, q.in.AllBindings, identity.BindingFilter{Subject: id}) {
		switch role := q.role(b.Role); {
		case b.Effect != policy.Allow:
		case role.Anonymous:
			direct = append(direct, role.Permissions...)
		default:
			given = append(given, grant{b, role})
		}
	}
	return given, direct
}

// role reads a role of the org. One that is declared in code has no row: it is what this program says.
func (q *request) role(ref identity.RoleRef) identity.Role {
	for _, s := range append(systems(), system{roles: []identity.CodeRole{{Name: "owner", Permissions: []string{"*"}}}}) {
		for _, r := range s.roles {
			if r.Ref() == ref {
				return identity.Role{ID: identity.RoleID(ref), Name: r.Name, Description: r.Description, Permissions: r.Permissions}
			}
		}
	}
	return ask(q, q.in.Role, identity.RoleID(ref))
}

// operations are the permissions that a role lists, without those of the library's own management.
func operations(role identity.Role) []string {
	return slices.DeleteFunc(append([]string{}, role.Permissions...), func(name string) bool {
		return strings.HasPrefix(name, policy.ManagementPrefix)
	})
}

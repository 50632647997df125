package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// asker makes the accounts that bindings name, and asks for them.
type asker struct {
	id       *identity.Authority
	org      identity.OrgID
	accounts map[string]identity.AccountID
}

// bind makes what the -bind flags name: a user when the name is an e-mail address, and a service account otherwise.
func (a *asker) bind(ctx context.Context, in *identity.OrgAdmin, binds []binding) error {
	for _, b := range binds {
		account, err := ensureAccount(ctx, in, b.account)
		if err != nil {
			return err
		}
		a.accounts[b.account] = account
		_, err = in.EnsureBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(account), Role: b.role, Scope: b.scope})
		if err != nil {
			return err
		}
	}
	return nil
}

func ensureAccount(ctx context.Context, in *identity.OrgAdmin, name string) (identity.AccountID, error) {
	if strings.Contains(name, "@") {
		user, err := in.EnsureUser(ctx, identity.UserSpec{Email: name})
		return user.ID, err
	}
	sa, err := in.EnsureServiceAccount(ctx, identity.ServiceAccountSpec{Name: name})
	return sa.ID, err
}

// answer prints one decision. An account without bindings is made on the way: it may do nothing.
func (a *asker) answer(ctx context.Context, out io.Writer, q []string) error {
	in := a.id.System("question").In(a.org)
	account, known := a.accounts[q[0]]
	if !known {
		var err error
		if account, err = ensureAccount(ctx, in, q[0]); err != nil {
			return err
		}
		a.accounts[q[0]] = account
	}
	permission, err := policy.ParsePermission(q[1])
	if err != nil {
		return err
	}
	path, err := policy.ParsePath(q[2])
	if err != nil {
		return err
	}
	// Whoever runs this command is trusted to ask for anybody.
	now := time.Now()
	p, err := in.Vouch(ctx, account, identity.Login{Method: "command line", AuthTime: now, NotAfter: now.Add(time.Minute)})
	if err != nil {
		return err
	}
	d := a.id.Authorize(ctx, identity.Request{Principal: p, Org: a.org, Permission: permission, Path: path})
	verdict := "deny "
	if d.Allowed {
		verdict = "allow"
	}
	_, err = fmt.Fprintf(out, "%s  %s %s %s  %s", verdict, q[0], q[1], q[2], d.Reason)
	if err == nil && d.Binding != "" {
		_, err = fmt.Fprintf(out, " by %s", d.Binding)
	}
	if err == nil {
		_, err = fmt.Fprintln(out)
	}
	return err
}

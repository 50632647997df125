package identity_test

import (
	"fmt"
	"slices"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// prove makes a credential for an account, which is to be able to act as it.
func (g *gainGame) prove() attempt {
	id := identity.AccountID(pickFrom(g, g.accountIDs()))
	ctx, name := g.w.ctx, fmt.Sprint("c", g.number())
	a := attempt{text: string(id), needs: "identity:credentials.create", at: "/", controls: string(id), never: g.onlyPeopleMint()}
	if g.who.is(string(id)) {
		a.needs, a.controls, a.never = "", "", ""
		if !g.who.whole() {
			a.never = "who is limited does not manage its own keys"
		}
	}
	switch g.rnd.IntN(4) {
	case 0:
		a.kind, a.do = "AddPublicKey", func() error {
			_, key := newKey(g.w.t)
			return last(g.as.AddPublicKey(ctx, id, identity.PublicKeySpec{UnprovenPublicKey: key}))
		}
	case 1:
		a.kind, a.do = "CreateClientSecret", func() error { return last(g.as.CreateClientSecret(ctx, id, identity.ClientSecretSpec{Name: name})) }
	case 2:
		a.kind, a.do = "NewKeyChallenge", func() error {
			_, key := newKey(g.w.t)
			return last(g.as.NewKeyChallenge(ctx, id, key))
		}
	default:
		spec := identity.APITokenSpec{Name: name}
		if g.one(2) {
			spec.Permissions = g.patterns(2)
			spec.Path = path(g.w.t, pickFrom(g, gainScopes))
			a.names, a.path = matching(spec.Permissions...), spec.Path.String()
		}
		a.text = fmt.Sprintf("%s %v at %q", id, spec.Permissions, a.path)
		a.kind, a.do = "CreateAPIToken", func() error { return last(g.as.CreateAPIToken(ctx, id, spec)) }
	}
	return a
}

// handle changes a credential that an account has.
func (g *gainGame) handle() attempt {
	account := pickFrom(g, g.accountIDs())
	id, known := g.keys[account]
	if !known {
		return g.prove()
	}
	ctx, own := g.w.ctx, g.who.is(account)
	a := attempt{text: account, at: "/"}
	switch n := g.rnd.IntN(7); n {
	case 0, 6:
		var made identity.CredentialID
		a.kind, a.needs, a.controls, a.never = "RotateSecret", "identity:credentials.rotate", account, g.onlyPeopleMint()
		if own {
			a.needs, a.controls, a.never = "", "", ""
			if !g.who.whole() {
				a.never = "who is limited does not manage its own keys"
			}
		}
		a.do = func() error {
			out, err := g.as.RotateSecret(ctx, id, 0)
			made = out.ID
			return err
		}
		a.learn = func() { g.keys[account] = made }
		if n == 6 {
			a.kind, a.learn = "RotatePublicKey", func() { g.publicKeys[account] = made }
			a.do = func() error {
				_, key := newKey(g.w.t)
				out, err := g.as.RotatePublicKey(ctx, g.publicKeys[account], identity.PublicKeySpec{UnprovenPublicKey: key}, 0)
				made = out.ID
				return err
			}
		}
		return a
	case 1, 2:
		a.kind, a.needs, a.controls, a.never = "EnableCredential", "identity:credentials.update", account, g.onlyPeopleMint()
		a.do = func() error { return last(g.as.EnableCredential(ctx, id)) }
		return a
	case 3:
		a.kind, a.do = "DisableCredential", func() error { return last(g.as.DisableCredential(ctx, id)) }
	case 4:
		a.kind, a.needs = "RevokeTokenID", "identity:tokens.revoke"
		a.do = func() error {
			return last(g.as.RevokeTokenID(ctx, identity.AccountID(account), "01hzzzzzzzzzzzzzzzzzzzzzzz"))
		}
		a.narrows = []string{account}
		return a
	default:
		a.kind, a.do = "RevokeCredential", func() error { return last(g.as.RevokeCredential(ctx, id)) }
		if g.one(2) {
			a.kind, a.do = "RevokeCredentials", func() error {
				return firstFailure(g.as.RevokeCredentials(ctx, identity.CredentialFilter{Account: identity.AccountID(account), Name: "key"}))
			}
			own = false // which of them they are it asks first, as for anybody's
		}
		a.learn = func() { delete(g.keys, account) }
	}
	a.narrows = []string{account}
	if a.needs = "identity:credentials.revoke"; own && g.who.whole() {
		a.needs = ""
	}
	return a
}

// token makes an access token from the caller's proof, which must not be able to do more, or one with which another acts for it.
func (g *gainGame) token() {
	if g.who.parts[0].account == "" || g.p.Credential() == "" || len(g.who.parts) > 1 {
		return
	}
	req, next := identity.TokenRequest{Permissions: g.patterns(2), Path: path(g.w.t, pickFrom(g, gainScopes))}, g.who
	if g.one(3) {
		req.Permissions = nil
	}
	was := g.who.parts[0]
	asked := part{account: was.account, home: was.home, limited: true, named: ^names(0), path: req.Path.String()}
	if req.Permissions != nil {
		asked.named = matching(req.Permissions...)
	} else if was.limited {
		asked.named = was.named
	}
	next.parts = []part{asked}
	made, err := g.w.id.IssueToken(g.w.ctx, g.p, req)
	wider := was.limited && (asked.named&^was.named != 0 || was.path != "" && !under(was.path, asked.path))
	g.note("%s: IssueToken %v at %q of %q: %v", g.who, req.Permissions, req.Path, was.path, err)
	if err == nil && wider {
		g.fail("the token is wider than what it was made from")
	}
	if err != nil {
		g.refusedToken(err, wider)
		return
	}
	p, err := g.w.id.Authenticate(g.w.ctx, made.Token.Reveal())
	if err != nil {
		g.fail("Authenticate: %v", err)
	}
	g.done++
	g.gains.kind("IssueToken").done++
	g.callers = append(g.callers, known{next, p})
}

// known is a maker of calls and what proves it.
type known struct {
	maker
	p identity.Principal
}

// callerOf makes a caller of an account: logged in by the host, with an API token, with a limited one, or with somebody who acts for it.
func (g *gainGame) callerOf(account string) (known, bool) {
	ctx, in, home := g.w.ctx, g.w.in(g.org), (*atlas)(nil)
	if g.operators != nil && g.operators.accounts[account] != nil {
		in, home = g.w.in(g.w.id.SystemOrg()), g.operators
	}
	k := known{maker: maker{parts: []part{{account: account, home: home}}}}
	if g.one(2) {
		p, err := in.Vouch(ctx, identity.AccountID(account), g.w.session(0))
		k.p = p
		return k, err == nil
	}
	spec := identity.APITokenSpec{Name: fmt.Sprint("proof", g.number())}
	if g.one(2) {
		spec.Permissions = append(g.patterns(3), "identity:*")
		at := pickFrom(g, gainScopes)
		spec.Path = path(g.w.t, at)
		k.parts = []part{{account: account, home: home, limited: true, named: matching(spec.Permissions...), path: at}}
	}
	made, err := in.CreateAPIToken(ctx, identity.AccountID(account), spec)
	if err != nil {
		return k, false
	}
	if k.p, err = g.w.id.Authenticate(ctx, made.Secret.Reveal()); err != nil {
		return k, false
	}
	others := slices.DeleteFunc(slices.Clone(g.callers), func(o known) bool {
		return o.p.Credential() == "" || len(o.parts) > 2 || o.takesPart(account) || o.parts[0].home != home
	})
	if len(others) > 0 && g.one(2) {
		actor := pickFrom(g, others)
		token, err := g.w.id.Delegate(ctx, actor.p, k.p, identity.TokenRequest{})
		if err != nil {
			return k, false
		}
		k.parts = append(k.parts, actor.parts...)
		if k.p, err = g.w.id.Authenticate(ctx, token.Token.Reveal()); err != nil {
			return k, false
		}
	}
	return k, true
}

// forget is what becomes of callers when something ended that they stand on.
func (g *gainGame) forget() { g.callers = nil }

// mints reports whether an account, alone, can make a proof of another one.
func (g *gainGame) mints(a *atlas, who, other string) bool {
	w := maker{parts: []part{{account: who}}}
	if a.accounts[who].kind == identity.ServiceAccount && !g.w.cfg.ServiceAccountsMayMint {
		return false
	}
	some := slices.ContainsFunc([]string{"credentials.create", "credentials.rotate", "credentials.update", "accounts.update", "accounts.activate"}, func(verb string) bool {
		return slices.ContainsFunc(g.cells, func(c cell) bool {
			return c.path == "/" && a.can(who, c)&only("identity:"+verb) != 0
		})
	})
	return some && !slices.ContainsFunc(g.cells, func(c cell) bool { return a.couldHave(other, c, true)&^a.surely(w, c) != 0 })
}

// closure is a set of accounts with all that they can prove to be.
func (g *gainGame) closure(a *atlas, set []string) []string {
	set = slices.Clone(set)
	for i := 0; i < len(set); i++ {
		for _, other := range g.accountIDs() {
			if a.live(set[i]) && !slices.Contains(set, other) && g.mints(a, set[i], other) {
				set = append(set, other)
			}
		}
	}
	return set
}

// reach is what a set of accounts can do, cell by cell, whatever is said of each of them.
func (g *gainGame) reach(a *atlas, set []string) map[cell]names {
	out := map[cell]names{}
	for _, c := range g.cells {
		key := cell{c.path, g.hour(c.at), c.office, policy.Unknown}
		for _, id := range set {
			out[key] |= a.can(id, c)
		}
	}
	return out
}

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// session is every call that the selftest makes. A call is a line: whose token, method, path, and the status of the answer. The
// lines with > under it are its body; what the lines with < say must be in the answer. $name stands for a value that is
// known; "=name" for one that is not, and is known from the next call on.
//
//go:embed session.txt
var session string

// exchange is a call that was made, by its name in the documentation, or "" for a refusal; and its bodies.
type exchange struct{ call, in, out string }

// tester makes the calls of the session.
type tester struct {
	url       string
	known     map[string]string
	served    string // the last call that was
	exchanges []exchange
	fields    int
}

// selftest makes every call of the session to a server on a loopback port, with a database in a temporary folder.
func selftest(ctx context.Context, out io.Writer) (made []exchange, err error) {
	dir, err := os.MkdirTemp("", "seeds-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	id, err := open(ctx, filepath.Join(dir, "app.db"), "https://seeds.example")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, id.Close()) }()
	t := &tester{}
	h := host{id: id, callersRight: true}
	h.log = func(call string) { t.served = call }
	h.mail = func(address string, of token.Secret) { t.known[address] = of.Reveal() }
	plain := h
	plain.callersRight = false
	routes := h.routes()
	routes.Handle("/plain/", http.StripPrefix("/plain", plain.routes()))
	server := httptest.NewServer(routes)
	defer server.Close()
	t.url = server.URL
	if err := t.prepare(ctx, id); err != nil {
		return nil, err
	}
	var failed []error
	for step := range strings.SplitSeq(strings.TrimSpace(session), "\n\n") {
		if err := t.step(ctx, step, out); err != nil {
			failed = append(failed, fmt.Errorf("%s\n%w", step, err))
		}
	}
	for _, s := range systems() {
		for _, c := range s.calls {
			if !slices.ContainsFunc(t.exchanges, func(x exchange) bool { return x.call == s.name+" "+c.name }) {
				failed = append(failed, fmt.Errorf("%s: %s was not called", s.name, c.name))
			}
		}
	}
	for name, secret := range t.known {
		without := func(x exchange) bool { return !strings.Contains(x.out, secret) }
		if n := len(slices.DeleteFunc(slices.Clone(t.exchanges), without)); strings.HasPrefix(secret, "cvg_") && n > 1 {
			failed = append(failed, fmt.Errorf("%s was shown in %d answers", name, n))
		}
	}
	if _, err := id.AcceptInvitation(ctx, t.known["ben@acme.example"], identity.ExternalID{}); err != nil {
		failed = append(failed, fmt.Errorf("the invitation in the mail: %w", err))
	}
	fmt.Fprintf(out, "%d calls, %d fields checked, %d failed\n", len(t.exchanges), t.fields, len(failed))
	return t.exchanges, errors.Join(failed...)
}

// prepare makes what the calls need: two orgs, somebody with few rights, a role, and a group that has it.
func (t *tester) prepare(ctx context.Context, id *identity.Authority) error {
	other, stranger, err1 := found(ctx, id, "other")
	org, owner, err2 := found(ctx, id, "acme")
	o := id.System("selftest").In(org.ID)
	clerk, err3 := o.CreateUser(ctx, identity.UserSpec{Email: "clerk@acme.example", Roles: []string{"DfnsServiceAccountMaker"}})
	bearer, err4 := o.CreateAPIToken(ctx, clerk.ID, identity.APITokenSpec{Name: "first"})
	events := []string{"events_management"}
	watch := identity.RoleSpec{Name: "watch", Description: "sees alerts", Permissions: append(events, "alerts_management"), Exclusions: events}
	role, err5 := o.CreateRole(ctx, watch)
	group, err6 := o.CreateGroup(ctx, identity.GroupSpec{Name: "night-shift", Description: "who is awake"})
	_, err7 := o.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(group.ID), Role: "watch", Scope: policy.Root})
	t.known = map[string]string{
		"nobody": "", "owner": owner.Reveal(), "stranger": stranger.Reveal(), "clerk": bearer.Secret.Reveal(),
		"org": string(org.ID), "foreign": string(other.ID), "role": string(role.ID), "group": string(group.ID),
	}
	return errors.Join(err1, err2, err3, err4, err5, err6, err7)
}

// step makes one call of the session.
func (t *tester) step(ctx context.Context, text string, out io.Writer) error {
	text, want, _ := strings.Cut(os.Expand(text, func(name string) string { return t.known[name] }), "\n<")
	text, in, _ := strings.Cut(text, "\n>")
	in, want = strings.ReplaceAll(in, "\n>", ""), strings.ReplaceAll(want, "\n<", "")
	var who, method, path, status string
	if _, err := fmt.Sscan(text[strings.LastIndex(text, "\n")+1:], &who, &method, &path, &status); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, t.url+path, strings.NewReader(strings.TrimSpace(in)))
	if err != nil {
		return err
	}
	if r.Header.Set("Content-Type", "application/json"); strings.HasPrefix(in, " grant_type") {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if who != "nobody" {
		r.Header.Set("Authorization", "Bearer "+t.known[who])
	}
	t.served = ""
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	t.exchanges = append(t.exchanges, exchange{t.served, in, string(got)})
	fmt.Fprintf(out, "%-6s %s %d\n", method, r.URL.RequestURI(), response.StatusCode)
	if fmt.Sprint(response.StatusCode) != status {
		return fmt.Errorf("%d: %s", response.StatusCode, got)
	}
	if err != nil || want == "" {
		return err
	}
	var w, g any
	err = errors.Join(json.Unmarshal([]byte(want), &w), json.Unmarshal(got, &g))
	return errors.Join(err, t.compare("", w, g))
}

// compare looks for everything that is wanted in what was got. The items of a list may come in any order.
func (t *tester) compare(at string, want, got any) (err error) {
	t.fields++
	switch want := want.(type) {
	case map[string]any:
		have, _ := got.(map[string]any)
		for name, w := range want {
			err = errors.Join(err, t.compare(at+"."+name, w, have[name]))
		}
	case []any:
		have, ok := got.([]any)
		if have = slices.Clone(have); !ok || len(have) != len(want) {
			return fmt.Errorf("%s is %v, want %d items", at, got, len(want))
		}
		for _, w := range want {
			fields := t.fields
			i := slices.IndexFunc(have, func(item any) bool {
				t.fields = fields // of the right one only
				err = t.compare(at+"[]", w, item)
				return err == nil
			})
			if i < 0 {
				return err
			}
			have = slices.Delete(have, i, i+1)
		}
	default:
		if name, unknown := strings.CutPrefix(fmt.Sprint(want), "="); unknown && got != nil && got != "" {
			t.known[name] = fmt.Sprint(got)
		} else if got != want {
			return fmt.Errorf("%s is %v, want %v", at, got, want)
		}
	}
	return err
}

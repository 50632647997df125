package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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

// exchange is a call that was made, and answered.
type exchange struct {
	call    string // its name in the documentation; "" for a refusal
	in, out string
}

// tester makes the calls of the session.
type tester struct {
	url       string
	known     map[string]string
	served    string // the last call that was
	exchanges []exchange
	fields    int
	failed    []string
}

// selftest makes every call of the session to a server on a loopback port, with a database in a temporary folder.
func selftest(ctx context.Context, out io.Writer) (made []exchange, err error) {
	dir, err := os.MkdirTemp("", "seeds-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server := httptest.NewUnstartedServer(nil)
	defer server.Close()
	id, err := open(ctx, filepath.Join(dir, "app.db"), "http://"+server.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, id.Close()) }()
	t := &tester{known: map[string]string{"nobody": ""}}
	if err := t.prepare(ctx, id); err != nil {
		return nil, err
	}
	h := host{
		id: id, callersRight: true, log: func(call string) { t.served = call },
		mail: func(address string, of token.Secret) { t.known[address] = of.Reveal() },
	}
	plain := h
	plain.callersRight = false
	routes := http.NewServeMux()
	routes.Handle("/", h.routes())
	routes.Handle("/plain/", http.StripPrefix("/plain", plain.routes()))
	server.Config.Handler = routes
	server.Start()
	t.url = server.URL

	for step := range strings.SplitSeq(session, "\n\n") {
		if err := t.step(ctx, step, out); err != nil {
			return nil, err
		}
	}
	for _, s := range systems() {
		for _, c := range s.calls {
			if !slices.ContainsFunc(t.exchanges, func(x exchange) bool { return x.call == s.name+" "+c.name }) {
				t.failed = append(t.failed, s.name+": "+c.name+" was not called")
			}
		}
	}
	for name, secret := range t.known {
		without := func(x exchange) bool { return !strings.Contains(x.out, secret) }
		if n := len(slices.DeleteFunc(slices.Clone(t.exchanges), without)); strings.HasPrefix(secret, "cvg_") && n > 1 {
			t.failed = append(t.failed, fmt.Sprintf("%s was shown in %d answers", name, n))
		}
	}
	if _, err := id.AcceptInvitation(ctx, t.known["ben@acme.example"], identity.ExternalID{}); err != nil {
		t.failed = append(t.failed, fmt.Sprint("the invitation in the mail: ", err))
	}
	fmt.Fprintf(out, "%d calls, %d fields checked, %d failed\n", len(t.exchanges), t.fields, len(t.failed))
	if len(t.failed) > 0 {
		return nil, errors.New(strings.Join(t.failed, "\n"))
	}
	return t.exchanges, nil
}

// prepare makes what the calls need: two orgs, somebody with few rights, a role, and a group that has it.
func (t *tester) prepare(ctx context.Context, id *identity.Authority) error {
	other, stranger, err1 := found(ctx, id, "other")
	org, owner, err2 := found(ctx, id, "acme")
	o := id.System("selftest").In(org.ID)
	clerk, err3 := o.CreateUser(ctx, identity.UserSpec{Email: "clerk@acme.example", Roles: []string{"DfnsServiceAccountMaker"}})
	bearer, err4 := o.CreateAPIToken(ctx, clerk.ID, identity.APITokenSpec{Name: "first"})
	role, err5 := o.CreateRole(ctx, identity.RoleSpec{
		Name: "watch", Description: "sees alerts", Permissions: []string{"alerts_management", "events_management"}, Exclusions: []string{"events_management"},
	})
	group, err6 := o.CreateGroup(ctx, identity.GroupSpec{Name: "night-shift", Description: "who is awake"})
	_, err7 := o.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(group.ID), Role: "watch", Scope: policy.Root})
	maps.Copy(t.known, map[string]string{
		"owner": owner.Reveal(), "stranger": stranger.Reveal(), "clerk": bearer.Secret.Reveal(),
		"org": string(org.ID), "foreign": string(other.ID), "role": string(role.ID), "group": string(group.ID),
	})
	return errors.Join(err1, err2, err3, err4, err5, err6, err7)
}

// step makes one call of the session.
func (t *tester) step(ctx context.Context, text string, out io.Writer) error {
	var who, method, path, status, in, want string
	for line := range strings.Lines(text) {
		if body, ok := strings.CutPrefix(line, "> "); ok {
			in += t.fill(body)
		} else if answer, ok := strings.CutPrefix(line, "< "); ok {
			want += t.fill(answer)
		} else if _, err := fmt.Sscan(line, &who, &method, &path, &status); line[0] != '#' && err != nil {
			return fmt.Errorf("session: %q: %w", line, err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, t.url+t.fill(path), strings.NewReader(strings.TrimSpace(in)))
	if err != nil {
		return err
	}
	if r.Header.Set("Content-Type", "application/json"); strings.HasPrefix(in, "grant_type") {
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
	got, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	t.exchanges = append(t.exchanges, exchange{t.served, in, string(got)})
	if fmt.Sprint(response.StatusCode) != status {
		t.failed = append(t.failed, fmt.Sprintf("%s %s is %d, want %s: %s", method, path, response.StatusCode, status, got))
	} else if want != "" {
		var w, g any
		if err := errors.Join(json.Unmarshal([]byte(want), &w), json.Unmarshal(got, &g)); err != nil {
			return fmt.Errorf("session: %s: %w", text, err)
		}
		t.compare(method+" "+path+" ", w, g)
	}
	fmt.Fprintf(out, "%-6s %s %d\n", method, r.URL.RequestURI(), response.StatusCode)
	return nil
}

// compare looks for everything that is wanted in what was got. The items of a list may come in any order.
func (t *tester) compare(at string, want, got any) {
	switch want := want.(type) {
	case map[string]any:
		have, _ := got.(map[string]any)
		for name, w := range want {
			t.compare(at+"."+name, w, have[name])
		}
	case []any:
		have, ok := got.([]any)
		if !ok || len(have) != len(want) {
			t.failed = append(t.failed, fmt.Sprintf("%s is %v, want %d items", at, got, len(want)))
			break
		}
		have = slices.Clone(have)
		for i := range want {
			for j := i; j < len(have); j++ { // the first that is right, or else the last
				before, fields := len(t.failed), t.fields
				if t.compare(at+"[]", want[i], have[j]); len(t.failed) == before {
					have[i], have[j] = have[j], have[i]
					break
				}
				if j < len(have)-1 {
					t.failed, t.fields = t.failed[:before], fields
				}
			}
		}
	default:
		if name, unknown := strings.CutPrefix(fmt.Sprint(want), "="); unknown && got != nil && got != "" {
			t.known[name] = fmt.Sprint(got)
		} else if got != want {
			t.failed = append(t.failed, fmt.Sprintf("%s is %v, want %v", at, got, want))
		}
	}
	t.fields++
}

// fill puts in what is known.
func (t *tester) fill(text string) string {
	return os.Expand(text, func(name string) string {
		quoted, _ := json.Marshal(t.known[name])
		return strings.Trim(string(quoted), `"`)
	})
}

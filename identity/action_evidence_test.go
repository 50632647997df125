package identity_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// done is the last event of an action in an org's log.
func (w *world) done(org identity.OrgID) (e identity.Event) {
	w.t.Helper()
	for _, seen := range w.events(org) {
		if seen.Noun == "action" {
			e = seen
		}
	}
	return e
}

// TestSec65_ActionsKeepTheirSignature: what was signed and done can be shown from
// its event alone, whichever way it was signed, and when the key is long gone.
func TestSec65_ActionsKeepTheirSignature(t *testing.T) {
	w := open(t)
	c := w.caller()
	count := len(w.events(c.org))
	for purpose, do := range map[token.Purpose]func() error{
		token.PurposeAction: func() error {
			return must(w.verifyAction(w.actionToken(c.held, c.sa.Key.ID, c.key), payment()))(t).Consume(w.ctx)
		},
		token.PurposeRequest: func() error { return w.consumeRequest(w.signRequest(c.sa.Key.ID, c.key, payment())) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		e := w.done(c.org)
		said := must(identity.VerifyActionEvent(issuer, e))(t)
		if said.Purpose != purpose || said.Org != c.org || said.Account != c.sa.ID || said.Credential != c.sa.Key.ID || said.Thumbprint != c.sa.Key.Thumbprint || !said.Of(payment()) {
			t.Errorf("%+v", said)
		}
		other := payment()
		other.RequestURI += "&to=me"
		if said.Of(other) || said.Of(identity.Action{}) {
			t.Error("it is of every request")
		}
		if e.Verb != "consume" || e.Actor != string(c.sa.ID) || e.Credential != string(c.sa.Key.ID) {
			t.Errorf("%+v", e)
		}
	}
	if n := len(w.events(c.org)); n != count+2 {
		t.Errorf("%d events of two actions", n-count)
	}
	must(w.in(c.org).DeleteAccount(w.ctx, c.sa.ID))(t)
	must(identity.VerifyActionEvent(issuer, w.done(c.org)))(t)
	must(w.in(c.org).VerifyAudit(w.ctx))(t)
}

// TestSec65_ActionEvidenceIsWhole spoils each part of an event, and mends its hash as
// who can write the database could.
func TestSec65_ActionEvidenceIsWhole(t *testing.T) {
	w := open(t)
	c := w.caller()
	for purpose, do := range map[token.Purpose]func() error{
		token.PurposeAction: func() error {
			return must(w.verifyAction(w.actionToken(c.held, c.sa.Key.ID, c.key), payment()))(t).Consume(w.ctx)
		},
		token.PurposeRequest: func() error { return w.consumeRequest(w.signRequest(c.sa.Key.ID, c.key, payment())) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		good := w.done(c.org)
		must(identity.VerifyActionEvent(issuer, good))(t)
		for what, spoil := range map[string]func(*identity.ActionEvidence){
			"purpose": func(e *identity.ActionEvidence) {
				e.Purpose = map[token.Purpose]token.Purpose{token.PurposeAction: token.PurposeRequest, token.PurposeRequest: token.PurposeAction}[purpose]
			},
			"another purpose": func(e *identity.ActionEvidence) { e.Purpose = token.PurposeLogin },
			"message":         func(e *identity.ActionEvidence) { e.Message[4] ^= 1 },
			"short message":   func(e *identity.ActionEvidence) { e.Message = e.Message[len(e.Message)-63:] },
			"no message":      func(e *identity.ActionEvidence) { e.Message = nil },
			"digest":          func(e *identity.ActionEvidence) { e.Digest[0] ^= 1 },
			"no digest":       func(e *identity.ActionEvidence) { e.Digest = nil },
			"both digests":    func(e *identity.ActionEvidence) { e.Digest[0] ^= 1; e.Message[len(e.Message)-32] ^= 1 },
			"credential":      func(e *identity.ActionEvidence) { e.Credential = c.other.Key.ID },
			"no credential":   func(e *identity.ActionEvidence) { e.Credential = "" },
			"org":             func(e *identity.ActionEvidence) { e.Org = w.id.SystemOrg() },
			"no org":          func(e *identity.ActionEvidence) { e.Org = "" },
			"account":         func(e *identity.ActionEvidence) { e.Account = c.other.ID },
			"no account":      func(e *identity.ActionEvidence) { e.Account = "" },
			"key":             func(e *identity.ActionEvidence) { e.PublicKey = c.other.Key.PublicKey },
			"key and name": func(e *identity.ActionEvidence) {
				e.PublicKey, e.Thumbprint = c.other.Key.PublicKey, c.other.Key.Thumbprint
			},
			"thumbprint":   func(e *identity.ActionEvidence) { e.Thumbprint = c.other.Key.Thumbprint },
			"no key":       func(e *identity.ActionEvidence) { e.PublicKey = nil },
			"algorithm":    func(e *identity.ActionEvidence) { e.Algorithm = token.AlgES256 },
			"signature":    func(e *identity.ActionEvidence) { e.Signature[0] ^= 1 },
			"no signature": func(e *identity.ActionEvidence) { e.Signature = nil },
			"a signature for another purpose": func(e *identity.ActionEvidence) {
				e.Purpose = must(token.HostPurpose("hook"))(t)
				e.Signature = ed25519.Sign(c.key, append([]byte(e.Purpose), e.Message...))
			},
		} {
			bad := respelled(t, good, spoil)
			if _, err := identity.VerifyActionEvent(issuer, bad); !errors.Is(err, identity.ErrInvalid) {
				t.Errorf("%s: %v", what, err)
			}
			bad.AfterHash = good.AfterHash // the hash tells
			wantKind(t, last(identity.VerifyActionEvent(issuer, bad)), identity.ErrInvalid)
		}
		for what, after := range map[string][]byte{"a space": append(slices.Clone(good.After), ' '), "a member": append([]byte(`{"Amount":2,`), good.After[1:]...)} {
			bad := good
			bad.After = after
			if _, err := identity.VerifyActionEvent(issuer, bad); !errors.Is(err, identity.ErrInvalid) {
				t.Errorf("with %s more: %v", what, err)
			}
		}
		purged := good
		purged.After = nil
		wantKind(t, last(identity.VerifyActionEvent(issuer, purged)), identity.ErrNotFound)
	}
	wantKind(t, last(identity.VerifyActionEvent(issuer, w.events(c.org)[0])), identity.ErrNotFound)
}

// respelled is an event with other evidence, and the hash of that.
func respelled(t testing.TB, e identity.Event, spoil func(*identity.ActionEvidence)) identity.Event {
	t.Helper()
	var said identity.ActionEvidence
	if err := json.Unmarshal(e.After, &said); err != nil {
		t.Fatal(err)
	}
	spoil(&said)
	e.After = must(json.Marshal(said))(t)
	e.AfterHash = identity.HashOf(e.After)
	return e
}

// TestSec65_ActionEvidenceIsOfItsEvent: a good signature is no evidence in another event
// than the one it was recorded in: of another issuer, org, account, credential, request
// or time, whatever of it was respelled to agree.
func TestSec65_ActionEvidenceIsOfItsEvent(t *testing.T) {
	w := open(t)
	c := w.caller()
	if err := must(w.verifyAction(w.actionToken(c.held, c.sa.Key.ID, c.key), payment()))(t).Consume(w.ctx); err != nil {
		t.Fatal(err)
	}
	action := w.done(c.org)
	if err := w.consumeRequest(w.signRequest(c.sa.Key.ID, c.key, payment())); err != nil {
		t.Fatal(err)
	}
	request := w.done(c.org)
	for what, good := range map[string]identity.Event{"action": action, "request": request} {
		must(identity.VerifyActionEvent(issuer, good))(t)
		for _, other := range []string{"", "https://other.example", issuer + "/", issuer[1:]} {
			if _, err := identity.VerifyActionEvent(other, good); !errors.Is(err, identity.ErrInvalid) {
				t.Errorf("%s: for the issuer %q: %v", what, other, err)
			}
		}
		for where, spoil := range map[string]func(*identity.Event){
			"org":           func(e *identity.Event) { e.Org = w.id.SystemOrg() },
			"no org":        func(e *identity.Event) { e.Org = "" },
			"actor":         func(e *identity.Event) { e.Actor = string(c.other.ID) },
			"no actor":      func(e *identity.Event) { e.Actor = "" },
			"on behalf of":  func(e *identity.Event) { e.OnBehalfOf = string(c.other.ID) },
			"credential":    func(e *identity.Event) { e.Credential = string(c.other.Key.ID) },
			"no credential": func(e *identity.Event) { e.Credential = "" },
		} {
			bad := good
			spoil(&bad)
			if _, err := identity.VerifyActionEvent(issuer, bad); !errors.Is(err, identity.ErrInvalid) {
				t.Errorf("%s, %s: %v", what, where, err)
			}
		}
	}
	for where, spoil := range map[string]func(*identity.Event){
		"another's id": func(e *identity.Event) { e.ID = action.ID },
		"late":         func(e *identity.Event) { e.At = e.At.Add(token.RequestLife + 2*time.Minute) },
		"early":        func(e *identity.Event) { e.At = e.At.Add(-2*time.Minute - time.Second) },
		// The same key, registered a second time: the key that was named is signed, too.
		"another id of the key": func(e *identity.Event) {
			renamed := string(c.other.Key.ID)
			*e = respelled(t, *e, func(said *identity.ActionEvidence) { said.Credential = c.other.Key.ID })
			e.Credential, e.ID = renamed, renamed+e.ID[len(c.sa.Key.ID):]
		},
	} {
		bad := request
		spoil(&bad)
		if _, err := identity.VerifyActionEvent(issuer, bad); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("request, %s: %v", where, err)
		}
	}
}

package identity_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"testing"

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
		said := must(identity.VerifyActionEvent(e))(t)
		if said.Purpose != purpose || said.Credential != c.sa.Key.ID || said.Thumbprint != c.sa.Key.Thumbprint || !said.Of(payment()) {
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
	must(identity.VerifyActionEvent(w.done(c.org)))(t)
	must(w.in(c.org).VerifyAudit(w.ctx))(t)
}

// TestSec65_ActionEvidenceIsWhole spoils each part of an event, and mends its hash as
// who can write the database could.
func TestSec65_ActionEvidenceIsWhole(t *testing.T) {
	w := open(t)
	c := w.caller()
	if err := w.consumeRequest(w.signRequest(c.sa.Key.ID, c.key, payment())); err != nil {
		t.Fatal(err)
	}
	good := w.done(c.org)
	must(identity.VerifyActionEvent(good))(t)
	for what, spoil := range map[string]func(*identity.ActionEvidence){
		"purpose":         func(e *identity.ActionEvidence) { e.Purpose = token.PurposeAction },
		"another purpose": func(e *identity.ActionEvidence) { e.Purpose = token.PurposeLogin },
		"message":         func(e *identity.ActionEvidence) { e.Message[4] ^= 1 },
		"digest":          func(e *identity.ActionEvidence) { e.Digest[0] ^= 1 },
		"no digest":       func(e *identity.ActionEvidence) { e.Digest = nil },
		"both digests":    func(e *identity.ActionEvidence) { e.Digest[0] ^= 1; e.Message[len(e.Message)-32] ^= 1 },
		"credential":      func(e *identity.ActionEvidence) { e.Credential = c.other.Key.ID },
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
		var said identity.ActionEvidence
		if err := json.Unmarshal(good.After, &said); err != nil {
			t.Fatal(err)
		}
		spoil(&said)
		bad := good
		bad.After = must(json.Marshal(said))(t)
		wantKind(t, last(identity.VerifyActionEvent(bad)), identity.ErrInvalid) // the hash tells
		bad.AfterHash = identity.HashOf(bad.After)
		if _, err := identity.VerifyActionEvent(bad); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, after := range map[string][]byte{"a space": append(slices.Clone(good.After), ' '), "a member": append([]byte(`{"Amount":2,`), good.After[1:]...)} {
		bad := good
		bad.After = after
		if _, err := identity.VerifyActionEvent(bad); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("with %s more: %v", what, err)
		}
	}
	purged := good
	purged.After = nil
	wantKind(t, last(identity.VerifyActionEvent(purged)), identity.ErrNotFound)
	wantKind(t, last(identity.VerifyActionEvent(w.events(c.org)[0])), identity.ErrNotFound)
}

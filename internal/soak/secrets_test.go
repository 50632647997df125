package soak

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
	"github.com/claviger-go/claviger/token/client"
)

// How much of the end of a text nobody can make without the key.
const (
	signature = 64 // Ed25519 and P-256
	ticketMAC = 32
	cursorMAC = 16
)

// mint makes one of everything that is secret, in every way that there is.
func (k *keeper) mint() {
	t, ctx, in, stays := k.t, k.ctx, k.in(), k.keys["stays"]
	for name, s := range k.secrets { // those of the estate
		k.secretOf("secret "+name)(s, nil)
	}
	for when, raw := range k.tokens {
		k.signed(t, "access token from "+when, raw, signature)
	}
	k.signed(t, "cursor", k.cursor, cursorMAC)
	k.privateKey("key of a workload", stays.key)

	k.access("assertion")(k.id.ExchangeAssertion(ctx, k.proven("a token"), identity.TokenRequest{}))
	k.access("client assertion")(k.id.ExchangeClientAssertion(ctx, k.proven("a client"), identity.TokenRequest{}))
	k.access("client secret")(k.id.ExchangeClientSecret(ctx, string(stays.account), k.minted["secret client"], identity.TokenRequest{}))
	login := must(k.id.NewChallenge(ctx, stays.keyID))(t)
	k.signed(t, "challenge to log in", login.Text, ticketMAC)
	signed := must(client.Sign(stays.key, token.PurposeLogin, must(token.ChallengeMessage(issuer, login.Text))(t)))(t)
	k.signed(t, "signature to log in", signed.Text, signature)
	k.access("challenge")(k.id.ExchangeChallenge(ctx, identity.ChallengeResponse{
		Challenge: login.Text, Credential: stays.keyID, Signature: signed.Text, Algorithm: token.AlgEdDSA,
	}, identity.TokenRequest{}))
	p := must(k.id.Authenticate(ctx, k.minted["access token by assertion"]))(t)
	k.access("issue")(k.id.IssueToken(ctx, p, identity.TokenRequest{Permissions: []string{"wallets:read"}}))
	k.access("API token")(k.id.IssueToken(ctx, must(k.id.Authenticate(ctx, k.minted["secret stays"]))(t), identity.TokenRequest{}))
	other := must(k.id.Authenticate(ctx, k.minted["secret revoked"]))(t)
	k.access("delegation")(k.id.Delegate(ctx, p, other, identity.TokenRequest{}))

	spec := identity.PublicKeySpec{Name: "proven"}
	private, public, err := newKey()
	k.privateKey("key that is registered", must(private, err)(t))
	possession := must(in.NewKeyChallenge(ctx, stays.account, public))(t)
	k.signed(t, "challenge to register", possession.Text, ticketMAC)
	signed = must(client.Sign(private, token.PurposePossession, must(token.ChallengeMessage(issuer, possession.Text))(t)))(t)
	k.signed(t, "signature to register", signed.Text, signature)
	spec.PublicKey, spec.Proof = public, identity.KeyProof{Challenge: possession.Text, Signature: signed.Text, Algorithm: token.AlgEdDSA}
	added := must(in.AddPublicKey(ctx, stays.account, spec))(t)

	for name, id := range map[string]identity.CredentialID{"API token": k.secrets["stays"].ID, "client secret": k.secrets["client"].ID} {
		k.secretOf(name + " that was rotated")(in.RotateSecret(ctx, id, time.Hour))
	}
	invited := must(in.Invite(ctx, identity.InvitationSpec{User: identity.UserSpec{Email: "guest@example.org"}}))(t)
	k.opaque(t, "invitation", invited.Secret.Reveal())
	k.minted["invitation"] = invited.Secret.Reveal()
	k.print("values", invited, &invited)
	k.fails("rotate a secret twice", errorOf(in.RotateSecret(ctx, k.secrets["stays"].ID, time.Hour)))
	k.action(p, added.ID, private.(ed25519.PrivateKey))
	k.print("values", p, other, k.id.Stats(), k.id, added, must(in.Credential(ctx, added.ID))(t), must(in.VerifyAudit(ctx))(t))
}

// action has a request signed, shows it for another, and has it done.
func (k *keeper) action(p identity.Principal, credential identity.CredentialID, key ed25519.PrivateKey) {
	t, ctx := k.t, k.ctx
	r := httptest.NewRequest(http.MethodPost, "/wallets", strings.NewReader("{}"))
	what := must(client.ActionOf(r))(t)
	c := must(k.id.NewActionChallenge(ctx, p, what))(t)
	k.signed(t, "challenge to act", c.Text, ticketMAC)
	signed := must(client.SignAction(key, issuer, c.Text, what))(t)
	// The signature of what is done stays in the log, on purpose. That of what is not done stays nowhere.
	undone := must(k.id.NewActionChallenge(ctx, p, what))(t).Text
	never := must(client.SignAction(key, issuer, undone, what))(t)
	k.signed(t, "signature of what is not done", never.Text, signature)
	must(k.id.ExchangeAction(ctx, identity.ActionResponse{Challenge: undone, Credential: credential, Signature: never.Text, Algorithm: token.AlgEdDSA}))(t)
	response := identity.ActionResponse{Challenge: c.Text, Credential: credential, Signature: signed.Text, Algorithm: token.AlgEdDSA}
	made := must(k.id.ExchangeAction(ctx, response))(t)
	raw := made.Token.Reveal()
	k.signed(t, "action token", raw, ticketMAC)
	k.minted["action token"] = raw
	k.fails("a challenge to act, again", errorOf(k.id.ExchangeAction(ctx, response)))
	verified := must(k.id.VerifyAction(ctx, raw, netip.Addr{}, func() (identity.Action, error) { return what, nil }))(t)
	k.print("values", made, verified)
	for name, body := range map[string]string{"another body": "[]", "without the right": "{}"} {
		r := httptest.NewRequest(http.MethodPost, "/wallets", strings.NewReader(body))
		client.AuthorizeAction(r, raw)
		k.refused(name, r)
	}
	if err := verified.Consume(ctx); err != nil {
		t.Error(err)
	}
	k.fails("an action, again", verified.Consume(ctx))
}

// misplace shows what was minted where it does not belong, as people do.
func (k *keeper) misplace() {
	t, ctx, in, stays := k.t, k.ctx, k.in(), k.keys["stays"]
	private, _, err := newKey()
	pkcs8 := must(x509.MarshalPKCS8PrivateKey(must(private, err)(t)))(t)
	k.privateKey("private key given by mistake", private)
	mistake := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	k.fails("a private key", errorOf(in.AddPublicKey(ctx, stays.account, identity.PublicKeySpec{UnprovenPublicKey: mistake})))
	k.fails("a private key, with a proof", errorOf(in.NewKeyChallenge(ctx, stays.account, mistake)))
	k.fails("a private key of a new account", errorOf(in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: "bad", UnprovenPublicKey: mistake})))
	k.minted["private key"] = string(mistake)
	for name, raw := range k.minted {
		k.fails(name+" as a key", errorOf(in.AddPublicKey(ctx, stays.account, identity.PublicKeySpec{UnprovenPublicKey: []byte(raw)})))
		k.fails(name+", cut, as a token", errorOf(k.id.Authenticate(ctx, raw[:len(raw)-1])))
		k.fails(name+" as an assertion", errorOf(k.id.ExchangeAssertion(ctx, raw, identity.TokenRequest{})))
		k.fails(name+" as a client", errorOf(k.id.ExchangeClientSecret(ctx, raw, string(stays.account), identity.TokenRequest{})))
		k.fails(name+" as an invitation", errorOf(k.id.AcceptInvitation(ctx, raw+"x", identity.ExternalID{})))
		k.fails(name+" as an action", errorOf(k.id.VerifyAction(ctx, raw+"x", netip.Addr{}, func() (identity.Action, error) { return identity.Action{}, nil })))
		k.fails(name+" as an id", errorOf(in.Credential(ctx, identity.CredentialID(raw))))
		k.fails(name+" as an id to read", errorOf(identity.ParseID[identity.Credential](raw)))
		k.fails(name+" as an e-mail address", errorOf(in.CreateUser(ctx, identity.UserSpec{Email: raw})))
		k.fails(name+" as a slug", errorOf(k.sys().OrgBySlug(ctx, raw)))
		k.print("challenges", must(k.id.NewChallenge(ctx, identity.CredentialID(raw)))(t)) // which does not tell that there is no such credential
		k.fails(name+" as a cursor", errorOf(in.Accounts(ctx, identity.AccountFilter{}, identity.Page{Cursor: raw})))
		k.fails(name+" as a signature", errorOf(k.id.ExchangeChallenge(ctx, identity.ChallengeResponse{Challenge: raw, Credential: stays.keyID, Signature: raw, Algorithm: "EdDSA"}, identity.TokenRequest{})))
		k.overHTTP(name, raw)
	}
	same := func() (panicked any) {
		defer func() { panicked = recover() }()
		return k.id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
			s := must(tx.System("panic").In(k.org).CreateAPIToken(ctx, stays.account, identity.APITokenSpec{Name: "panic"}))(t)
			k.opaque(t, "API token of a panic", s.Secret.Reveal())
			panic(fmt.Sprintf("%v %+v %#v %v", s, s, s, tx))
		})
	}()
	k.print("panics", same)
}

// overHTTP sends a text in every place of a request that may hold a credential.
func (k *keeper) overHTTP(name, raw string) {
	line := strings.ReplaceAll(raw, "\n", "")
	for _, scheme := range []string{"Bearer ", "Claviger-Action ", "Basic ", ""} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, "/wallets", nil)
			r.Header.Set("Authorization", scheme+line+"x")
			k.refused(name+" after "+scheme, r)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/wallets", nil)
	r.URL.RawQuery = "access_token=" + line
	k.refused(name+" in the URL", r)
	for _, form := range []string{
		"grant_type=client_credentials&client_id=" + line + "&client_secret=x", "grant_type=client_credentials&client_id=x&client_secret=" + line + "x",
		"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=" + line, "grant_type=" + line, line,
	} {
		for _, at := range []string{"/token", "/introspect", "/revoke"} {
			r := httptest.NewRequest(http.MethodPost, at, strings.NewReader(strings.ReplaceAll(form, "+", "%2B")))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			k.refused(name+" in a form", r)
		}
	}
}

// TestSec33_NothingLeaks makes every secret that there is, in every way that makes
// one, shows each where it does not belong, and then looks for all of them in
// everything that came out: logs, errors, panics, answers, observations, events,
// the exported audit, what the values print as, and every file but the key.
func TestSec33_NothingLeaks(t *testing.T) {
	if raceDetector {
		t.Skip("prints values that others write")
	}
	for _, alg := range []token.Algorithm{token.AlgEdDSA, token.AlgES256} {
		t.Run(string(alg), func(t *testing.T) {
			k := newKeeper(t, alg)
			k.mint()
			k.misplace()
			k.advance(identity.JWKSMaxAge * 3)
			must(k.sys().RotateSigningKey(k.ctx))(t)
			made := k.ring("app.key")
			if err := k.sys().Reseal(k.ctx, token.SealFile(k.beside("new.key"))); err != nil {
				t.Fatal(err)
			}
			made = max(made, k.ring("new.key"))
			k.tokens["after"] = k.exchange("stays")
			k.signed(t, "access token after", k.tokens["after"], signature)
			k.narrow()
			k.ring("new.key")
			k.records()
			k.files("in use")
			k.close()
			k.files("closed")
			st, err := open(k.ctx, k.file, sqlite.Options{}, k.cfg)
			if err == nil {
				mustClose(t, st)
			}
			k.fails("the old sealing key", err)

			if made < 2 || len(k.names) < 40 {
				t.Errorf("%d signing keys, %d secrets: %q", made, len(k.names), k.names)
			}
			for name, want := range map[string]string{
				"log": "credential refused", "errors": "private key", "answers": "invalid_client", "panics": "[redacted]", "events": "\"rotate", "values": "[redacted]",
				"audit": string(k.org), "keys": "kty", "app.db-wal, in use": string(k.org), "app.db.fence, closed": "", "app.db, closed": string(k.org), "copy.db, in use": string(k.org),
			} {
				if s := k.streams[name]; s == nil || s.data.Len() == 0 || !bytes.Contains(s.bytes(), []byte(want)) {
					t.Errorf("%s: there is no %q in it", name, want)
				}
			}
			k.streams["observations"] = &k.observed
			for name, s := range k.streams {
				for _, secret := range k.heldBy(s.bytes()) {
					t.Errorf("%s: holds a part of: %s", name, secret)
				}
			}
		})
	}
}

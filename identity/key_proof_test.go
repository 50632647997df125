package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// prove gets a challenge for a key of an account, "" for one that is to be made,
// and signs it.
func (w *world) prove(o *identity.OrgAdmin, account identity.AccountID, key crypto.Signer) identity.PublicKeySpec {
	w.t.Helper()
	public := pemOf(w.t, key.Public())
	c := must(o.NewKeyChallenge(w.ctx, account, public))(w.t)
	return identity.PublicKeySpec{PublicKey: public, Proof: w.proof(key, c.Text)}
}

func (w *world) proof(key crypto.Signer, challenge string) identity.KeyProof {
	w.t.Helper()
	s := w.sign(key, token.PurposePossession, challenge)
	return identity.KeyProof{Challenge: challenge, Signature: s.Text, Algorithm: token.Algorithm(s.Algorithm)}
}

// TestProvenKeys registers a key of each kind with its proof, for an account
// that is there and with one that is made. Of one without, the log says so.
func TestProvenKeys(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	o := w.in(x.Org)
	ed, _ := newKey(t)
	for kind, key := range map[string]crypto.Signer{
		"Ed25519": ed, "P-256": must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t), "P-384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t),
		"P-521": must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))(t), "RSA": must(rsa.GenerateKey(rand.Reader, 2048))(t),
	} {
		same := w.unchanged()
		spec := w.prove(o, x.User, key)
		same() // nothing is stored for a challenge
		spec.Name = kind
		c := must(o.AddPublicKey(w.ctx, x.User, spec))(t)
		if again := must(o.Credential(w.ctx, c.ID))(t); !c.Proven || !again.Proven || len(c.Algorithms) != 0 {
			t.Errorf("%s: %+v", kind, c)
		}
		events := w.events(x.Org)
		if last := events[len(events)-1]; last.Verb != "create" || last.ID != string(c.ID) || containsText(string(last.After), spec.Proof.Signature) {
			t.Errorf("%s: event %q", kind, last.Verb)
		}
		if err := w.answer(w.signChallenge(c.ID, key)); err != nil {
			t.Errorf("%s: log in: %v", kind, err)
		}
		must(o.RevokeCredential(w.ctx, c.ID))(t)
		spec = w.prove(o, "", key)
		made := must(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{
			Name: "with-" + strings.ToLower(strings.ReplaceAll(kind, "-", "")), PublicKey: spec.PublicKey, Proof: spec.Proof, KeyName: "k",
		}))(t)
		if !made.Key.Proven || made.Key.Name != "k" || made.Key.Account != made.ID {
			t.Errorf("%s: %+v", kind, made.Key)
		}
	}
	_, public := newKey(t)
	c := must(o.AddPublicKey(w.ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: public}))(t)
	events := w.events(x.Org)
	if last := events[len(events)-1]; c.Proven || last.Verb != "create unproven" || last.ID != string(c.ID) || !containsText(string(last.After), `"Proven":false`) {
		t.Errorf("%+v: event %q %s", c, last.Verb, last.After)
	}
}

// TestSec19_ProofOfPossession: whatever is wrong with a proof it is refused, with
// one text for strangers, and used up by nothing but its success.
func TestSec19_ProofOfPossession(t *testing.T) {
	w, elsewhere := open(t), open(t)
	x, y := w.targets("acme"), w.targets("globex")
	o, system := w.in(x.Org), token.PurposePossession
	other := w.user(x.Org, "other")
	key, public := newKey(t)
	wrong, wrongPublic := newKey(t)
	good := w.prove(o, x.User, key)
	challenge := func(o *identity.OrgAdmin, account identity.AccountID, public []byte) identity.KeyProof {
		return w.proof(key, must(o.NewKeyChallenge(w.ctx, account, public))(t).Text)
	}
	edited := func(edit func(p *identity.KeyProof)) identity.KeyProof {
		p := good.Proof
		edit(&p)
		return p
	}
	for name, proof := range map[string]identity.KeyProof{
		"none":                      {},
		"the wrong key":             w.proof(wrong, good.Proof.Challenge),
		"another account":           challenge(o, other, public),
		"an account to be made":     challenge(o, "", public),
		"another key's":             challenge(o, x.User, wrongPublic),
		"another org":               challenge(w.in(y.Org), y.User, public),
		"another org's, none's":     challenge(w.in(y.Org), "", public),
		"another instance":          challenge(elsewhere.in(elsewhere.org("acme")), "", public),
		"a login":                   w.proof(key, must(w.id.NewChallenge(w.ctx, x.Credential))(t).Text),
		"signed to log in":          edited(func(p *identity.KeyProof) { p.Signature = w.sign(key, token.PurposeLogin, p.Challenge).Text }),
		"signed for another issuer": edited(func(p *identity.KeyProof) { p.Signature = w.signRaw(key, system, "https://evil.example\n"+p.Challenge) }),
		"signed without the issuer": edited(func(p *identity.KeyProof) { p.Signature = w.signRaw(key, system, p.Challenge) }),
		"no signature":              edited(func(p *identity.KeyProof) { p.Signature = "" }),
		"signature changed":         edited(func(p *identity.KeyProof) { p.Signature = flip(p.Signature) }),
		"signature cut off":         edited(func(p *identity.KeyProof) { p.Signature = p.Signature[:85] }),
		"another algorithm":         edited(func(p *identity.KeyProof) { p.Algorithm = token.AlgES256 }),
		"no challenge":              edited(func(p *identity.KeyProof) { p.Challenge = "" }),
		"challenge changed":         edited(func(p *identity.KeyProof) { p.Challenge = flip(p.Challenge) }),
		"challenge cut off":         edited(func(p *identity.KeyProof) { p.Challenge = p.Challenge[:70] }),
	} {
		same := w.unchanged()
		e := wantKind(t, last(o.AddPublicKey(w.ctx, x.User, identity.PublicKeySpec{PublicKey: public, Proof: proof})), identity.ErrInvalid)
		if e.Field != "Proof" || identity.PublicText(e) != "invalid" {
			t.Errorf("%s: %v, strangers are told %q", name, e, identity.PublicText(e))
		}
		same()
	}
	// With an account that is made, the org is all that differs.
	create := func(o *identity.OrgAdmin, proof identity.KeyProof) error {
		return last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "made", PublicKey: public, Proof: proof}))
	}
	abroad := challenge(w.in(y.Org), "", public)
	same := w.unchanged()
	wantKind(t, create(o, abroad), identity.ErrInvalid)
	wantKind(t, create(o, good.Proof), identity.ErrInvalid)
	same()
	if err := create(w.in(y.Org), abroad); err != nil {
		t.Error(err)
	}
	// An ended one says so to the operator only.
	late := w.prove(o, x.User, key)
	w.clock.advance(5*time.Minute - time.Microsecond)
	must(o.AddPublicKey(w.ctx, x.User, late))(t)
	late = w.prove(o, x.User, wrong)
	w.clock.advance(5 * time.Minute)
	e := wantKind(t, last(o.AddPublicKey(w.ctx, x.User, late)), identity.ErrInvalid)
	if !errors.Is(e, identity.ErrExpired) || identity.PublicText(e) != "invalid" {
		t.Error(e)
	}
}

// flip changes the last character of a text.
func flip(s string) string {
	if end := len(s) - 1; s[end] != 'A' {
		return s[:end] + "A"
	}
	return s[:len(s)-1] + "B"
}

// signRaw signs any message.
func (w *world) signRaw(key crypto.Signer, purpose token.Purpose, message string) string {
	w.t.Helper()
	_, raw, err := token.Sign(key, purpose, []byte(message))
	if err != nil {
		w.t.Fatal(err)
	}
	return base64url(raw)
}

// TestSec41_ProofOnce: a proof registers a key once, also by fifty at a time,
// after a restart, and when the key has been given free again.
func TestSec41_ProofOnce(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	key, _ := newKey(t)
	spec := w.prove(w.in(x.Org), x.User, key)
	w.reopen()
	var won atomic.Int32
	var all sync.WaitGroup
	start := make(chan struct{})
	ids := make(chan identity.CredentialID, 50)
	for range 50 {
		all.Go(func() {
			<-start
			c, err := w.in(x.Org).AddPublicKey(w.ctx, x.User, spec)
			if err == nil {
				won.Add(1)
				ids <- c.ID
				_, err = w.in(x.Org).RevokeCredential(w.ctx, c.ID)
			}
			if err != nil && !errors.Is(err, identity.ErrInvalid) {
				t.Errorf("one of fifty: %v", err)
			}
		})
	}
	close(start)
	all.Wait()
	if n := won.Load(); n != 1 {
		t.Fatalf("%d of fifty won", n)
	}
	w.reopen()
	e := wantKind(t, last(w.in(x.Org).AddPublicKey(w.ctx, x.User, spec)), identity.ErrInvalid)
	if !errors.Is(e, identity.ErrRevoked) || identity.PublicText(e) != "invalid" {
		t.Error(e)
	}
}

// TestSec20_ProofWins: who registers a key that is not theirs keeps nobody from
// registering it with a proof, whoever calls; between the two nobody is in with it.
func TestSec20_ProofWins(t *testing.T) {
	for name, who := range map[string]func(w *world, org identity.OrgID) *identity.OrgAdmin{
		"system": func(w *world, org identity.OrgID) *identity.OrgAdmin { return w.in(org) },
		"as": func(w *world, org identity.OrgID) *identity.OrgAdmin {
			return w.as(org, w.user(org, "registrar", "identity:credentials.create"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			x := w.targets("acme")
			squatter := w.user(x.Org, "squatter")
			o := who(w, x.Org)
			key, public := newKey(t)
			squat := identity.PublicKeySpec{UnprovenPublicKey: public}
			held := must(o.AddPublicKey(w.ctx, squatter, squat))(t)
			wantKind(t, last(o.AddPublicKey(w.ctx, x.User, squat)), identity.ErrConflict)
			theirs := must(w.id.ExchangeChallenge(w.ctx, w.signChallenge(held.ID, key), identity.TokenRequest{}))(t).Token.Reveal()

			won := must(o.AddPublicKey(w.ctx, x.User, w.prove(o, x.User, key)))(t)
			if !won.Proven {
				t.Errorf("%+v", won)
			}
			if lost := must(w.in(x.Org).Credential(w.ctx, held.ID))(t); lost.State != identity.CredentialRevoked {
				t.Errorf("the unproven one is %s", lost.State)
			}
			if last(w.id.Authenticate(w.ctx, theirs)) == nil {
				t.Error("what was issued for the unproven one goes on")
			}
			verbs := map[string]bool{}
			for _, e := range w.events(x.Org) {
				if e.Revision == w.id.Revision() {
					verbs[e.Verb+" "+e.ID] = true
				}
			}
			if !verbs["revoke unproven "+string(held.ID)] || !verbs["create "+string(won.ID)] || len(verbs) != 2 {
				t.Errorf("events %v", verbs)
			}
			// It does not go the other way, nor for two that are proven.
			same := w.unchanged()
			wantKind(t, last(o.AddPublicKey(w.ctx, squatter, squat)), identity.ErrConflict)
			e := wantKind(t, last(o.AddPublicKey(w.ctx, squatter, w.prove(o, squatter, key))), identity.ErrConflict)
			if text := e.Error(); containsText(text, string(won.ID)) || containsText(text, string(x.User)) {
				t.Errorf("%s tells whose the key is", text)
			}
			same()
		})
	}
}

// TestKeyIsGivenOneWay: a spec names its key once.
func TestKeyIsGivenOneWay(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	o := w.in(x.Org)
	key, public := newKey(t)
	spec := w.prove(o, x.User, key)
	same := w.unchanged()
	for field, bad := range map[string]identity.PublicKeySpec{
		"PublicKey":         {PublicKey: public, Proof: spec.Proof, UnprovenPublicKey: public},
		"Proof":             {UnprovenPublicKey: public, Proof: spec.Proof},
		"UnprovenPublicKey": {},
	} {
		for _, err := range []error{
			last(o.AddPublicKey(w.ctx, x.User, bad)),
			last(o.RotatePublicKey(w.ctx, x.Credential, bad, 0)),
		} {
			if e := wantKind(t, err, identity.ErrInvalid); e.Field != field || e.Entity != "credential" {
				t.Errorf("%s: %v", field, e)
			}
		}
		if field == "UnprovenPublicKey" {
			continue // no key at all is fine there
		}
		e := wantKind(t, last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{
			Name: "n", PublicKey: bad.PublicKey, Proof: bad.Proof, UnprovenPublicKey: bad.UnprovenPublicKey,
		})), identity.ErrInvalid)
		if e.Field != field {
			t.Errorf("%s of a service account: %v", field, e)
		}
	}
	same()
}

// TestSec03_PinnedAlgorithm: a JWK with "alg" is registered for that algorithm,
// and stays so: in the row, in use, and after a restart.
func TestSec03_PinnedAlgorithm(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	key := must(rsa.GenerateKey(rand.Reader, 2048))(t)
	plain := must(token.NewPublicKey(key.Public()))(t).JWK()
	pinned := fmt.Appendf(nil, "%s,\"alg\":%q}", plain[:len(plain)-1], "RS384")
	for name, c := range map[string]struct {
		jwk  []byte
		want []string
	}{"plain": {plain, nil}, "pinned": {pinned, []string{"RS384"}}} {
		row := must(w.in(x.Org).AddPublicKey(w.ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: c.jwk}))(t)
		for range 2 {
			if got := must(w.in(x.Org).Credential(w.ctx, row.ID))(t).Algorithms; !slices.Equal(got, c.want) || !slices.Equal(row.Algorithms, c.want) {
				t.Errorf("%s: for %q and then %q, want %q", name, row.Algorithms, got, c.want)
			}
			// Our client signs with RS256.
			err := w.answer(w.signChallenge(row.ID, key))
			if (err == nil) != (c.want == nil) || err != nil && !errors.Is(err, token.ErrAlgorithm) {
				t.Errorf("%s: RS256: %v", name, err)
			}
			w.reopen()
		}
		must(w.in(x.Org).RevokeCredential(w.ctx, row.ID))(t)
	}
	// The proof is held to it, too.
	spec := w.prove(w.in(x.Org), x.User, key)
	spec.PublicKey = pinned
	wantKind(t, last(w.in(x.Org).AddPublicKey(w.ctx, x.User, spec)), token.ErrAlgorithm)
}

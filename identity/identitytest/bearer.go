package identitytest

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// keyPair is a public key that was registered for an account, and its private half.
type keyPair struct {
	credential identity.CredentialID
	private    ed25519.PrivateKey
}

// Bearer returns an Authorization header for an account, "Bearer " and a new
// access token: the account signs an assertion with a key of its own, which is
// registered at its first call, and exchanges it. The account need not be one
// that this package made. An account that may not authenticate ends the test.
func Bearer(t testing.TB, id *Env, account identity.Account) string {
	t.Helper()
	return "Bearer " + accessToken(t, id, account)
}

// Principal returns the verified principal of an account, by way of an access
// token as in [Bearer].
func Principal(t testing.TB, id *Env, account identity.Account) identity.Principal {
	t.Helper()
	p, err := id.Authenticate(context.Background(), accessToken(t, id, account))
	if err != nil {
		t.Fatalf("identitytest: principal of %s: %v", account.ID, err)
	}
	return p
}

func accessToken(t testing.TB, id *Env, account identity.Account) string {
	t.Helper()
	ctx := context.Background()
	key := id.key(t, account)
	assertion, err := token.SignAssertion(ctx, key.private, token.AssertionSpec{
		KeyID: string(key.credential), Account: string(account.ID), Audience: id.issuer, Now: id.now(), Rand: id.random,
	})
	if err != nil {
		t.Fatalf("identitytest: assertion of %s: %v", account.ID, err)
	}
	access, err := id.ExchangeAssertion(ctx, assertion, identity.TokenRequest{})
	if err != nil {
		t.Fatalf("identitytest: token for %s: %v", account.ID, err)
	}
	return access.Token.Reveal()
}

// key returns the key of an account, registering one if there is none.
func (id *Env) key(t testing.TB, account identity.Account) keyPair {
	t.Helper()
	id.mu.Lock()
	defer id.mu.Unlock()
	if k, ok := id.keys[account.ID]; ok {
		return k
	}
	public, private, err := ed25519.GenerateKey(id.random)
	if err != nil {
		t.Fatalf("identitytest: key of %s: %v", account.ID, err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatalf("identitytest: key of %s: %v", account.ID, err)
	}
	credential, err := id.System(reason).In(account.Org).AddPublicKey(context.Background(), account.ID, identity.PublicKeySpec{
		Name: "identitytest", UnprovenPublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
	})
	if err != nil {
		t.Fatalf("identitytest: key of %s: %v", account.ID, err)
	}
	k := keyPair{credential.ID, private}
	id.keys[account.ID] = k
	return k
}

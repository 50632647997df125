package identity_test

import (
	"os"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// TestSec42_OneOrgsLossIsItsOwn: when the file beside a database has dropped what one
// org narrowed, because there was too much of it, a database that is put back holds that
// org's secrets and not those of others.
func TestSec42_OneOrgsLossIsItsOwn(t *testing.T) {
	w := open(t)
	loud, quiet := w.org("loud"), w.org("quiet")
	a, _ := w.service(loud, "a")
	b, _ := w.service(quiet, "b")
	of := func(org identity.OrgID, sa identity.ServiceAccountResult, name string) (identity.CredentialID, string) {
		row, raw := w.apiToken(org, sa.ID, identity.APITokenSpec{Name: name})
		return row.ID, raw
	}
	_, loudest := of(loud, a, "kept")
	_, quietest := of(quiet, b, "kept")
	lost, lostRaw := of(loud, a, "lost")
	gone, goneRaw := of(quiet, b, "gone")
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	before := must(os.ReadFile(w.file()))(t)
	w.start()
	must(w.in(loud).RevokeCredential(w.ctx, lost))(t)
	must(w.in(quiet).RevokeCredential(w.ctx, gone))(t)
	if err := w.id.ForgetNarrowed(loud); err != nil {
		t.Fatal(err)
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.file(), before, 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	must(w.id.Authenticate(w.ctx, quietest))(t)
	wantTurnedAway(t, "revoked since, and known", last(w.id.Authenticate(w.ctx, goneRaw)))
	wantTurnedAway(t, "revoked since, and forgotten", last(w.id.Authenticate(w.ctx, lostRaw)))
	wantTurnedAway(t, "what may have been revoked", last(w.id.Authenticate(w.ctx, loudest)))
	if n := must(w.sys().ReleaseHeld(w.ctx, identity.HeldFilter{}))(t); n != 2 {
		t.Errorf("%d were held", n)
	}
	must(w.id.Authenticate(w.ctx, loudest))(t)
}

// Package storetest is the conformance suite of [identity.Store]: the laws
// that every engine keeps, one file for each noun. An engine's test calls
// [Run].
package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// Run checks every law. Each gets a new, empty store from open, which closes
// it when the test ends.
func Run(t *testing.T, open func(t *testing.T) identity.Store) {
	laws := []struct {
		name string
		law  func(t *testing.T, s identity.Store)
	}{
		{"Org", orgLaws},
		{"Account", accountLaws},
		{"Group", groupLaws},
		{"Member", memberLaws},
		{"Role", roleLaws},
		{"Binding", bindingLaws},
		{"Credential", credentialLaws},
		{"SigningKey", signingKeyLaws},

		{"Org/Keys", orgKeys},
		{"Account/Keys", accountKeys},
		{"Account/Time", accountTime},
		{"Group/Keys", groupKeys},
		{"Member/Keys", memberKeys},
		{"Role/Keys", roleKeys},
		{"Binding/Refused", bindingRefused},
		{"Credential/Keys", credentialKeys},
		{"Instance", instanceLaws},
		{"Fence", fenceLaws},
		{"Fence/Sidecar", sidecarLaws},

		{"Query/Refused", queryRefused},
		{"Query/Prefix", queryPrefix},
		{"Query/Everywhere", queryEverywhere},
		{"Query/Page", queryPage},

		{"RevokedToken", revokedTokenLaws},
		{"RevokedToken/Sweep", revokedTokenSweep},
		{"IdempotencyKey", idempotencyKeyLaws},
		{"IdempotencyKey/Sweep", idempotencyKeySweep},
		{"IdempotencyKey/Purge", idempotencyKeyPurge},
		{"IdempotencyKey/Forget", idempotencyKeyForget},
		{"Usage", usageLaws},
		{"Usage/Ending", endingLaws},
		{"Usage/Mark", markLaws},
		{"Usage/Purge", markPurge},

		{"Claim", claims},
		{"World", worldLaws},
		{"World/Stop", worldStop},
		{"Nonce", nonceLaws},
		{"Event", eventLaws},
		{"Event/Since", eventSince},
		{"Event/Filter", eventFilter},
		{"Event/Purge", eventPurge},

		{"Transaction/Savepoint", savepoints},
		{"Transaction/Written", written},
		{"Transaction/Rollback", rollback},
		{"Transaction/Ended", ended},
		{"Transaction/Moment", moment},
		{"Transaction/ReadOnly", readOnly},
		{"Transaction/Busy", busy},
		{"Transaction/Cancelled", cancelled},
		{"Transaction/Panic", panics},
	}
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) { l.law(t, open(t)) })
	}
}

// write runs fn in a transaction and commits it.
func write(t *testing.T, s identity.Store, fn func(ctx context.Context, tx identity.WriteTxn)) {
	t.Helper()
	tx, err := s.Begin()
	if err != nil {
		t.Fatalf("Begin: %v", err)
	}
	defer func() { _ = tx.Rollback() }() // when fn ends the test
	fn(t.Context(), tx)
	if err := tx.Commit(); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// read runs fn in a read transaction.
func read(t *testing.T, s identity.Store, fn func(ctx context.Context, tx identity.Txn)) {
	t.Helper()
	err := s.Read(t.Context(), func(tx identity.Txn) error {
		fn(t.Context(), tx)
		return nil
	})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is fails unless err is of the kind, and of no other.
func is(t *testing.T, err, kind error) {
	t.Helper()
	var e *identity.Error
	if !errors.As(err, &e) || !errors.Is(e.Kind, kind) {
		t.Fatalf("error is %v, it should be of kind %q", err, kind)
	}
}

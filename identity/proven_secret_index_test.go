package identity

import (
	"fmt"
	mathrand "math/rand/v2"
	"testing"

	"github.com/claviger-go/claviger/identity/internal/paged"
	"github.com/claviger-go/claviger/token"
)

const someSecrets = "cvg_at_"

// indexed is a secret as the index knows it, and the text that it was made with.
type indexed struct {
	row  Credential
	text string
}

func newIndexed(t testing.TB, id string) indexed {
	t.Helper()
	secret, digest, err := token.NewOpaque("cvg", token.KindAPIToken, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	return indexed{Credential{ID: CredentialID("cr_" + id), Type: APIToken, State: CredentialActive, Digest: digest[:]}, secret.Reveal()}
}

// shown shows a text as authenticateSecret does, and reports of which credential it
// is, "" for none, and whether it was known.
func (x *secretIndex) shown(text string) (of CredentialID, known bool) {
	shown, _, _, proven := x.recall(text, someSecrets)
	if proven != nil {
		return proven.p.credential, true
	}
	o, err := token.ParseOpaque(text)
	if err != nil {
		return "", false
	}
	entry, slot := x.find(o)
	if entry == nil {
		return "", false
	}
	x.keep(slot, entry, shown, &principal{credential: entry.credential})
	return entry.credential, false
}

// TestSec51_ProvenSecretsLikeRead makes, deletes and shows secrets at random, many to
// a place, some under a name that was another's: what is remembered says of a text what
// reading it would.
func TestSec51_ProvenSecretsLikeRead(t *testing.T) {
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	rnd := mathrand.New(mathrand.NewPCG(seed, 51))
	var x secretIndex
	ids := make([]string, 40)
	for i := range ids {
		ids[i] = fmt.Sprintf("01j9z3k7w8x4v5n6m7b8c9%04d", i)
	}
	alive := map[string]indexed{}
	var texts []indexed // all that there ever were
	seen := map[string]int{}
	for step := range 30_000 {
		switch rnd.IntN(4) {
		case 0: // the one of an id ends, or another one begins
			id := ids[rnd.IntN(len(ids))]
			if old, ok := alive[id]; ok {
				old.row.State = CredentialRevoked
				x.apply([]Credential{old.row})
				delete(alive, id)
				break
			}
			made := newIndexed(t, id)
			x.apply([]Credential{made.row})
			alive[id], texts = made, append(texts, made)
		case 1: // others take slots, so that those of one place change
			var rows []Credential
			for i := range rnd.IntN(100) {
				rows = append(rows, newIndexed(t, fmt.Sprintf("0%025d", i)).row)
			}
			x.apply(rows)
			for i := range rows {
				rows[i].State = CredentialRevoked
			}
			x.apply(rows)
		default:
			if len(texts) == 0 {
				break
			}
			which := texts[max(0, len(texts)-1-rnd.IntN(3*len(ids)))]
			text, want := which.text, CredentialID("")
			if rnd.IntN(4) == 0 {
				at := rnd.IntN(len(text))
				text = text[:at] + string("0123456789abcdefghjkmnpqrstvwxyz_A"[rnd.IntN(34)]) + text[at+1:]
			}
			for _, s := range alive {
				if s.text == text {
					want = s.row.ID
				}
			}
			for range 2 {
				got, known := x.shown(text)
				if got != want {
					t.Fatalf("step %d: it is of %q, want %q; known: %v", step, got, want, known)
				}
				seen[fmt.Sprint(want != "", known)]++
			}
		}
	}
	if slots := x.entries.Load().Slots(); slots < 2*warmSecrets {
		t.Errorf("%d slots", slots)
	}
	if seen["true true"] < 100 || seen["true false"] < 100 || seen["false false"] < 100 || seen["false true"] != 0 {
		t.Errorf("too little of one kind: %v", seen)
	}
}

// TestProvenSecretOfAnotherEntry: what was remembered of one entry is nothing to
// another one that takes its place, be it under its name and credential.
func TestProvenSecretOfAnotherEntry(t *testing.T) {
	const id, other = "01j9z3k7w8x4v5n6m7b8c9d0ef", "01j9z3k7w8x4v5n6m7b8c9d0eg"
	for name, next := range map[string]indexed{"the same id": newIndexed(t, id), "another id": newIndexed(t, other)} {
		var x secretIndex
		first := newIndexed(t, id)
		x.apply([]Credential{first.row})
		for i := range 2 {
			if of, known := x.shown(first.text); of != first.row.ID || known != (i > 0) {
				t.Fatalf("%s: %q, known: %v", name, of, known)
			}
		}
		x.entries.Store(new(paged.Table[secretEntry])) // from nothing: the slots are given out anew
		if of, _ := x.shown(first.text); of != "" {
			t.Errorf("%s: it is of %q with no entry", name, of)
		}
		x.apply([]Credential{next.row})
		if slot, ok := x.entries.Load().Lookup(secretName(next.row)); !ok || slot != 0 {
			t.Fatalf("%s: in slot %d, so this test sees nothing", name, slot)
		}
		if of, _ := x.shown(first.text); of != "" {
			t.Errorf("%s: the first is of %q", name, of)
		}
		for i := range 2 {
			if of, known := x.shown(next.text); of != next.row.ID || known != (i > 0) {
				t.Errorf("%s: the next is of %q, known: %v", name, of, known)
			}
		}
	}
}

// TestProvenSecretsShareAPlace: two secrets that would be remembered in one place push
// each other out, and are never taken for each other.
func TestProvenSecretsShareAPlace(t *testing.T) {
	var x secretIndex
	var two []indexed
	for i := range warmSecrets + 1 {
		made := newIndexed(t, fmt.Sprintf("0%025d", i))
		x.apply([]Credential{made.row})
		if i%warmSecrets == 0 {
			two = append(two, made)
		}
	}
	for range 2 {
		for _, s := range two {
			for i := range 2 {
				if of, known := x.shown(s.text); of != s.row.ID || known != (i > 0) {
					t.Errorf("%q, known: %v; want %q", of, known, s.row.ID)
				}
			}
		}
	}
}

// TestProvenSecretOfEveryPrefix: the text with the longest prefix that a host may choose
// is remembered, too, and no longer one is hashed.
func TestProvenSecretOfEveryPrefix(t *testing.T) {
	const id, prefix = "01j9z3k7w8x4v5n6m7b8c9d0ef", "abcdefghijklmnop"
	secret, digest, err := token.NewOpaque(prefix, token.KindAPIToken, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	var x secretIndex
	x.apply([]Credential{{ID: CredentialID("cr_" + id), Type: APIToken, State: CredentialActive, Digest: digest[:]}})
	begins, text := prefix+"_at_", secret.Reveal()
	shown, _, _, proven := x.recall(text, begins)
	if proven != nil || shown == (shownSecret{}) {
		t.Fatalf("before: %v", proven)
	}
	slot, _ := x.entries.Load().Lookup("at_" + id)
	x.keep(slot, x.entries.Load().At(slot), shown, &principal{})
	if _, entry, at, proven := x.recall(text, begins); proven == nil || entry == nil || at != slot {
		t.Errorf("%d bytes are not remembered", len(text))
	}
	for n := range 200 {
		long := text + string(make([]byte, n+1))
		if shown, _, _, proven := x.recall(long, begins); proven != nil || (shown == shownSecret{}) != (len(long) > maxShown) {
			t.Errorf("%d bytes: %v, hashed: %v", len(long), proven, shown != shownSecret{})
		}
	}
	for n := range len(text) {
		if _, _, _, proven := x.recall(text[:n], begins); proven != nil {
			t.Errorf("the first %d bytes are enough", n)
		}
	}
}

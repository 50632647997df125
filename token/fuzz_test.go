package token

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// parsers is everything exported that reads a text which may come from a stranger, with the fuzz target that feeds it and the call by which
// the target reaches it.
var parsers = map[string]struct{ target, call string }{
	"ParsePublicKey":                 {"FuzzPublicKey", "ParsePublicKey"},
	"PublicKeyFromDER":               {"FuzzPublicKey", "PublicKeyFromDER"},
	"ParseJWK":                       {"FuzzJWK", "ParseJWK"},
	"ParseKeySet":                    {"FuzzKeySet", "ParseKeySet"},
	"ParseSigningKey":                {"FuzzSigningKey", "ParseSigningKey"},
	"Verifier.Verify":                {"FuzzVerify", "a.v.Verify"},
	"Verifier.InsecureVerifyExpired": {"FuzzVerify", "a.wantExpired"},
	"RemoteKeys.Verify":              {"FuzzNamesKey", "namesKey"}, // the rest of it is ParseKeySet and Verifier.Verify
	"RemoteKeys.Keys":                {"FuzzFreshness", "freshness"},
	"AssertionPolicy.Verify":         {"FuzzAssertion", "checkAssertion"},
	"Sealer.Open":                    {"FuzzSealed", "sealer.Open"},
	"ParseOpaque":                    {"FuzzParseOpaque", "token.ParseOpaque"},
	"KeySet.VerifyStatement":         {"FuzzStatement", "keys.VerifyStatement"},

	"PublicKey.InsecureVerifyRaw": {"FuzzRaw", "resemblesJWS"},
	"PublicKey.Verify":            {"FuzzPurpose", "k.Verify"},
	"ParseRequestSignature":       {"FuzzRequestSignature", "ParseRequestSignature"},
}

// A parser without a fuzz target fails here, and so does a target without a seed corpus beside it.
func TestSec15_EveryParserIsFuzzed(t *testing.T) {
	exported, targets := map[string]bool{}, map[string]string{}
	set := gotoken.NewFileSet()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(set, name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			switch full := receiver(f) + f.Name.Name; {
			case strings.HasSuffix(name, "_test.go"):
				targets[full] = string(source[set.Position(f.Pos()).Offset:set.Position(f.End()).Offset])
			case ast.IsExported(full): // and its type too
				exported[full] = true
			}
		}
	}
	for name := range exported {
		reads := false
		for _, verb := range []string{"Parse", "Decode", "Unmarshal", "Verify", "Read"} {
			base := name[strings.LastIndexByte(name, '.')+1:]
			reads = reads || strings.HasPrefix(base, verb) && base != "VerifyKey" // what a SigningKey returns
		}
		if _, listed := parsers[name]; (reads || strings.Contains(name, "FromDER")) && !listed {
			t.Errorf("%s reads a text: name its fuzz target in parsers", name)
		}
	}
	for name, p := range parsers {
		switch body := targets[p.target]; {
		case !exported[name]:
			t.Errorf("there is no %s any more", name)
		case body == "":
			t.Errorf("%s: there is no %s", name, p.target)
		case !strings.Contains(body, p.call+"(") && !strings.Contains(body, p.call+","):
			t.Errorf("%s: %s does not call %s", name, p.target, p.call)
		}
	}
	size := int64(0)
	for target := range targets {
		if !strings.HasPrefix(target, "Fuzz") {
			continue
		}
		if seeds, err := os.ReadDir(filepath.Join("testdata", "fuzz", target)); err != nil || len(seeds) == 0 {
			t.Errorf("%s has no seeds: %v", target, err)
		}
	}
	err = filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if target := filepath.Base(filepath.Dir(path)); targets[target] == "" {
			t.Errorf("%s: there is no %s; there are %s", path, target, slices.Sorted(maps.Keys(targets)))
		}
		info, err := d.Info()
		size += info.Size()
		return err
	})
	if err != nil || size > 64<<10 {
		t.Errorf("seeds of %d bytes, want few: %v", size, err)
	}
}

// receiver is "Type." for a method, "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	e := f.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

func FuzzSigningKey(f *testing.F) {
	for _, alg := range []Algorithm{AlgEdDSA, AlgES256} {
		f.Add(must(mustKey(f, alg, 1).Marshal()))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, alg := range []Algorithm{AlgEdDSA, AlgES256, AlgRS256} {
			k, err := ParseSigningKey(alg, der)
			if (err == nil) != (k != nil) || alg == AlgRS256 && err == nil {
				t.Fatalf("%s: %v with %v", alg, k, err)
			}
			if err != nil {
				continue
			}
			if again := must(k.Marshal()); !bytes.Equal(again, der) {
				t.Fatal("does not come back")
			}
			raw := must(k.Sign(t.Context(), tenClaims()))
			v := must(NewVerifier(VerifierConfig{Issuer: "https://app.example", Audience: "https://app.example"}))
			if _, err := v.Verify(must(NewKeySet(k.VerifyKey())), raw, testNow); err != nil {
				t.Fatalf("what it signs does not verify: %v", err)
			}
		}
	})
}

func FuzzSealed(f *testing.F) {
	ctx := context.Background()
	sealer := must(SealBytes(bytes.Repeat([]byte{7}, 32)).Open(true))
	good := must(sealer.Seal(ctx, []byte("plain"), []byte("row")))
	f.Add(good, []byte("row"))
	f.Add(good[:20], []byte("row"))
	head := newDerivation(argonPasses, argonKiB, argonLanes)
	f.Add(append(head[:], good...), []byte("row"))
	f.Fuzz(func(t *testing.T, sealed, aad []byte) {
		plain, err := sealer.Open(ctx, sealed, aad)
		if ours := string(plain) == "plain" && string(aad) == "row"; ours != (err == nil) || err != nil && plain != nil {
			t.Fatalf("%q, %v", plain, err)
		}
		if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrKey) {
			t.Fatal(err)
		}
		// No text asks for more than we would ever spend on it, before its key is known to be good.
		if len(sealed) >= passphraseHeadSize {
			d := derivation(sealed[:passphraseHeadSize])
			if passes, kib, lanes, ok := d.parameters(); ok && (passes > 16 || kib > 256<<10 || lanes > 16 || passes*kib*uint32(lanes) == 0) {
				t.Fatalf("%d passes of %d KiB in %d lanes", passes, kib, lanes)
			}
		}
	})
}

func FuzzFreshness(f *testing.F) {
	f.Add("public, max-age=300", "10")
	f.Add(`max-age="300", max-age=300`, "")
	f.Add("MAX-AGE=99999999999999999999", "-1")
	f.Fuzz(func(t *testing.T, control, age string) {
		most := 24 * time.Hour
		h := http.Header{"Cache-Control": {control}, "Age": {age}}
		got := freshness(h, most)
		if got < 0 || got > most {
			t.Fatalf("%v", got)
		}
		if strings.Contains(strings.ToLower(control), "no-store") && !strings.ContainsAny(control, `="`) && got > 0 && slices.Contains(strings.Split(strings.ToLower(control), ","), "no-store") {
			t.Fatal("stored what must not be")
		}
	})
}

func FuzzNamesKey(f *testing.F) {
	f.Add(headerSegment(AlgEdDSA, "k") + ".x.y")
	f.Add(b64(`{"alg":"EdDSA","kid":"k", "typ":"at+jwt"}`) + ".x.y")
	f.Fuzz(func(t *testing.T, raw string) {
		if !namesKey(raw) {
			return
		}
		// Then there is a key that would be found by this header.
		segment, _, _ := strings.Cut(raw, ".")
		text, _ := decodeSegment(segment)
		for _, alg := range []Algorithm{AlgEdDSA, AlgES256} {
			start, end := `{"alg":"`+string(alg)+`","kid":"`, `","typ":"at+jwt"}`
			if rest, ok := strings.CutPrefix(string(text), start); ok {
				kid, ok := strings.CutSuffix(rest, end)
				if kid = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(kid); ok && headerSegment(alg, kid) == segment && validKeyID(kid) {
					return
				}
			}
		}
		t.Fatalf("%s", text)
	})
}

func FuzzRaw(f *testing.F) {
	f.Add("e30.e30")
	f.Add("claviger/pop/v1\n")
	f.Add("example.com")
	k := mustPublic(f, ed25519Key().Public())
	f.Fuzz(func(t *testing.T, message string) {
		err := k.InsecureVerifyRaw(AlgEdDSA, []byte(message), forgeSignature(AlgEdDSA, ed25519Key(), message))
		// Whatever our own readers would take for a header is refused, and so is what some reader would.
		header, _, found := strings.Cut(message, ".")
		text, ok := decodeSegment(header)
		object := found && ok && readObject(string(text), func(r *reader, _ string) error { return r.skip() }) == nil
		if refused := errors.Is(err, ErrPurpose); refused != (err != nil) || object && !refused ||
			refused != (resemblesJWS(message) || strings.HasPrefix(message, "claviger/")) {
			t.Fatalf("%q: %v", message, err)
		}
	})
}

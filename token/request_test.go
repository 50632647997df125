package token

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"
)

var requestNow = time.Date(2030, 1, 1, 0, 0, 0, 5, time.UTC)

func requestSpec() RequestSpec {
	return RequestSpec{Issuer: "https://a.example", KeyID: "cr_1", Action: pay(), Now: requestNow}
}

// The message is put together here from the words of its definition, so that clients in other languages can go by them.
func TestRequestSignature(t *testing.T) {
	for _, c := range clientKeys() {
		text := must(SignRequest(c.key, requestSpec()))
		s := must(ParseRequestSignature(text))
		if s.KeyID != "cr_1" || !s.CreatedAt.Equal(requestNow.Truncate(time.Second)) || s.Digest != digestOf(t, pay()) || s.ID == [16]byte{} {
			t.Errorf("%+v", s)
		}
		message := "\x00\x00\x00\x11https://a.example\x00\x00\x00\x04cr_1\x00\x00\x00\x00\x70\xdb\xd8\x80" + string(s.ID[:]) + string(s.Digest[:])
		if got := s.Message("https://a.example"); string(got) != message {
			t.Errorf("%q, want %q", got, message)
		}
		key := mustPublic(t, c.key.Public())
		if err := key.Verify(PurposeRequest, s.Algorithm, []byte(message), s.Signature); err != nil {
			t.Error(err)
		}
		if err := key.Verify(PurposeRequest, s.Algorithm, s.Message("https://b.example"), s.Signature); !errors.Is(err, ErrSignature) {
			t.Errorf("for another issuer: %v", err)
		}
		if other := must(ParseRequestSignature(must(SignRequest(c.key, requestSpec())))); other.ID == s.ID {
			t.Error("two signatures have one id")
		}
		if s.String() != text {
			t.Errorf("%q came back as %q", text, s.String())
		}
	}
}

// Whatever is different about what was signed, the signature is not of it.
func TestRequestSignatureCoversItsFields(t *testing.T) {
	key := ed25519Key()
	made := must(ParseRequestSignature(must(SignRequest(key, requestSpec()))))
	for name, change := range map[string]func(*RequestSignature){
		"key": func(s *RequestSignature) { s.KeyID = "cr_2" }, "time": func(s *RequestSignature) { s.CreatedAt = s.CreatedAt.Add(time.Second) },
		"id": func(s *RequestSignature) { s.ID[15] ^= 1 }, "digest": func(s *RequestSignature) { s.Digest[0] ^= 1 },
	} {
		s := made
		change(&s)
		if err := mustPublic(t, key.Public()).Verify(PurposeRequest, s.Algorithm, s.Message("https://a.example"), s.Signature); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One signature has one spelling, also where base64 and numbers would have several.
func TestRequestSignatureIsStrict(t *testing.T) {
	text := must(SignRequest(ed25519Key(), requestSpec()))
	f := strings.Split(text, ".")
	with := func(i int, v string) string {
		g := append([]string(nil), f...)
		g[i] = v
		return strings.Join(g, ".")
	}
	bad := []string{
		"", ".", ".....", text + ".", "." + text, text + "\n", text + "=", strings.Join(f[:5], "."), with(0, ""), with(0, "CR_1"), with(0, "cr-1"),
		with(0, strings.Repeat("a", 129)), with(1, ""), with(1, "0"+f[1]), with(1, "+"+f[1]), with(1, "-1"), with(1, "0"), with(1, "253402300800"), with(1, "1e9"),
		with(2, f[2][1:]), with(2, f[2]+"A"), with(2, ""), with(3, f[3][:42]), with(3, f[2]), with(5, ""), with(5, f[5][:4]+"\n"+f[5][4:]), with(5, f[5]+"=="),
		with(2, f[2][:21]+"B"), // spare bits
		with(5, strings.Repeat("A", 2000)),
	}
	for _, text := range bad {
		if s, err := ParseRequestSignature(text); !errors.Is(err, ErrFormat) || s.KeyID != "" || s.Signature != nil {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
}

func TestRequestSignatureTimes(t *testing.T) {
	s := RequestSignature{CreatedAt: requestNow.Truncate(time.Second)}
	const skew = 30 * time.Second
	for _, c := range []struct {
		after time.Duration
		want  error
	}{
		{-skew - 1, ErrNotYetValid}, {-skew, nil}, {0, nil}, {RequestLife + skew - 1, nil}, {RequestLife + skew, ErrExpired}, {time.Hour, ErrExpired},
	} {
		if err := s.CheckTime(s.CreatedAt.Add(c.after), skew); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.after, err, c.want)
		}
	}
}

func TestSignRequestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*RequestSpec)
		want  error
	}{
		"no issuer": {func(s *RequestSpec) { s.Issuer = "" }, ErrConfig}, "no key": {func(s *RequestSpec) { s.KeyID = "" }, ErrConfig},
		"a dot": {func(s *RequestSpec) { s.KeyID = "a.b" }, ErrConfig}, "no time": {func(s *RequestSpec) { s.Now = time.Time{} }, ErrConfig},
		"no request": {func(s *RequestSpec) { s.Action = Action{} }, ErrFormat}, "no randomness": {func(s *RequestSpec) { s.Rand = bytes.NewReader(nil) }, ErrUnavailable},
	} {
		spec := requestSpec()
		c.spoil(&spec)
		if text, err := SignRequest(ed25519Key(), spec); text != "" || !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := SignRequest(nil, requestSpec()); !errors.Is(err, ErrConfig) {
		t.Errorf("no key: %v", err)
	}
}

// FuzzRequestSignature: what parses prints back to itself.
func FuzzRequestSignature(f *testing.F) {
	f.Add(must(SignRequest(ed25519Key(), requestSpec())))
	f.Add("a.1." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43) + "..AA")
	f.Add("")
	f.Add("a.1.AA")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseRequestSignature(text)
		if err != nil {
			return
		}
		if s.String() != text || len(s.Message("i")) != 4+1+4+len(s.KeyID)+8+16+sha256.Size {
			t.Fatalf("%q came back as %q", text, s.String())
		}
	})
}

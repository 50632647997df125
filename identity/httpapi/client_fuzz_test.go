package httpapi

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// FuzzBasic: what is read is what was written, and every other header is refused.
func FuzzBasic(f *testing.F) {
	for _, s := range []string{"a:b", "sa%5F1:s+t", "a:b:c", ":", "a:", ":b", "%zz:b", "\xff:\x00", "ab"} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(s)), "sa_1", "s t:%")
	}
	f.Add("YTpiYW==", "é", "\x00")
	f.Fuzz(func(t *testing.T, header, id, secret string) {
		gotID, gotSecret, err := basic(header)
		if err == nil {
			text, failed := base64.StdEncoding.DecodeString(strings.TrimLeft(header, " "))
			head, tail, ok := strings.Cut(string(text), ":")
			wantID, failedID := url.QueryUnescape(head)
			wantSecret, failedSecret := url.QueryUnescape(tail)
			if failed != nil || !ok || failedID != nil || failedSecret != nil || gotID != wantID || gotSecret != wantSecret || gotID == "" || gotSecret == "" {
				t.Fatalf("%q was read as %q and %q", header, gotID, gotSecret)
			}
		} else if gotID != "" || gotSecret != "" {
			t.Fatalf("%q: %q and %q with an error", header, gotID, gotSecret)
		}
		if id == "" || secret == "" {
			return
		}
		gotID, gotSecret, err = basic(base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret))))
		if err != nil || gotID != id || gotSecret != secret {
			t.Fatalf("%q and %q came back as %q and %q: %v", id, secret, gotID, gotSecret, err)
		}
	})
}

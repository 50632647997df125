package httpauth

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
)

// FuzzBearer compares the parser with the grammar of RFC 6750 section 2.1.
func FuzzBearer(f *testing.F) {
	for _, s := range []string{"", "Bearer abc", "bearer a.b-c_d~e+f/g==", "Bearer", "Bearer  a", "Bearer a b", "Bearer a,", "Basic YTpi", "Bearer\ta", "Bearer =", "BEARERa"} {
		f.Add(s, "")
	}
	f.Add("Bearer abc", "access_token=abc")
	f.Add("Bearer abc", "a;access_token=abc&b")
	credential := regexp.MustCompile(`^(?i:bearer) +([A-Za-z0-9._~+/-]+=*)$`)
	claims := regexp.MustCompile(`^(?i:bearer)( |$)`)
	f.Fuzz(func(t *testing.T, header, query string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}, Header: http.Header{"Authorization": {header}}}
		got, err := bearer(r)
		values, _ := url.ParseQuery(query)
		match := credential.FindStringSubmatch(header)
		switch _, inURL := values["access_token"]; {
		case inURL:
			if err != errQueryToken || got != "" {
				t.Fatalf("%q: %q, %v", query, got, err)
			}
		case match != nil:
			if err != nil || got != match[1] {
				t.Fatalf("%q: %q, %v", header, got, err)
			}
		case claims.MatchString(header):
			if err != errCredential || got != "" {
				t.Fatalf("%q: %q, %v", header, got, err)
			}
		default:
			if err != nil || got != "" {
				t.Fatalf("%q: %q, %v", header, got, err)
			}
		}
	})
}

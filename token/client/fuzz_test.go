package client

import (
	"net/http"
	"testing"
	"time"
)

// An answer gives a token that cannot break out of its header and a life within limits, or an error that can go to a log.
func FuzzAnswer(f *testing.F) {
	f.Add("application/json", `{"access_token":"a.b.c","token_type":"Bearer","expires_in":600}`)
	f.Add("application/json", `{"error":"invalid_client","error_description":"no\n\u001b[31m"}`)
	f.Add("text/html", "<html>")
	f.Fuzz(func(t *testing.T, media, body string) {
		asked := time.Unix(1_800_000_000, 0)
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {media}}}
		g, err := parseGrant(resp, []byte(body), asked)
		if (err == nil) == (g == grant{}) {
			t.Fatalf("%+v with %v", g, err)
		}
		if life := g.expiry.Sub(asked); err == nil && (!bearer(g.token) || life < time.Second || life > 24*time.Hour ||
			g.renew.After(g.expiry) || g.renew.Before(asked)) {
			t.Fatalf("%+v", g)
		}
		refused := refusal(resp, []byte(body))
		for _, text := range []string{refused.Code, refused.Description} {
			if len(text) > maxText || plain(text) != text {
				t.Fatalf("%q", text)
			}
		}
	})
}

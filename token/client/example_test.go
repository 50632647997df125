package client_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/claviger-go/claviger/token/client"
)

// A workload calls an API with tokens that it gets with its private key.
func Example() {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"eyJ.eyJ.sig","token_type":"Bearer","expires_in":600}`)
	}))
	defer issuer.Close()
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("Authorization"))
	}))
	defer api.Close()

	source, err := client.New(client.Config{
		TokenURL: issuer.URL + "/oauth2/token",
		Audience: "https://app.example",
		Account:  "sa_ci",
		KeyID:    "cr_1",
		Key:      ed25519.NewKeyFromSeed(make([]byte, 32)), // the workload's own, made where it runs
	})
	if err != nil {
		panic(err)
	}
	httpClient := &http.Client{Transport: source.Transport(nil)}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, api.URL, nil)
	if err != nil {
		panic(err)
	}
	resp, err := httpClient.Do(req)
	if err != nil {
		panic(err)
	}
	_ = resp.Body.Close()

	// Output:
	// Bearer eyJ.eyJ.sig
}

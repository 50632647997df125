package main

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/internal/workload/host"
	"github.com/claviger-go/claviger/token"
)

const (
	bearers   = 64     // service accounts with tokens
	perBearer = 16     // tokens of each
	shown     = 65_536 // tokens shown in a pass, at random
)

// verifyAgain compares authenticating with access tokens that were shown before, liveness included, with one look-up in
// a map keyed by the same texts. The texts that are shown are clones on both sides.
func verifyAgain() (pair, error) {
	h, err := host.Open(&workload.World{})
	if err != nil {
		return pair{}, err
	}
	all, err := accessTokens(h)
	if err != nil {
		return pair{}, errors.Join(err, h.Close())
	}
	yard, clones := map[string]int32{}, make([]string, len(all))
	for i, t := range all {
		yard[strings.Clone(t)], clones[i] = int32(i), strings.Clone(t)
	}
	rng := rand.New(rand.NewPCG(1, shown))
	stream := make([]string, shown)
	for i := range stream {
		stream[i] = clones[rng.IntN(len(clones))]
	}
	ctx := context.Background()
	for _, t := range stream { // timed only when everything is answered right
		if _, err := h.Authenticate(ctx, t); err != nil {
			return pair{}, errors.Join(err, h.Close())
		}
	}
	return pair{
		ours: side{len(stream), func() {
			refused := 0
			for _, t := range stream {
				if p, err := h.Authenticate(ctx, t); err != nil || p.IsZero() {
					refused++
				}
			}
			if refused > 0 {
				panic(fmt.Sprint(refused, " tokens are refused"))
			}
		}},
		yard: side{len(stream), func() {
			sum := 0
			for _, t := range stream {
				sum += int(yard[t])
			}
			runtime.KeepAlive(sum)
		}},
		done: h.Close,
	}, nil
}

// accessTokens are living tokens of an hour for several accounts.
func accessTokens(h *host.Host) ([]string, error) {
	ctx := context.Background()
	sys := h.System("measure")
	org, err := sys.EnsureOrg(ctx, identity.OrgSpec{Slug: "org"})
	if err != nil {
		return nil, err
	}
	var all []string
	for n := range bearers {
		private := ed25519.NewKeyFromSeed(append([]byte{byte(n)}, seed[1:]...))
		der, err := x509.MarshalPKIXPublicKey(private.Public())
		if err != nil {
			return nil, err
		}
		sa, err := sys.In(org.ID).CreateServiceAccount(ctx, identity.ServiceAccountSpec{
			Name: fmt.Sprint("sa", n), UnprovenPublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		})
		if err != nil {
			return nil, err
		}
		assertion, err := token.SignAssertion(ctx, private, token.AssertionSpec{
			KeyID: string(sa.Key.ID), Account: string(sa.ID), Audience: h.Issuer(), Now: time.Now(),
		})
		if err != nil {
			return nil, err
		}
		first, err := h.ExchangeAssertion(ctx, assertion, identity.TokenRequest{})
		if err != nil {
			return nil, err
		}
		p, err := h.Authenticate(ctx, first.Token.Reveal())
		if err != nil {
			return nil, err
		}
		for range perBearer {
			t, err := h.IssueToken(ctx, p, identity.TokenRequest{})
			if err != nil {
				return nil, err
			}
			all = append(all, t.Token.Reveal())
		}
	}
	return all, nil
}

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/internal/workload/host"
)

// apiToken compares authenticating one of n API tokens with hashing 64 bytes and looking its id up in a map of n.
func apiToken(n int) (pair, error) {
	h, err := host.Open(&workload.World{}, func(c *identity.Config) { c.MaxWrite = time.Minute })
	if err != nil {
		return pair{}, err
	}
	raw, ids, err := apiTokens(h, n)
	if err != nil {
		return pair{}, errors.Join(err, h.Close())
	}
	known := index(ids)
	pick := rand.New(rand.NewPCG(1, 2))
	const questions = 1 << 14
	shown, asked := make([]string, questions), make([]string, questions)
	for i := range questions {
		at := pick.IntN(n)
		shown[i], asked[i] = raw[at], strings.Clone(ids[at])
	}
	return pair{
		ours: side{questions, func() {
			for _, t := range shown {
				p, err := h.Authenticate(context.Background(), t)
				if err != nil {
					panic(err)
				}
				runtime.KeepAlive(p)
			}
		}},
		yard: side{questions, func() {
			var block [64]byte
			sum := int32(0)
			for _, id := range asked {
				copy(block[:], id)
				digest := sha256.Sum256(block[:])
				sum += known[id] + int32(digest[0])
			}
			runtime.KeepAlive(sum)
		}},
		done: h.Close,
	}, nil
}

// apiTokens makes an org with n tokens, ten to an account.
func apiTokens(h *host.Host, n int) (raw, ids []string, err error) {
	const each = 10
	err = h.Write(context.Background(), func(ctx context.Context, tx *identity.Tx) error {
		sys := tx.System("a measurement")
		org, err := sys.CreateOrg(ctx, identity.OrgSpec{Slug: "tokens"})
		if err != nil {
			return err
		}
		in := sys.In(org.ID)
		for len(raw) < n {
			account, err := in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: fmt.Sprintf("robot-%d", len(raw)/each)})
			if err != nil {
				return err
			}
			for range each {
				made, err := in.CreateAPIToken(ctx, account.ID, identity.APITokenSpec{Name: fmt.Sprint(len(raw))})
				if err != nil {
					return err
				}
				raw, ids = append(raw, made.Secret.Reveal()), append(ids, string(made.ID))
			}
		}
		return nil
	})
	return raw, ids, err
}

package host

import (
	"context"
	"os"
	"testing"

	"github.com/claviger-go/claviger/internal/workload"
)

// What is in the file is the world: decisions on it are those of the definitions, before and after it is opened again.
func TestHost(t *testing.T) {
	w, err := workload.New(workload.Small())
	if err != nil {
		t.Fatal(err)
	}
	h, err := Open(w)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stream := context.Background(), w.Ask(workload.Uniform)[:3000]
	for range 2 {
		requests, err := h.Requests(w, stream)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range stream {
			if d := h.Authorize(ctx, requests[i]); d.Allowed != q.Allowed {
				t.Fatalf("%+v: decided %v (%v)", q, d.Allowed, d.Reason)
			}
		}
		if err := h.Reopen(); err != nil {
			t.Fatal(err)
		}
		if d := h.Authorize(ctx, requests[0]); d.Allowed {
			t.Error("a principal of before outlived Reopen")
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.Dir()); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestEmptyHost(t *testing.T) {
	h, err := Open(&workload.World{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

package storetest

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

func fenceLaws(t *testing.T, s identity.Store) {
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		_, err := tx.Fence().Load(ctx)
		is(t, err, identity.ErrNotFound)
	})
	full(t, identity.Fence{Marked: true, RaisedAt: at(1)})
	for _, want := range []identity.Fence{{Marked: true, RaisedAt: at(1)}, {}, {RaisedAt: at(2)}} {
		write(t, s, func(ctx context.Context, tx identity.WriteTxn) { ok(t, tx.Fence().Save(ctx, want)) })
		read(t, s, func(ctx context.Context, tx identity.Txn) {
			got, err := tx.Fence().Load(ctx)
			ok(t, err)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		})
	}
}

func sidecarLaws(t *testing.T, s identity.Store) {
	file := s.Sidecar()
	holds := func(want string) {
		t.Helper()
		got, err := file.Read()
		ok(t, err)
		if string(got) != want {
			t.Fatalf("it holds %q, it should hold %q", got, want)
		}
	}
	becomes := func(next []byte) func([]byte) ([]byte, error) {
		return func(old []byte) ([]byte, error) {
			holds := bytes.Clone(old)
			return append(holds, next...), nil
		}
	}
	holds("")
	is(t, file.Append([]byte("a\n")), identity.ErrNotFound)
	ok(t, file.Rewrite(becomes([]byte("a\n"))))
	ok(t, file.Append([]byte("b\nc\n")))
	ok(t, file.Append([]byte("d\n")))
	holds("a\nb\nc\nd\n")

	torn := errors.New("torn")
	if err := file.Rewrite(func([]byte) ([]byte, error) { return []byte("x\n"), torn }); !errors.Is(err, torn) {
		t.Errorf("a failed edit: %v", err)
	}
	holds("a\nb\nc\nd\n")
	ok(t, file.Rewrite(becomes([]byte("half a line"))))
	ok(t, file.Append([]byte("e\n")))
	holds("a\nb\nc\nd\ne\n")
	ok(t, file.Rewrite(func([]byte) ([]byte, error) { return nil, nil }))
	holds("")
	is(t, file.Append([]byte("f\n")), identity.ErrNotFound)
}

// Package host embeds the library over a database file that holds workload W, as a program does that serves it. The rows
// go straight into the tables: what is measured on a Host is not how they came there.
//
// Begin with [Open]. The file lies in a temporary folder, which [Host.Close] removes.
package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// issuer is that of every host.
const issuer = "https://app.example"

// Host is the library as a program embeds it. It is not safe for concurrent use, but for the Authority itself.
type Host struct {
	*identity.Authority
	dir        string
	cfg        identity.Config
	principals map[string]identity.Principal
}

// Open writes the world's rows into a new database and opens it, with the configuration that tune leaves. A zero World makes
// an empty one.
func Open(w *workload.World, tune ...func(*identity.Config)) (h *Host, err error) {
	dir, err := os.MkdirTemp("", "claviger-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	h = &Host{dir: dir, cfg: config(w)}
	for _, f := range tune {
		f(&h.cfg)
	}
	if err := h.open(); err != nil { // makes the instance
		return nil, err
	}
	if err := h.Authority.Close(); err != nil {
		return nil, err
	}
	if err := fill(h.Database(), w); err != nil {
		return nil, err
	}
	return h, h.open()
}

func config(w *workload.World) identity.Config {
	cfg := identity.Config{Issuer: issuer, Seal: token.SealBytes([]byte("a sealing key that only measures"))}
	for _, n := range w.Permissions {
		cfg.Permissions = append(cfg.Permissions, policy.PermissionSpec{Name: n})
	}
	for _, r := range w.Roles {
		cfg.Roles = append(cfg.Roles, identity.CodeRole{Name: strings.TrimPrefix(r.ID, policy.CodePrefix), Permissions: w.PermissionsOf(r)})
	}
	return cfg
}

// Dir is the temporary folder.
func (h *Host) Dir() string { return h.dir }

// Database is the path of its file.
func (h *Host) Database() string { return filepath.Join(h.dir, "app.db") }

func (h *Host) open() error {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, h.Database())
	if err != nil {
		return err
	}
	h.principals = map[string]identity.Principal{}
	h.Authority, err = identity.New(ctx, st, h.cfg)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	return nil
}

// Reopen closes the authority and opens the same file again. No org is loaded then, and no principal that was given out
// before is valid. When it fails the host is closed.
func (h *Host) Reopen() error {
	err := h.Authority.Close()
	if err == nil {
		err = h.open()
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(h.dir))
	}
	return err
}

// Tune changes the configuration that the file is opened with the next time.
func (h *Host) Tune(tune func(*identity.Config)) { tune(&h.cfg) }

// Between closes the authority, has fn do something with the store that no authority has open and with the configuration, and opens
// the same file again, as [Host.Reopen] does.
func (h *Host) Between(fn func(identity.Store, identity.Config) error) error {
	err := h.Authority.Close()
	if err == nil {
		err = h.lend(fn)
	}
	if err == nil {
		err = h.open()
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(h.dir))
	}
	return err
}

func (h *Host) lend(fn func(identity.Store, identity.Config) error) (err error) {
	st, err := sqlite.Open(context.Background(), h.Database())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return fn(st, h.cfg)
}

// Close closes the authority and removes the folder.
func (h *Host) Close() error {
	return errors.Join(h.Authority.Close(), os.RemoveAll(h.dir))
}

// Principal vouches for an account, once. It loads the org.
func (h *Host) Principal(o *workload.Org, account int) (identity.Principal, error) {
	id := o.Accounts[account]
	if p, ok := h.principals[id]; ok {
		return p, nil
	}
	now := time.Now()
	p, err := h.System("measure").In(identity.OrgID(o.ID)).Vouch(context.Background(), identity.AccountID(id),
		identity.Login{AuthTime: now, NotAfter: now.Add(24 * time.Hour)})
	if err != nil {
		return identity.Principal{}, err
	}
	h.principals[id] = p
	return p, nil
}

// Requests resolves a stream. Every request has texts of its own, as every HTTP request does.
func (h *Host) Requests(w *workload.World, stream []workload.Question) ([]identity.Request, error) {
	names := make([]policy.Permission, len(w.Permissions))
	for i, n := range w.Permissions {
		var err error
		if names[i], err = policy.ParsePermission(n); err != nil {
			return nil, err
		}
	}
	out := make([]identity.Request, 0, len(stream))
	for _, q := range stream {
		p, err := h.Principal(w.Orgs[q.Home], q.Account)
		if err != nil {
			return nil, err
		}
		o := w.Orgs[q.Org]
		path, err := policy.ParsePath(strings.Clone(o.Nodes[q.Item].Path.String()))
		if err != nil {
			return nil, err
		}
		out = append(out, identity.Request{
			Principal: p, Org: identity.OrgID(strings.Clone(o.ID)), Permission: names[q.Permission], Path: path,
		})
	}
	return out, nil
}

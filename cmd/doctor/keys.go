package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// keys opens the copy with its sealing key, verifies the log of the orgs in which
// it is not broken, and asks who can give rights.
func (f *findings) keys(ctx context.Context, path string, o Options, broken []string) (err error) {
	st, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	id, err := identity.New(ctx, st, identity.Config{Issuer: "https://claviger.invalid", Seal: *o.Seal, Now: o.Now})
	if err != nil {
		if err := st.Close(); err != nil {
			return err
		}
		switch {
		case errors.Is(err, identity.ErrKey):
			f.problem("seal", "the sealing key does not open this database: "+short(err), "find the key that was used when the database was made: it may be in another backup than the file")
		default:
			f.problem("start", "a host could not start with it: "+short(err), "restore a backup")
		}
		return nil
	}
	defer func() { err = errors.Join(err, id.Close()) }()
	if err := f.verify(ctx, id, broken); err != nil {
		return err
	}
	return f.owners(ctx, id)
}

// owners names the orgs in which nobody can give rights.
func (f *findings) owners(ctx context.Context, id *identity.Authority) error {
	bind, err := policy.ParsePermission("identity:bindings.create")
	if err != nil {
		return err
	}
	sys := id.System("claviger doctor")
	for org, err := range sys.AllOrgs(ctx, identity.OrgFilter{State: identity.OrgActive}) {
		if err != nil {
			return err
		}
		if org.IsSystem() {
			continue // many instances have no operators
		}
		held := false
		for _, err := range sys.In(org.ID).WhoCan(ctx, identity.WhoCanRequest{Permission: bind, Path: policy.Root}) {
			if err != nil {
				return err
			}
			held = true
			break
		}
		if !held {
			f.note("owner", fmt.Sprintf("in the org %s nobody can give rights by a role that is known here; the host can", org.Slug),
				"claviger recover owner USER --org "+org.Slug+" --reason TEXT")
		}
	}
	return nil
}

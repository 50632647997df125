package identity

import (
	"context"
	"slices"
	"sync"
)

// RevokeResult is what came of one credential of many.
type RevokeResult struct {
	ID      CredentialID
	Changed bool  // false: it was revoked before, or Err says why not
	Err     error // as of [OrgAdmin.RevokeCredential]
}

// revokesAtOnce is how many calls RevokeCredentials makes at a time, to share what
// it takes to store them.
const revokesAtOnce = 16

// RevokeCredentials revokes every credential that a filter selects, with one
// result for each, in the order of their ids. Each is a call of its own, judged and
// stored by itself: one that is refused does not keep the others, and neither does
// the end of ctx undo those before it. A filter that selects all credentials of the org is
// refused with ErrInvalid.
//
// The error is that of finding them; the results are of those that were found.
func (o *OrgAdmin) RevokeCredentials(ctx context.Context, f CredentialFilter) ([]RevokeResult, error) {
	const op = "RevokeCredentials"
	if f == (CredentialFilter{}) {
		return nil, wrap(op, invalid(nounCredential, "Filter", "selects every credential of the org"))
	}
	var out []RevokeResult
	page := Page{Limit: 1000}
	for {
		found, err := listRows(ctx, &o.Admin, op, nounCredential, o.org, f.query(), page, Txn.Credentials, func(c Credential) CredentialID { return c.ID })
		if err != nil {
			return out, err
		}
		out = append(out, o.revokeEach(ctx, found.Items)...)
		if found.Next == "" {
			return out, nil
		}
		page.Cursor = found.Next
	}
}

func (o *OrgAdmin) revokeEach(ctx context.Context, rows []Credential) []RevokeResult {
	rows = slices.DeleteFunc(rows, func(c Credential) bool { return c.State == CredentialRevoked })
	out := make([]RevokeResult, len(rows))
	revoke := func(i int) {
		out[i].ID = rows[i].ID
		out[i].Changed, out[i].Err = o.RevokeCredential(ctx, rows[i].ID)
	}
	if o.tx != nil { // which is used by one at a time
		for i := range rows {
			revoke(i)
		}
		return out
	}
	var calls sync.WaitGroup
	turns := make(chan struct{}, revokesAtOnce)
	for i := range rows {
		turns <- struct{}{}
		calls.Go(func() {
			defer func() { <-turns }()
			revoke(i)
		})
	}
	calls.Wait()
	return out
}

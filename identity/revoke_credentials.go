package identity

import "context"

// RevokeCredentials revokes every credential that a filter selects and that is
// not revoked yet, with one [Result] for each, in the order of their ids. A filter
// that says no more than a state is refused with ErrInvalid: it would select all
// credentials of the org.
//
// The error is that of finding them, and then nothing was revoked; or ErrLimit for
// more than [MaxBulk].
func (o *OrgAdmin) RevokeCredentials(ctx context.Context, f CredentialFilter) ([]Result[CredentialID], error) {
	const op = "RevokeCredentials"
	narrow := f
	if narrow.State = ""; narrow == (CredentialFilter{}) {
		return nil, wrap(op, invalid(nounCredential, "Filter", "selects every credential of the org"))
	}
	var ids []CredentialID
	for row, err := range everyRow(ctx, &o.Admin, op, nounCredential, o.org, f.query(), Txn.Credentials) {
		if err != nil {
			return nil, err
		}
		if row.State != CredentialRevoked {
			ids = append(ids, row.ID)
		}
	}
	return eachID(o, op, ids, func(id CredentialID) (bool, error) { return o.RevokeCredential(ctx, id) })
}

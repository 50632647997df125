package policy

// Reason says why a decision is what it is, as a stable code. Only [ReasonAllowed] allows.
type Reason uint8

// The reasons. Their numbers are not stable, their texts are.
const (
	// ReasonUnspecified is the zero value: nothing was decided, so nothing is allowed.
	ReasonUnspecified Reason = iota
	// ReasonAllowed: an allow binding applies and no deny does.
	ReasonAllowed
	// ReasonNoBinding: no binding of the account gives the permission there.
	ReasonNoBinding
	// ReasonDenied: a deny binding applies.
	ReasonDenied
	// ReasonMissingOrg: the request names no organisation.
	ReasonMissingOrg
	// ReasonOtherOrg: the resource belongs to another organisation, and no binding of the account reaches it.
	ReasonOtherOrg
	// ReasonMissingPermission: the request names no permission.
	ReasonMissingPermission
	// ReasonUnknownPermission: the catalog does not have the permission.
	ReasonUnknownPermission
	// ReasonMissingPath: the request names no path.
	ReasonMissingPath
	// ReasonMalformedPath: the path is not in canonical form.
	ReasonMalformedPath
	// ReasonUnauthenticated: the principal is absent, of another instance, or no longer proven.
	ReasonUnauthenticated
	// ReasonOrgSuspended: the organisation is suspended.
	ReasonOrgSuspended
	// ReasonOrgDeleted: the organisation is deleted.
	ReasonOrgDeleted
	// ReasonAccountInactive: the account is not active.
	ReasonAccountInactive
	// ReasonAccountExpired: the account's validity has ended.
	ReasonAccountExpired
	// ReasonCredentialInactive: the credential is revoked, disabled, held or not yet active.
	ReasonCredentialInactive
	// ReasonCredentialExpired: the credential's validity has ended.
	ReasonCredentialExpired
	// ReasonTokenExpired: the token's validity has ended.
	ReasonTokenExpired
	// ReasonTokenRevoked: the token was revoked, alone or with what it was issued from.
	ReasonTokenRevoked
	// ReasonStale: the data is older than the request or the configuration accepts.
	ReasonStale
	// ReasonUnavailable: the decision could not be taken; asking again later may succeed.
	ReasonUnavailable
	// ReasonUnknownAccount: the organisation has no such account.
	ReasonUnknownAccount
	// ReasonBoundary: a binding allows, but the account's boundary does not contain the permission.
	ReasonBoundary
	// ReasonTokenLimits: a binding allows, but the token was issued for less.
	ReasonTokenLimits
	// ReasonDelegation: the account may, but an actor that it is delegated to may not.
	ReasonDelegation

	reasonEnd
)

var reasonCodes = [...]string{
	ReasonUnspecified:        "unspecified",
	ReasonAllowed:            "allowed",
	ReasonNoBinding:          "no_binding",
	ReasonDenied:             "denied",
	ReasonMissingOrg:         "missing_org",
	ReasonOtherOrg:           "other_org",
	ReasonMissingPermission:  "missing_permission",
	ReasonUnknownPermission:  "unknown_permission",
	ReasonMissingPath:        "missing_path",
	ReasonMalformedPath:      "malformed_path",
	ReasonUnauthenticated:    "unauthenticated",
	ReasonOrgSuspended:       "org_suspended",
	ReasonOrgDeleted:         "org_deleted",
	ReasonAccountInactive:    "account_inactive",
	ReasonAccountExpired:     "account_expired",
	ReasonCredentialInactive: "credential_inactive",
	ReasonCredentialExpired:  "credential_expired",
	ReasonTokenExpired:       "token_expired",
	ReasonTokenRevoked:       "token_revoked",
	ReasonStale:              "stale",
	ReasonUnavailable:        "unavailable",
	ReasonUnknownAccount:     "unknown_account",
	ReasonBoundary:           "boundary",
	ReasonTokenLimits:        "token_limits",
	ReasonDelegation:         "delegation",
}

// String returns the stable code, such as "no_binding". A value that is none of the constants prints as "unspecified".
func (r Reason) String() string {
	if r >= reasonEnd {
		r = ReasonUnspecified
	}
	return reasonCodes[r]
}

package httpauth

import (
	"net/http"

	"github.com/claviger-go/claviger/identity"
)

// Guard says who may use a route. It comes from [Require], or is [Public]; the
// zero Guard is refused when a route is registered with it.
type Guard struct {
	public     bool
	permission string
	target     func(*http.Request) (identity.Target, error)
	signed     string // the scheme, if the request itself is signed
	deferred   bool   // the handler uses the signature up
}

// Public lets everybody in. No credential is looked at, so the handler has no
// [Principal].
var Public = Guard{public: true}

// Require lets those in who hold a permission on the resource being served.
// Target says which that is: the org and the path of the row that the host
// loads for this request, never of what the caller claims. It is called once
// the caller is known, and its error answers 404 when it matches
// [identity.ErrNotFound], 503 when the row could not be looked up
// ([identity.ErrStorage], ErrBusy, ErrStale), and 403 otherwise.
func Require(permission string, target func(*http.Request) (identity.Target, error)) Guard {
	return Guard{permission: permission, target: target}
}

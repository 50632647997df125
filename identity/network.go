package identity

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
)

// maxNetworks bounds the networks of one API token.
const maxNetworks = 64

// checkNetworks refuses what is not the one spelling of a network.
func checkNetworks(networks []netip.Prefix) error {
	if len(networks) > maxNetworks {
		return &Error{Kind: ErrLimit, Entity: nounCredential, Field: "Networks", Err: errText(strconv.Itoa(len(networks)) + ", at most " + strconv.Itoa(maxNetworks))}
	}
	for _, n := range networks {
		switch {
		case !n.IsValid():
			return invalid(nounCredential, "Networks", "an invalid prefix")
		case n.Addr().Is4In6():
			return invalid(nounCredential, "Networks", "%s: write an IPv4 network as one", n)
		case n != n.Masked():
			return invalid(nounCredential, "Networks", "%s has bits beyond its length; the network is %s", n, n.Masked())
		}
	}
	return nil
}

// within fails unless all that a principal stands on can be used from an address.
func (a *Authority) within(ctx context.Context, p *principal, from netip.Addr) error {
	if !p.bound() {
		return nil
	}
	v, err := a.viewOf(ctx, p.org)
	if err != nil {
		return gone(err)
	}
	from = from.Unmap().WithZone("")
	for _, q := range p.all() {
		life := v.credentials.Get(string(q.credential))
		if life == nil {
			return refuse(nil, errText("the credential is gone"))
		}
		if life.restriction == nil || len(life.restriction.networks) == 0 {
			continue
		}
		if !slices.ContainsFunc(life.restriction.networks, func(n netip.Prefix) bool { return n.Contains(from) }) {
			return refuse(ErrDenied, errText("the token is not for the network of its caller"))
		}
	}
	return nil
}

// bound reports whether something that a principal stands on has networks.
func (p *principal) bound() bool {
	return p.atNetworks || slices.ContainsFunc(p.chain, func(q *principal) bool { return q.atNetworks })
}

// restriction is what an API token is less than its account.
type restriction struct {
	asked    *TokenRequest // nil: nothing
	networks []netip.Prefix
}

// restrictionOf is nil for a credential that is all of its account.
func restrictionOf(c Credential) *restriction {
	if c.Permissions == nil && c.Path.IsZero() && len(c.Networks) == 0 {
		return nil
	}
	made := &restriction{networks: c.Networks}
	if c.Permissions != nil || !c.Path.IsZero() {
		made.asked = &TokenRequest{Permissions: c.Permissions, Path: c.Path}
	}
	return made
}

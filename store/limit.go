package store

import (
	"database/sql/driver"
	"fmt"
	"net/netip"

	"github.com/claviger-go/claviger/policy"
)

// limit is a list of text as JSON, in which empty and absent are not the same:
// a limit that leaves nothing is not no limit.
type limit []string

func (l limit) Value() (driver.Value, error) {
	if l == nil {
		return "", nil
	}
	return jsonText([]string(l))
}

func (l *limit) Scan(src any) error {
	*l = nil
	if src == "" {
		return nil
	}
	*l = limit{}
	return scanJSON(src, (*[]string)(l))
}

// anywhere is a path as its canonical text, or nothing when it is absent.
type anywhere struct{ policy.Path }

func (p anywhere) Value() (driver.Value, error) { return p.String(), nil }

func (p *anywhere) Scan(src any) error {
	*p = anywhere{}
	if src == "" {
		return nil
	}
	return (*scope)(p).Scan(src)
}

// networks is a list of address prefixes as JSON. Empty and absent are the same.
type networks []netip.Prefix

func (n networks) Value() (driver.Value, error) {
	if len(n) == 0 {
		return "", nil
	}
	for _, p := range n {
		if !p.IsValid() {
			return nil, unfit{fmt.Sprintf("%v is no network", p)}
		}
	}
	return jsonText([]netip.Prefix(n))
}

func (n *networks) Scan(src any) error {
	*n = nil
	if src == "" {
		return nil
	}
	return scanJSON(src, (*[]netip.Prefix)(n))
}

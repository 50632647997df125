package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// catalog is the file: a table of permissions, and roles that list indexes into it.
type catalog struct {
	Permissions []string         `json:"permissions"`
	Roles       map[string][]int `json:"roles"`
}

// readCatalog refuses a file of which anything would be lost: nothing is dropped in silence.
func readCatalog(path string) (*catalog, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &catalog{}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(c.Permissions) == 0 || len(c.Roles) == 0 {
		return nil, fmt.Errorf("%s: it has no permissions or no roles", path)
	}
	var bad []error
	for _, name := range c.Permissions {
		if _, err := policy.ParsePermission(name); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w: a permission is 1 to %d of [A-Za-z0-9._:/-]", path, err, policy.MaxName))
		}
	}
	for _, role := range c.names() {
		for _, i := range c.Roles[role] {
			if i < 0 || i >= len(c.Permissions) {
				bad = append(bad, fmt.Errorf("%s: the role %q lists permission %d of %d", path, role, i, len(c.Permissions)))
			}
		}
	}
	if most := 10; len(bad) > most {
		bad = append(bad[:most], fmt.Errorf("%s: %d more like these", path, len(bad)-most))
	}
	return c, errors.Join(bad...)
}

// names are the roles in a fixed order.
func (c *catalog) names() []string { return slices.Sorted(maps.Keys(c.Roles)) }

// permissions are the names that a role lists.
func (c *catalog) permissions(role string) []string {
	names := make([]string, 0, len(c.Roles[role]))
	for _, i := range c.Roles[role] {
		names = append(names, c.Permissions[i])
	}
	return names
}

func (c *catalog) specs() []policy.PermissionSpec {
	specs := make([]policy.PermissionSpec, 0, len(c.Permissions))
	for _, name := range c.Permissions {
		specs = append(specs, policy.PermissionSpec{Name: name})
	}
	return specs
}

func (c *catalog) codeRoles() []identity.CodeRole {
	roles := make([]identity.CodeRole, 0, len(c.Roles))
	for _, name := range c.names() {
		roles = append(roles, identity.CodeRole{Name: name, Permissions: c.permissions(name)})
	}
	return roles
}

// store makes the roles that the org does not have yet.
func (c *catalog) store(ctx context.Context, in *identity.OrgAdmin, progress io.Writer) error {
	for i, name := range c.names() {
		if _, err := in.EnsureRole(ctx, identity.RoleSpec{Name: name, Permissions: c.permissions(name)}); err != nil {
			return err
		}
		if n := i + 1; n%100 == 0 || n == len(c.Roles) {
			fmt.Fprintf(progress, "\rstored %d of %d roles", n, len(c.Roles))
		}
	}
	fmt.Fprintln(progress)
	return nil
}

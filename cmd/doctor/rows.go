package doctor

import (
	"context"
	"errors"
	"fmt"
)

// A loose end is a reference that no foreign key watches, since it is to rows of
// more than one kind.
type looseEnd struct {
	check string
	query string // org, what refers, what is missing
	found string // of these three
	do    string
}

func looseEnds() []looseEnd {
	const (
		noAccount = ` NOT EXISTS (SELECT 1 FROM identity_account a WHERE a.org_id = x.org_id AND a.id = `
		noGroup   = ` NOT EXISTS (SELECT 1 FROM identity_group g WHERE g.org_id = x.org_id AND g.id = `
		noRole    = ` NOT EXISTS (SELECT 1 FROM identity_role r WHERE r.org_id = x.org_id AND r.deleted = 0 AND r.id = `
	)
	return []looseEnd{
		{"member", `SELECT x.org_id, x.group_id, x.member_id FROM identity_member x WHERE` + noAccount + `x.member_id) AND` +
			noGroup + `x.member_id) ORDER BY 1, 2, 3`, "org %s: the group %s has a member %s that is not there", written},
		{"binding-subject", `SELECT x.org_id, x.id, x.subject FROM identity_binding x WHERE` + noAccount + `x.subject) AND` +
			noGroup + `x.subject) ORDER BY 1, 2`, "org %s: the binding %s is of %s, which is not there", "claviger bindings delete BINDING --org ORG --yes"},
		{"binding-role", `SELECT x.org_id, x.id, x.role FROM identity_binding x WHERE substr(x.role, 1, 5) <> 'code:' AND` +
			noRole + `x.role) ORDER BY 1, 2`, "org %s: the binding %s is to the role %s, which is not there: an allow gives nothing, a deny denies everything",
			"claviger bindings delete BINDING --org ORG --yes"},
		{"boundary", `SELECT x.org_id, x.id, x.boundary FROM identity_account x WHERE x.boundary <> '' AND substr(x.boundary, 1, 5) <> 'code:' AND` +
			noRole + `x.boundary) ORDER BY 1, 2`, "org %s: the account %s is cut down to the role %s, which is not there: it may do nothing",
			`claviger accounts boundary ACCOUNT --org ORG --role ROLE`},
		{"include", `SELECT x.org_id, x.id, i.value FROM identity_role x, json_each(x.includes) i WHERE x.deleted = 0 AND substr(i.value, 1, 5) <> 'code:' AND` +
			noRole + `i.value) ORDER BY 1, 2, 3`, "org %s: the role %s includes the role %s, which is not there", "claviger roles update ROLE --org ORG --include ROLE"},
		{"default-group", `SELECT x.org_id, x.org_id, i.value FROM (SELECT id AS org_id, settings FROM identity_org) x, json_tree(x.settings) i
			WHERE substr(i.value, 1, 3) = 'gr_' AND` + noGroup + `i.value) ORDER BY 1, 3`,
			"org %s: new accounts of %s are to join the group %s, which is not there", "set the org's default groups in the host"},
		{"last-key", `SELECT system_org, system_org, 'current' FROM identity_instance WHERE NOT EXISTS (SELECT 1 FROM identity_signing_key WHERE state = 'current')`,
			"instance %s: of the signing keys of %s none is %s", "start the host: it makes one"},
	}
}

// rows looks at what refers to what, and at the log. It returns the orgs whose log
// is broken.
func (f *findings) rows(ctx context.Context, path string) (broken []string, err error) {
	db, err := open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, end := range looseEnds() {
		rows, err := texts(ctx, db, end.query)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", end.check, err)
		}
		for i, row := range rows {
			if i == most {
				f.problem(end.check, fmt.Sprintf("and %d more", len(rows)-most), end.do)
				break
			}
			f.problem(end.check, fmt.Sprintf(end.found, row[0], row[1], row[2]), end.do)
		}
	}
	code, err := texts(ctx, db, `SELECT role, CAST(count(*) AS TEXT) FROM identity_binding
		WHERE substr(role, 1, 5) = 'code:' AND role <> 'code:owner' GROUP BY role ORDER BY role`)
	if err != nil {
		return nil, err
	}
	for _, row := range code {
		f.note("code-role", fmt.Sprintf("%s is a role of the host's code (bindings: %s)", row[0], row[1]),
			"see that the host still has it: otherwise its allows give nothing and its denies deny everything")
	}
	return f.chain(ctx, db)
}

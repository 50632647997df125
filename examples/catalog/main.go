// Command catalog loads a large role catalogue into one org and answers questions about it on the command line.
//
// The roles are declared in code by default, where they are the same in every org and have no rows. With -stored they are made as
// the org's own roles, in one transaction.
//
//	catalog -bind 'ci=roles/storage.objectViewer@projects/p1' ci storage.objects.get projects/p1/buckets/b7
//
// It exits 0 when every question was answered, whatever the answers, 1 when something failed, and 2 on bad usage.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

const usage = "usage: catalog [-file ROLES.json] [-db FILE] [-stored] [-bind ACCOUNT=ROLE[@SCOPE]]... [- | ACCOUNT PERMISSION RESOURCE]..."

// options is what the command line says.
type options struct {
	file, db  string
	stored    bool
	binds     []binding
	questions [][]string
	stdin     bool // further questions come from there
}

// binding is one -bind flag.
type binding struct {
	account, role string
	scope         policy.Path
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "catalog: %v; %s\n", err, usage)
		return 2
	}
	if err := o.run(ctx, stdin, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "catalog:", err)
		return 1
	}
	return 0
}

func parse(args []string) (options, error) {
	o := options{}
	if dir := os.Getenv("CLAVIGER_DATA"); dir != "" {
		o.file = filepath.Join(dir, "gcp-roles.json")
	}
	flags := flag.NewFlagSet("catalog", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all, in one line
	flags.StringVar(&o.file, "file", o.file, "")
	flags.StringVar(&o.db, "db", "", "")
	flags.BoolVar(&o.stored, "stored", false, "")
	flags.Func("bind", "", func(s string) error {
		b, err := parseBinding(s)
		o.binds = append(o.binds, b)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.file == "" {
		return o, errors.New("no -file, and CLAVIGER_DATA is not set")
	}
	rest := flags.Args()
	for len(rest) > 0 {
		switch {
		case rest[0] == "-" && !o.stdin:
			o.stdin, rest = true, rest[1:]
		case len(rest) >= 3:
			o.questions, rest = append(o.questions, rest[:3]), rest[3:]
		default:
			return o, fmt.Errorf("a question is ACCOUNT PERMISSION RESOURCE, there is only %q", rest)
		}
	}
	return o, nil
}

func parseBinding(s string) (binding, error) {
	account, rest, ok := strings.Cut(s, "=")
	role, scope, scoped := strings.Cut(rest, "@")
	if !ok || account == "" || role == "" {
		return binding{}, errors.New("it is not ACCOUNT=ROLE[@SCOPE]")
	}
	b := binding{account: account, role: role, scope: policy.Root}
	var err error
	if scoped {
		b.scope, err = policy.ParsePath(scope)
	}
	return b, err
}

func (o options) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	began := time.Now()
	c, err := readCatalog(o.file)
	if err != nil {
		return err
	}
	if o.db == "" {
		dir, err := os.MkdirTemp("", "catalog-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		o.db = filepath.Join(dir, "catalog.db")
	}
	st, err := sqlite.Open(ctx, o.db)
	if err != nil {
		return err
	}
	config := identity.Config{
		Issuer:      "https://catalog.example",
		Seal:        token.SealFile(o.db + ".key"),
		Permissions: c.specs(),
		MaxWrite:    time.Minute, // one transaction for a whole catalogue is longer than most
	}
	if !o.stored {
		config.Roles = c.codeRoles()
	}
	id, err := identity.New(ctx, st, config)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	defer func() { err = errors.Join(err, id.Close()) }()

	org, err := id.System("catalogue").EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})
	if err != nil {
		return err
	}
	a := asker{id: id, org: org.ID, accounts: map[string]identity.AccountID{}}
	err = id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("catalogue").In(org.ID)
		if o.stored {
			if err := c.store(ctx, in, stderr); err != nil {
				return err
			}
		}
		return a.bind(ctx, in, o.binds)
	})
	if err != nil {
		return err
	}
	kind := "code"
	if o.stored {
		kind = "stored"
	}
	fmt.Fprintf(stderr, "%d permissions and %d %s roles, ready in %s\n",
		len(c.Permissions), len(c.Roles), kind, time.Since(began).Round(time.Millisecond))

	for _, q := range o.questions {
		if err := a.answer(ctx, stdout, q); err != nil {
			return err
		}
	}
	if !o.stdin {
		return nil
	}
	for lines := bufio.NewScanner(stdin); ; {
		if !lines.Scan() {
			return lines.Err()
		}
		q := strings.Fields(lines.Text())
		if len(q) == 0 {
			continue
		}
		if len(q) != 3 {
			return fmt.Errorf("%q is not ACCOUNT PERMISSION RESOURCE", lines.Text())
		}
		if err := a.answer(ctx, stdout, q); err != nil {
			return err
		}
	}
}

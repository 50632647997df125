package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/sqlite"
)

// fileFlags name a database file and what opens its sealed keys.
type fileFlags struct {
	db     string
	shared bool
	seal   sealFlags
	issuer string // the host's, for what is signed in its name; mostly unknown
}

func (f *fileFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.db, "db", "", "the database file")
	flags.BoolVar(&f.shared, "shared", false, "join processes that opened the file with sqlite.Options.Shared")
	f.seal.add(flags)
}

// wait is how long to wait for other processes: a server that owns the file is not
// going to let go of it, servers that share it only write now and then.
func (f *fileFlags) wait() time.Duration {
	if f.shared {
		return 2 * time.Second
	}
	return -1
}

// toolIssuer stands where the host's issuer would. The tool issues nothing that
// has one but exports of the log, for which it is told, and "invalid" names nobody
// (RFC 6761, section 6.4).
const toolIssuer = "https://claviger.invalid"

// openFile opens the file that the flags name, with a configuration that knows
// nothing of the host and so must not decide anything for it.
func (t *tool) openFile(ctx context.Context) (_ *identity.Authority, err error) {
	if t.file.db == "" {
		return nil, &usageError{wrong: "--db is required", typed: "claviger --db FILE --seal-file KEYFILE …"}
	}
	// sqlite.Open would make one.
	if _, err := os.Stat(t.file.db); errors.Is(err, fs.ErrNotExist) {
		return nil, &identity.Error{Kind: identity.ErrNotFound, Entity: "database", ID: t.file.db}
	}
	seal, err := t.file.seal.open(t.In)
	if err != nil {
		return nil, err
	}
	// A schema is brought up to date by the host: an older host could not open it any more.
	st, err := sqlite.Open(ctx, t.file.db, sqlite.Options{Migrate: sqlite.Check, Shared: t.file.shared, LockWait: t.file.wait()})
	if err != nil {
		return nil, t.owned(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.Close())
		}
	}()
	// New would fill an empty database, with signing keys of the tool's choice.
	err = st.Read(ctx, func(tx identity.Txn) error {
		_, err := tx.Instance().Load(ctx)
		return err
	})
	if errors.Is(err, identity.ErrNotFound) {
		return nil, fmt.Errorf("%s is no identity database yet: the host makes it", t.file.db)
	}
	if err != nil {
		return nil, err
	}
	return identity.New(ctx, hostsRing{st}, identity.Config{
		Issuer: cmp.Or(t.file.issuer, toolIssuer), Seal: seal, Now: t.Now,
		// What depends on these must last at least as long as under any host.
		TokenLife: time.Hour, Skew: 2 * time.Minute, // the most that Config accepts
	})
}

// owned says of a file that another process has what to do about it.
func (t *tool) owned(err error) error {
	if !errors.Is(err, identity.ErrLocked) {
		return err
	}
	if t.file.shared {
		return fmt.Errorf("%w; a server owns %s alone: stop it, or have it open the file with sqlite.Options{Shared: true}", err, t.file.db)
	}
	return fmt.Errorf("%w; a running server has %s: stop it, or have it open the file with sqlite.Options{Shared: true} and say --shared here",
		err, t.file.db)
}

// errAlone is the answer of the tool on its own to what takes a host.
var errAlone = errors.New("this tool does not know the host's permissions, code roles and conditions; mount these commands in the host")

// alone refuses what needs the host's own permissions, code roles and conditions.
func (t *tool) alone(what string) error {
	if t.Open != nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, errAlone)
}

// hostsRing is a store in which the signing keys are read only. When they turn,
// and what they are, is the host's configuration; a key made by another schedule
// would stand in its way for years. An Authority whose ring cannot be turned goes
// on with the keys that are there.
type hostsRing struct{ *sqlite.Store }

// Begin opens a write transaction that leaves the signing keys alone.
func (s hostsRing) Begin() (identity.WriteTxn, error) {
	tx, err := s.Store.Begin()
	if err != nil {
		return nil, err
	}
	return ringTxn{tx}, nil
}

type ringTxn struct{ identity.WriteTxn }

// SigningKeys are the rows, which refuse to be changed.
func (t ringTxn) SigningKeys() identity.Table[identity.SigningKey, string] {
	return ringTable{t.WriteTxn.SigningKeys()}
}

type ringTable struct {
	identity.Table[identity.SigningKey, string]
}

// Insert refuses.
func (ringTable) Insert(context.Context, identity.SigningKey) error { return hostsTurn() }

// Update refuses.
func (ringTable) Update(context.Context, identity.SigningKey) error { return hostsTurn() }

// Delete refuses.
func (ringTable) Delete(context.Context, identity.OrgID, string) error { return hostsTurn() }

func hostsTurn() error {
	return &identity.Error{Kind: identity.ErrDenied, Entity: "signing key", Err: errors.New("only the host turns its key ring: start it first")}
}

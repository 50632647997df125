package identity

import "context"

// Witness remembers how far the history of a database has come, somewhere that
// does not go back with its disk: another database, an object store. It is for
// hosts whose disk is a snapshot, or is gone with the machine; others have the
// file beside the database, which knows more.
//
// Store is called after every commit that takes something away, before the call
// returns, with a revision that is at least every one before it; several calls
// may share one. When it fails, so does the call, though it is committed and in
// force; it is tried again with the next one, and about four times in
// [Config.MaxStaleness]. Load is called by [New]: a revision ahead of the
// database proves that it was rolled back. The incarnation names the history that
// the revision is of: when neither the database nor the file beside it knows that
// one, New cannot tell what is missing, and holds secrets if it raises the fence.
type Witness interface {
	Store(ctx context.Context, revision uint64, incarnation string) error
	// Load returns what was stored last, and zero values when nothing was.
	Load(ctx context.Context) (revision uint64, incarnation string, err error)
}

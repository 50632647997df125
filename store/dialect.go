package store

// Dialect is what one engine has of its own.
type Dialect struct {
	// Name names the engine in errors.
	Name string
	// Begin opens a transaction that holds the write lock from the start; it
	// fails with ClassBusy when the lock cannot be had in time.
	Begin string
	// Commit and Rollback end it.
	Commit, Rollback string
	// Savepoint, RollbackTo and Release begin, undo and end a part. The name in
	// them is constant: parts of one name nest like a stack.
	Savepoint, RollbackTo, Release string
	// Append begins a statement that appends one row to the log. Of one row nothing is
	// kept when it is refused, so the engine need not prepare to undo a part of it;
	// what a trigger of the host did stays, and the store takes it for written.
	Append string
	// Flush moves what is committed to where it stays. It runs before the store
	// closes, and may fail.
	Flush string
	// Classify tells what an error of the driver means, from its code.
	Classify func(error) Class
}

// Class is what an error of the engine means.
type Class uint8

// The classes of error. What is none of the others is a failure of the storage.
const (
	ClassFailure  Class = iota
	ClassConflict       // a unique key is taken
	ClassBusy           // another connection holds a lock
	ClassRefused        // the statement was refused for what it says, and the transaction stands
)

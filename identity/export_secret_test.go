package identity

import "unsafe"

// Secrets counts the opaque secrets that the index has.
func (a *Authority) Secrets() int {
	table := a.secrets.entries.Load()
	if table == nil {
		return 0
	}
	return table.Len()
}

// SecretEntryBytes is what one of them takes, beside its place in the table.
const SecretEntryBytes = unsafe.Sizeof(secretEntry{})

package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/token"
)

// sealFlags say where the sealing key is. None of them is the key: arguments and
// the environment of a process are for others to see.
type sealFlags struct {
	file, passphraseFile string
	stdin                bool
}

func (f *sealFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "seal-file", "", "the key file of token.SealFile, mode 0600")
	flags.StringVar(&f.passphraseFile, "passphrase-file", "", "a file with the passphrase of token.SealPassphrase, mode 0600")
	flags.BoolVar(&f.stdin, "seal-stdin", false, "read the key of token.SealBytes from the standard input, one line of base64")
}

// given reports whether there is a key to open anything with.
func (f *sealFlags) given() bool { return f.file != "" || f.passphraseFile != "" || f.stdin }

func (f *sealFlags) open(in io.Reader) (token.Seal, error) {
	given := 0
	for _, is := range []bool{f.file != "", f.passphraseFile != "", f.stdin} {
		if is {
			given++
		}
	}
	if given != 1 {
		return token.Seal{}, &usageError{wrong: "the sealing key is wanted from one place", typed: "--seal-file KEYFILE, --passphrase-file FILE or --seal-stdin"}
	}
	switch {
	case f.file != "":
		return token.SealFile(f.file), nil
	case f.passphraseFile != "":
		pass, err := readSecretFile(f.passphraseFile)
		return token.SealPassphrase(pass), err
	}
	key, err := readKey(in)
	return token.SealBytes(key), err
}

const (
	maxSecret = 4096
	keySize   = 32
)

// readKey reads a key as one line of base64. No error quotes what was read.
func readKey(in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxSecret))
	if err != nil {
		return nil, fmt.Errorf("read the standard input: %w", err)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(line(text))
	if err != nil || len(key) != keySize {
		return nil, errors.New("the standard input is not one line of base64 of 32 bytes")
	}
	return key, nil
}

// readSecretFile reads a file of one line that only its owner may use. On Windows,
// which has other means, modes are not looked at.
func readSecretFile(path string) (_ token.Secret, err error) {
	f, err := os.Open(path)
	if err != nil {
		return token.Secret{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat() // of what was opened, not of what the name means by now
	switch {
	case err != nil:
		return token.Secret{}, err
	case !info.Mode().IsRegular():
		return token.Secret{}, fmt.Errorf("%s is not a regular file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return token.Secret{}, fmt.Errorf("%s: others than its owner may use it; make its mode 0600", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		return token.Secret{}, err
	}
	return token.NewSecret(line(text)), nil
}

func line(text []byte) string {
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
}

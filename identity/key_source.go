package identity

import (
	"context"
	"errors"
	"time"

	"github.com/claviger-go/claviger/identity/internal/keyring"
	"github.com/claviger-go/claviger/token"
)

// KeySource keeps the private signing keys outside of this process, such as in
// a key management service or a hardware module: they are never seen here. What
// is stored, sealed like a key, is the reference by which a key is found again.
// It is called concurrently, and must return soon after ctx has ended.
//
// The id of a key in [Admin.SigningKeys] is the RFC 7638 thumbprint of its
// public key. One that is retired or compromised is not asked for again, nor is
// one that was made and is not listed, as happens when it could not be stored:
// the keeper may destroy them.
type KeySource interface {
	// Create makes a new key pair for an algorithm, token.AlgEdDSA or
	// token.AlgES256, and returns a reference to it, 1 to 2,048 bytes, with its
	// signer. It must not return a key that it has returned before.
	Create(ctx context.Context, alg token.Algorithm) (reference string, signer token.Signer, err error)
	// Open returns the signer of a key that Create has made. That there is no such
	// key it says with an error that is token.ErrUnknownKey; any other error means
	// that this could not be found out.
	Open(ctx context.Context, alg token.Algorithm, reference string) (token.Signer, error)
}

const (
	maxReference = 2048             // bytes
	sourceWait   = 10 * time.Second // for what a KeySource is asked to do
)

// spare is a key that was made and sealed before the door was entered: sealing
// may ask another machine, and nobody else could write meanwhile.
type spare struct {
	key    *token.SigningKey
	sealed []byte
	with   *token.Sealer
}

// row is what is stored of it: the current key, if it is not to sign later.
func (s spare) row(at, signsFrom time.Time, revision uint64) SigningKey {
	k := SigningKey{
		ID: s.key.ID(), Algorithm: string(s.key.Algorithm()), State: KeyNext, Public: s.key.Public().DER(), Sealed: s.sealed, External: s.key.Remote(),
		CreatedAt: at, SignsFrom: signsFrom, Revision: revision,
	}
	if !signsFrom.After(at) {
		k.State = KeyCurrent
	}
	return k
}

// spares makes what the schedule will need.
func (a *Authority) spares(ctx context.Context, inst *instance, steps []keyring.Step) ([]spare, error) {
	var made []spare
	for _, step := range steps {
		if step.Do != keyring.Make {
			continue
		}
		key, private, err := a.makeKey(ctx)
		if err != nil {
			return nil, keyError("", err)
		}
		row := SigningKey{ID: key.ID(), External: key.Remote()}
		sealed, err := inst.sealer.Seal(ctx, private, inst.row.keyAAD(row))
		if err != nil {
			return nil, keyError("", err)
		}
		made = append(made, spare{key, sealed, inst.sealer})
	}
	return made, nil
}

// makeKey makes a key, here or where keys are kept, and returns it with what is
// to be sealed: the private key, or the reference to it.
func (a *Authority) makeKey(ctx context.Context) (*token.SigningKey, []byte, error) {
	if a.cfg.KeySource == nil {
		key, err := token.GenerateSigningKey(a.cfg.TokenAlgorithm, a.cfg.Random)
		if err != nil {
			return nil, nil, err
		}
		private, err := key.Marshal()
		return key, private, err
	}
	ctx, cancel := context.WithTimeout(ctx, sourceWait)
	defer cancel()
	reference, signer, err := a.cfg.KeySource.Create(ctx, a.cfg.TokenAlgorithm)
	if err != nil {
		return nil, nil, &token.Error{Kind: token.ErrUnavailable, Field: "KeySource", Err: err}
	}
	if reference == "" || len(reference) > maxReference {
		return nil, nil, errText("the key source gave a reference that is empty, or longer than 2,048 bytes")
	}
	key, err := token.NewSigningKeyFrom(a.cfg.TokenAlgorithm, signer)
	if err != nil {
		return nil, nil, err
	}
	return key, []byte(reference), key.Probe(ctx) // one that cannot sign must not be published
}

// openKey unseals a key, or the reference to it.
func (a *Authority) openKey(ctx context.Context, row SigningKey, inst *instance) (*token.SigningKey, error) {
	sealed, err := inst.sealer.Open(ctx, row.Sealed, inst.row.keyAAD(row))
	if err != nil {
		return nil, keyError(row.ID, err)
	}
	var key *token.SigningKey
	if row.External {
		key, err = a.findKey(ctx, token.Algorithm(row.Algorithm), string(sealed))
	} else {
		key, err = token.ParseSigningKey(token.Algorithm(row.Algorithm), sealed)
	}
	if err == nil && key.ID() != row.ID {
		err = errText("the sealed key is another one")
	}
	if err != nil {
		return nil, keyError(row.ID, err)
	}
	return key, nil
}

func (a *Authority) findKey(ctx context.Context, alg token.Algorithm, reference string) (*token.SigningKey, error) {
	if a.cfg.KeySource == nil {
		return nil, &token.Error{Kind: token.ErrConfig, Field: "KeySource", Err: errText("it keeps this key, and is not set")}
	}
	ctx, cancel := context.WithTimeout(ctx, sourceWait)
	defer cancel()
	signer, err := a.cfg.KeySource.Open(ctx, alg, reference)
	switch {
	case errors.Is(err, token.ErrUnknownKey):
		return nil, err
	case err != nil:
		return nil, &token.Error{Kind: token.ErrUnavailable, Field: "KeySource", Err: err}
	}
	return token.NewSigningKeyFrom(alg, signer)
}

func keyError(id string, err error) error {
	return &Error{Kind: keyFailure(err), Entity: nounSigningKey, ID: id, Err: err}
}

// keyFailure is the kind of what went wrong with a key: when it says nothing about
// the key, and may go better later, it is ErrBusy.
func keyFailure(err error) error {
	if errors.Is(err, token.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ErrBusy
	}
	return ErrKey
}

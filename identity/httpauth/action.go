package httpauth

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"

	"github.com/claviger-go/claviger/identity"
)

// The two ways of sending what no signature covers. Their text is for the log.
var (
	errLongBody = errors.New("a body longer than that of an action can be")
	errUnsigned = errors.New("a request of which a part is not what was signed: trailers, a field twice, or a body that was read before")
)

// RequireAction lets those in who have signed this very request and who hold a
// permission on the resource being served; see [Require] for target. The request
// presents an action token, as [identity.Authority.ExchangeAction] makes them, in
// its only Authorization header:
//
//	Authorization: Claviger-Action <token>
//
// Method, host, request target, Content-Type, Content-Encoding and body must be those
// that the token was made for, byte for byte; a body of more than
// [identity.MaxActionBody] bytes and a request with trailers are refused. The
// other header fields are not signed: the handler must not do as they say.
//
// The body is read whole before the handler runs, which finds it where it always
// is. So is the token used up, durably: a handler that fails does not give it
// back. What to do about that is [RequireActionTx].
func RequireAction(permission string, target func(*http.Request) (identity.Target, error)) Guard {
	return Guard{permission: permission, target: target, signed: schemeAction}
}

// RequireActionTx is RequireAction for a handler that uses the token up itself,
// in the transaction that has the effect of the request:
//
//	err := id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
//		if err := httpauth.Action(r).ConsumeTx(ctx, tx); err != nil {
//			return err
//		}
//		…
//	})
//
// An answer with a status below 400 that is begun before a transaction with the
// token in it was committed is replaced by a 500, and logged. That finds a
// handler that forgot; what it did besides is not undone.
func RequireActionTx(permission string, target func(*http.Request) (identity.Target, error)) Guard {
	return Guard{permission: permission, target: target, signed: schemeAction, deferred: true}
}

// RequireSigned lets those in who have signed this very request in one step, without
// a challenge, and who hold a permission on the resource being served. The request
// presents what [token.SignRequest] makes of it, in its only Authorization header:
//
//	Authorization: Claviger-Request <signature>
//
// What is signed, and what becomes of the body, is as for [RequireAction]; the
// signature is good once, for a minute. It is used up before the handler runs.
func RequireSigned(permission string, target func(*http.Request) (identity.Target, error)) Guard {
	return Guard{permission: permission, target: target, signed: schemeRequest}
}

// RequireSignedTx is RequireSigned for a handler that uses the signature up itself, as
// with [RequireActionTx].
func RequireSignedTx(permission string, target func(*http.Request) (identity.Target, error)) Guard {
	return Guard{permission: permission, target: target, signed: schemeRequest, deferred: true}
}

// Action returns the signed request that a route with [RequireAction],
// [RequireSigned] or one of their Tx forms serves, and nil on every other route; nil cannot be consumed.
func Action(r *http.Request) *identity.SignedAction {
	if q := requestOf(r); q != nil {
		return q.signed
	}
	return nil
}

// wrapAction puts a guard of signed requests before a handler.
func (f front) wrapAction(guard Guard, question identity.Request, next http.Handler) http.Handler {
	f.scheme = guard.signed
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed, body, err := f.signed(w, r)
		r = f.begin(r, signed.Principal())
		if err == nil {
			putBody(r, body)
			err = f.ask(r, signed.Principal(), question, guard.target)
		}
		if err == nil && !guard.deferred {
			err = signed.Consume(r.Context())
		}
		if err != nil {
			Write(w, r, err)
			return
		}
		putBody(r, body) // target may have read it
		q := requestOf(r)
		q.signed = signed
		if !guard.deferred {
			settle(r, passed)
			next.ServeHTTP(w, r)
			return
		}
		settle(r, refused) // until the token is used up
		watch := &watcher{ResponseWriter: w, r: r, request: q, before: w.Header().Clone()}
		next.ServeHTTP(watch, r)
		watch.admit(http.StatusOK)
	})
}

// signed finds out who signed a request, and reads its body. The body of a
// request without a good token is not read: a stranger has us keep nothing.
func (f front) signed(w http.ResponseWriter, r *http.Request) (signed *identity.SignedAction, body []byte, err error) {
	text, err := credentials(r, f.scheme)
	if err == nil && text == "" {
		return nil, nil, errNoToken
	}
	of := func() (a identity.Action, err error) {
		a, body, err = f.actionOf(w, r)
		return a, err
	}
	switch {
	case err != nil:
	case f.scheme == schemeRequest:
		signed, err = f.id.VerifyRequest(r.Context(), text, of)
	default:
		signed, err = f.id.VerifyAction(r.Context(), text, f.address(r), of)
	}
	if malformed(err) {
		f.log.WarnContext(r.Context(), "signed request refused", "method", r.Method, "pattern", r.Pattern, "err", err)
	}
	return signed, body, err
}

// actionOf is what a request asks for, as far as it can be signed, and its body.
func (f front) actionOf(w http.ResponseWriter, r *http.Request) (a identity.Action, body []byte, err error) {
	a.Method, a.Host, a.RequestURI = r.Method, r.Host, r.RequestURI
	if f.externalHost != nil {
		a.Host = f.externalHost(r)
	}
	if f.externalTarget != nil {
		a.RequestURI = f.externalTarget(r)
	}
	var once bool
	if a.ContentType, once = only(r.Header, "Content-Type"); !once {
		return a, nil, errUnsigned
	}
	if a.ContentEncoding, once = only(r.Header, "Content-Encoding"); !once {
		return a, nil, errUnsigned
	}
	if body, err = readBody(w, r); err != nil {
		return a, nil, err
	}
	a.BodySHA256 = sha256.Sum256(body)
	return a, body, nil
}

// only returns the value of a field, "" if there is none, and false if there
// are several: which of them counts is not for us to guess.
func only(h http.Header, name string) (string, bool) {
	switch values := h.Values(name); len(values) {
	case 0:
		return "", true
	case 1:
		return values[0], true
	}
	return "", false
}

// readBody reads a body whole. What somebody has read of it before is not in it,
// though handlers may find it, as a form.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if len(r.PostForm) > 0 || r.MultipartForm != nil {
		return nil, errUnsigned
	}
	if r.ContentLength > identity.MaxActionBody {
		return nil, errLongBody
	}
	var body []byte
	if r.Body != nil {
		var err error
		var long *http.MaxBytesError
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, identity.MaxActionBody))
		switch {
		case errors.As(err, &long):
			return nil, errLongBody
		case err != nil:
			return nil, errors.Join(errUnsigned, err)
		}
	}
	length := r.ContentLength
	if length < 0 && len(body) == 0 {
		return nil, errUnsigned // a body was announced: somebody has read it before
	}
	if len(r.Trailer) > 0 || length >= 0 && length != int64(len(body)) { // trailers are known once the body is read
		return nil, errUnsigned
	}
	return body, nil
}

// putBody gives a request a body that was read.
func putBody(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength, r.TransferEncoding = int64(len(body)), nil
}

// malformed reports whether an error says that a request is not properly made,
// whoever sends it.
func malformed(err error) bool {
	for _, of := range []error{errQueryToken, errCredential, errLongBody, errUnsigned} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

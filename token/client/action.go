package client

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/claviger-go/claviger/token"
)

// ActionOf returns what a signature over a request is to cover, in the form that the server will see it in. The body is read,
// closed, and replaced by one that can be read again: from then on the request must not change in any of these fields. It fails for a request that
// cannot be signed: with a body of more than token.MaxActionBody bytes, with trailers, with several Content-Type or
// Content-Encoding fields, or to a host that is written otherwise on the wire (one that is not ASCII, or has a zone). Plain http through a proxy sends another request target, and is refused by the server.
func ActionOf(req *http.Request) (token.Action, error) {
	if req.URL == nil || strings.Contains(req.Host+req.URL.Host, "%") || len(req.Trailer) > 0 || len(req.Header.Values("Content-Type")) > 1 || len(req.Header.Values("Content-Encoding")) > 1 {
		return token.Action{}, fmt.Errorf("token/client: a request without URL, to a host with a zone, with trailers, or with a field twice cannot be signed")
	}
	body, err := holdBody(req)
	if err != nil {
		return token.Action{}, err
	}
	a := token.Action{
		Method: req.Method, Host: req.Host, RequestURI: req.URL.RequestURI(),
		ContentType: req.Header.Get("Content-Type"), ContentEncoding: req.Header.Get("Content-Encoding"),
		BodySHA256: sha256.Sum256(body),
	}
	if a.Host == "" {
		a.Host = req.URL.Host // what http.Request sends then
	}
	if a.Method == "" {
		a.Method = http.MethodGet // what http.Request sends then
	}
	if _, err := a.Digest(); err != nil {
		return token.Action{}, fmt.Errorf("token/client: %w", err)
	}
	return a, nil
}

// holdBody reads the body of a request whole, and puts back what can be read again.
func holdBody(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, token.MaxActionBody+1))
	if closing := req.Body.Close(); err == nil {
		err = closing
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("token/client: %w", err)
	case len(body) > token.MaxActionBody:
		return nil, fmt.Errorf("token/client: a body of more than %d bytes cannot be signed", token.MaxActionBody)
	case req.ContentLength > 0 && req.ContentLength != int64(len(body)):
		return nil, fmt.Errorf("token/client: the body is not as long as ContentLength says")
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	if len(body) == 0 {
		req.GetBody = func() (io.ReadCloser, error) { return http.NoBody, nil }
	}
	req.Body, _ = req.GetBody() // never fails
	req.ContentLength, req.TransferEncoding = int64(len(body)), nil
	return body, nil
}

// SignAction signs a server's challenge for an action. The issuer is the one that the workload is configured with, and the action is what
// ActionOf made of the request that it means to send: neither comes with the challenge. Errors: those of [token.Action.Digest] and
// [token.Sign].
func SignAction(key crypto.Signer, issuer, challenge string, action token.Action) (Signature, error) {
	digest, err := action.Digest()
	if err != nil {
		return Signature{}, fmt.Errorf("token/client: %w", err)
	}
	return Sign(key, token.PurposeAction, token.ActionMessage(issuer, challenge, digest))
}

// AuthorizeAction lets a request present an action token, in place of any other credential.
func AuthorizeAction(req *http.Request, actionToken string) {
	req.Header.Set("Authorization", "Claviger-Action "+actionToken)
}

// SignRequest signs a request in one step, without a challenge, and lets it present the signature, in place of any other credential. Issuer is the id of
// the server, keyID what it gave the public key, both as the workload was configured with them; now is the time. The request must not change afterwards, and
// is good once, for a minute: to send it again it is signed again. It fails like ActionOf and [token.SignRequest].
func SignRequest(req *http.Request, key crypto.Signer, issuer, keyID string, now time.Time) error {
	a, err := ActionOf(req)
	if err != nil {
		return err
	}
	text, err := token.SignRequest(key, token.RequestSpec{Issuer: issuer, KeyID: keyID, Action: a, Now: now})
	if err != nil {
		return fmt.Errorf("token/client: %w", err)
	}
	req.Header.Set("Authorization", "Claviger-Request "+text)
	return nil
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxAnswer    = 64 << 10
	maxExpiresIn = 24 * 60 * 60 // seconds
	maxText      = 512          // of what an error answer says
)

// Error is the token endpoint's refusal (RFC 6749 section 5.2).
type Error struct {
	Code        string // error: invalid_client, invalid_grant, …; "" if the answer was not in the form of the RFC
	Description string // error_description, for people; at most 512 bytes, printable ASCII
	Status      int    // of the HTTP response
}

// Error returns code, description and status.
func (e *Error) Error() string {
	s := fmt.Sprintf("token/client: token endpoint answered %d", e.Status)
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	return s
}

// transient reports whether a failed exchange says nothing about whether the account is still welcome.
func transient(err error) bool {
	var refused *Error
	return !errors.As(err, &refused) || refused.Status >= 500 || refused.Status == http.StatusTooManyRequests
}

// fetch exchanges a fresh assertion for a token (RFC 7523 section 2.1).
func (s *Source) fetch(ctx context.Context) (grant, error) {
	assertion, err := s.assertion(ctx)
	if err != nil {
		return grant{}, fmt.Errorf("token/client: %w", err)
	}
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion":  {assertion},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return grant{}, fmt.Errorf("token/client: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	asked := s.now() // the server counts from later, so that what we count from here ends first
	resp, err := s.client.Do(req)
	if err != nil {
		return grant{}, fmt.Errorf("token/client: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return grant{}, fmt.Errorf("token/client: %w", err)
	case len(body) > maxAnswer:
		return grant{}, fmt.Errorf("token/client: answer longer than 64 KiB")
	case resp.StatusCode != http.StatusOK:
		return grant{}, refusal(resp, body)
	}
	return parseGrant(resp, body, asked)
}

// parseGrant reads a successful answer (RFC 6749 section 5.1).
func parseGrant(resp *http.Response, body []byte, asked time.Time) (grant, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if !isJSON(resp) || json.Unmarshal(body, &answer) != nil {
		return grant{}, fmt.Errorf("token/client: answer is not JSON")
	}
	switch {
	case !bearer(answer.AccessToken):
		return grant{}, fmt.Errorf("token/client: answer without an access token")
	case !strings.EqualFold(answer.TokenType, "Bearer"):
		return grant{}, fmt.Errorf("token/client: answer with a token that is not of type Bearer")
	case answer.ExpiresIn < 1 || answer.ExpiresIn > maxExpiresIn:
		return grant{}, fmt.Errorf("token/client: answer without expires_in of 1 second to 1 day")
	}
	life := time.Duration(answer.ExpiresIn) * time.Second
	expiry := asked.Add(life)
	return grant{token: answer.AccessToken, expiry: expiry, renew: expiry.Add(-min(life/5, 30*time.Second))}, nil
}

func refusal(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if isJSON(resp) && json.Unmarshal(body, &answer) == nil {
		e.Code, e.Description = plain(answer.Error), plain(answer.Description)
	}
	return e
}

func isJSON(resp *http.Response) bool {
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && media == "application/json"
}

// plain cuts a text down to what may go to a log: RFC 6749 allows printable ASCII only.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), maxText)]
}

// bearer reports whether a token has the form of RFC 6750 section 2.1, so that it cannot break out of its header.
func bearer(tok string) bool {
	for _, c := range []byte(tok) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~+/=", c) >= 0:
		default:
			return false
		}
	}
	return tok != ""
}

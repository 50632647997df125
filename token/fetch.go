package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// fetch asks for the keys once, and says how long they may be used.
func (r *RemoteKeys) fetch(ctx context.Context) (*KeySet, time.Duration, error) {
	unavailable := func(err error) (*KeySet, time.Duration, error) {
		return nil, 0, failed(ErrUnavailable, "JWKS", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.config.URL, nil)
	if err != nil {
		return unavailable(err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK: // a redirect among them
		return unavailable(fmt.Errorf("answered with status %d", resp.StatusCode))
	case media != "application/jwk-set+json" && media != "application/json":
		return unavailable(errReason("answered with another media type than that of a JWK Set or JSON"))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1)) // after it was unpacked, if it came packed
	if err != nil {
		return unavailable(err)
	}
	set, err := ParseKeySet(body)
	if err != nil {
		return unavailable(err)
	}
	return set, freshness(resp.Header, r.config.MaxAge), nil
}

// freshness is how long an answer may be used without asking again (RFC 9111 section 4.2, for a cache of one's own): what Cache-Control
// says less the Age that it had in caches on the way, and most if it says nothing or more. What is said twice or cannot be read
// counts as nothing at all.
func freshness(h http.Header, most time.Duration) time.Duration {
	life, said := most, false
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(directive, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			age, ok := deltaSeconds(strings.Trim(strings.TrimSpace(value), `"`))
			if !ok || said {
				return 0
			}
			life, said = min(age, most), true
		}
	}
	if text := h.Get("Age"); text != "" {
		age, ok := deltaSeconds(text)
		if !ok {
			return 0
		}
		life -= age
	}
	return max(life, 0)
}

// deltaSeconds reads a number of seconds (RFC 9111 section 1.2.2); more than a day is a day.
func deltaSeconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	if errors.Is(err, strconv.ErrRange) {
		return maxAge, true
	}
	return min(time.Duration(n)*time.Second, maxAge), err == nil
}

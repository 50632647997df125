package token

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	defaultMaxAge      = 5 * time.Minute
	defaultMaxStale    = 10 * time.Minute
	defaultMinInterval = 10 * time.Second
	maxAge             = 24 * time.Hour
	fetchTimeout       = 10 * time.Second // of one request, however long its callers wait
)

// RemoteConfig says where an issuer publishes its keys. URL is required. It is trusted as the keys themselves would be: take it from
// the service's own configuration, never from a token or a request.
type RemoteConfig struct {
	URL    string       // of the JWK Set; https, or http to a loopback address
	Client *http.Client // nil is one of its own; redirects are never followed

	// MaxAge is how long keys are used before they are asked for again, if the answer does not say less (Cache-Control and Age, RFC 9111). A
	// signing key that the issuer has withdrawn is accepted for so long. 0 is 5 minutes, at most 24 hours.
	MaxAge time.Duration
	// MaxStale is how long beyond that they are used while the issuer is being asked or cannot be reached. 0 is 10 minutes, at most 1
	// hour, which no token outlives; a negative value is none.
	MaxStale time.Duration
	// MinInterval is the shortest time between two requests, for whatever reason they are made. 0 is 10 seconds, or MaxAge if that is less;
	// 1 second to MaxAge.
	MinInterval time.Duration

	Now func() time.Time // nil is time.Now

	// InsecureHTTP lets URL be plain http to any host, where anybody on the way can put in keys of his own.
	InsecureHTTP bool
}

// RemoteKeys is the keys that an issuer publishes at a URL, for a service that verifies access tokens by itself. They are asked for
// when they are first needed, when they have grown old, and when a token names a key that is not among them; never more often
// than every MinInterval, and by one caller for all who wait. Nothing in a token chooses where: the one URL is that of the
// configuration. It is safe for concurrent use; the zero value refuses all.
type RemoteKeys struct {
	config RemoteConfig
	client http.Client
	ctx    context.Context // of requests, not of any one caller; ended by Close
	stop   context.CancelFunc
	done   sync.WaitGroup // the request under way

	mu       sync.Mutex
	held     *KeySet
	fresh    time.Time     // held is used without asking until here
	usable   time.Time     // and at all until here
	next     time.Time     // no request before
	err      error         // of the last request
	fetching chan struct{} // closed when the request under way has ended; nil if there is none
}

// NewRemoteKeys checks the configuration. It makes no request: call Keys to learn early whether the issuer can be reached.
// Errors: ErrConfig naming the field.
func NewRemoteKeys(c RemoteConfig) (*RemoteKeys, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, failed(ErrConfig, "URL", errReason("want an absolute URL without user and fragment"))
	case u.Scheme != "https" && !(u.Scheme == "http" && (c.InsecureHTTP || loopback(u.Hostname()))):
		return nil, failed(ErrConfig, "URL", errReason("want https, or http to a loopback address"))
	}
	c.MaxAge = cmp.Or(c.MaxAge, defaultMaxAge)
	c.MaxStale = cmp.Or(c.MaxStale, defaultMaxStale)
	c.MinInterval = cmp.Or(c.MinInterval, min(defaultMinInterval, c.MaxAge))
	switch {
	case c.MaxAge < time.Second || c.MaxAge > maxAge:
		return nil, failed(ErrConfig, "MaxAge", errReason("want 1 second to 24 hours"))
	case c.MaxStale > maxLife:
		return nil, failed(ErrConfig, "MaxStale", errReason("want at most 1 hour"))
	case c.MinInterval < time.Second || c.MinInterval > c.MaxAge:
		return nil, failed(ErrConfig, "MinInterval", errReason("want 1 second to MaxAge"))
	}
	c.MaxStale = max(c.MaxStale, 0)
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &RemoteKeys{config: c}
	r.ctx, r.stop = context.WithCancel(context.Background())
	if c.Client != nil {
		r.client = *c.Client
	}
	// A redirect would take the keys from a place that nobody configured.
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return r, nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close ends a request under way and makes every later call fail.
func (r *RemoteKeys) Close() error {
	if r == nil || r.stop == nil {
		return nil
	}
	r.mu.Lock() // so that no request begins beside the Wait
	r.stop()
	r.mu.Unlock()
	r.done.Wait()
	return nil
}

// Keys returns the issuer's keys, asking for them if there are none or they have grown old. Errors: ErrUnavailable if they cannot
// be had, ctx.Err().
func (r *RemoteKeys) Keys(ctx context.Context) (*KeySet, error) { return r.keys(ctx, nil) }

// Verify reads an access token as v does, with the issuer's keys and as of now. A token whose header is of the form that this package
// writes, with a key that is not known, has the keys asked for again, at most once in MinInterval; until then such tokens are
// refused from memory. Errors: those of Verifier.Verify and of Keys; the claims are zero then.
func (r *RemoteKeys) Verify(ctx context.Context, v *Verifier, raw string) (Claims, error) {
	known, err := r.keys(ctx, nil)
	if err != nil {
		return Claims{}, err
	}
	c, err := v.Verify(known, raw, r.config.Now())
	if !errors.Is(err, ErrUnknownKey) || !namesKey(raw) {
		return c, err
	}
	newer, unavailable := r.keys(ctx, known)
	switch {
	case unavailable != nil:
		return Claims{}, unavailable
	case newer == known:
		return Claims{}, err
	}
	return v.Verify(newer, raw, r.config.Now())
}

// namesKey reports whether a token's header is one that this package writes for a key, so that another set of keys could contain it.
// What is read here decides whether it is worth asking, and nothing else.
func namesKey(raw string) bool {
	segment, _, _ := strings.Cut(raw, ".")
	text, ok := decodeSegment(segment)
	if !ok {
		return false
	}
	var alg, kid string
	err := readObject(string(text), func(r *reader, name string) (err error) {
		switch name {
		case "alg":
			alg, err = r.str()
		case "kid":
			kid, err = r.str()
		default:
			err = r.skip()
		}
		return err
	})
	return err == nil && Algorithm(alg).issues() && validKeyID(kid) && headerSegment(Algorithm(alg), kid) == segment
}

// keys returns the keys to use now. If lacking is not nil, it is a set just returned that does not have what is wanted: another one
// is returned if there is one or one may be asked for, else the same.
func (r *RemoteKeys) keys(ctx context.Context, lacking *KeySet) (*KeySet, error) {
	if r == nil || r.stop == nil {
		return nil, fail(ErrConfig, "RemoteKeys")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	now := r.config.Now()
	// Nobody waits who has keys that will do: while one caller has them renewed the others go on with what there is.
	enough := now.Before(r.fresh)
	if !enough && (r.fetching != nil || now.Before(r.next)) {
		enough = now.Before(r.usable)
	}
	if lacking != nil {
		enough = r.held != lacking
	}
	wait := r.fetching
	switch {
	case r.ctx.Err() != nil:
		defer r.mu.Unlock()
		return nil, failed(ErrUnavailable, "RemoteKeys", errReason("closed"))
	case enough:
		defer r.mu.Unlock()
		return r.held, nil
	case wait == nil && now.Before(r.next):
		defer r.mu.Unlock()
		if lacking != nil {
			return lacking, nil
		}
		return nil, r.err
	case wait == nil:
		wait = r.start(now)
	}
	r.mu.Unlock()

	select {
	case <-wait:
		return r.outcome()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// outcome is what a caller who has waited for a request gets: the new keys, or the old ones if they are still usable.
func (r *RemoteKeys) outcome() (*KeySet, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil && !r.config.Now().Before(r.usable) {
		return nil, r.err
	}
	return r.held, nil
}

// start begins a request. The caller holds the lock.
func (r *RemoteKeys) start(now time.Time) chan struct{} {
	ended := make(chan struct{})
	r.fetching, r.next = ended, now.Add(r.config.MinInterval)
	r.done.Add(1)
	go func() {
		defer r.done.Done()
		// Not a caller's context: whoever leaves must not take the keys from the others, nor use up the one request of an interval.
		ctx, cancel := context.WithTimeout(r.ctx, fetchTimeout)
		defer cancel()
		set, life, err := r.fetch(ctx)

		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err = err; err == nil {
			// Counted from when they were asked for, since the issuer counts from when it answered. No use is made of a life shorter than
			// the interval, in which nothing could be asked.
			r.held, r.fresh = set, now.Add(max(life, r.config.MinInterval))
			r.usable = r.fresh.Add(r.config.MaxStale)
		}
		r.fetching = nil
		close(ended)
	}()
	return ended
}

package tokens

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/claviger-go/claviger/internal/bench/measure"
)

// Options says what to compare.
type Options struct {
	Out  string // folder of tokens.md
	Plan measure.Plan
	Log  io.Writer // says how far it is
}

// Run compares all libraries with both algorithms that access tokens are issued with, and writes the result. It fails when a library does
// not read what was written, or accepts what it must refuse.
func Run(o Options) error {
	var results []result
	for _, algorithm := range []string{"EdDSA", "ES256"} {
		r, err := compare(algorithm, libraries(), o)
		if err != nil {
			return fmt.Errorf("tokens with %s: %w", algorithm, err)
		}
		results = append(results, r)
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.Out, "tokens.md"), document(results, o.Plan), 0o644)
}

// result is what one algorithm gave.
type result struct {
	algorithm            string
	size                 int // of a token, in bytes
	bareVerify, bareSign measure.Timing
	rows                 []row // in the order of the libraries
}

// row is one library.
type row struct {
	library
	verify, sign measure.Timing // sign is nil for a library that does not issue
	allocs       [2]float64     // in one verification, and in one issue
}

func compare(algorithm string, all []library, o Options) (result, error) {
	k, err := newKeyPair(algorithm, seed)
	if err != nil {
		return result{}, err
	}
	r := result{algorithm: algorithm}
	uses := make([]use, len(all))
	for i, l := range all {
		if uses[i], err = l.setUp(k); err != nil {
			return r, fmt.Errorf("%s: %w", l.name, err)
		}
		r.rows = append(r.rows, row{library: l})
	}
	texts, err := issue(all, uses)
	if err != nil {
		return r, err
	}
	r.size = len(texts[0])
	foreign, err := forge(algorithm, texts[0])
	if err != nil {
		return r, err
	}
	for i, l := range all {
		if err := check(uses[i], texts, foreign); err != nil {
			return r, fmt.Errorf("%s: %w", l.name, err)
		}
		o.logf("%s: %s reads %d tokens as they were written, and refuses what it must", algorithm, l.name, len(texts))
	}
	return r, r.time(k, uses, texts, o.Plan)
}

// issue has every library issue all tokens, and every other one read them; it returns those of ours, which all verify when they are timed.
func issue(all []library, uses []use) (ours []string, err error) {
	for i, issuing := range uses {
		if issuing.sign == nil {
			continue
		}
		for n := range tokens {
			raw, err := issuing.sign(contentOf(n))
			if err != nil {
				return nil, fmt.Errorf("%s issues: %w", all[i].name, err)
			}
			if all[i].ours {
				ours = append(ours, raw)
			}
			for j, reading := range uses {
				if all[j].ours != all[i].ours && all[j].ours {
					continue // ours accepts headers of one form, that which it writes
				}
				var got content
				if err := reading.verify(raw, issuedAt, &got); err != nil || !reflect.DeepEqual(got, contentOf(n)) {
					return nil, fmt.Errorf("%s reads what %s issued as %+v (%w), not as %+v", all[j].name, all[i].name, got, err, contentOf(n))
				}
			}
		}
	}
	if len(ours) != tokens {
		return nil, errors.New("one library is ours, and it issues")
	}
	return ours, nil
}

// check holds a library to what it must refuse: a changed signature, a changed claim, a token that has expired, and one of another issuer's key.
func check(u use, texts []string, foreign string) error {
	good := texts[0]
	for name, tt := range map[string]struct {
		raw string
		now time.Time
	}{
		"with another's signature": {good[:len(good)-86] + texts[1][len(texts[1])-86:], issuedAt},
		"with another's claims":    {texts[1][:len(texts[1])-86] + good[len(good)-86:], issuedAt},
		"that has expired":         {good, issuedAt.Add(time.Hour)},
		"signed by another key":    {foreign, issuedAt},
		"cut":                      {good[:len(good)-1], issuedAt},
	} {
		if u.verify(tt.raw, tt.now, nil) == nil {
			return fmt.Errorf("accepts a token %s", name)
		}
	}
	for i, raw := range texts {
		var got content
		if err := u.verify(raw, issuedAt, &got); err != nil || !reflect.DeepEqual(got, contentOf(i)) {
			return fmt.Errorf("reads %+v (%w), not %+v", got, err, contentOf(i))
		}
	}
	return nil
}

// time runs all contenders in turn, the bare operation among them: first verifying, then signing.
func (r *result) time(k keyPair, uses []use, texts []string, p measure.Plan) error {
	bares := make([]bare, len(texts))
	for i, raw := range texts {
		b, err := newBare(raw)
		if err != nil {
			return err
		}
		if !b.verify(k.private.Public()) {
			return fmt.Errorf("the bare signature of token %d does not verify", i)
		}
		bares[i] = b
	}
	side := func(name string, do func(i int) error) measure.Side {
		return measure.Side{Name: name, Questions: tokens, Answer: func(i int) (bool, error) { return true, do(i) }}
	}
	public := k.private.Public()
	verifying := []measure.Side{side("bare", func(i int) error {
		if !bares[i].verify(public) {
			return errors.New("does not verify")
		}
		return nil
	})}
	signing := []measure.Side{side("bare", func(i int) error { return bares[i].sign(k.private) })}
	contents := make([]content, tokens)
	for i := range contents {
		contents[i] = contentOf(i)
	}
	for n, u := range uses {
		verifying = append(verifying, side(r.rows[n].name, func(i int) error { return u.verify(texts[i], issuedAt, nil) }))
		if u.sign != nil {
			signing = append(signing, side(r.rows[n].name, func(i int) error {
				_, err := u.sign(contents[i])
				return err
			}))
		}
	}
	verified, err := measure.Rounds(verifying, p, time.Now)
	if err != nil {
		return err
	}
	signed, err := measure.Rounds(signing, p, time.Now)
	if err != nil {
		return err
	}
	for n, u := range uses {
		r.rows[n].allocs[0] = testing.AllocsPerRun(tokens, func() { _ = u.verify(texts[0], issuedAt, nil) })
		if u.sign != nil {
			r.rows[n].allocs[1] = testing.AllocsPerRun(tokens, func() { _, _ = u.sign(contents[0]) })
		}
	}
	r.bareVerify, r.bareSign = verified[0], signed[0]
	next := 1
	for n, u := range uses {
		r.rows[n].verify = verified[n+1]
		if u.sign != nil {
			r.rows[n].sign = signed[next]
			next++
		}
	}
	return nil
}

func (o Options) logf(format string, args ...any) {
	if o.Log != nil {
		fmt.Fprintf(o.Log, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
	}
}

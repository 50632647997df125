package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"

	"github.com/claviger-go/claviger/identity"
)

// object is a body of an answer. What serves a field stands beside its name.
type object = map[string]any

// body makes a call of what is to be done with its body: one JSON value of at most 1 MiB, with no field that the call does not have.
func body[T any](do func(*request, T) (any, error)) func(*request) (any, error) {
	return func(q *request) (any, error) {
		var in T
		d := json.NewDecoder(io.LimitReader(q.Body, 1<<20))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			return nil, fmt.Errorf("%w: body: %w", identity.ErrInvalid, err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: there is more behind the body", identity.ErrInvalid)
		}
		return do(q, in)
	}
}

// count reads a number of the query: 0 if it is absent, and what every call refuses if it is none.
func (q *request) count(name string) int {
	text := q.URL.Query().Get(name)
	n, err := strconv.Atoi(text)
	if err != nil && text != "" {
		return -1
	}
	return n
}

// each makes the items of a list; what it makes is never null in JSON.
func each[A, B any](items []A, show func(A) (B, error)) ([]B, error) {
	return collect(func(yield func(A, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}, show)
}

// collect is each for what the library lists to the end.
func collect[A, B any](items iter.Seq2[A, error], show func(A) (B, error)) ([]B, error) {
	out := []B{}
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		b, err := show(item)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// answer writes a body, which may hold a secret, or none if it is nil.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body) // the caller is gone
	}
}

// shaper gives every refusal the body that a system's clients expect, whoever refused: a guard, the mux, or a call.
type shaper struct {
	http.ResponseWriter
	refusal func(status int, text string) object
	refused int // the status, if it is one
}

func (s *shaper) WriteHeader(status int) {
	if s.refused = status; status < http.StatusBadRequest {
		s.refused = 0
		s.ResponseWriter.WriteHeader(status)
	}
}

func (s *shaper) Write(body []byte) (int, error) {
	if s.refused == 0 {
		return s.ResponseWriter.Write(body)
	}
	var problem struct{ Detail string } // RFC 9457, as httpauth writes it
	if json.Unmarshal(body, &problem) != nil || problem.Detail == "" {
		problem.Detail = http.StatusText(s.refused)
	}
	answer(s.ResponseWriter, s.refused, s.refusal(s.refused, problem.Detail))
	return len(body), nil
}

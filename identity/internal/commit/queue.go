package commit

import (
	"container/list"
	"sync"
)

// queue holds the callers whose turn has not come, in order of arrival. Nobody waits in it while nobody serves.
type queue[T Txn, S any] struct {
	arrived chan struct{} // has one element when something may have changed since the door's goroutine last looked

	mu     sync.Mutex
	closed bool
	server server
	joined *group[T, S] // what a leader has left to the door's goroutine
	line   list.List    // of *member[T, S]
}

// server is who opens transactions now.
type server uint8

const (
	nobody  server = iota
	leader         // a caller that found nobody, for itself and who comes meanwhile
	serving        // the door's goroutine, for whoever is queued
)

func newQueue[T Txn, S any]() *queue[T, S] {
	return &queue[T, S]{arrived: make(chan struct{}, 1)}
}

// push adds m at the end, or, when nobody serves, makes it the leader, who is not queued and must call yield in the end. It reports false, and does
// nothing, when the queue is closed.
func (q *queue[T, S]) push(m *member[T, S]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return false
	case q.server == nobody:
		q.server, m.leads = leader, true
	default:
		m.place = q.line.PushBack(m) // whoever serves looks here before it stops
	}
	return true
}

// yield ends the leader's service: the door's goroutine works at the group that others have joined, if there is one, and serves those who came meanwhile.
func (q *queue[T, S]) yield(joined *group[T, S]) {
	q.mu.Lock()
	q.server, q.joined = nobody, joined
	if joined != nil || q.line.Len() > 0 {
		q.server = serving
	}
	wanted := q.server == serving || q.closed
	q.mu.Unlock()
	if wanted {
		q.signal()
	}
}

// remove takes m out and reports whether it was still queued. After true the door will never see m.
func (q *queue[T, S]) remove(m *member[T, S]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m.place == nil {
		return false
	}
	q.line.Remove(m.place)
	m.place = nil
	return true
}

// pop takes out the first member whose context is not done; those it passes over are answered with their context's error. It returns nil when there
// is none, and when the first one wants to be alone and alone is false.
func (q *queue[T, S]) pop(alone bool) *member[T, S] {
	q.mu.Lock()
	defer q.mu.Unlock()
	for e := q.line.Front(); e != nil; e = q.line.Front() {
		m := e.Value.(*member[T, S])
		err := m.ctx.Err()
		if err == nil && m.alone && !alone {
			return nil
		}
		q.line.Remove(e)
		m.place = nil
		if err == nil {
			return m
		}
		m.settle(err)
	}
	return nil
}

// wait returns true when the door's goroutine has somebody to serve, and false when the queue is closed and nobody serves any more. A group that a leader
// has left comes with it.
func (q *queue[T, S]) wait() (joined *group[T, S], serve bool) {
	for {
		joined, serve, over := q.turn()
		if serve || over {
			return joined, serve
		}
		<-q.arrived
	}
}

// turn reports whether it is the door's goroutine's turn, and whether none will come.
func (q *queue[T, S]) turn() (joined *group[T, S], serve, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	joined, q.joined = q.joined, nil
	if joined != nil || q.server == serving && q.line.Len() > 0 {
		return joined, true, false
	}
	if q.server == serving {
		q.server = nobody
	}
	return nil, false, q.closed && q.server == nobody
}

// close refuses further members and returns those that were queued.
func (q *queue[T, S]) close() []*member[T, S] {
	q.mu.Lock()
	q.closed = true
	var rest []*member[T, S]
	for e := q.line.Front(); e != nil; e = e.Next() {
		m := e.Value.(*member[T, S])
		m.place = nil
		rest = append(rest, m)
	}
	q.line.Init()
	q.mu.Unlock()
	q.signal()
	return rest
}

func (q *queue[T, S]) signal() {
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

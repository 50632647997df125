package commit

import (
	"container/list"
	"sync"
)

// queue holds the callers whose turn has not come, in order of arrival.
type queue[T Txn, S any] struct {
	arrived chan struct{} // has one element when something may have changed since the door last looked

	mu     sync.Mutex
	closed bool
	line   list.List // of *member[T, S]
}

func newQueue[T Txn, S any]() *queue[T, S] {
	return &queue[T, S]{arrived: make(chan struct{}, 1)}
}

// push adds m at the end. It reports false, and does nothing, when the queue is closed.
func (q *queue[T, S]) push(m *member[T, S]) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	m.place = q.line.PushBack(m)
	q.mu.Unlock()
	q.signal()
	return true
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

// wait returns true when there may be something to pop, and false when the queue is closed.
func (q *queue[T, S]) wait() bool {
	for {
		q.mu.Lock()
		closed, n := q.closed, q.line.Len()
		q.mu.Unlock()
		if closed {
			return false
		}
		if n > 0 {
			return true
		}
		<-q.arrived
	}
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

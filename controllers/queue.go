package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	minBackoff = 50 * time.Millisecond
	// maxBackoff bounds how long an object waits after an outage; the library's default is 1,000 s.
	maxBackoff = 30 * time.Second
)

// newRateLimiter returns the back-off of retries.
func newRateLimiter[T comparable]() workqueue.TypedRateLimiter[T] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[T](minBackoff, maxBackoff)
}

// newFairQueue returns a work queue of objects that serves the namespaces in turn, so that one tenant's burst does not make
// another tenant wait for its end.
func newFairQueue(name string, limiter workqueue.TypedRateLimiter[record.Key]) workqueue.TypedRateLimitingInterface[record.Key] {
	queue := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[record.Key]{Name: name, Queue: &fairStorage{}})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[record.Key]{Name: name, Queue: queue})
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[record.Key]{
		Name: name, DelayingQueue: delaying,
	})
}

// rotation holds a queue for each namespace and serves them in turn.
type rotation[Q any] struct {
	queues map[string]*Q
	turns  []string // namespaces with something queued, whose turn is next first
}

// of returns the queue of a namespace, a new one if it has none.
func (r *rotation[Q]) of(namespace string) *Q {
	q, ok := r.queues[namespace]
	if !ok {
		if r.queues == nil {
			r.queues = map[string]*Q{}
		}
		q = new(Q)
		r.queues[namespace] = q
		r.turns = append(r.turns, namespace)
	}
	return q
}

// serve has something taken out of the queue whose turn it is. It reports false, and does nothing, when there is none. take says whether
// the queue holds more.
func (r *rotation[Q]) serve(take func(*Q) (more bool)) bool {
	if len(r.turns) == 0 {
		return false
	}
	namespace := r.turns[0]
	r.turns = r.turns[1:]
	if take(r.queues[namespace]) {
		r.turns = append(r.turns, namespace)
	} else {
		delete(r.queues, namespace)
	}
	return true
}

// fairStorage holds what is queued: first in, first out within a namespace, the namespaces round robin. The work queue around it
// locks and leaves out duplicates.
type fairStorage struct {
	rotation rotation[[]record.Key]
	length   int
}

var _ workqueue.Queue[record.Key] = (*fairStorage)(nil)

// Touch does nothing: an object that is queued again keeps its place.
func (f *fairStorage) Touch(record.Key) {}

// Push queues an object.
func (f *fairStorage) Push(key record.Key) {
	queued := f.rotation.of(key.Namespace)
	*queued = append(*queued, key)
	f.length++
}

// Len returns how many objects are queued.
func (f *fairStorage) Len() int { return f.length }

// Pop returns the next object. It must not be called when nothing is queued.
func (f *fairStorage) Pop() (key record.Key) {
	f.rotation.serve(func(queued *[]record.Key) bool {
		key, *queued = (*queued)[0], (*queued)[1:]
		return len(*queued) > 0
	})
	f.length--
	return key
}

// queueSource lets code outside a controller add to its queue. What is added before the controller starts is kept.
type queueSource[K comparable] struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[K]
	early []K
	later map[K]time.Time
}

// Start hands the source the controller's queue.
func (s *queueSource[K]) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[K]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = queue
	for _, key := range s.early {
		queue.Add(key)
	}
	for key, at := range s.later {
		queue.AddAfter(key, time.Until(at))
	}
	s.early, s.later = nil, nil
	return nil
}

// add queues a key.
func (s *queueSource[K]) add(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		s.early = append(s.early, key)
		return
	}
	s.queue.Add(key)
}

// forget drops a key that was to be queued later, as long as the controller has not started.
func (s *queueSource[K]) forget(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.later, key)
}

// addAt queues a key when its time comes.
func (s *queueSource[K]) addAt(key K, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		if s.later == nil {
			s.later = map[K]time.Time{}
		}
		s.later[key] = at
		return
	}
	s.queue.AddAfter(key, time.Until(at))
}

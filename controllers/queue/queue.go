package queue

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	MinBackoff = 50 * time.Millisecond
	// MaxBackoff bounds how long an object waits after an outage; the library's default is 1,000 s.
	MaxBackoff = 30 * time.Second
)

// NewRateLimiter returns the back-off of retries.
func NewRateLimiter[T comparable]() workqueue.TypedRateLimiter[T] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[T](MinBackoff, MaxBackoff)
}

// NewFair returns a work queue of objects that serves the namespaces in turn, so that one tenant's burst does not make
// another tenant wait for its end.
func NewFair(name string, limiter workqueue.TypedRateLimiter[record.Key]) workqueue.TypedRateLimitingInterface[record.Key] {
	queue := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[record.Key]{Name: name, Queue: &fairStorage{}})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[record.Key]{Name: name, Queue: queue})
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[record.Key]{
		Name: name, DelayingQueue: delaying,
	})
}

// RoundRobin holds a queue for each namespace and serves them in turn.
type RoundRobin[Q any] struct {
	queues map[string]*Q
	order  []string // namespaces with something queued, whose turn is next first
}

// Of returns the queue of a namespace, a new one if it has none.
func (r *RoundRobin[Q]) Of(namespace string) *Q {
	q, ok := r.queues[namespace]
	if !ok {
		if r.queues == nil {
			r.queues = map[string]*Q{}
		}
		q = new(Q)
		r.queues[namespace] = q
		r.order = append(r.order, namespace)
	}
	return q
}

// Serve has something taken out of the queue whose turn it is. It reports false, and does nothing, when there is none. take says whether
// the queue holds more.
func (r *RoundRobin[Q]) Serve(take func(*Q) (more bool)) bool {
	if len(r.order) == 0 {
		return false
	}
	namespace := r.order[0]
	r.order = r.order[1:]
	if take(r.queues[namespace]) {
		r.order = append(r.order, namespace)
	} else {
		delete(r.queues, namespace)
	}
	return true
}

// fairStorage holds what is queued: first in, first out within a namespace, the namespaces round robin. The work queue around it
// locks and leaves out duplicates.
type fairStorage struct {
	rotation RoundRobin[[]record.Key]
	length   int
}

var _ workqueue.Queue[record.Key] = (*fairStorage)(nil)

// Touch does nothing: an object that is queued again keeps its place.
func (f *fairStorage) Touch(record.Key) {}

// Push queues an object.
func (f *fairStorage) Push(key record.Key) {
	queued := f.rotation.Of(key.Namespace)
	*queued = append(*queued, key)
	f.length++
}

// Len returns how many objects are queued.
func (f *fairStorage) Len() int { return f.length }

// Pop returns the next object. It must not be called when nothing is queued.
func (f *fairStorage) Pop() (key record.Key) {
	f.rotation.Serve(func(queued *[]record.Key) bool {
		key, *queued = (*queued)[0], (*queued)[1:]
		return len(*queued) > 0
	})
	f.length--
	return key
}

// Source lets code outside a controller add to its queue. What is added before the controller starts is kept.
type Source[K comparable] struct {
	mu          sync.Mutex
	queue       workqueue.TypedRateLimitingInterface[K]
	beforeStart []K
	Later       map[K]time.Time
}

// Start hands the source the controller's queue.
func (s *Source[K]) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[K]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = queue
	for _, key := range s.beforeStart {
		queue.Add(key)
	}
	for key, at := range s.Later {
		queue.AddAfter(key, time.Until(at))
	}
	s.beforeStart, s.Later = nil, nil
	return nil
}

// Add queues a key.
func (s *Source[K]) Add(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		s.beforeStart = append(s.beforeStart, key)
		return
	}
	s.queue.Add(key)
}

// Forget drops a key that was to be queued later, as long as the controller has not started.
func (s *Source[K]) Forget(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.Later, key)
}

// AddAt queues a key when its time comes.
func (s *Source[K]) AddAt(key K, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		if s.Later == nil {
			s.Later = map[K]time.Time{}
		}
		s.Later[key] = at
		return
	}
	s.queue.AddAfter(key, time.Until(at))
}

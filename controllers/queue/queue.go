package queue

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// MinBackoff is the pause before the first retry.
	MinBackoff = 50 * time.Millisecond
	// MaxBackoff bounds the pause, and so how long an object waits after an outage. The library's default is 1,000 s.
	MaxBackoff = 30 * time.Second
)

// NewRateLimiter returns the backoff of retries.
func NewRateLimiter[T comparable]() workqueue.TypedRateLimiter[T] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[T](MinBackoff, MaxBackoff)
}

// NewFair returns a work queue of objects that serves the namespaces in turn, so that a burst of one tenant does not delay another tenant. Within a
// namespace it serves few objects for which canWait is true while others are queued. It calls canWait when an object is queued.
func NewFair(name string, limiter workqueue.TypedRateLimiter[record.Key], canWait func(record.Key) bool) workqueue.TypedRateLimitingInterface[record.Key] {
	queue := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[record.Key]{Name: name, Queue: &fairStorage{canWait: canWait}})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[record.Key]{Name: name, Queue: queue})
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[record.Key]{
		Name: name, DelayingQueue: delaying,
	})
}

// RoundRobin holds a queue for each namespace and serves them in turn.
type RoundRobin[Q any] struct {
	queues map[string]*Q
	order  []string // namespaces with a queue, in the order in which they are served
}

// Of returns the queue of a namespace, and creates it if it does not exist.
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

// Serve calls take with the queue that is next in the order. take removes an element and returns whether the queue holds more. Serve returns
// false, and does nothing, if no namespace has a queue.
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

// waitingEvery is how many objects of a namespace include one that can wait. So a stream of other objects delays it, and never stops it.
const waitingEvery = 4

// namespaceObjects holds the queued objects of one namespace, first in, first out.
type namespaceObjects struct {
	urgent, canWait []record.Key
	served          int // number of objects that were served while both held some, modulo waitingEvery
}

// pop removes the next object and returns it.
func (o *namespaceObjects) pop() (key record.Key) {
	from := &o.urgent
	if len(o.urgent) > 0 && len(o.canWait) > 0 {
		o.served = (o.served + 1) % waitingEvery
	}
	if len(o.urgent) == 0 || len(o.canWait) > 0 && o.served == 0 {
		from = &o.canWait
	}
	key, *from = (*from)[0], (*from)[1:]
	return key
}

// fairStorage is the storage of a work queue: round robin between the namespaces, and within a namespace the objects that can wait come last. The work
// queue around it locks it and removes duplicates.
type fairStorage struct {
	canWait  func(record.Key) bool
	rotation RoundRobin[namespaceObjects]
	length   int
}

var _ workqueue.Queue[record.Key] = (*fairStorage)(nil)

// Touch does nothing: an object that is queued again keeps its position.
func (f *fairStorage) Touch(record.Key) {}

// Push queues an object.
func (f *fairStorage) Push(key record.Key) {
	objects := f.rotation.Of(key.Namespace)
	if f.canWait(key) {
		objects.canWait = append(objects.canWait, key)
	} else {
		objects.urgent = append(objects.urgent, key)
	}
	f.length++
}

// Len returns how many objects are queued.
func (f *fairStorage) Len() int { return f.length }

// Pop removes the next object and returns it. The queue must not be empty.
func (f *fairStorage) Pop() (key record.Key) {
	f.rotation.Serve(func(objects *namespaceObjects) bool {
		key = objects.pop()
		return len(objects.urgent)+len(objects.canWait) > 0
	})
	f.length--
	return key
}

// Source lets code outside a controller add to the controller's queue. It keeps keys that are added before the controller starts.
type Source[K comparable] struct {
	mu          sync.Mutex
	queue       workqueue.TypedRateLimitingInterface[K]
	beforeStart []K
	Later       map[K]time.Time // keys that AddAt added before the start
}

// Start gives the controller's queue to the source.
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

// Forget removes a key that AddAt added before the start. After the start it does nothing.
func (s *Source[K]) Forget(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.Later, key)
}

// AddAt queues a key at a time.
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

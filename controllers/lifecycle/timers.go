package lifecycle

import (
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Timers holds when each object must be reconciled next. An informer keeps it equal to status.timerTime of the objects.
type Timers struct {
	mu sync.Mutex
	At map[record.Key]time.Time
}

// NewTimers returns an empty set of timers.
func NewTimers() *Timers { return &Timers{At: map[record.Key]time.Time{}} }

// Set sets the timer of an object.
func (t *Timers) Set(key record.Key, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.At[key] = at
}

func (t *Timers) clear(key record.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.At, key)
}

// Next returns when an object's timer is due; false if the object has no timer.
func (t *Timers) Next(key record.Key) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.At[key]
	return at, ok
}

// NewTimerHandler returns a handler for an informer of mirrors. It sets the timer of each mirror, and enqueues the mirror for that time.
func NewTimerHandler(timers *Timers, fold *queue.Source[record.Key]) toolscache.ResourceEventHandler {
	set := func(object any) {
		m := mirror.Of(object.(client.Object))
		if _, at := m.Timer(); at != nil {
			timers.Set(mirror.KeyOf(m), at.Time)
			fold.AddAt(mirror.KeyOf(m), at.Time)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    set,
		UpdateFunc: func(_, object any) { set(object) },
		DeleteFunc: func(object any) {
			if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			key := mirror.KeyOf(mirror.Of(object.(client.Object)))
			timers.clear(key)
			fold.Forget(key)
		},
	}
}

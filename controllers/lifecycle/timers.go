package lifecycle

import (
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Timers knows when the operator must come back to which object. An informer keeps it equal to the status.timerTime of the
// objects that have one.
type Timers struct {
	mu sync.Mutex
	At map[record.Key]time.Time
}

func NewTimers() *Timers { return &Timers{At: map[record.Key]time.Time{}} }

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

// Next returns when an object's timer is due; false if it has none.
func (t *Timers) Next(key record.Key) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.At[key]
	return at, ok
}

func NewTimerHandler(kind record.Kind, timers *Timers, fold *queue.Source[record.Key]) toolscache.ResourceEventHandler {
	set := func(object any) {
		m, key := timedMirror(kind, object)
		if _, at := m.Timer(); at != nil {
			timers.Set(key, at.Time)
			fold.AddAt(key, at.Time)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    set,
		UpdateFunc: func(_, object any) { set(object) },
		DeleteFunc: func(object any) {
			if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			_, key := timedMirror(kind, object)
			timers.clear(key)
			fold.Forget(key)
		},
	}
}

func timedMirror(kind record.Kind, object any) (mirror.Object, record.Key) {
	var m mirror.Object
	switch o := object.(type) {
	case *fastpixv1.MediaAsset:
		m = &mirror.MediaAsset{MediaAsset: *o}
	case *fastpixv1.LiveStream:
		m = &mirror.LiveStream{LiveStream: *o}
	}
	return m, record.Key{Kind: kind, Namespace: m.APIObject().GetNamespace(), Name: m.APIObject().GetName()}
}

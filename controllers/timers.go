package controllers

import (
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// timers knows when the operator must come back to which object. An informer keeps it equal to the status.timerTime of the
// objects that have one.
type timers struct {
	mu sync.Mutex
	at map[record.Key]time.Time
}

func newTimers() *timers { return &timers{at: map[record.Key]time.Time{}} }

func (t *timers) set(key record.Key, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at[key] = at
}

func (t *timers) clear(key record.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.at, key)
}

// next returns when an object's timer is due; false if it has none.
func (t *timers) next(key record.Key) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.at[key]
	return at, ok
}

func timerHandler(kind record.Kind, timers *timers, fold *queueSource[record.Key]) toolscache.ResourceEventHandler {
	set := func(object any) {
		m, key := timedMirror(kind, object)
		if _, at := m.timer(); at != nil {
			timers.set(key, at.Time)
			fold.addAt(key, at.Time)
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
			fold.forget(key)
		},
	}
}

func timedMirror(kind record.Kind, object any) (mirror, record.Key) {
	var m mirror
	switch o := object.(type) {
	case *fastpixv1.MediaAsset:
		m = &mediaMirror{*o}
	case *fastpixv1.LiveStream:
		m = &streamMirror{*o}
	}
	return m, record.Key{Kind: kind, Namespace: m.object().GetNamespace(), Name: m.object().GetName()}
}

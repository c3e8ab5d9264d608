package controllers

import (
	"encoding/json"
	"time"

	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// writtenEntries bounds what is remembered: that many mirrors of 1 to 6 kB.
	writtenEntries = 4096
	writtenTTL     = time.Hour
)

// written remembers mirrors as the last write left them, so that the next event about one needs no read. It keeps their JSON: decoded, a
// mirror takes three times as much, and a hundred pieces for the collector to follow.
type written struct{ cache *cache.LRUExpireCache }

func newWritten(entries int) written { return written{cache.NewLRUExpireCache(entries)} }

// get returns a mirror that is the caller's own, nil if none is remembered.
func (w written) get(key record.Key) mirror {
	text, ok := w.cache.Get(key)
	if !ok {
		return nil
	}
	m := newMirror(key.Kind)
	if err := json.Unmarshal(text.([]byte), m.object()); err != nil {
		return nil
	}
	return m
}

// set remembers a mirror, but not its managed fields.
func (w written) set(key record.Key, m mirror) {
	m.object().SetManagedFields(nil)
	text, err := json.Marshal(m.object())
	if err != nil {
		w.drop(key)
		return
	}
	w.cache.Add(key, text, writtenTTL)
}

func (w written) drop(key record.Key) { w.cache.Remove(key) }

package controllers

import (
	"encoding/json"
	"time"

	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// writtenEntries and maxWrittenBytes bound what is remembered: that many mirrors, each of 1 to 6 kB. Senders decide how large a mirror
	// becomes, up to 1 MB: a larger one is read again before each write.
	writtenEntries  = 4096
	maxWrittenBytes = 8 << 10
	writtenTTL      = time.Hour
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

// set remembers a mirror that is not too large, but not its managed fields.
func (w written) set(key record.Key, m mirror) {
	m.object().SetManagedFields(nil)
	text, err := json.Marshal(m.object())
	if err != nil || len(text) > maxWrittenBytes {
		w.drop(key)
		return
	}
	w.cache.Add(key, text, writtenTTL)
}

func (w written) drop(key record.Key) { w.cache.Remove(key) }

package mirror

import (
	"encoding/json"
	"time"

	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// CacheEntries and MaxCachedBytes bound what is remembered: that many mirrors, each of 1 to 6 kB. Senders decide how large a mirror
	// becomes, up to 1 MB: a larger one is read again before each write.
	CacheEntries   = 4096
	MaxCachedBytes = 8 << 10
	cacheTTL       = time.Hour
)

// Cache remembers mirrors as the last write left them, so that the next event about one needs no read. It keeps their JSON: decoded, a
// mirror takes three times as much, and a hundred pieces for the collector to follow.
type Cache struct{ cache *cache.LRUExpireCache }

func NewCache(entries int) Cache { return Cache{cache.NewLRUExpireCache(entries)} }

// Get returns a mirror that is the caller's own, nil if none is remembered.
func (w Cache) Get(key record.Key) Object {
	text, ok := w.cache.Get(key)
	if !ok {
		return nil
	}
	m := New(key.Kind)
	if err := json.Unmarshal(text.([]byte), m.APIObject()); err != nil {
		return nil
	}
	return m
}

// Set remembers a mirror that is not too large, but not its managed fields.
func (w Cache) Set(key record.Key, m Object) {
	m.APIObject().SetManagedFields(nil)
	text, err := json.Marshal(m.APIObject())
	if err != nil || len(text) > MaxCachedBytes {
		w.Drop(key)
		return
	}
	w.cache.Add(key, text, cacheTTL)
}

func (w Cache) Drop(key record.Key) { w.cache.Remove(key) }

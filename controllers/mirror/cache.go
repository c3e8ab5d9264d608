package mirror

import (
	"encoding/json"
	"time"

	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// CacheEntries bounds the mirrors in the cache. Most mirrors have 1 to 6 kB.
	CacheEntries = 4096
	// maxCachedBytes bounds a cached mirror. A sender can make a mirror as large as 1 MB; a larger one is read before each write instead.
	maxCachedBytes = 8 << 10
	cacheTTL       = time.Hour
)

// Cache holds mirrors as the last write left them, so that the next event of an object needs no read. It holds JSON: a decoded mirror takes
// three times the memory, in about a hundred allocations that the garbage collector must follow.
type Cache struct{ cache *cache.LRUExpireCache }

// NewCache returns an empty cache for that many mirrors.
func NewCache(entries int) Cache { return Cache{cache.NewLRUExpireCache(entries)} }

// Get returns a copy of a cached mirror; nil if the cache does not hold it.
func (c Cache) Get(key record.Key) Object {
	text, ok := c.cache.Get(key)
	if !ok {
		return nil
	}
	m := New(key.Kind)
	if err := json.Unmarshal(text.([]byte), m.APIObject()); err != nil {
		return nil
	}
	return m
}

// Set caches a mirror without its managed fields, unless it is too large.
func (c Cache) Set(key record.Key, m Object) {
	m.APIObject().SetManagedFields(nil)
	text, err := json.Marshal(m.APIObject())
	if err != nil || len(text) > maxCachedBytes {
		c.Drop(key)
		return
	}
	c.cache.Add(key, text, cacheTTL)
}

// Drop removes a mirror from the cache.
func (c Cache) Drop(key record.Key) { c.cache.Remove(key) }

package ingest

import "sync"

// cache is a map that forgets: it holds at least the max keys used last and at most twice as many.
type cache[V any] struct {
	mu         sync.Mutex
	max        int
	young, old map[string]V
}

func newCache[V any](max int) *cache[V] {
	return &cache[V]{max: max, young: map[string]V{}, old: map[string]V{}}
}

func (c *cache[V]) get(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.young[key]
	if ok {
		return v, true
	}
	if v, ok = c.old[key]; ok {
		c.put(key, v)
	}
	return v, ok
}

func (c *cache[V]) set(key string, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, v)
}

func (c *cache[V]) put(key string, v V) {
	if len(c.young) >= c.max {
		c.old, c.young = c.young, make(map[string]V, c.max)
	}
	c.young[key] = v
}

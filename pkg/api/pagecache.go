package api

import (
	"sync"
	"time"
)

const (
	// cacheBytes is what the cached pages of one api may take.
	cacheBytes = 16 << 20
	// cacheAge bounds how long a page outlives what retention took from it.
	cacheAge = 30 * time.Second
)

// pageCache keeps answers as they were sent, by their ETag. A tag holds the
// number of the user's newest change, so that an answer in the cache is never
// stale: with the next change nobody asks for it any more.
//
// It has two halves. What is used moves to the young one; when that is full it
// becomes the old one, and the old one is forgotten.
type pageCache struct {
	now func() time.Time

	mu         sync.Mutex
	young, old map[string]cachedPage
	size       int // of the young half
}

// cachedPage is a body and when it was made.
type cachedPage struct {
	body []byte
	made time.Time
}

func newPageCache(now func() time.Time) *pageCache {
	return &pageCache{now: now, young: map[string]cachedPage{}}
}

// get gives the body of an answer; it must not be changed.
func (c *pageCache) get(tag string) (body []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	page, ok := c.young[tag]
	if !ok {
		if page, ok = c.old[tag]; ok {
			c.keep(tag, page)
		}
	}
	if !ok || c.now().Sub(page.made) > cacheAge {
		return nil, false
	}
	return page.body, true
}

// put keeps a body.
func (c *pageCache) put(tag string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(tag, cachedPage{body, c.now()})
}

func (c *pageCache) keep(tag string, page cachedPage) {
	c.size += len(page.body) - len(c.young[tag].body)
	c.young[tag] = page
	if c.size > cacheBytes/2 {
		c.old, c.young, c.size = c.young, map[string]cachedPage{}, 0
	}
}

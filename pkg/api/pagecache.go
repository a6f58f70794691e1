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
	young, old map[string]*cachedPage
	size       int // of the young half
}

// cachedPage is an answer and when it was made. It is compressed once for each
// coding that somebody asks for.
type cachedPage struct {
	body  []byte
	links []string // the header Link
	made  time.Time

	zstd, gzip codedOnce
}

type codedOnce struct {
	once sync.Once
	body []byte
}

// in gives the body in a coding; it must not be changed.
func (p *cachedPage) in(c coding) []byte {
	kept := &p.gzip
	switch c {
	case "":
		return p.body
	case codingZstd:
		kept = &p.zstd
	}
	kept.once.Do(func() { kept.body = pack(p.body, c) })
	return kept.body
}

// size counts the codings too, which are about a third of the body together.
func (p *cachedPage) size() int { return len(p.body) + len(p.body)/3 }

func newPageCache(now func() time.Time) *pageCache {
	return &pageCache{now: now, young: map[string]*cachedPage{}}
}

// get gives an answer; it must not be changed.
func (c *pageCache) get(tag string) (page *cachedPage, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	page, ok = c.young[tag]
	if !ok {
		if page, ok = c.old[tag]; ok {
			c.keep(tag, page)
		}
	}
	if !ok || c.now().Sub(page.made) > cacheAge {
		return nil, false
	}
	return page, true
}

// put keeps a page.
func (c *pageCache) put(tag string, page *cachedPage) *cachedPage {
	c.mu.Lock()
	defer c.mu.Unlock()
	page.made = c.now()
	c.keep(tag, page)
	return page
}

func (c *pageCache) keep(tag string, page *cachedPage) {
	if before, ok := c.young[tag]; ok {
		c.size -= before.size()
	}
	c.size += page.size()
	c.young[tag] = page
	if c.size > cacheBytes/2 {
		c.old, c.young, c.size = c.young, map[string]*cachedPage{}, 0
	}
}

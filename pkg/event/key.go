package event

import (
	"crypto/sha256"
	"strings"
)

// ID is the identity of an event in the store: the first 16 bytes of the
// SHA-256 of its key. A hash that hostile posters can't steer keeps index
// entries short and of one length, whatever the network's keys look like.
func ID(key string) [16]byte {
	sum := sha256.Sum256([]byte(key))
	return [16]byte(sum[:16])
}

// AuthorKey is the author's identity, NETWORK:ACCOUNT; empty where the author
// is unknown. Of a deleted account it is the event's own key.
func (e *Event) AuthorKey() string {
	switch {
	case e.Account:
		return e.Key
	case e.Author.ID == "":
		return ""
	}
	return e.Network + ":" + e.Author.ID
}

// Permalink is where a person finds the post: URL, or what follows from the
// key; empty where neither is known.
func (e *Event) Permalink() string {
	if e.URL != "" || e.Account || e.Deleted {
		return e.URL
	}
	network, id, _ := strings.Cut(e.Key, ":")
	switch network {
	case "twitter":
		return twitterLink(e.Author.Handle, id)
	case "bluesky":
		return blueskyLink(id)
	}
	return ""
}

func twitterLink(handle, id string) string {
	if handle == "" {
		return "https://twitter.com/i/web/status/" + id
	}
	return "https://twitter.com/" + handle + "/status/" + id
}

// blueskyLink reads DID/COLLECTION/RKEY. Only posts have a page.
func blueskyLink(id string) string {
	did, rest, _ := strings.Cut(id, "/")
	rkey, isPost := strings.CutPrefix(rest, "app.bsky.feed.post/")
	if !isPost {
		return ""
	}
	return "https://bsky.app/profile/" + did + "/post/" + rkey
}

// Package auto recognises of each message which network it comes from and hands
// it to that network's decoder. It is handed the decoders, so that it knows
// nothing of them.
//
// How messages are told apart is specified in docs/events.md, "Telling networks
// apart".
package auto

import (
	"bytes"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

// Decoders are the decoders to choose from; all are required.
type Decoders struct {
	Twitter, Jetstream, Mastodon, Native event.Decoder
}

// Decoder hands each message to the decoder of its network.
type Decoder struct{ decoders Decoders }

// NewDecoder makes a decoder of all networks. It is used by one goroutine at a
// time.
func NewDecoder(d Decoders) *Decoder { return &Decoder{decoders: d} }

// Decode shrinks one message of any network.
//
// In: msg as the decoders of the networks take it, but for a bare id, which could
// be anything.
// Out: as theirs.
// Errors: theirs; *event.InvalidError for a message of none of them.
// Source: docs/events.md, "Telling networks apart".
func (d *Decoder) Decode(ev *event.Event, msg []byte) error {
	if len(msg) > event.MaxMessage {
		return shrink.Reject(event.ReasonOversize)
	}
	if shrink.IsBlank(msg) {
		return shrink.Blank
	}
	n, bad := recognise(msg)
	switch {
	case n == twitter:
		return d.decoders.Twitter.Decode(ev, msg)
	case n == jetstream:
		return d.decoders.Jetstream.Decode(ev, msg)
	case n == mastodon:
		return d.decoders.Mastodon.Decode(ev, msg)
	case n == native:
		return d.decoders.Native.Decode(ev, msg)
	case bad:
		return shrink.Reject(event.ReasonSyntax)
	}
	return shrink.Reject(event.ReasonUnknown)
}

type network uint8

const (
	unknown network = iota
	twitter
	jetstream
	mastodon
	native
)

// recognise says which network a message comes from. Where that is unknown, bad
// says that it is no JSON object either.
func recognise(msg []byte) (n network, bad bool) {
	s := jsonscan.New(msg)
	if s.Peek() != '{' {
		return recogniseLine(msg)
	}
	hasText, hasAccount := false, false
	for more := s.Object(); more; more = s.NextField() {
		key, first := s.Key(), s.Peek()
		// Bluesky's account events have an account too.
		if account := first == '{' && string(key) == "account"; account {
			hasAccount = true
		} else if n := telling(key); n != unknown {
			return n, false
		}
		hasText = hasText || string(key) == "text"
		s.Skip()
	}
	switch {
	case !s.End():
		return unknown, true
	case hasAccount:
		return mastodon, false
	case hasText:
		return native, false // the least of an event: an id and a text
	}
	return unknown, false
}

// recogniseLine knows lines of Mastodon's server-sent stream.
func recogniseLine(msg []byte) (n network, bad bool) {
	field, _, found := bytes.Cut(msg, []byte{':'})
	if found {
		switch string(field) {
		case "", "data", "event", "id", "retry":
			return mastodon, false
		}
	}
	return unknown, true
}

// telling says which network alone has a field of this name.
func telling(key []byte) network {
	switch string(key) {
	case "id_str", "user", "full_text", "favorited", "retweeted", "in_reply_to_status_id", "entities", "for_user",
		"delete", "limit", "warning", "disconnect", "friends", "friends_str", "control", "direct_message", "target",
		"scrub_geo", "status_withheld", "user_withheld", "user_delete", "user_undelete", "user_suspend",
		"user_unsuspend", "user_protect", "user_unprotect":
		return twitter
	case "did", "time_us", "commit":
		return jetstream
	case "content", "payload", "uri", "visibility", "spoiler_text", "in_reply_to_id", "reblog", "last_status",
		"unread", "media_attachments":
		return mastodon
	case "account", "key", "version", "network", "author", "audience", "deleted", "received_at", "langs", "links", "hashtags",
		"cashtags", "media", "reply_to", "repost_of", "quote_of", "thread":
		return native
	}
	return unknown
}

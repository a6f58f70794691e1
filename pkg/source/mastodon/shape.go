package mastodon

import (
	"bytes"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

// shape is what tells the objects of a stream apart, beside what a status has.
type shape struct {
	event   jsonscan.String
	payload []byte // raw value

	hasEvent, hasPayload                     bool
	conversation, notification, announcement bool
}

type shapeKind uint8

const (
	shapeOther shapeKind = iota
	shapeStatus
	shapeEnvelope
	shapeConversation
	shapeNotification
	shapeAnnouncement
)

// field takes the value of a field that belongs to the shape alone and reports
// whether it did.
func (sh *shape) field(s *jsonscan.Scanner, field int) bool {
	switch field {
	case fieldEvent:
		sh.hasEvent = true
		sh.event = s.Str()
		return true
	case fieldPayload:
		sh.hasPayload = true
		sh.payload = s.Raw()
		return true
	case fieldConversation:
		sh.conversation = true
	case fieldNotification:
		sh.notification = true
	case fieldAnnouncement:
		sh.announcement = true
	}
	return false
}

// kind says what an object is of which t was read.
func (sh *shape) kind(t *status) shapeKind {
	switch {
	case sh.hasEvent && sh.hasPayload:
		return shapeEnvelope
	case t.hasContent && !t.hasAccount && sh.announcement:
		return shapeAnnouncement
	case t.hasContent:
		return shapeStatus
	case sh.conversation:
		return shapeConversation
	case sh.notification && t.hasAccount:
		return shapeNotification
	}
	return shapeOther
}

// The names under which messages that are no posts are passed over.
var (
	overNotPublic = &event.PassedOverError{Kind: "not_public"}
	overHeartbeat = &event.PassedOverError{Kind: "heartbeat"}
	overLine      = &event.PassedOverError{Kind: "sse_line"}
	overUndefined = &event.PassedOverError{Kind: "undefined"}

	// By the name of the stream's event.
	overEvents = map[string]*event.PassedOverError{
		"notification":          {Kind: "notification"},
		"notifications_merged":  {Kind: "notifications_merged"},
		"conversation":          {Kind: "conversation"},
		"filters_changed":       {Kind: "filters_changed"},
		"announcement":          {Kind: "announcement"},
		"announcement.reaction": {Kind: "announcement.reaction"},
		"announcement.delete":   {Kind: "announcement.delete"},
		"encrypted_message":     {Kind: "encrypted_message"},
	}
)

// passedOver gives the error that passes over an object that is no status.
func (k shapeKind) passedOver() error {
	switch k {
	case shapeConversation:
		return overEvents["conversation"]
	case shapeNotification:
		return overEvents["notification"]
	default:
		return overEvents["announcement"]
	}
}

// frame shrinks an event of the server-sent stream, or some of its lines.
func (d *Decoder) frame(ev *event.Event, msg []byte) error {
	status, isUpdate := bytes.CutPrefix(msg, updateEvent)
	if isUpdate && len(status) > 0 && status[0] == '{' && bytes.IndexByte(status, '\n') < 0 {
		return d.object(ev, status, false)
	}
	var name, data []byte
	var hasName, hasData, hasOther bool
	for rest := msg; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		line = bytes.TrimRight(line, "\r")
		field, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimPrefix(value, []byte{' '})
		switch string(field) {
		case "event":
			name, hasName = value, true
		case "data":
			// Mastodon sends one line of data; JSON and ids have no line breaks.
			if hasData {
				return shrink.Reject(event.ReasonSyntax)
			}
			data, hasData = value, true
		case "id", "retry":
			hasOther = true
		case "":
		default:
			return shrink.Reject(event.ReasonSyntax)
		}
	}
	switch {
	case string(data) == "undefined":
		return overUndefined
	case hasName && hasData:
		return d.payload(ev, view(name), data)
	case hasData:
		return d.data(ev, data)
	case hasName || hasOther:
		return overLine
	}
	return overHeartbeat
}

// data shrinks the data of an event whose name is not known.
func (d *Decoder) data(ev *event.Event, data []byte) error {
	s := jsonscan.New(data)
	if s.Peek() == '{' {
		return d.object(ev, data, false)
	}
	return d.bare(ev, s)
}

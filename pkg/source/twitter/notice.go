package twitter

import (
	"unsafe"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

// notice is what a message says that is no tweet.
type notice struct {
	kind  noticeKind
	event jsonscan.String
	// Raw values.
	forUser, message, deletes, user, target, source []byte
}

// noticeKind tells the messages of a stream apart by the field that each has.
// Where a message has several, the greatest wins.
type noticeKind uint8

const (
	noticeNone noticeKind = iota
	noticeDirectMessage
	noticeEvent
	noticeFriends
	noticeControl
	noticeWarning
	noticeDisconnect
	noticeLimit
	noticeScrubGeo
	noticeStatusWithheld
	noticeUserWithheld
	noticeUserUndelete
	noticeUserSuspend
	noticeUserUnsuspend
	noticeUserProtect
	noticeUserUnprotect
	noticeDeleteDirectMessage
	noticeUserDelete
	noticeDelete
	noticeEnvelope
	noticeCount
)

// The names under which messages that are no posts are passed over.
var passedOver = [noticeCount]*event.PassedOverError{
	noticeDirectMessage:       {Kind: "direct_message"},
	noticeEvent:               {Kind: "event"},
	noticeFriends:             {Kind: "friends"},
	noticeControl:             {Kind: "control"},
	noticeWarning:             {Kind: "warning"},
	noticeDisconnect:          {Kind: "disconnect"},
	noticeLimit:               {Kind: "limit"},
	noticeScrubGeo:            {Kind: "scrub_geo"},
	noticeStatusWithheld:      {Kind: "status_withheld"},
	noticeUserWithheld:        {Kind: "user_withheld"},
	noticeUserUndelete:        {Kind: "user_undelete"},
	noticeUserSuspend:         {Kind: "user_suspend"},
	noticeUserUnsuspend:       {Kind: "user_unsuspend"},
	noticeUserProtect:         {Kind: "user_protect"},
	noticeUserUnprotect:       {Kind: "user_unprotect"},
	noticeDeleteDirectMessage: {Kind: "delete_direct_message"},
}

// passedOver gives the error that passes the message over; nil where it is to be
// decoded.
func (n *notice) passedOver() error {
	kind := n.kind
	if kind == noticeEvent && n.event.Is("user_delete") {
		return nil
	}
	if over := passedOver[kind]; over != nil {
		return over
	}
	return nil
}

// field takes the value of a field that tells a notice, and reports whether it
// did; null tells nothing.
func (n *notice) field(s *jsonscan.Scanner, field int) bool {
	switch {
	case field < fieldMessage:
		return false
	case field == fieldMessage:
		n.message = s.Raw()
	case field == fieldTarget:
		n.target = s.Raw()
	case field == fieldSource:
		n.source = s.Raw()
	case s.Peek() == 'n':
		return false
	default:
		n.take(s, noticeKind(field-fieldNotice))
	}
	return true
}

// take takes the value of the field that tells a kind.
func (n *notice) take(s *jsonscan.Scanner, kind noticeKind) {
	n.kind = max(n.kind, kind)
	switch kind {
	case noticeEnvelope:
		n.forUser = s.Raw()
	case noticeEvent:
		n.event = s.Str()
	case noticeDelete:
		n.deletes = s.Raw()
	case noticeUserDelete:
		n.user = s.Raw()
	default:
		s.Skip()
	}
}

var noticeKinds = map[string]noticeKind{
	"for_user":        noticeEnvelope,
	"delete":          noticeDelete,
	"user_delete":     noticeUserDelete,
	"user_undelete":   noticeUserUndelete,
	"user_suspend":    noticeUserSuspend,
	"user_unsuspend":  noticeUserUnsuspend,
	"user_protect":    noticeUserProtect,
	"user_unprotect":  noticeUserUnprotect,
	"user_withheld":   noticeUserWithheld,
	"status_withheld": noticeStatusWithheld,
	"scrub_geo":       noticeScrubGeo,
	"limit":           noticeLimit,
	"disconnect":      noticeDisconnect,
	"warning":         noticeWarning,
	"control":         noticeControl,
	"friends":         noticeFriends,
	"friends_str":     noticeFriends,
	"event":           noticeEvent,
	"direct_message":  noticeDirectMessage,
}

// fillDelete makes the deletion of a tweet.
func (d *Decoder) fillDelete(ev *event.Event) error {
	s := jsonscan.New(d.notice.deletes)
	var status, message []byte
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "status":
			status = s.Raw()
		case "direct_message":
			message = s.Raw()
		default:
			s.Skip()
		}
	}
	switch {
	case s.Bad():
		return shrink.Reject(event.ReasonSyntax)
	case s.Mismatch():
		return shrink.Reject(event.ReasonBadField)
	case present(status):
		return d.fillDeletion(ev, status, false)
	case present(message):
		return passedOver[noticeDeleteDirectMessage]
	}
	return shrink.Reject(event.ReasonUnknown)
}

// fillAccount makes the deletion of an account.
func (d *Decoder) fillAccount(ev *event.Event) error {
	n := &d.notice
	switch {
	case n.kind == noticeUserDelete:
		return d.fillDeletion(ev, n.user, true)
	case present(n.target):
		return d.fillDeletion(ev, n.target, true)
	}
	return d.fillDeletion(ev, n.source, true)
}

// fillDeletion makes the deletion of a tweet or an account. Twitter numbers no
// versions, so nothing comes after it. thing is an id, or an object with one.
func (d *Decoder) fillDeletion(ev *event.Event, thing []byte, account bool) error {
	str, num := thing, thing
	if len(thing) > 0 && thing[0] == '{' {
		str, num = nil, nil
		s := jsonscan.New(thing)
		for more := s.Object(); more; more = s.NextField() {
			switch string(s.Key()) {
			case "id":
				num = s.Raw()
			case "id_str":
				str = s.Raw()
			default:
				s.Skip()
			}
		}
		if s.Bad() {
			return shrink.Reject(event.ReasonSyntax)
		}
	}
	id, ok := first(str, num)
	if !ok {
		return shrink.Reject(event.ReasonNoID)
	}
	ev.Key = d.key(id)
	ev.Version = event.VersionFinal
	ev.Network = Network
	ev.Deleted, ev.Account = true, account
	return nil
}

// maxDigits is the length of the greatest id of 64 bits.
const maxDigits = 20

// number reads an id, written as a number or as a string of digits, and reports
// whether it is one. The result points into raw.
func number(raw []byte) (string, bool) {
	if n := len(raw); n > 2 && raw[0] == '"' && raw[n-1] == '"' {
		raw = raw[1 : n-1]
	}
	if len(raw) == 0 || len(raw) > maxDigits {
		return "", false
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return unsafe.String(unsafe.SliceData(raw), len(raw)), true
}

package shrink

import "riffle/pkg/event"

var rejections = func() []*event.InvalidError {
	list := make([]*event.InvalidError, len(event.Reasons()))
	for i, reason := range event.Reasons() {
		list[i] = &event.InvalidError{Reason: reason}
	}
	return list
}()

// Reject gives the ready-made error of a reason.
func Reject(reason event.Reason) error { return rejections[reason] }

// Blank passes over a message without content, such as a keep-alive line.
var Blank error = &event.PassedOverError{Kind: "blank"}

// IsBlank reports whether msg is nothing but white space.
func IsBlank(msg []byte) bool {
	for _, c := range msg {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

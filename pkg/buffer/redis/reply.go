package redis

import (
	"fmt"

	"riffle/pkg/event"
	"riffle/pkg/retry"
)

// reply reads the values of a script's answer one after the other. The first
// that does not fit the script's description is kept as err, and the rest read
// as zero.
type reply struct {
	values []any
	at     int
	err    error
}

func (r *reply) next() any {
	if r.at >= len(r.values) {
		r.fail("nothing")
		return nil
	}
	r.at++
	return r.values[r.at-1]
}

// fail is transient: the answer is another version's, and an upgrade passes.
func (r *reply) fail(got any) {
	if r.err == nil {
		r.err = retry.Transient(fmt.Errorf("unexpected answer: value %d is %v", r.at, got))
	}
}

func (r *reply) number() int64 {
	v := r.next()
	n, ok := v.(int64)
	if !ok {
		r.fail(v)
	}
	return n
}

func (r *reply) text() string {
	v := r.next()
	s, ok := v.(string)
	if !ok {
		r.fail(v)
	}
	return s
}

func (r *reply) list() []any {
	v := r.next()
	l, ok := v.([]any)
	if !ok {
		r.fail(v)
	}
	return l
}

func (r *reply) frameID() event.FrameID {
	var id event.FrameID
	if s := r.text(); copy(id[:], s) != len(id) || len(s) != len(id) {
		r.fail("not a frame id")
	}
	return id
}

// position reads frame, cursor and writer.
func (r *reply) position() event.Position {
	return event.Position{Frame: r.frameID(), Cursor: r.text(), Writer: r.text()}
}

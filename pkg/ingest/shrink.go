package ingest

import (
	"errors"
	"fmt"
	"strconv"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/pulse"
)

// worker turns chunks into frames.
type worker struct {
	in      *Ingest
	decoder event.Decoder
	encoder *event.Encoder
	ev      event.Event
	key     []byte
	pulse   *pulse.Loop
	// recorded: the source is a Recording.
	recorded bool
}

// Recording is a source of what was gathered or made up before: a file, not a
// stream.
type Recording interface{ IsRecording() }

func (in *Ingest) newWorker(loop *pulse.Loop) *worker {
	_, recorded := in.source.(Recording)
	return &worker{in: in, decoder: in.source.NewDecoder(), encoder: event.NewEncoder(), pulse: loop, recorded: recorded}
}

// run works until there are no more chunks.
func (w *worker) run(work <-chan *chunk) {
	for c := range work {
		w.pulse.Within(stepTime)
		w.shrink(c)
		w.pulse.Rest()
		c.done <- struct{}{}
	}
}

// shrink decodes the messages of c into its frame and counts them.
func (w *worker) shrink(c *chunk) {
	for next := 0; next < len(c.messages); {
		next = w.decodeFrom(c, next)
	}
	if w.encoder.Len() > 0 {
		c.frame, c.err = w.encoder.Frame()
	}
}

// decodeFrom decodes the messages of c from index i on and returns where to go
// on. That is short of the end only after a message at which the decoder
// panicked: a bug, but one that must not let a single message stop the stream
// at each restart anew.
func (w *worker) decodeFrom(c *chunk, i int) (next int) {
	defer func() {
		if cause := recover(); cause != nil {
			w.in.log.Error("decoder panicked; message rejected, please report it",
				zap.ByteString(obs.Cursor, c.cursor(i)), zap.String(obs.Error, fmt.Sprint(cause)), zap.Stack("stack"))
			w.decoder = w.in.source.NewDecoder()
			c.tally.rejected[event.ReasonUnknown]++
			next = i + 1
		}
	}()
	for ; i < len(c.messages); i++ {
		w.decode(c, i)
	}
	return i
}

func (w *worker) decode(c *chunk, i int) {
	if c.messages[i].oversize {
		w.reject(c, i, event.ReasonOversize)
		return
	}
	if err := w.decoder.Decode(&w.ev, c.bytes(i)); err != nil {
		w.refuse(c, i, err)
		return
	}
	w.complete(c, i)
	w.encoder.Append(&w.ev)
	c.tally.accepted++
	if line := w.in.log.Check(zap.DebugLevel, "event"); line != nil {
		line.Write(zap.String(obs.EventKey, w.ev.Key), zap.ByteString(obs.Cursor, c.cursor(i)))
	}
}

// complete adds what the wire does not tell.
func (w *worker) complete(c *chunk, i int) {
	w.ev.Source = w.in.name
	w.ev.Recorded = w.recorded
	w.ev.ReceivedAt = event.TimeOf(c.arrived)
	if len(w.ev.Audience) == 0 {
		w.ev.Audience = append(w.ev.Audience, w.in.audience...)
	}
	if round := c.messages[i].round; round > 0 {
		w.key = append(append(w.key[:0], w.ev.Key...), '#')
		w.ev.Key = string(strconv.AppendInt(w.key, int64(round), 10))
	}
}

// refuse counts a message of which the decoder made no event.
func (w *worker) refuse(c *chunk, i int, err error) {
	if over, is := errors.AsType[*event.PassedOverError](err); is {
		c.tally.passedOver[over.Kind]++
		return
	}
	reason := event.ReasonUnknown
	if invalid, is := errors.AsType[*event.InvalidError](err); is {
		reason = invalid.Reason
	}
	w.reject(c, i, reason)
}

func (w *worker) reject(c *chunk, i int, reason event.Reason) {
	c.tally.rejected[reason]++
	w.in.rejected.Warn(w.in.log, "message rejected",
		zap.Stringer(obs.Reason, reason), zap.ByteString(obs.Cursor, c.cursor(i)))
}

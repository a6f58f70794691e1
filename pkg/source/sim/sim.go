// Package sim is a source that generates its events: believable enough to look
// at, heavy enough for load, and the same each time for one seed.
//
// A message is nothing but a number; the decoder makes the event of that number.
// So generating runs in parallel, as decoding does, and any event can be had
// without those before it.
package sim

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/pace"
)

// Source counts. Its cursor is the number of the next event.
type Source struct {
	config     Config
	vocabulary *vocabulary
}

// New makes a source of c.
//
// Errors: words that cannot be read, which a test rules out.
func New(c Config) (*Source, error) {
	v, err := loadVocabulary()
	if err != nil {
		return nil, fmt.Errorf("sim: load vocabulary: %w", err)
	}
	return &Source{config: c, vocabulary: v}, nil
}

// Read counts on from cursor, at the source's rate.
//
// Errors: a cursor that is no number; what emit gives.
func (s *Source) Read(ctx context.Context, cursor string, emit func(event.Message) error) error {
	var n int64
	if cursor != "" {
		var err error
		if n, err = strconv.ParseInt(cursor, 10, 64); err != nil || n < 0 {
			return fmt.Errorf("sim: cursor %q is not a number; this name belongs to another kind of source: give this one a --name of its own", cursor)
		}
	}
	speed := pace.New(s.config.Rate)
	var data, next []byte
	for ; s.config.Count == 0 || n < s.config.Count; n++ {
		if err := speed.Wait(ctx); err != nil {
			return err
		}
		data = strconv.AppendInt(data[:0], n, 10)
		next = strconv.AppendInt(next[:0], n+1, 10)
		if err := emit(event.Message{Data: data, Cursor: next}); err != nil {
			return err
		}
	}
	return nil
}

// Reconnect gives up: there is nothing outside that could have failed.
func (s *Source) Reconnect(err error, _ bool) (time.Duration, error) { return 0, err }

// Replays is true: any number can be generated again.
func (s *Source) Replays() bool { return true }

// IsRecording says that this is no live stream.
func (s *Source) IsRecording() {}

// NewDecoder makes a generator.
func (s *Source) NewDecoder() event.Decoder { return newGenerator(s.config, s.vocabulary) }

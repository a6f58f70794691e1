package control

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// The keys. One hash tag, so that the scripts touch one slot.
const (
	entriesKey = "riffle:control:{beats}:entries"
	timesKey   = "riffle:control:{beats}:times"
)

//go:embed beat.lua
var beatText string

//go:embed beats.lua
var beatsText string

// Redis keeps signs of life and switches in the Redis of the buffer.
type Redis struct {
	client                      redis.UniversalClient
	beat, beats, flip, switches *redis.Script
	sample                      *redis.Script
}

// NewRedis uses a client that stays the caller's to close.
func NewRedis(client redis.UniversalClient) *Redis {
	return &Redis{
		client: client, beat: redis.NewScript(beatText), beats: redis.NewScript(beatsText),
		flip: redis.NewScript(switchText), switches: redis.NewScript(switchesText),
		sample: redis.NewScript(sampleText),
	}
}

// Beat keeps b. An error costs nothing but this one: the next is due anyway.
func (r *Redis) Beat(ctx context.Context, b Beat) error {
	entry, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("control: beat of %s: %w", b.Instance, err)
	}
	err = r.beat.Run(ctx, r.client, []string{entriesKey, timesKey}, b.Instance, entry, keep.Milliseconds(), most).Err()
	if err != nil {
		return fmt.Errorf("control: beat of %s: %w", b.Instance, err)
	}
	return nil
}

// Beats lists the last beat of every instance, the latest first.
func (r *Redis) Beats(ctx context.Context) ([]Beat, error) {
	answer, err := r.beats.Run(ctx, r.client, []string{entriesKey, timesKey}).Slice()
	if err != nil {
		return nil, fmt.Errorf("control: read beats: %w", err)
	}
	now, ok := answer[0].(int64)
	if !ok {
		return nil, errors.New("control: read beats: no time in the answer")
	}
	beats := make([]Beat, 0, len(answer)-1)
	for _, each := range answer[1:] {
		pair, ok := each.([]any)
		if !ok || len(pair) != 2 {
			continue
		}
		entry, _ := pair[0].(string)
		seen, _ := pair[1].(int64)
		if b, err := read([]byte(entry), seen, now); err == nil { // others are of a program that we do not know
			beats = append(beats, b)
		}
	}
	return beats, nil
}

// read makes a beat of what was kept, with the times of the keeper in ms.
func read(entry []byte, seen, now int64) (Beat, error) {
	var b Beat
	err := json.Unmarshal(entry, &b)
	b.Seen = time.UnixMilli(seen).UTC()
	b.Age = max(0, time.Duration(now-seen)*time.Millisecond)
	return b, err
}

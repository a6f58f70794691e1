package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"riffle/pkg/event"
	"riffle/pkg/retry"
)

// Options of a buffer. The zero value works.
type Options struct {
	// MaxEvents is how many events may wait for a source; a push finding as many
	// is refused with event.ErrFull. 0: as many as Redis holds.
	MaxEvents int64
	// Lease is how long a taken frame is left alone; 15 s when 0.
	Lease time.Duration
	// Silence is how long a writer must not have been heard of before another
	// one may take its source's name; 15 s when 0.
	Silence time.Duration
}

const (
	defaultLease   = 15 * time.Second
	defaultSilence = 15 * time.Second
)

// Acknowledged frames stay for a minute, for the comparison with a store that
// failed over to an older copy; but not more bytes of them for each source, or
// a fast stream would fill Redis with what is done.
const (
	keepAcked      = time.Minute
	keepAckedBytes = 64 << 20
)

// Buffer is a connection to the buffer. It may be used by many goroutines.
type Buffer struct {
	client    goredis.UniversalClient
	owned     bool
	options   Options
	scripts   scripts
	keepBytes int // of acknowledged frames
	want      durability
	met       *atomic.Bool // whether the server has let this process in and was fit

	mu      sync.Mutex
	sources []string // sorted; as of listed
	listed  time.Time
	next    int // the source that the next round of Take begins with
}

// Open makes a buffer on the server of address (see Connect), which may say with
// the parameter durability what the server is asked to keep (Weaknesses).
//
// A server that is away is no error, since stages start with their neighbours
// down: each call answers with a transient error until it is there.
//
// Errors: a wrong URL; *UnfitError; a login that the server refuses.
func Open(ctx context.Context, address string, options Options) (*Buffer, error) {
	address, want, err := cutDurability(address)
	if err != nil {
		return nil, err
	}
	met := new(atomic.Bool)
	client, err := connect(address, met)
	if err != nil {
		return nil, err
	}
	b := New(client, options)
	b.owned, b.want, b.met = true, want, met
	if err := b.Ping(ctx); err != nil && !retry.IsTransient(err) {
		return nil, errors.Join(err, client.Close())
	}
	return b, nil
}

// New makes a buffer on a client that stays the caller's to close.
func New(client goredis.UniversalClient, options Options) *Buffer {
	if options.Lease == 0 {
		options.Lease = defaultLease
	}
	if options.Silence == 0 {
		options.Silence = defaultSilence
	}
	return &Buffer{client: client, options: options, scripts: newScripts(), keepBytes: keepAckedBytes, want: keepsMost, met: new(atomic.Bool)}
}

// Ping asks whether the server answers and is fit.
func (b *Buffer) Ping(ctx context.Context) error {
	if err := b.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("buffer: reach redis: %w", b.classify(ctx, err))
	}
	return nil
}

// Client is the connection, for what else lives on the same server.
func (b *Buffer) Client() goredis.UniversalClient { return b.client }

// Close ends the connection. It may be called twice.
func (b *Buffer) Close() error {
	if !b.owned {
		return nil
	}
	if err := b.client.Close(); err != nil && !errors.Is(err, goredis.ErrClosed) {
		return fmt.Errorf("buffer: close: %w", err)
	}
	return nil
}

// listAge is how old the list of sources may be: a new source's frames wait that
// long at most.
const listAge = time.Second

// round lists the sources, beginning with another one each time.
func (b *Buffer) round(ctx context.Context) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sources) == 0 || time.Since(b.listed) > listAge {
		sources, err := b.client.SMembers(ctx, registry).Result()
		if err != nil {
			return nil, fmt.Errorf("buffer: list sources: %w", b.classify(ctx, err))
		}
		slices.Sort(sources)
		b.sources, b.listed = sources, time.Now()
	}
	if len(b.sources) == 0 {
		return nil, nil
	}
	b.next %= len(b.sources)
	round := slices.Concat(b.sources[b.next:], b.sources[:b.next])
	b.next++
	return round, nil
}

// Depths says what waits for each source.
func (b *Buffer) Depths(ctx context.Context) ([]event.Depth, error) {
	sources, err := b.client.SMembers(ctx, registry).Result()
	if err != nil {
		return nil, fmt.Errorf("buffer: list sources: %w", b.classify(ctx, err))
	}
	slices.Sort(sources)
	depths := make([]event.Depth, 0, len(sources))
	for _, source := range sources {
		keys := []string{sourceKey(source), framesKey(source), leasesKey(source), agesKey(source)}
		answer, err := b.scripts.depth.Run(ctx, b.client, keys).Slice()
		if err != nil {
			return nil, b.wrap(ctx, err, "read depth", source)
		}
		d, err := parseDepth(source, answer)
		if err != nil {
			return nil, b.wrap(ctx, err, "read depth", source)
		}
		depths = append(depths, d)
	}
	return depths, nil
}

func parseDepth(source string, answer []any) (event.Depth, error) {
	r := reply{values: answer}
	d := event.Depth{
		Source: source, Frames: r.number(), Events: r.number(), Bytes: r.number(), InFlight: r.number(),
		Oldest: event.Time(r.number()), Position: r.position(), Pushed: event.Time(r.number()),
		Seen: event.Time(r.number()), OldestInFlight: event.Time(r.number()),
	}
	return d, r.err
}

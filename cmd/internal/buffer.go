package internal

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"riffle/pkg/api"
	"riffle/pkg/buffer/redis"
	"riffle/pkg/buffer/sqlite"
	"riffle/pkg/config"
	"riffle/pkg/control"
	"riffle/pkg/filter"
	"riffle/pkg/ingest"
	"riffle/pkg/pause"
	"riffle/pkg/retry"
)

// Buffer is the buffer that a URL names, as all stages see it.
type Buffer struct {
	filter.Taker
	api.DepthReader
	api.StageReader
	Board
	api.SampleKeeper
	control.Switchboard
	io.Closer
	// Where is its URL without the password.
	Where string
	// Pause tells the side that takes of the filters' switch.
	Pause func(ctx context.Context, s pause.Switch) error
	// Room says how full its server's memory is; nil where it is on a disk.
	Room func(ctx context.Context) (used, size int64, err error)
	// Dir is the folder of one on a disk.
	Dir string
	// LetGo takes sources that are drained and long silent off the list.
	LetGo func(ctx context.Context, silence time.Duration) (gone []string, err error)
	// Recent is what it still has of what was acknowledged; nil where store and
	// buffer are on one disk.
	Recent filter.Recent
	// Weaknesses says in what the server keeps less than was asked for; nil where
	// there is no server.
	Weaknesses func(ctx context.Context) ([]string, error)
	// Pusher gives the pushing side of a source. writer is this process's name.
	Pusher func(source, writer string) ingest.Pusher
}

// OpenBuffer opens the buffer. One that is away is no error: each call answers
// with a transient error until it is there.
//
// Errors: *config.Error for a buffer that will not be fit without a change: a
// refused login, a server that is too old or that may evict keys.
func OpenBuffer(ctx context.Context, c *config.Buffer, most config.Count) (*Buffer, error) {
	b, err := openBuffer(ctx, c, int64(most))
	if err != nil {
		return nil, unfit("--buffer", c.String(), err)
	}
	b.Where = c.String()
	return b, nil
}

func openBuffer(ctx context.Context, c *config.Buffer, most int64) (*Buffer, error) {
	if c.Path != "" {
		return openEmbedded(ctx, c.Path, most)
	}
	b, err := redis.Open(ctx, c.URL, redis.Options{MaxEvents: most})
	if err != nil {
		return nil, err
	}
	board := control.NewRedis(b.Client())
	return &Buffer{
		Taker: b, Recent: b, Weaknesses: b.Weaknesses, DepthReader: b, Closer: b, Board: board, SampleKeeper: board, Switchboard: board, StageReader: stageReader{board}, Pause: b.Pause, LetGo: b.LetGo,
		Room:   b.Room,
		Pusher: func(source, writer string) ingest.Pusher { return b.Writer(source, writer) },
	}, nil
}

func openEmbedded(ctx context.Context, path string, most int64) (*Buffer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	b, err := sqlite.Open(ctx, path, sqlite.Options{MaxEvents: most})
	if err != nil {
		return nil, err
	}
	board, err := control.OpenSQLite(ctx, path)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &Buffer{
		Dir:   filepath.Dir(path),
		Taker: b, DepthReader: b, Closer: closers{board, b}, Board: board, SampleKeeper: board, Switchboard: board, StageReader: stageReader{board},
		Pause:  b.Pause,
		LetGo:  func(context.Context, time.Duration) ([]string, error) { return nil, nil }, // there it costs nothing
		Pusher: func(source, writer string) ingest.Pusher { return b.Writer(source, writer) },
	}, nil
}

// closers close in their order.
type closers []io.Closer

// Close closes all.
func (c closers) Close() error {
	var errs []error
	for _, closer := range c {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}

// unfit makes an error of the configuration of what no new try can mend.
func unfit(setting, from string, err error) error {
	if retry.IsTransient(err) || errors.Is(err, context.Canceled) {
		return err
	}
	return &config.Error{Mistakes: []config.Mistake{{Setting: setting, From: from, Problem: err.Error()}}}
}

package sqlite_test

import (
	"path/filepath"
	"testing"

	"riffle/pkg/buffer/buffertest"
	"riffle/pkg/buffer/sqlite"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	buffertest.Run(t, func(t *testing.T) buffertest.Opener {
		t.Helper()
		path := filepath.Join(t.TempDir(), "buffer.db")
		return func(tb testing.TB, o buffertest.Options) buffertest.Buffer {
			tb.Helper()
			b := open(tb, path, sqlite.Options(o))
			return buffertest.Buffer{
				Taker:  b,
				Writer: func(source, writer string) buffertest.Pusher { return b.Writer(source, writer) },
				Depths: b.Depths,
				Pause:  b.Pause,
			}
		}
	})
}

func open(tb testing.TB, path string, o sqlite.Options) *sqlite.Buffer {
	tb.Helper()
	b, err := sqlite.Open(tb.Context(), path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

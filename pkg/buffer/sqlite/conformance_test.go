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
		return func(t *testing.T, o buffertest.Options) buffertest.Buffer {
			t.Helper()
			b := open(t, path, sqlite.Options(o))
			return buffertest.Buffer{
				Taker:  b,
				Writer: func(source, writer string) buffertest.Pusher { return b.Writer(source, writer) },
				Depths: b.Depths,
			}
		}
	})
}

func open(t testing.TB, path string, o sqlite.Options) *sqlite.Buffer {
	t.Helper()
	b, err := sqlite.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

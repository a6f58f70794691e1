package sqlite_test

import (
	"path/filepath"
	"testing"

	"riffle/pkg/buffer/buffertest"
	"riffle/pkg/buffer/sqlite"
)

func BenchmarkPush(b *testing.B) {
	buffer := open(b, filepath.Join(b.TempDir(), "buffer.db"), sqlite.Options{})
	buffertest.BenchmarkPush(b, buffer.Writer("s", "w"))
}

func BenchmarkTake(b *testing.B) {
	buffer := open(b, filepath.Join(b.TempDir(), "buffer.db"), sqlite.Options{})
	buffertest.BenchmarkTake(b, buffer.Writer("s", "w"), buffer)
}

func BenchmarkBoth(b *testing.B) {
	buffer := open(b, filepath.Join(b.TempDir(), "buffer.db"), sqlite.Options{})
	buffertest.BenchmarkBoth(b, buffer.Writer("s", "w"), buffer)
}

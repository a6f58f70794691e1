package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"riffle/pkg/event"
)

// BenchmarkWrite measures how many match rows a second one store takes from 1, 2
// and 4 filters at once: rows of posts that a hundred users keep, where nearly
// all is match rows, and rows of posts that one user keeps.
func BenchmarkWrite(b *testing.B, open Open) {
	b.Helper()
	for _, kept := range []int{100, 1} {
		for _, writers := range []int{1, 2, 4} {
			b.Run(fmt.Sprintf("kept=%d/writers=%d", kept, writers), func(b *testing.B) {
				benchmarkWrite(b, open, kept, writers)
			})
		}
	}
}

// batchRows is how many match rows a filter writes at once.
const batchRows = 1000

func benchmarkWrite(b *testing.B, open Open, kept, writers int) {
	b.Helper()
	all, _ := open(b)
	s := share(all[:1])
	w := newWorld(s)
	batches := make([]*event.Batch, b.N)
	for i := range batches {
		batches[i] = w.keptBatch(batchRows/kept, kept)
	}
	var next atomic.Int64
	b.ResetTimer()
	var filters sync.WaitGroup
	for range writers {
		filters.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				if err := s.Write(b.Context(), batches[i]); err != nil {
					b.Errorf("Write: %v", err)
					return
				}
			}
		})
	}
	filters.Wait()
	b.ReportMetric(float64(batchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// keptBatch makes new posts that some random users keep.
func (w world) keptBatch(posts, kept int) *event.Batch {
	out := w.batch()
	text := strings.Repeat("a few words ", 12)
	for range posts {
		first := rand.Int64N(1000)
		users := make([]int64, kept)
		for i := range users {
			users[i] = first + int64(i)
		}
		v := verdict{
			key: fmt.Sprintf("test:%d", rand.Uint64()), version: 1, text: text,
			author: fmt.Sprint(rand.IntN(100_000)), users: users, tag: "news",
		}
		out.Verdicts = append(out.Verdicts, w.verdict(v))
	}
	return out
}

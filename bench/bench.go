package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/schollz/progressbar/v3"

	"riffle/pkg/obs"
)

// bench is what the rows share: data, servers and binaries are made when the
// first row asks for them.
type bench struct {
	length  time.Duration // of long rows
	short   bool
	matches int // of the largest store of the row pages
	outage  time.Duration
	profile string // folder for profiles; empty: none
	log     io.Writer
	bar     *progressbar.ProgressBar // nil unless log is a terminal
	dir     string                   // of this run's own files
	root    string                   // of the product's repository

	tweets  *corpus
	servers *servers
	built   bool
}

func newBench(length time.Duration, short bool, profile string, log io.Writer) (*bench, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "cmd")); err != nil {
		return nil, fmt.Errorf("bench runs in its own folder of the repository: %w", err)
	}
	// Short, since the path of a socket has some hundred bytes at most.
	dir, err := os.MkdirTemp("/tmp", "riffle-bench.")
	if err != nil {
		return nil, err
	}
	return &bench{length: length, short: short, profile: profile, log: log, dir: dir, root: root}, nil
}

func (b *bench) close() error {
	var err error
	if b.servers != nil {
		err = b.servers.stop()
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// say prints a line of progress, above the bar where there is one.
func (b *bench) say(format string, args ...any) {
	line := fmt.Sprintf("%s  %s", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
	if b.bar == nil {
		fmt.Fprintln(b.log, line)
		return
	}
	_, _ = progressbar.Bprintln(b.bar, line) // a bar that can't be drawn is no reason to stop
}

// showBar shows on a terminal how many of the rows are measured.
func (b *bench) showBar(rows int) {
	if !obs.IsTerminal(b.log) {
		return
	}
	b.bar = progressbar.NewOptions(rows, progressbar.OptionSetWriter(b.log), progressbar.OptionSetDescription("measuring"),
		progressbar.OptionFullWidth(), progressbar.OptionShowCount(), progressbar.OptionSetElapsedTime(true),
		progressbar.OptionOnCompletion(func() { fmt.Fprintln(b.log) }))
}

// measured moves the bar by one row.
func (b *bench) measured() {
	if b.bar != nil {
		_ = b.bar.Add(1)
	}
}

// rounds is how many pairs a short measurement takes, slice how long each is.
func (b *bench) rounds() int {
	if b.short {
		return 1
	}
	return 5
}

func (b *bench) slice() time.Duration {
	if b.short {
		return 300 * time.Millisecond
	}
	return 2 * time.Second
}

// conditions says what the numbers depend on.
func (b *bench) conditions() []string {
	lines := []string{fmt.Sprintf("%d cores, %s, long rows run %v", runtime.NumCPU(), runtime.Version(), b.length)}
	if b.short {
		lines = append(lines, "short run: the numbers mean little")
	}
	if b.tweets != nil {
		lines = append(lines, b.tweets.origin)
	}
	if b.servers != nil {
		lines = append(lines, b.servers.conditions)
	}
	return lines
}

// onOneCore runs f with one processor for Go's goroutines, its collector
// included.
func onOneCore(f func() (float64, error)) func() (float64, error) {
	return func() (float64, error) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		runtime.GC()
		return f()
	}
}

// perSecond calls f, which does some work and counts it, until the time is
// over.
func perSecond(ctx context.Context, d time.Duration, f func() (int, error)) (float64, error) {
	n, start := 0, time.Now()
	for time.Since(start) < d {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		done, err := f()
		if err != nil {
			return 0, err
		}
		n += done
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"riffle/pkg/buffer/buffertest"
	"riffle/pkg/event"
	"riffle/pkg/retry"
)

func openAt(t *testing.T, path string) *Buffer {
	t.Helper()
	b, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func pushed(t *testing.T, b *Buffer, frames ...event.Frame) {
	t.Helper()
	w := b.Writer("s", "w")
	at, err := w.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := w.Push(t.Context(), event.Push{Frame: f, Prev: at.Frame, Cursor: "c"}); err != nil {
			t.Fatal(err)
		}
		at.Frame = f.ID
	}
}

// pragma changes a setting of one of the buffer's connections.
func pragma(t *testing.T, d *database, text string) {
	t.Helper()
	if _, err := d.sql.ExecContext(t.Context(), "PRAGMA "+text); err != nil {
		t.Fatal(err)
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a #?% b.db") // nothing of it is taken for an option
	b := openAt(t, path)
	frames := buffertest.Frames(t, 3, 2)
	pushed(t, b, frames...)
	if _, err := b.Take(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is elsewhere: %v", err)
	}
	depths, err := openAt(t, path).Depths(t.Context())
	if err != nil || len(depths) != 1 || depths[0].Frames != 2 || depths[0].InFlight != 1 {
		t.Errorf("after reopening: got %+v, %v, want 2 frames waiting, one in flight", depths, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newer := filepath.Join(dir, "newer.db")
	b := openAt(t, newer)
	pragma(t, b.pushes, "user_version = 99")
	junk := filepath.Join(dir, "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, want string }{
		"newer schema":  {newer, "its schema is 99, ours 1"},
		"another file":  {junk, "not a database"},
		"no such place": {filepath.Join(dir, "none", "b.db"), "open " + dir},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := Open(t.Context(), test.path, Options{})
			if err == nil {
				t.Fatal("got a buffer, want an error", b.Close())
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want it to say %q", err, test.want)
			}
			if got, want := errors.Is(err, ErrSchema), name == "newer schema"; got != want {
				t.Errorf("schema error: got %t, want %t", got, want)
			}
		})
	}
}

// TestDiskFull: a push that finds no room is one into a full buffer, and what is
// there can be drained.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	b := openAt(t, filepath.Join(t.TempDir(), "b.db"))
	frames := buffertest.Frames(t, 2, 2)
	pushed(t, b, frames[0])
	pragma(t, b.pushes, "max_page_count = 1") // it takes the number of pages that there are
	big := frames[1]
	big.Data = append(big.Data, make([]byte, 100<<10)...)
	err := b.Writer("s", "w").Push(t.Context(), event.Push{Frame: big, Prev: frames[0].ID})
	if !errors.Is(err, event.ErrFull) {
		t.Errorf("push: got %v, want full", err)
	}
	taken, err := b.Take(t.Context(), 2)
	if err != nil || len(taken) != 1 {
		t.Fatalf("take: got %d frames, %v, want 1", len(taken), err)
	}
	if err := b.Ack(t.Context(), taken); err != nil {
		t.Errorf("ack: %v", err)
	}
}

// TestLocked: what another process does passes.
func TestLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "b.db")
	b, other := openAt(t, path), openAt(t, path)
	pushed(t, b, buffertest.Frames(t, 1, 2)...)
	for _, d := range []*database{b.pushes, b.deliveries} {
		pragma(t, d, "busy_timeout = 0")
	}
	tx, err := other.pushes.sql.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Writer("s", "w").Position(t.Context()); !retry.IsTransient(err) {
		t.Errorf("position: got %v, want a transient error", err)
	}
	if _, err := b.Take(t.Context(), 1); !retry.IsTransient(err) {
		t.Errorf("take: got %v, want a transient error", err)
	}
	if _, err := b.Depths(t.Context()); err != nil {
		t.Errorf("depths: got %v, want none: who looks does not wait", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Take(t.Context(), 1); err != nil || len(got) != 1 {
		t.Errorf("take after the lock: got %d frames, %v, want 1", len(got), err)
	}
}

// TestSync: what is said of power failures rests on this.
func TestSync(t *testing.T) {
	t.Parallel()
	b := openAt(t, filepath.Join(t.TempDir(), "b.db"))
	for name, test := range map[string]struct {
		d    *database
		want int
	}{"pushes": {b.pushes, 2}, "deliveries": {b.deliveries, 1}} {
		var got int
		if err := test.d.sql.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&got); err != nil || got != test.want {
			t.Errorf("%s: got synchronous %d, %v, want %d", name, got, err, test.want)
		}
		var mode string
		if err := test.d.sql.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
			t.Errorf("%s: got journal mode %q, %v, want wal", name, mode, err)
		}
	}
}

// TestShrink: after an outage is drained, its room is the disk's again.
func TestShrink(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "b.db")
	b := openAt(t, path)
	frames := buffertest.Frames(t, 100, 1)
	for i := range frames {
		frames[i].Data = append(frames[i].Data, make([]byte, 400<<10)...)
	}
	pushed(t, b, frames...)
	for drained := 0; drained < len(frames); {
		taken, err := b.Take(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for i := range taken {
			if err := b.Ack(t.Context(), taken[i:i+1]); err != nil {
				t.Fatal(err)
			}
		}
		drained += len(taken)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(5 << 22); info.Size() > most { // of 40 MB
		t.Errorf("drained, the file has %d bytes, want less than %d", info.Size(), most)
	}
}

// TestClockSetBack: leases and names of a future that did not come are over.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	b := openAt(t, filepath.Join(t.TempDir(), "b.db"))
	pushed(t, b, buffertest.Frames(t, 1, 1)...)
	if _, err := b.Take(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	hour := time.Now().Add(time.Hour)
	for query, value := range map[string]int64{
		"UPDATE frames SET lease = ?": hour.UnixMicro(), "UPDATE sources SET stamp = ?": hour.UnixMicro(),
		"UPDATE sources SET seen = ?": hour.UnixMilli(),
	} {
		if _, err := b.pushes.sql.ExecContext(t.Context(), query, value); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := b.Take(t.Context(), 1)
	if err != nil || len(taken) != 1 || taken[0].Stamp <= hour.UnixMicro() || taken[0].Count != 2 {
		t.Errorf("took %+v, %v, want the frame with a stamp above %d, count 2", taken, err, hour.UnixMicro())
	}
	if _, err := b.Writer("s", "other").Position(t.Context()); err != nil {
		t.Errorf("position for another writer: got %v, want the name", err)
	}
}

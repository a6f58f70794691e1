package spool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/event"
)

// entries makes n entries, of one event more each.
func entries(tb testing.TB, first, n int) (all []event.Entry) {
	tb.Helper()
	enc := event.NewEncoder()
	for i := first; i < first+n; i++ {
		for k := range i%3 + 1 {
			enc.Append(&event.Event{Key: fmt.Sprintf("test:%d.%d", i, k), Version: 1, Network: "test", Source: "s", ReceivedAt: event.Time(1000 + i)})
		}
		f, err := enc.Frame()
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, event.Entry{Frame: f, Cursor: fmt.Sprintf("cursor %d", i)})
	}
	return all
}

// damages gathers reports.
type damages []Damage

func (d *damages) add(one Damage) { *d = append(*d, one) }

// frames are those that were reported.
func (d damages) frames() (all []event.Frame) {
	for _, one := range d {
		all = append(all, one.Frames...)
	}
	return all
}

func mustOpen(tb testing.TB, dir string, o Options) *Spool {
	tb.Helper()
	s, err := Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func mustAppend(tb testing.TB, s *Spool, all ...event.Entry) {
	tb.Helper()
	for _, e := range all {
		if err := s.Append(e); err != nil {
			tb.Fatal(err)
		}
	}
}

// drained takes all entries.
func drained(tb testing.TB, s *Spool) (all []event.Entry) {
	tb.Helper()
	for {
		e, ok, err := s.Oldest()
		if err != nil {
			tb.Fatal(err)
		}
		if !ok {
			return all
		}
		all = append(all, e)
		if n, err := s.Drop(e.Frame.ID); err != nil || n != 1 {
			tb.Fatalf("dropped %d, %v; want 1", n, err)
		}
	}
}

func wantEntries(t *testing.T, what string, want, got []event.Entry) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: entries (-want +got):\n%s", what, diff)
	}
}

func depthOf(all []event.Entry) (d event.Depth) {
	for _, e := range all {
		d.Frames++
		d.Events += int64(e.Frame.Events)
	}
	if len(all) > 0 {
		d.Oldest = all[0].Frame.Oldest
	}
	return d
}

func wantDepth(t *testing.T, s *Spool, all []event.Entry) {
	t.Helper()
	if diff := cmp.Diff(depthOf(all), s.Depth(), cmpopts.IgnoreFields(event.Depth{}, "Bytes")); diff != "" {
		t.Errorf("depth (-want +got):\n%s", diff)
	}
}

func filesOf(tb testing.TB, dir string) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		tb.Fatal(err)
	}
	return slices.DeleteFunc(paths, func(p string) bool { return filepath.Base(p) == "lock" })
}

// Entries come out in the order in which they went in, over files and restarts,
// and leave nothing behind.
func TestOrder(t *testing.T) {
	t.Parallel()
	for _, fileBytes := range []int64{1, 400, 1 << 20} {
		t.Run(fmt.Sprint(fileBytes), func(t *testing.T) {
			t.Parallel()
			dir, o := filepath.Join(t.TempDir(), "a", "b"), Options{FileBytes: fileBytes}
			want := entries(t, 0, 20)
			s := mustOpen(t, dir, o)
			mustAppend(t, s, want[:8]...)
			if err := s.Append(want[8:12]...); err != nil {
				t.Fatal(err)
			}
			wantDepth(t, s, want[:12])
			for i := range 3 {
				e, ok, err := s.Oldest()
				if err != nil || !ok || e.Cursor != want[i].Cursor {
					t.Fatalf("oldest: got %q, %t, %v; want %q", e.Cursor, ok, err, want[i].Cursor)
				}
				if _, err := s.Drop(e.Frame.ID); err != nil {
					t.Fatal(err)
				}
			}
			wantDepth(t, s, want[3:12])
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = mustOpen(t, dir, o)
			if dropped, err := s.Drop(want[4].Frame.ID); err != nil || dropped < 2 {
				t.Errorf("dropped %d through the fifth, %v; want 2 or more", dropped, err)
			}
			if dropped, err := s.Drop(want[0].Frame.ID); err != nil || dropped != 0 {
				t.Errorf("dropped %d through a frame that is not there, %v; want 0", dropped, err)
			}
			mustAppend(t, s, want[12:]...)
			wantDepth(t, s, want[5:])
			wantEntries(t, "after a restart", want[5:], drained(t, s))
			wantDepth(t, s, nil)
			if left := filesOf(t, dir); len(left) != 0 {
				t.Errorf("drained, it leaves %v", left)
			}
			mustAppend(t, s, want[0])
			wantEntries(t, "after it was drained", want[:1], drained(t, s))
		})
	}
}

func TestOneProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("open twice: got %v, want %v", err, ErrInUse)
	}
	// A child that was forked and is not yet another program has all of our
	// descriptors; it must not keep the folder.
	child, err := syscall.Dup(int(s.lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(child) }()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	mustOpen(t, dir, Options{})
}

func TestFull(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir(), Options{MaxBytes: 1000, FileBytes: 300})
	all := entries(t, 0, 100)
	kept := 0
	var err error
	for ; err == nil; kept++ {
		err = s.Append(all[kept])
	}
	kept--
	if !errors.Is(err, event.ErrFull) || kept < 5 {
		t.Fatalf("after %d entries: got %v, want %v", kept, err, event.ErrFull)
	}
	if got := s.Depth().Bytes; got > 1000 {
		t.Errorf("it has %d bytes, want 1000 at most", got)
	}
	wantEntries(t, "of a full spool", all[:kept], drained(t, s))
	mustAppend(t, s, all[0])
}

// TestDiskFull: what finds no room leaves what is there as it was.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	s := mustOpen(t, t.TempDir(), Options{})
	all := entries(t, 0, 3)
	mustAppend(t, s, all[:2]...)
	whole := s.files[0].handle
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.files[0].handle = full
	if err := s.Append(all[2]); !errors.Is(err, event.ErrFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("append: got %v, want full, for want of room", err)
	}
	s.files[0].handle = whole
	_ = full.Close()
	mustAppend(t, s, all[2])
	wantEntries(t, "after there was room again", all, drained(t, s))
}

// TestTorn cuts the newest file at every byte of its last entry.
func TestTorn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	all := entries(t, 0, 4)
	mustAppend(t, s, all[:3]...)
	start := s.files[0].bytes
	mustAppend(t, s, all[3])
	path := s.files[0].path
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	more := entries(t, 10, 1)
	for cut := start; cut < int64(len(data)); cut++ {
		if err := os.WriteFile(path, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		var found damages
		s := mustOpen(t, dir, Options{Report: found.add})
		if cut == start && len(found) != 0 || cut > start && len(found) != 1 {
			t.Fatalf("cut at %d: reported %+v", cut, found)
		}
		if cut > start {
			d := found[0]
			if d.Offset != start || d.Bytes != cut-start || !d.Torn || d.File != path {
				t.Errorf("cut at %d: reported %+v, want %d bytes torn at %d of %s", cut, d, cut-start, start, path)
			}
			front := start + recordHeader
			if known := len(d.Frames) == 1 && d.Frames[0].ID == all[3].Frame.ID; known != (cut >= front) {
				t.Errorf("cut at %d: reported frames %+v", cut, d.Frames)
			}
		}
		mustAppend(t, s, more...)
		wantEntries(t, fmt.Sprint("cut at ", cut), slices.Concat(all[:3], more), drained(t, s))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// spoolOf leaves a file of entries, and tells where the last one begins.
func spoolOf(t *testing.T, dir string, all []event.Entry) (path string, last int64) {
	t.Helper()
	s := mustOpen(t, dir, Options{})
	mustAppend(t, s, all[:len(all)-1]...)
	last = s.files[0].bytes
	mustAppend(t, s, all[len(all)-1])
	path = s.files[0].path
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path, last
}

// TestTornWithoutRoom: a torn end is cut off where no other file can be written.
func TestTornWithoutRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		cut    func(last int64) int64
		frames int64
	}{
		{"in an entry", func(last int64) int64 { return last + 3 }, 2},
		{"in the only entry", func(int64) int64 { return int64(len(fileHeader)) + 3 }, 0},
		{"in the header", func(int64) int64 { return 3 }, 0},
		{"before the header", func(int64) int64 { return 0 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path, last := spoolOf(t, t.TempDir(), entries(t, 0, 3))
			at := c.cut(last)
			if err := os.Truncate(path, at); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(path+newSuffix, 0o700); err != nil { // which can't be written as a file
				t.Fatal(err)
			}
			var found damages
			f := &file{path: path}
			if err := f.load(0, true, found.add); err != nil {
				t.Fatalf("load: %v", err)
			}
			defer func() { _ = f.handle.Close() }()
			if f.frames != c.frames || len(found) != min(1, int(at)) {
				t.Errorf("%d frames are left, want %d; reported %+v", f.frames, c.frames, found)
			}
			stat, err := f.handle.Stat()
			if err != nil || stat.Size() != f.bytes {
				t.Errorf("the file has %d bytes, %v; want %d", stat.Size(), err, f.bytes)
			}
			if f.frames > 0 && f.bytes != last {
				t.Errorf("the file has %d bytes, want %d", f.bytes, last)
			}
		})
	}
}

// TestSpoiltWithoutRoom: a repair that finds no room leaves the file as it was and
// nothing beside it, and claims nothing.
func TestSpoiltWithoutRoom(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	dir := t.TempDir()
	path, last := spoolOf(t, dir, entries(t, 0, 3))
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want[last-1] ^= 1
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", path+newSuffix); err != nil {
		t.Fatal(err)
	}
	var found damages
	f := &file{path: path}
	if err := f.load(0, true, found.add); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("load: got %v, want %v", err, syscall.ENOSPC)
	}
	if len(found) != 0 {
		t.Errorf("reported %+v as cut out, which is there", found)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file was changed, or cannot be read: %v", err)
	}
	if left := filesOf(t, dir); len(left) != 1 {
		t.Errorf("it leaves %v, want %s alone", left, path)
	}
}

// TestSweep: what a crash left of a repair takes no room.
func TestSweep(t *testing.T) {
	t.Parallel()
	dir, all := t.TempDir(), entries(t, 0, 3)
	path, _ := spoolOf(t, dir, all)
	if err := os.WriteFile(path+newSuffix, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir, Options{})
	if left := filesOf(t, dir); len(left) != 1 {
		t.Errorf("it leaves %v, want %s alone", left, path)
	}
	wantEntries(t, "after the sweep", all, drained(t, s))
}

// TestSpoilt changes every byte of a file, one at a time: one entry is lost at
// most, all others stay, and the report says which and how much.
func TestSpoilt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	all := entries(t, 0, 3)
	mustAppend(t, s, all...)
	path := s.files[0].path
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := (len(data) - len(fileHeader)) // of all records
	for at := range data {
		spoilt := bytes.Clone(data)
		spoilt[at] ^= 0x10
		if err := os.WriteFile(path, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		var found damages
		s := mustOpen(t, dir, Options{Report: found.add})
		got := drained(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		lost := 0
		for _, d := range found {
			lost += int(d.Bytes)
		}
		switch {
		case at < len(fileHeader):
			wantEntries(t, fmt.Sprint("byte ", at), all, got)
		case len(got) != 2 || len(found) != 1:
			t.Errorf("byte %d: %d entries left, reported %+v", at, len(got), found)
		case lost > size/2 || lost < size/5:
			t.Errorf("byte %d: reported %d bytes of %d", at, lost, size)
		}
		for _, f := range found.frames() {
			if !slices.ContainsFunc(all, func(e event.Entry) bool { return e.Frame.ID == f.ID && e.Frame.Events == f.Events }) ||
				slices.ContainsFunc(got, func(e event.Entry) bool { return e.Frame.ID == f.ID }) {
				t.Errorf("byte %d: reported a loss of frame %s with %d events, which was not", at, f.ID, f.Events)
			}
		}
	}
}

// TestSpoiltMeanwhile: what is spoilt while the spool is open is passed over,
// and reported.
func TestSpoiltMeanwhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var found damages
	s := mustOpen(t, dir, Options{Report: found.add})
	all := entries(t, 0, 6)
	mustAppend(t, s, all[:5]...)
	got := []event.Entry{}
	for range 2 {
		e, _, err := s.Oldest()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
		if _, err := s.Drop(e.Frame.ID); err != nil {
			t.Fatal(err)
		}
	}
	spoil, err := os.OpenFile(s.files[0].path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := spoil.WriteAt([]byte{0xff}, s.at+recordHeader+60); err != nil {
		t.Fatal(err)
	}
	_ = spoil.Close()
	mustAppend(t, s, all[5])
	got = append(got, drained(t, s)...)
	wantEntries(t, "but for the spoilt one", slices.Concat(all[:2], all[3:]), got)
	if len(found) != 1 || len(found[0].Frames) != 1 || found[0].Frames[0].ID != all[2].Frame.ID || found[0].Torn {
		t.Errorf("reported %+v, want one stretch with frame %s", found, all[2].Frame.ID)
	}
}

// TestKilled kills a process while it appends: whatever it had told is there.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAppendForEver$")
	cmd.Env = append(os.Environ(), "SPOOL_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "appended ") {
			continue
		}
		if told++; told == 50 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	s := mustOpen(t, dir, Options{})
	got := drained(t, s)
	if len(got) < told || told < 50 {
		t.Errorf("%d entries are there, %d were told", len(got), told)
	}
	for i, e := range got {
		if want := fmt.Sprint("cursor ", i); e.Cursor != want {
			t.Fatalf("entry %d has cursor %q, want %q", i, e.Cursor, want)
		}
	}
}

// TestAppendForEver is the process that TestKilled kills.
func TestAppendForEver(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SPOOL_DIR")
	if dir == "" {
		t.Skip("only for TestKilled")
	}
	s := mustOpen(t, dir, Options{FileBytes: 1000})
	for i := 0; ; i++ {
		mustAppend(t, s, entries(t, i, 1)...)
		fmt.Fprintf(os.Stdout, "appended %d\n", i)
	}
}

func FuzzScan(f *testing.F) {
	var b []byte
	for _, e := range entries(f, 0, 3) {
		b = appendRecord(b, e)
	}
	f.Add([]byte(fileHeader))
	f.Add(append([]byte(fileHeader), b...))
	f.Add(b[:len(b)-3])
	f.Add(append([]byte(recordMark), b...))
	f.Fuzz(func(t *testing.T, data []byte) {
		at := 0
		if bytes.HasPrefix(data, []byte(fileHeader)) {
			at = len(fileHeader)
		}
		covered := at
		scan(data, func(record []byte, e event.Entry) {
			covered += len(record)
			if got := appendRecord(nil, e); len(got) > len(record) {
				t.Errorf("a record of %d bytes gives an entry of %d", len(record), len(got))
			}
		}, func(d Damage) {
			if int(d.Offset) != covered || d.Bytes <= 0 {
				t.Errorf("damage at %d of %d bytes, want it at %d", d.Offset, d.Bytes, covered)
			}
			covered += int(d.Bytes)
		})
		if covered != len(data) {
			t.Errorf("%d of %d bytes are accounted for", covered, len(data))
		}
	})
}

// Sizes of a full frame of captured tweets.
const (
	benchEvents = 512
	benchBytes  = 48 << 10
)

func BenchmarkAppend(b *testing.B) {
	for _, group := range []int{1, 4} {
		b.Run(fmt.Sprint("group ", group), func(b *testing.B) {
			s := mustOpen(b, b.TempDir(), Options{MaxBytes: 1 << 40})
			e := event.Entry{Frame: event.Frame{Events: benchEvents, Data: make([]byte, benchBytes)}, Cursor: "1700000000000000"}
			all := slices.Repeat([]event.Entry{e}, group)
			b.SetBytes(int64(group * benchBytes))
			n := 0
			for b.Loop() {
				if err := s.Append(all...); err != nil {
					b.Fatal(err)
				}
				n += group
			}
			b.ReportMetric(float64(benchEvents*n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkAppendSmall appends what comes in 10 ms of 5,700 events a second.
func BenchmarkAppendSmall(b *testing.B) {
	s := mustOpen(b, b.TempDir(), Options{MaxBytes: 1 << 40})
	e := event.Entry{Frame: event.Frame{Events: 57, Data: make([]byte, 57*150)}}
	for b.Loop() {
		if err := s.Append(e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(57*b.N)/b.Elapsed().Seconds(), "events/s")
}

package internal

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"riffle/pkg/control"
)

func TestRoom(t *testing.T) {
	t.Parallel()
	const gig = 1 << 30
	for name, tt := range map[string]struct {
		first, growth int64 // at the first look, and from look to look
		looks         int
		want          string
	}{
		"nothing known":       {0, 0, 0, ""},
		"steady":              {50 * gig, 0, 60, ""},
		"shrinks":             {50 * gig, -gig / 10, 60, ""},
		"grows slowly":        {50 * gig, gig / 40, 60, ""},
		"full in some hours":  {50 * gig, gig / 10, 200, "will be full in 5h"},
		"too few looks":       {10 * gig, gig, 9, ""},
		"full, though steady": {96 * gig, 0, 1, "redis is nearly full: 103 GB of 107 GB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &room{what: "redis"}
			at := time.Unix(1_800_000_000, 0)
			for i := range tt.looks {
				r.note(at.Add(time.Duration(i)*roomEvery), tt.first+int64(i)*tt.growth, 100*gig)
			}
			if got := r.warning(); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRoomIsToldOnce: one line when it gets tight, and one when it is over.
func TestRoomIsToldOnce(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.InfoLevel)
	used := int64(99)
	r := &room{what: "redis", ask: func(context.Context) (int64, int64, error) { return used, 100, nil }}
	p := &Process{rooms: []*room{r}}
	for range 3 {
		r.look(t.Context(), zap.New(core))
	}
	if notices := p.roomNotices(); len(notices) != 1 || notices[0].Kind != "full" || !notices[0].To.IsZero() {
		t.Errorf("got notices %+v, want one that lasts", notices)
	}
	used = 10
	r.look(t.Context(), zap.New(core))
	var got []string
	for _, line := range logs.All() {
		got = append(got, line.Message)
	}
	if want := "redis is nearly full: 99 B of 100 B|room enough again"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	used, size, err := disk(t.TempDir())(t.Context())
	if err != nil || used < 0 || size <= 0 || used > size {
		t.Errorf("got %d of %d, %v", used, size, err)
	}
}

// TestWatchDisk: a disk is watched that is not that of --state.
func TestWatchDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := &Process{State: control.State(dir)}
	p.watchDisk(filepath.Join(dir, "."))
	if len(p.rooms) != 0 {
		t.Errorf("%s is watched, which is on the disk of --state", p.rooms[0].what)
	}
	for range 2 {
		p.watchDisk("/proc")
	}
	if len(p.rooms) != 1 || p.rooms[0].what != "the disk of /proc" {
		t.Errorf("%d are watched, want /proc once", len(p.rooms))
	}
}

package control

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"riffle/pkg/pause"
)

// board is a Switchboard in memory that can be away or emptied.
type board struct {
	mu   sync.Mutex
	away bool
	kept map[string]pause.Switch
}

var errAway = errors.New("away")

func newBoard() *board { return &board{kept: map[string]pause.Switch{}} }

func (b *board) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *board) Switches(context.Context) ([]pause.Switch, time.Time, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return nil, time.Time{}, errAway
	}
	var all []pause.Switch
	for _, s := range b.kept {
		all = append(all, s)
	}
	return all, time.Now(), nil
}

func (b *board) KeepSwitch(_ context.Context, s pause.Switch) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return false, errAway
	}
	if b.kept[s.Stage].Revision >= s.Revision {
		return false, nil
	}
	b.kept[s.Stage] = s
	return true, nil
}

func (b *board) flip(t *testing.T, wish pause.Wish) pause.Switch {
	t.Helper()
	s, err := Flip(t.Context(), b, &wish)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// startGate runs a gate until the returned function is called.
func startGate(t *testing.T, c GateConfig) (g *Gate, stop func()) {
	t.Helper()
	c.Log = zap.NewNop()
	g = NewGate(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	return g, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// soon lets a gate look.
func soon() {
	time.Sleep(lookEvery + time.Millisecond)
	synctest.Wait()
}

func wantPaused(t *testing.T, g *Gate, want bool, when string) {
	t.Helper()
	if _, got := g.Paused(); got != want {
		t.Errorf("%s: got paused %t, want %t", when, got, want)
	}
}

func TestGateShutsAndOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		g, stop := startGate(t, GateConfig{Stages: []string{"ingest", "ingest/a"}, Board: b, State: State(t.TempDir())})
		open, end, err := g.Pass(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		b.flip(t, pause.Wish{Stage: "ingest/b", Pause: true})
		b.flip(t, pause.Wish{Stage: "filter", Pause: true})
		soon()
		wantPaused(t, g, false, "others are paused")
		b.flip(t, pause.Wish{Stage: "ingest/a", Pause: true, Reason: "why"})
		<-open.Done()
		if cause := context.Cause(open); !errors.Is(cause, pause.ErrPaused) {
			t.Errorf("got cause %v, want the pause", cause)
		}
		if by, on := g.Paused(); !on || by.Reason != "why" {
			t.Errorf("got %+v, %t, want the switch", by, on)
		}
		b.flip(t, pause.Wish{Stage: "ingest", Pause: true})
		b.flip(t, pause.Wish{Stage: "ingest/a"})
		soon()
		wantPaused(t, g, true, "one of two switches is off")

		passed := make(chan error)
		go func() {
			_, end, err := g.Pass(t.Context())
			if err == nil {
				end()
			}
			passed <- err
		}()
		b.flip(t, pause.Wish{Stage: "ingest"})
		if err := <-passed; err != nil {
			t.Error(err)
		}
		stop()
	})
}

func TestGateOpensByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		g, stop := startGate(t, GateConfig{Stages: []string{"api"}, Board: b, State: State(t.TempDir())})
		defer stop()
		b.flip(t, pause.Wish{Stage: "api", Pause: true, For: 10 * time.Minute})
		soon()
		time.Sleep(9 * time.Minute)
		wantPaused(t, g, true, "after nine of ten minutes")
		b.set(func() { b.away = true })
		time.Sleep(time.Minute)
		wantPaused(t, g, false, "after ten minutes, while the board is away")
	})
}

// TestGateRemembers: a stage that starts while Redis is away obeys what it has
// seen, and brings it back to a Redis that forgot.
func TestGateRemembers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		c := GateConfig{Stages: []string{"filter"}, Board: b, State: State(t.TempDir())}
		g, stop := startGate(t, c)
		want := b.flip(t, pause.Wish{Stage: "filter", Pause: true, Who: "ann", Reason: "disk", For: time.Hour})
		soon()
		wantPaused(t, g, true, "before the restart")
		stop()

		b.set(func() { b.away, b.kept = true, map[string]pause.Switch{} })
		var spread []int64
		c.Spread = func(_ context.Context, s pause.Switch) error {
			spread = append(spread, s.Revision)
			return nil
		}
		g, stop = startGate(t, c)
		defer stop()
		soon()
		wantPaused(t, g, true, "after a restart with Redis away")
		b.set(func() { b.away = false })
		soon()
		if diff := cmp.Diff(map[string]pause.Switch{"filter": want}, b.kept); diff != "" {
			t.Errorf("brought back (-want +got):\n%s", diff)
		}
		if len(spread) == 0 || spread[0] != want.Revision {
			t.Errorf("spread: got revisions %v, want %d", spread, want.Revision)
		}
		// An older switch on the board, as after a failover, is replaced too.
		b.set(func() { b.kept["filter"] = pause.Switch{Stage: "filter", Revision: 1} })
		soon()
		if got := b.kept["filter"].Revision; got != want.Revision {
			t.Errorf("on a board that went back: got revision %d, want %d", got, want.Revision)
		}
	})
}

// TestGateReadsItsDisk: riffle pause --local writes the file of a stage that
// runs, with or without a board.
func TestGateReadsItsDisk(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]Switchboard{"no board": nil, "board away": &board{away: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dir := State(t.TempDir())
				g, stop := startGate(t, GateConfig{Stages: []string{"ingest", "ingest/x/y"}, Board: b, State: dir})
				defer stop()
				wish := pause.Wish{Stage: "ingest/x/y", Pause: true}
				if err := dir.KeepSwitch(wish.After(&pause.Switch{}, time.Now())); err != nil {
					t.Fatal(err)
				}
				soon()
				wantPaused(t, g, true, "after a switch on the disk")
			})
		})
	}
}

// TestGateWithoutReplay: a source that cannot be read again is not paused by a
// switch that accepts no gap.
func TestGateWithoutReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		g, stop := startGate(t, GateConfig{Stages: []string{"ingest"}, Board: b, State: State(t.TempDir()), NeedsGap: true})
		defer stop()
		b.flip(t, pause.Wish{Stage: "ingest", Pause: true})
		soon()
		wantPaused(t, g, false, "without --accept-gap")
		if by, refused := g.Refused(); !refused || by.Stage != "ingest" {
			t.Errorf("refused: got %+v, %t, want the switch of ingest", by, refused)
		}
		b.flip(t, pause.Wish{Stage: "ingest", Pause: true, AcceptGap: true})
		soon()
		wantPaused(t, g, true, "with --accept-gap")
		if by, refused := g.Refused(); refused {
			t.Errorf("refused: got %+v, want none of a pause that is obeyed", by)
		}
	})
}

// TestGateOnABadDisk: a file that is cut, or a disk that cannot be written, does
// not keep the stage from obeying the board.
func TestGateOnABadDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, switchFile("api")), []byte(`{"stage":"a`), 0o600); err != nil {
			t.Fatal(err)
		}
		b := newBoard()
		b.flip(t, pause.Wish{Stage: "api", Pause: true})
		g, stop := startGate(t, GateConfig{Stages: []string{"api"}, Board: b, State: State(dir)})
		soon()
		wantPaused(t, g, true, "with a cut file")
		stop()
		if s, err := State(dir).Switch("api"); err != nil || !s.Paused {
			t.Errorf("the cut file: got %+v, %v, want it replaced", s, err)
		}

		g, stop = startGate(t, GateConfig{Stages: []string{"api"}, Board: b, State: State(filepath.Join(dir, switchFile("api")))})
		defer stop()
		soon()
		wantPaused(t, g, true, "with a disk that cannot be written")
	})
}

// TestGateLooksFirst: nobody is let through, or told that all is well, before
// the switches were read.
func TestGateLooksFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		b.flip(t, pause.Wish{Stage: "api", Pause: true})
		g := NewGate(GateConfig{Stages: []string{"api"}, Board: b, State: State(t.TempDir()), Log: zap.NewNop()})
		said := make(chan bool, 1)
		go func() {
			_, paused := g.Paused()
			said <- paused
		}()
		synctest.Wait()
		select {
		case paused := <-said:
			t.Errorf("said %t before the first look", paused)
		default:
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Run(ctx); err != nil {
			t.Error(err)
		}
		if !<-said {
			t.Error("said not paused after the first look")
		}
	})
}

func TestGateEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g := NewGate(GateConfig{Stages: []string{"api"}, State: State(t.TempDir()), Log: zap.NewNop()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := g.Pass(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
}

func TestCursorsOnDisk(t *testing.T) {
	t.Parallel()
	dir := State(filepath.Join(t.TempDir(), "made"))
	if c, err := dir.Cursor("a/b"); c != (Cursor{}) || err != nil {
		t.Errorf("none yet: got %+v, %v", c, err)
	}
	want := Cursor{"a/b", "17"}
	if err := dir.KeepCursor(want); err != nil {
		t.Fatal(err)
	}
	if c, err := dir.Cursor("a/b"); c != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", c, err, want)
	}
	for range 2 {
		if err := dir.ForgetCursor("a/b"); err != nil {
			t.Error(err)
		}
	}
	if c, err := dir.Cursor("a/b"); c != (Cursor{}) || err != nil {
		t.Errorf("forgotten: got %+v, %v", c, err)
	}
}

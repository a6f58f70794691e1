package internal

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"riffle/pkg/api"
	"riffle/pkg/control"
	"riffle/pkg/event"
	"riffle/pkg/ingest"
)

// board is a Board in memory that can be switched off.
type board struct {
	mu    sync.Mutex
	beats []control.Beat
	away  bool
}

var errAway = errors.New("away")

func (b *board) Beat(_ context.Context, beat control.Beat) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return errAway
	}
	b.beats = append(b.beats, beat)
	return nil
}

func (b *board) Beats(context.Context) ([]control.Beat, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.beats, nil
}

func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &Process{Log: zap.NewNop(), Instance: "host-1-x", Host: "host"}
		b := &board{}
		events := int64(0)
		part := p.BeatPart("ingest", "sim", b, func(beat *control.Beat) {
			events++
			beat.State, beat.Totals = "reading", map[string]int64{"read": events}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*beatEvery+time.Millisecond)
		defer cancel()
		if err := part.Run(ctx); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, beat := range b.beats {
			got = append(got, beat.Instance+" "+beat.Name+" "+beat.State)
		}
		const alive = "host-1-x-ingest sim reading"
		if diff := cmp.Diff([]string{alive, alive, alive, "host-1-x-ingest sim stopped"}, got); diff != "" {
			t.Errorf("beats (-want +got):\n%s", diff)
		}
	})
}

// TestTurning: an outage is no reason to be restarted, a stage that does not
// answer for itself is.
func TestTurning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &Process{Log: zap.NewNop()}
		stuck := make(chan struct{})
		var stand atomic.Bool
		part := p.BeatPart("filter", "", &board{away: true}, func(*control.Beat) {
			if stand.Load() {
				<-stuck
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- part.Run(ctx) }()

		time.Sleep(time.Hour)
		synctest.Wait()
		if !p.turning(time.Now()) {
			t.Error("while the board is away: got not turning")
		}
		stand.Store(true)
		time.Sleep(stuckAfter + 2*beatEvery)
		synctest.Wait()
		if p.turning(time.Now()) {
			t.Error("while the stage does not answer: got turning")
		}
		close(stuck)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestBeatTellsOfTheSpool(t *testing.T) {
	t.Parallel()
	for _, depth := range []event.Depth{{}, {Frames: 1, Events: 2, Bytes: 3, Oldest: 4000}} {
		var beat control.Beat
		tellIngest(&beat, ingest.Status{Spool: depth})
		entry, err := json.Marshal(beat)
		if err != nil {
			t.Fatal(err)
		}
		var read control.Beat
		if err := json.Unmarshal(entry, &read); err != nil {
			t.Fatal(err)
		}
		stages, err := stageReader{&board{beats: []control.Beat{read}}}.Stages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := stages[0].Spool; got != depth {
			t.Errorf("got %+v, want %+v", got, depth)
		}
	}
}

func TestStagesThatAreSilent(t *testing.T) {
	t.Parallel()
	b := &board{beats: []control.Beat{
		{Stage: "filter", State: "running", Age: silentAfter},
		{Stage: "filter", State: "running", Age: silentAfter + 1},
		{Stage: "api", State: stateStopped, Age: time.Minute},
		{Stage: "ingest", Notices: []control.Notice{{Kind: "gap", Text: "connection was down", To: time.Unix(7, 0)}}},
	}}
	stages, err := stageReader{b}.Stages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []api.Stage{{Stage: "filter", State: "running"}, {Stage: "filter", State: "silent"}, {Stage: "api", State: "stopped"}}
	want = append(want, api.Stage{
		Stage: "ingest", Notices: []api.Notice{{Kind: "gap", Text: "connection was down", To: time.Unix(7, 0)}},
	})
	if diff := cmp.Diff(want, stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

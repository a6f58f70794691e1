package daemon_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"riffle/pkg/daemon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// until is a part that works until it is asked to stop.
func until(name string) daemon.Part {
	return daemon.Part{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
}

func TestRunEndsWithTheFirstPart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  error
		want string
	}{
		{"whose work is done", nil, ""},
		{"that failed", errBroken, "first: broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first := daemon.Part{Name: "first", Run: func(context.Context) error { return tt.end }}
			err := daemon.Frame{Log: zap.NewNop()}.Run(t.Context(), until("second"), first)
			if got := text(err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRunStopsAsAsked(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	part := daemon.Part{Name: "worker", Run: func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	}}
	go func() {
		<-started
		cancel()
	}()
	if err := (daemon.Frame{Log: zap.NewNop()}).Run(ctx, part, until("other")); err != nil {
		t.Errorf("got %v, want a stop without error", err)
	}
}

func TestRunReportsAFailedDrain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	part := daemon.Part{Name: "filter", Run: func(ctx context.Context) error {
		<-ctx.Done()
		return errBroken
	}}
	err := daemon.Frame{Log: zap.NewNop()}.Run(ctx, part)
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the part's own error", err)
	}
}

func TestRunNamesThePartsThatAreStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		stuck := daemon.Part{Name: "store", Run: func(context.Context) error { <-release; return nil }}
		time.AfterFunc(time.Minute, cancel)
		start := time.Now()
		err := daemon.Frame{Log: zap.NewNop()}.Run(ctx, until("api"), stuck)

		var got *daemon.StuckError
		if !errors.As(err, &got) {
			t.Fatalf("got %v, want a StuckError", err)
		}
		if diff := cmp.Diff(&daemon.StuckError{Parts: []string{"store"}, After: daemon.DrainTimeout}, got); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
		if took := time.Since(start) - time.Minute; took != daemon.DrainTimeout {
			t.Errorf("gave up after %s, want %s", took, daemon.DrainTimeout)
		}
		close(release)
	})
}

func TestHealthFollowsTheRun(t *testing.T) {
	t.Parallel()
	health := &daemon.Health{}
	if got := health.State(); got != daemon.Starting {
		t.Errorf("before the run: got %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var drained daemon.State
	part := daemon.Part{Name: "part", Run: func(ctx context.Context) error {
		<-ctx.Done()
		drained = health.State()
		return nil
	}}
	ready := daemon.Part{Name: "watcher", Run: func(ctx context.Context) error {
		for health.State() != daemon.Ready {
			if ctx.Err() != nil {
				return errors.New("never became ready")
			}
		}
		cancel()
		<-ctx.Done()
		return nil
	}}
	if err := (daemon.Frame{Log: zap.NewNop(), Health: health}).Run(ctx, part, ready); err != nil {
		t.Fatal(err)
	}
	if drained != daemon.Stopping && drained != daemon.Ready {
		t.Errorf("while it drained: got %s", drained)
	}
	if got := health.State(); got != daemon.Stopping {
		t.Errorf("after the run: got %s", got)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimSpace(err.Error())
}

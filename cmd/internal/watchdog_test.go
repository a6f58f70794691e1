package internal

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"riffle/pkg/daemon"
	"riffle/pkg/pulse"
)

// The service manager hears of the process as long as its loops turn or rest, and
// not while one of them is stuck.
func TestWatchdogIsFedByTheLoops(t *testing.T) {
	t.Parallel()
	socket := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	manager, err := net.ListenUnixgram("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = manager.Close() }()
	core, logs := observer.New(zap.ErrorLevel)
	p := &Process{Log: zap.New(core)}
	notifier := daemon.NewNotifier([]string{"NOTIFY_SOCKET=" + socket.Name, "WATCHDOG_USEC=4000"})
	p.frame = daemon.Frame{Log: p.Log, Notifier: notifier, Health: &daemon.Health{Turning: func() bool { return p.turning(time.Now()) }}}

	loops := pulse.New()
	loop := loops.Loop("work")
	var asked atomic.Int64
	p.loops = append(p.loops, func(now time.Time) []string {
		asked.Add(1)
		return loops.Stuck(now)
	})
	// turn makes the loop do what its name says.
	turn := make(chan string)
	work := daemon.Part{Name: "work", Run: func(ctx context.Context) error {
		for {
			select {
			case what := <-turn:
				switch what {
				case "turn":
					loop.Within(time.Hour)
				case "rest":
					loop.Rest()
				case "hang":
					loop.Within(0)
					turn <- "" // nobody takes it, but the test
				}
			case <-ctx.Done():
				return nil
			}
		}
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.frame.Run(ctx, work) }()

	fed := 0
	hear := func(want string) {
		t.Helper()
		for message := ""; message != want; {
			if err := manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			buffer := make([]byte, 4096)
			n, err := manager.Read(buffer)
			if err != nil {
				t.Fatalf("%s did not come: %v", want, err)
			}
			if message = string(buffer[:n]); message == "WATCHDOG=1" {
				fed++
			}
		}
	}
	await := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
			// The manager must hear, or who tells it waits.
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain: %s", what)
			}
		}
	}
	hear("READY=1")
	hear("WATCHDOG=1") // it rests
	turn <- "turn"
	hear("WATCHDOG=1")
	turn <- "hang"
	await("the log says so", func() bool { return logs.Len() > 0 })
	if got := logs.All()[0]; !strings.Contains(got.Message, "stand still") || got.ContextMap()["loops"] != "work" {
		t.Errorf("logged %q %v, want which loop stands still", got.Message, got.ContextMap())
	}
	notifier.Status("stuck")
	hear("STATUS=stuck")
	fed = 0
	seen := asked.Load()
	await("the watchdog looks again", func() bool { return asked.Load() > seen+5 })
	notifier.Status("still stuck")
	hear("STATUS=still stuck")
	if fed > 0 {
		t.Errorf("the watchdog was fed %d times while the loop was stuck", fed)
	}
	<-turn // it goes on
	turn <- "rest"
	hear("WATCHDOG=1")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

package daemon_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"riffle/pkg/daemon"
)

func TestNotifierTellsTheManager(t *testing.T) {
	t.Parallel()
	manager, path := notifySocket(t)
	notifier := daemon.NewNotifier([]string{"NOTIFY_SOCKET=" + path})
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	part := daemon.Part{Name: "part", Run: func(ctx context.Context) error {
		got = append(got, receive(t, manager))
		notifier.Status("two\nlines")
		got = append(got, receive(t, manager))
		cancel()
		<-ctx.Done()
		return nil
	}}
	if err := (daemon.Frame{Log: zap.NewNop(), Notifier: notifier}).Run(ctx, part); err != nil {
		t.Fatal(err)
	}
	got = append(got, receive(t, manager))
	want := []string{"READY=1", "STATUS=two lines", "STOPPING=1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestWatchdogIsFedWhileTheLoopTurns(t *testing.T) {
	t.Parallel()
	manager, path := notifySocket(t)
	notifier := daemon.NewNotifier([]string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=2000"})
	var broken atomic.Bool
	var well atomic.Int64 // how often the loop was found turning
	refused := make(chan struct{}, 100)
	stop := notifier.Watch(func() error {
		if broken.Load() {
			refused <- struct{}{}
			return errors.New("the loop stands still")
		}
		well.Add(1)
		return nil
	})
	fed := int64(0)
	feed := func() string {
		message := receive(t, manager)
		if message == "WATCHDOG=1" {
			fed++
		}
		return message
	}
	if got := feed(); got != "WATCHDOG=1" {
		t.Errorf("got %q", got)
	}
	broken.Store(true)
	for range 3 {
		<-refused
	}
	stop()
	notifier.Ready()
	for feed() != "READY=1" {
	}
	if fed != well.Load() {
		t.Errorf("fed %d times, the loop was found turning %d times", fed, well.Load())
	}
}

func TestNotifierWithoutAManager(t *testing.T) {
	t.Parallel()
	for _, environ := range [][]string{nil, {"NOTIFY_SOCKET="}, {"NOTIFY_SOCKET=relative"}} {
		if got := daemon.NewNotifier(environ); got != nil {
			t.Errorf("NewNotifier(%v): got %v, want nil", environ, got)
		}
	}
	var none *daemon.Notifier
	none.Ready()
	none.Watch(func() error { t.Error("asked"); return nil })()
	// A socket that nobody listens on must not end the process.
	daemon.NewNotifier([]string{"NOTIFY_SOCKET=" + filepath.Join(t.TempDir(), "gone")}).Ready()
}

func TestWatchdogOfAnotherProcess(t *testing.T) {
	t.Parallel()
	_, path := notifySocket(t)
	notifier := daemon.NewNotifier([]string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=1000", "WATCHDOG_PID=" + strconv.Itoa(1)})
	notifier.Watch(func() error { t.Error("fed a watchdog that waits for another process"); return nil })()
}

// notifySocket plays the service manager.
func notifySocket(t *testing.T) (*net.UnixConn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, path
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 512)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

package systemd_test

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for a process; no test waits for it to pass.
const patience = 90 * time.Second

// TestNotifySocket plays the service manager for real stages whose neighbours are
// all away, and for all of them in one process: each is ready, says what it does,
// feeds the watchdog, and tells that it stops.
func TestNotifySocket(t *testing.T) {
	t.Parallel()
	const buffer, store = "redis://127.0.0.1:1/0", "mysql://u:p@127.0.0.1:1/db"
	for _, tt := range []struct {
		binary string
		args   []string
		status string
	}{
		{"riffle-ingest", []string{"--buffer", buffer, "--source", "sim:"}, "ingest sim is"},
		{"riffle-filter", []string{"--buffer", buffer, "--store", store}, "filter is loading"},
		{"riffle-api", []string{"--buffer", buffer, "--store", store, "--listen", "127.0.0.1:0"}, "api is running"},
		{"riffle", []string{"up", "--source", "sim:", "--data", "data", "--listen", "127.0.0.1:0"}, "ingest sim is .*; api is running.*; filter is "},
	} {
		t.Run(tt.binary, func(t *testing.T) {
			t.Parallel()
			notifies(t, tt.binary, tt.args, tt.status)
		})
	}
}

func notifies(t *testing.T, binary string, args []string, status string) {
	t.Helper()
	dir := t.TempDir()
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.Close() })

	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries(t), binary), append(args, "--state", dir, "--debug-listen", "off")...)
	cmd.Env = []string{"NOTIFY_SOCKET=" + manager.LocalAddr().String(), "WATCHDOG_USEC=200000"}
	cmd.Stderr, cmd.Dir = &said, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await := func(want string) {
		t.Helper()
		if err := manager.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		message, re := make([]byte, 4096), regexp.MustCompile("^"+want)
		for {
			n, err := manager.Read(message)
			if err != nil {
				t.Fatalf("%s did not come: %v", want, err)
			}
			if re.Match(message[:n]) {
				return
			}
		}
	}
	await("READY=1")
	await("STATUS=" + status)
	await("WATCHDOG=1")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Errorf("got %v, want a stop without error\n%s", err, &said)
	}
}

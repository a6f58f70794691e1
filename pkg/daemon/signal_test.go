package daemon_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"riffle/pkg/daemon"
)

// TestSignalHelper is the process that TestSignals plays with; on its own it
// does nothing.
func TestSignalHelper(t *testing.T) { //nolint:paralleltest // it is a process of its own
	mode := os.Getenv("DAEMON_TEST_MODE")
	if mode == "" {
		t.Skip("only as the child of TestSignals")
	}
	ctx, stop := daemon.SignalContext(context.Background())
	defer stop()
	err := daemon.Frame{Log: zap.NewNop()}.Run(ctx, daemon.Part{Name: "part", Run: func(ctx context.Context) error {
		fmt.Println("running") //nolint:forbidigo // the parent reads it
		<-ctx.Done()
		fmt.Println("stopping") //nolint:forbidigo // the parent reads it
		if mode == "hang" {
			select {}
		}
		return nil
	}})
	if err != nil {
		os.Exit(daemon.ExitFailed) //nolint:forbidigo // it is a process of its own
	}
	os.Exit(daemon.ExitStopped) //nolint:forbidigo // it is a process of its own
}

func TestSignals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, mode string
		signals    []syscall.Signal
		want       string
	}{
		{"the first one stops", "drain", []syscall.Signal{syscall.SIGTERM}, "exit status 0"},
		{"an interrupt too", "drain", []syscall.Signal{syscall.SIGINT}, "exit status 0"},
		{"the second one ends at once", "hang", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, "signal: terminated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSignalHelper$")
			cmd.Env = append(os.Environ(), "DAEMON_TEST_MODE="+tt.mode)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for _, sig := range tt.signals {
				if !lines.Scan() {
					t.Fatal("the process said nothing")
				}
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
			for lines.Scan() {
			}
			if got := ended(cmd.Wait()); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func ended(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "exit status 0"
	case errors.As(err, &exit):
		return exit.ProcessState.String()
	}
	return err.Error()
}

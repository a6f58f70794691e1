package internal

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"riffle/pkg/daemon"
	"riffle/pkg/spool"
)

// TestSpoolError: systemd starts again what a disk has refused, and leaves alone
// what needs another setting.
func TestSpoolError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{&os.PathError{Op: "write", Path: "1.spool.new", Err: syscall.ENOSPC}, daemon.ExitFailed},
		{&os.PathError{Op: "write", Path: "1.spool.new", Err: syscall.EDQUOT}, daemon.ExitFailed},
		{&os.PathError{Op: "read", Path: "1.spool", Err: syscall.EIO}, daemon.ExitFailed},
		{spool.ErrInUse, daemon.ExitFailed},
		{&os.PathError{Op: "mkdir", Path: "spool", Err: syscall.EACCES}, daemon.ExitConfig},
		{&os.PathError{Op: "mkdir", Path: "spool", Err: syscall.ENOTDIR}, daemon.ExitConfig},
	} {
		if got := ExitStatus(spoolError("spool", fmt.Errorf("spool: open: %w", c.err))); got != c.want {
			t.Errorf("%v: exit status %d, want %d", c.err, got, c.want)
		}
	}
}

package internal

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"riffle/pkg/config"
	"riffle/pkg/daemon"
)

// StatusError ends a process with a status of its own after everything was
// said; riffle match and status have such.
type StatusError struct{ Status int }

func (e *StatusError) Error() string { return fmt.Sprintf("exit status %d", e.Status) }

// ExitStatus gives the status that err ends a process with.
func ExitStatus(err error) int {
	var (
		own   *StatusError
		usage *config.UsageError
		conf  *config.Error
	)
	switch {
	case err == nil:
		return daemon.ExitStopped
	case errors.As(err, &own):
		return own.Status
	case errors.As(err, &usage):
		return daemon.ExitUsage
	case errors.As(err, &conf):
		return daemon.ExitConfig
	}
	return daemon.ExitFailed
}

// Explain writes what went wrong for the person who started the process, and
// gives the exit status.
func Explain(stderr io.Writer, binary string, err error) int {
	status := ExitStatus(err)
	var own *StatusError
	if err == nil || errors.As(err, &own) {
		return status
	}
	text := strings.TrimPrefix(err.Error(), "config: ")
	fmt.Fprintf(stderr, "%s: %s\n", binary, text)
	if status == daemon.ExitUsage {
		fmt.Fprintf(stderr, "Try '%s --help'.\n", binary)
	}
	return status
}

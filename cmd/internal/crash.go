package internal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/control"
	"riffle/pkg/obs"
)

// A panic anywhere ends the process with status 2, and the service manager
// starts it again. Go writes the stack to a file in the state directory as well
// as to stderr, so that the next run can log and count it: the one that panics
// cannot be trusted to.
const (
	crashFile = "crash.txt"
	// crashBytes of a stack are logged: the goroutine that panicked comes first.
	crashBytes = 16 << 10
)

// IsState reports whether a process of ours has run with the state directory dir:
// each leaves the file there at its start.
func IsState(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, crashFile))
	return err == nil
}

// recallCrash logs and counts the panic of a run before, and lets Go write the
// next one.
func (p *Process) recallCrash() {
	path := filepath.Join(string(p.State), crashFile)
	crashes, err := p.countCrash(path)
	p.crashes = crashes
	p.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "riffle_panics_total",
		Help: "Runs with this state directory that ended in a panic. Each is a bug: report it with the stack in the log of the run after it.",
	}, func() float64 { return float64(crashes.Count) }))
	if err = errors.Join(err, keepCrash(path)); err != nil {
		p.Log.Warn("a panic would not be remembered", zap.NamedError(obs.Error, err))
	}
}

func (p *Process) countCrash(path string) (control.Crashes, error) {
	crashes, err := p.State.Crashes()
	text, readErr := os.ReadFile(path)
	if readErr != nil || len(text) == 0 {
		return crashes, err // the first run, or one after a good end
	}
	crashes.Count++
	if info, err := os.Stat(path); err == nil {
		crashes.Last = info.ModTime().UTC()
	}
	p.Log.Error("a run before ended in a panic", zap.Int64("panics", crashes.Count), zap.Time("at", crashes.Last),
		zap.ByteString("stack", text[:min(len(text), crashBytes)]))
	return crashes, errors.Join(err, p.State.KeepCrashes(crashes))
}

// keepCrash empties the file and hands it to Go.
func keepCrash(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Processes that share the directory append, whoever panics first.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(debug.SetCrashOutput(file, debug.CrashOptions{}), file.Close())
}

// crashShown is how long a panic is shown in status.
const crashShown = 24 * time.Hour

// crashNotices tell the operator of a panic.
func (p *Process) crashNotices() []control.Notice {
	if p.crashes.Last.IsZero() || time.Since(p.crashes.Last) > crashShown {
		return nil
	}
	text := fmt.Sprintf("a run ended in a panic; %d in all with this state directory, the stack is in the log", p.crashes.Count)
	return []control.Notice{{Kind: "panic", Text: text, From: p.crashes.Last, To: p.crashes.Last}}
}

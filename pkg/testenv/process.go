package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// startDeadline bounds the start of one server. MariaDB takes about a second;
// the rest is for machines under load.
const startDeadline = time.Minute

// process is one run of a server in a folder of its own.
type process struct {
	cmd     *exec.Cmd
	watcher *exec.Cmd
	// leash is the write end of the watcher's standard input; it closes with
	// this process, whatever ends it.
	leash *os.File
}

// watch waits for its input to end, then ends the server and removes its
// folder. Tests killed by a timeout or a panic run no clean-up of their own;
// Pdeathsig would do, but it is bound to the thread that started the child.
const watch = `cat >/dev/null; kill -9 "$1" 2>/dev/null; [ -z "$2" ] || rm -rf "$2"`

// start runs a server and waits until ready says so.
//
// In:     dir is removed when the test binary ends, unless it is empty.
// Errors: those of starting; the tail of logFile when the server ended early.
func start(dir, logFile string, ready func(context.Context) error, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...)} //nolint:noctx // it lives as long as the watcher lets it
	p.cmd.Dir = os.TempDir()
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own copy
	// Files, not pipes: copying would need goroutines, which leak checks see.
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true} // ^C must not reach it before the clean-up
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := p.guard(dir); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	if err := p.await(ready); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, tail(logFile)), p.kill())
	}
	return p, nil
}

func (p *process) guard(dir string) error {
	input, leash, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = input.Close() }()
	p.watcher = exec.Command("/bin/sh", "-c", watch, "sh", strconv.Itoa(p.cmd.Process.Pid), dir) //nolint:noctx // ends by its leash
	p.watcher.Stdin = input
	p.watcher.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	p.leash = leash
	return p.watcher.Start()
}

// await polls, since neither server tells when it listens.
func (p *process) await(ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		if p.exited() {
			return fmt.Errorf("server ended while starting: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("server not ready: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// exited looks without reaping, which is left to kill.
func (p *process) exited() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err != nil || info.Signo != 0
}

// kill ends the server at once; its folder stays.
func (p *process) kill() error { return p.end(unix.SIGKILL) }

// stop lets the server shut down in order.
func (p *process) stop() error { return p.end(unix.SIGTERM) }

func (p *process) end(signal unix.Signal) error {
	if p.cmd.ProcessState != nil {
		return nil
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = p.cmd.Wait() // the status is that of the signal
	if p.watcher == nil || p.watcher.Process == nil {
		return nil
	}
	// The watcher goes before its pid could name another process. It is still
	// waiting for its input, so it removes nothing.
	err := p.watcher.Process.Kill()
	_ = p.watcher.Wait()
	return errors.Join(err, p.leash.Close())
}

// folder makes a directory with a short path: a Unix socket's is limited to 107
// bytes, more than testing's own folders may have.
func folder() (string, error) { return os.MkdirTemp("", "riffle-") }

func freePort() (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// find looks for a server's binary where packages put it, PATH or not.
func find(names ...string) (string, bool) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
		for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/bin"} {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path, true
			}
		}
	}
	return "", false
}

// tail gives the end of a log, where the reason of a failed start stands.
func tail(path string) []byte {
	const most = 2000
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	if len(data) > most {
		data = data[len(data)-most:]
	}
	return bytes.TrimSpace(data)
}

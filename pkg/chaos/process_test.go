package chaos

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stage is one of riffle's processes, started again as systemd would whenever it
// ends.
type stage struct {
	name   string
	binary string
	args   []string
	log    string // path of its standard error, of all its lives
	w      *world
	stdin  *os.File // nil: nothing

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{} // closed at the end of this life
	wanted bool          // an end that nobody asked for is a finding
	frozen bool
	over   bool // ended with status 0: a source was read to its end
}

// restartAfter is how long a stage that ended by itself stays down.
const restartAfter = 500 * time.Millisecond

// start begins a life of the process.
func (s *stage) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // the child has its own copy
	cmd := exec.Command(filepath.Join(s.w.bin, s.binary), s.args...)
	cmd.Env, cmd.Dir = append(environ(), "NOTIFY_SOCKET="+s.w.manager.LocalAddr().String(), "WATCHDOG_USEC=2000000"), s.w.dir
	cmd.Stdout, cmd.Stderr = out, out
	if s.stdin != nil {
		cmd.Stdin = s.stdin
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.ended, s.wanted, s.over = cmd, make(chan struct{}), true, false
	s.w.background.Go(func() { s.watch(cmd, s.ended) })
	return nil
}

// watch waits for the end of a life.
func (s *stage) watch(cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	s.mu.Lock()
	wanted := s.wanted
	s.over = err == nil
	s.mu.Unlock()
	close(ended)
	if !wanted || err == nil {
		return
	}
	s.w.find("%s ended by itself: %v", s.name, err)
	select {
	case <-time.After(restartAfter):
	case <-s.w.closing:
		return
	}
	s.mu.Lock()
	same := s.wanted && s.cmd == cmd // nobody was quicker
	s.mu.Unlock()
	if !same {
		return
	}
	if err := s.start(); err != nil {
		s.w.find("%s: %v", s.name, err)
	}
}

// kill ends the process as a crash would.
func (s *stage) kill() {
	s.mu.Lock()
	s.wanted, s.frozen = false, false
	cmd, ended := s.cmd, s.ended
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill()
	<-ended
}

// stop asks the process to end, and waits until it has.
func (s *stage) stop() error {
	s.mu.Lock()
	s.wanted = false
	cmd, ended := s.cmd, s.ended
	s.mu.Unlock()
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s does not stop", s.name)
	}
}

// crash kills the process and starts it again. One that is through stays so.
func (s *stage) crash() error {
	if s.finished() {
		return nil
	}
	s.kill()
	return s.start()
}

// pid is that of this life; 0 before the first.
func (s *stage) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// finished reports whether the process has ended with status 0.
func (s *stage) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// freeze stops the process where it stands.
func (s *stage) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err == nil {
		s.frozen = true
	}
}

func (s *stage) thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Signal(syscall.SIGCONT) // it may have been killed meanwhile
	s.frozen = false
}

func (s *stage) isFrozen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frozen
}

// tail gives the end of the log.
func (s *stage) tail(lines int) string {
	data, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// environ is the environment without what configures riffle on this machine.
func environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "RIFFLE_") {
			env = append(env, v)
		}
	}
	return env
}

// tool runs the operator's tool to its end and gives its standard output.
func (w *world) tool(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(w.bin, "riffle"), args...)
	cmd.Env, cmd.Dir = environ(), w.dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return "", fmt.Errorf("riffle %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

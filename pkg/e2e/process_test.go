package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for a process. It is long, since the machine may
// be busy, and no test waits for it to pass.
const patience = 90 * time.Second

// process is a running binary.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdout *output
	stderr *output
	debug  string // address of the debug listener
	done   chan struct{}
	err    error
}

// output is what a process printed so far.
type output struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.String()
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

// run runs a command to its end and gives its standard output.
func run(t *testing.T, binary string, args ...string) string {
	t.Helper()
	stdout, stderr, status := try(t, binary, args...)
	if status != 0 {
		t.Fatalf("%s %s: exit status %d\n%s", binary, strings.Join(args, " "), status, stderr)
	}
	return strings.TrimSpace(stdout)
}

// try is run for commands that may fail.
func try(t *testing.T, binary string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, binary), args...)
	cmd.Env, cmd.Dir = environ(), t.TempDir()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", binary, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// start runs a process that is stopped at the end of the test, if it still runs
// then.
func start(t *testing.T, binary string, args ...string) *process {
	t.Helper()
	return startFed(t, nil, binary, args...)
}

// startFed starts a process with a standard input.
func startFed(t *testing.T, stdin *os.File, binary string, args ...string) *process {
	t.Helper()
	debug := freeAddress(t)
	p := &process{name: binary, stdout: new(output), stderr: new(output), debug: debug, done: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(bin, binary), append(args, "--debug-listen", debug)...)
	p.cmd.Env, p.cmd.Dir = environ(), t.TempDir()
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if stdin != nil {
		p.cmd.Stdin = stdin
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", binary, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s%s", binary, p.stdout, p.stderr)
		}
	})
	return p
}

// kill ends the process as a crash would. One that ended already is no error.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop asks the process to stop and wants status 0.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("%s: SIGTERM: %v\n%s", p.name, err, p.stderr)
	}
	p.wait(t)
}

// wait waits for the end of the process and wants status 0.
func (p *process) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("%s does not end\n%s", p.name, p.stderr)
	}
	if p.err != nil {
		t.Fatalf("%s: %v, want exit status 0\n%s", p.name, p.err, p.stderr)
	}
}

// lastLine gives the last line on standard error.
func (p *process) lastLine() string {
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	return lines[len(lines)-1]
}

// eventually asks again and again until ok says yes. Processes have no signals
// to wait for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// alive waits until the process answers on its debug listener.
func (p *process) alive(t *testing.T) *process {
	t.Helper()
	eventually(t, p.name+" answers on its debug listener", func() bool {
		p.mustRun(t)
		return status(t, "http://"+p.debug+"/livez") == http.StatusOK
	})
	return p
}

// mustRun fails the test if the process has ended.
func (p *process) mustRun(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
		t.Fatalf("%s ended by itself: %v\n%s", p.name, p.err, p.stderr)
	default:
	}
}

// status gives the status of an answer; 0 when there is none.
func status(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// summary is the last line that ingest prints.
type summary struct {
	Read       int64            `json:"read"`
	Accepted   int64            `json:"accepted"`
	PassedOver map[string]int64 `json:"passed_over"`
	Rejected   map[string]int64 `json:"rejected"`
}

// ingestFile reads a file to its end and gives the summary, checked to add up.
func ingestFile(t *testing.T, buffer, name, source string) summary {
	t.Helper()
	p := start(t, "riffle-ingest", "--buffer", buffer, "--name", name, "--source", source, "--state", t.TempDir())
	p.wait(t)
	return p.summary(t)
}

func (p *process) summary(t *testing.T) summary {
	t.Helper()
	var s summary
	if err := json.Unmarshal([]byte(p.lastLine()), &s); err != nil {
		t.Fatalf("the last line is no summary: %v\n%s", err, p.stderr)
	}
	if s.Accepted+sum(s.PassedOver)+sum(s.Rejected) != s.Read {
		t.Errorf("the summary does not add up: %+v", s)
	}
	return s
}

func sum(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// writeFile writes lines to a file of this test's own.
func writeFile(t *testing.T, name string, lines []string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// url gives a file as a source.
func fileURL(path, options string) string { return fmt.Sprintf("file:%s?%s", path, options) }

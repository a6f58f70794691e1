package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// build builds the product's binaries once.
func (b *bench) build(ctx context.Context) error {
	if b.built {
		return nil
	}
	b.say("building the product")
	for name, folder := range map[string]string{"riffle": "riffle", "riffle-ingest": "ingest", "riffle-filter": "filter", "riffle-api": "api"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(b.dir, "bin", name), "./cmd/"+folder)
		cmd.Dir = b.root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	b.built = true
	return nil
}

// process is a running binary of the product.
type process struct {
	name  string
	cmd   *exec.Cmd
	debug string // address of its debug listener
	out   *tail
	done  chan struct{}
	err   error
}

// start runs a binary with a debug listener of its own.
func (b *bench) start(ctx context.Context, name string, args ...string) (*process, error) {
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	debug, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	state, err := os.MkdirTemp(b.dir, "state-")
	if err != nil {
		return nil, err
	}
	if name != "riffle" {
		args = append(args, "--state", state)
	}
	p := &process{name: name, debug: debug, out: new(tail), done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, filepath.Join(b.dir, "bin", name), append(args, "--debug-listen", debug, "--log", "warn")...)
	p.cmd.Dir = state
	p.cmd.Stderr = p.out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, p.waitReady(ctx)
}

// waitReady waits until the process answers on its debug listener.
func (p *process) waitReady(ctx context.Context) error {
	for range 300 {
		select {
		case <-p.done:
			return p.failed("ended at its start")
		case <-time.After(100 * time.Millisecond):
		}
		if _, err := p.get(ctx, "/metrics"); err == nil {
			return nil
		}
	}
	return p.failed("does not answer on " + p.debug)
}

func (p *process) failed(what string) error {
	return fmt.Errorf("%s %s: %w; it said:\n%s", p.name, what, errors.Join(p.err), p.out)
}

// stop asks the process to stop and waits until it has.
func (p *process) stop() error {
	select {
	case <-p.done:
		return p.failed("ended by itself")
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		return p.failed("did not stop within 30 s")
	}
	if p.err != nil {
		return p.failed("stopped")
	}
	return nil
}

func (p *process) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.debug+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s%s: %s", p.debug, path, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// metric sums the values of a metric over its labels.
func (p *process) metric(ctx context.Context, name string) (float64, error) {
	body, err := p.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	sum, found := 0.0, false
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok || len(rest) == 0 || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		value, err := strconv.ParseFloat(string(rest[bytes.LastIndexByte(rest, ' ')+1:]), 64)
		if err != nil {
			return 0, err
		}
		sum, found = sum+value, true
	}
	if !found {
		return 0, fmt.Errorf("%s has no metric %s", p.name, name)
	}
	return sum, nil
}

// quantile reads a histogram: the bound below which the share q of the values
// lies, interpolated within its bucket.
func (p *process) quantile(ctx context.Context, name string, q float64) (float64, error) {
	body, err := p.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	var bounds, counts []float64
	for line := range strings.SplitSeq(string(body), "\n") {
		rest, ok := strings.CutPrefix(line, name+`_bucket{le="`)
		if !ok {
			continue
		}
		bound, count, _ := strings.Cut(rest, `"} `)
		b, err1 := strconv.ParseFloat(bound, 64)
		n, err2 := strconv.ParseFloat(count, 64)
		if err := errors.Join(err1, err2); err != nil {
			return 0, err
		}
		bounds, counts = append(bounds, b), append(counts, n)
	}
	if len(counts) == 0 || counts[len(counts)-1] == 0 {
		return 0, fmt.Errorf("%s has no values in %s", p.name, name)
	}
	want := q * counts[len(counts)-1]
	low, below := 0.0, 0.0
	for i, n := range counts {
		if n >= want {
			return low + (bounds[i]-low)*(want-below)/(n-below), nil
		}
		low, below = bounds[i], n
	}
	return low, nil
}

// profile keeps a CPU profile of the process when one is asked for. It returns
// at once.
func (p *process) profile(ctx context.Context, b *bench, label string, d time.Duration) {
	if b.profile == "" {
		return
	}
	go func() {
		data, err := p.get(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(d.Seconds())))
		if err == nil {
			err = os.WriteFile(filepath.Join(b.profile, label+"-"+p.name+".pprof"), data, 0o600)
		}
		if err != nil {
			b.say("profile of %s: %v", p.name, err)
		}
	}()
}

// peak is the largest resident set of a process so far, in bytes.
func peak(pid int) (float64, error) { return statusField(pid, "VmHWM:") }

// resident is the resident set of a process now, in bytes.
func resident(pid int) (float64, error) { return statusField(pid, "VmRSS:") }

func statusField(pid int, field string) (float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == field {
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("no %s for process %d", field, pid)
}

// cpu is the processor time that a process has used, in seconds.
func cpu(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	const ticks = 100 // USER_HZ on all of Linux's platforms that matter
	return (user + system) / ticks, errors.Join(err1, err2)
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// tail keeps the end of what a process prints.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const tailBytes = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if extra := len(t.data) - tailBytes; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}

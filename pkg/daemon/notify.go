package daemon

import (
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Notifier speaks systemd's notify protocol: datagrams of NAME=VALUE lines to
// the socket that $NOTIFY_SOCKET names. Methods of nil do nothing. What cannot
// be sent is passed over: the service manager draws its own conclusions from
// silence, and a stage that works must not end over it.
//
// Source: sd_notify(3), sd_watchdog_enabled(3).
type Notifier struct {
	socket   *net.UnixAddr
	watchdog time.Duration // how often the manager wants a sign of life; 0: not at all
}

// NewNotifier reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of
// environ; nil without a socket.
func NewNotifier(environ []string) *Notifier {
	env := lookup(environ)
	path := env("NOTIFY_SOCKET")
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@") {
		return nil
	}
	// The net package reads a leading @ as the abstract namespace, as systemd does.
	n := &Notifier{socket: &net.UnixAddr{Name: path, Net: "unixgram"}}
	if pid := env("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		usec, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64)
		if err == nil && usec > 0 {
			n.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	return n
}

func lookup(environ []string) func(string) string {
	return func(name string) string {
		for _, line := range environ {
			if value, ok := strings.CutPrefix(line, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// Ready says that the process does its work.
func (n *Notifier) Ready() { n.send("READY=1") }

// Stopping says that the process is on its way out.
func (n *Notifier) Stopping() { n.send("STOPPING=1") }

// Status shows one line in `systemctl status`.
func (n *Notifier) Status(line string) { n.send("STATUS=" + strings.ReplaceAll(line, "\n", " ")) }

// Watch gives a sign of life twice in each interval that the manager asked for,
// as long as alive finds nothing wrong. The returned function ends it.
func (n *Notifier) Watch(alive func() error) (stop func()) {
	if n == nil || n.watchdog == 0 {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(n.watchdog / 2)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				if alive() == nil {
					n.send("WATCHDOG=1")
				}
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func (n *Notifier) send(state string) {
	if n == nil {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, n.socket)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write([]byte(state))
}

package testenv

import (
	"errors"
	"os"
	"testing"
)

// Server is a private server that a test may end and start again. It is gone
// when the test is over.
type Server struct {
	// URL is in riffle's form, and the same after a restart.
	URL string
	// Dir holds the server's data; a test may change it while the server is
	// down.
	Dir string

	tb  testing.TB
	run func() (*process, error)
	p   *process
}

// startServer tries more than one port: another process may take a free one
// before the server does.
func startServer(setUp func(dir string, port int) (url string, run func() (*process, error))) (*Server, error) {
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	var errs []error
	for range 3 {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s := &Server{Dir: dir}
		s.URL, s.run = setUp(dir, port)
		if s.p, err = s.run(); err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(append(errs, os.RemoveAll(dir))...)
}

// own binds the server to one test.
func (s *Server) own(tb testing.TB) *Server {
	tb.Helper()
	s.tb = tb
	tb.Cleanup(func() {
		if err := errors.Join(s.p.kill(), os.RemoveAll(s.Dir)); err != nil {
			tb.Errorf("testenv: end server: %v", err)
		}
	})
	return s
}

// Pid names the server's process, for signals.
func (s *Server) Pid() int { return s.p.cmd.Process.Pid }

// Exited reports whether the server has ended by itself, or was ended.
func (s *Server) Exited() bool { return s.p.exited() }

// Kill ends the server as a crash would.
func (s *Server) Kill() {
	s.tb.Helper()
	if err := s.p.kill(); err != nil {
		s.tb.Fatalf("testenv: kill server: %v", err)
	}
}

// Stop ends the server in order.
func (s *Server) Stop() {
	s.tb.Helper()
	if err := s.p.stop(); err != nil {
		s.tb.Fatalf("testenv: stop server: %v", err)
	}
}

// Restart starts the server on its data and port, in order if it is still
// running, and waits until it answers.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	p, err := s.run()
	if err != nil {
		s.tb.Fatalf("testenv: restart server: %v", err)
	}
	s.p = p
}

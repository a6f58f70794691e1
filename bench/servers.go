package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// servers is a private Redis and MariaDB.
type servers struct {
	script, dir string
	redis       string // URLs in riffle's form
	mysql       string
	conditions  string
	redisPid    int
	mysqlPid    int
}

// startServers starts them once for all rows.
func (b *bench) startServers(ctx context.Context) (*servers, error) {
	if b.servers != nil {
		return b.servers, nil
	}
	s := &servers{script: filepath.Join(b.root, "scripts", "servers"), dir: filepath.Join(b.dir, "s")}
	b.say("starting a private Redis and MariaDB")
	if err := s.call(ctx, "start"); err != nil {
		return nil, err
	}
	b.servers = s // so that they are stopped whatever follows
	if err := s.readURLs(); err != nil {
		return nil, err
	}
	return s, s.prepare(ctx)
}

func (s *servers) call(ctx context.Context, action string) error {
	cmd := exec.CommandContext(ctx, s.script, action, s.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("scripts/servers %s: %w\n%s", action, err, out)
	}
	return nil
}

func (s *servers) readURLs() error {
	f, err := os.Open(filepath.Join(s.dir, "env"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		switch name, value, _ := strings.Cut(lines.Text(), "="); name {
		case "REDIS_URL":
			s.redis = value
		case "MYSQL_URL":
			s.mysql = value
		}
	}
	return lines.Err()
}

// prepare gives MariaDB the memory of a server in use, and durable commits.
func (s *servers) prepare(ctx context.Context) error {
	u, err := url.Parse(s.mysql)
	if err != nil {
		return err
	}
	var err1, err2 error
	s.redisPid, err1 = pidOf(filepath.Join(s.dir, "redis.pid"))
	s.mysqlPid, err2 = pidOf(filepath.Join(s.dir, "mariadb.pid"))
	s.conditions = "MariaDB: 2 GiB buffer pool, 2 GiB log, 4,000 I/O operations a second, log flushed at every commit; Redis: nothing on disk"
	statements := make([]string, len(inUse))
	for i, setting := range inUse {
		statements[i] = "SET GLOBAL " + setting
	}
	return errors.Join(err1, err2, execute(ctx, u, statements...))
}

// inUse are the settings of a MariaDB in use.
var inUse = []string{
	"innodb_buffer_pool_size=2147483648", "innodb_log_file_size=2147483648",
	"innodb_io_capacity_max=8000", "innodb_io_capacity=4000", "innodb_flush_log_at_trx_commit=1",
}

// killMySQL ends MariaDB at once. The returned function starts it again, with the
// settings that it had, and waits until it answers.
func (s *servers) killMySQL(ctx context.Context) (restart func() error, err error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.mysqlPid))
	if err != nil {
		return nil, err
	}
	args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	for _, setting := range inUse {
		args = append(args, "--"+setting)
	}
	if err := syscall.Kill(s.mysqlPid, syscall.SIGKILL); err != nil {
		return nil, err
	}
	return func() error {
		cmd := exec.CommandContext(context.WithoutCancel(ctx), args[0], args[1:]...) // scripts/servers stops it
		if err := cmd.Start(); err != nil {
			return err
		}
		go func() { _ = cmd.Wait() }()
		s.mysqlPid = cmd.Process.Pid
		if err := os.WriteFile(filepath.Join(s.dir, "mariadb.pid"), []byte(strconv.Itoa(s.mysqlPid)), 0o600); err != nil {
			return err
		}
		return s.answers(ctx)
	}, nil
}

// answers waits until MariaDB does.
func (s *servers) answers(ctx context.Context) error {
	u, err := url.Parse(s.mysql)
	if err != nil {
		return err
	}
	for range 600 {
		if err = execute(ctx, u, "SELECT 1"); err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("mariadb does not start again: %w", err)
}

func pidOf(name string) (int, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

func (s *servers) stop() error { return s.call(context.Background(), "stop") }

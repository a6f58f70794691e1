package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// servers is a private Redis and MariaDB.
type servers struct {
	script, dir string
	redis       string // URLs in riffle's form
	mysql       string
	conditions  string
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
	return s, nil
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
	defer f.Close()
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

func (s *servers) stop() error { return s.call(context.Background(), "stop") }

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// benchStorm lets a riffle-ingest of each network read a server that ends every
// connection at once, and counts how often it comes back: no more often than
// docs/sources.md says of a connection that can't be made.
func benchStorm(ctx context.Context, b *bench) ([]result, error) {
	if _, err := b.emptyBuffer(ctx); err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil { // once, before all start
		return nil, err
	}
	keys := filepath.Join(b.dir, "keys.yaml")
	text := "twitter-consumer-key: k\ntwitter-consumer-secret: s\ntwitter-access-token: t\ntwitter-access-token-secret: s\n"
	if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
		return nil, err
	}
	doubling := func(n int) time.Duration { return min(250*time.Millisecond<<n, 30*time.Second) * 3 / 4 }
	storms := []storm{
		{
			network: "Twitter", source: "twitter://sample?endpoint=http://%s", more: []string{"--config", keys},
			wait: func(n int) time.Duration { return min(time.Duration(n+1)*250*time.Millisecond, 16*time.Second) },
		},
		{network: "Mastodon", source: "mastodon+http://%s/public", wait: doubling, twice: true},
		{network: "Jetstream", source: "jetstream+ws://%s", wait: doubling},
	}
	results, errs := make([]result, len(storms)), make([]error, len(storms))
	var all sync.WaitGroup
	for i := range storms {
		all.Go(func() { results[i], errs[i] = storms[i].run(ctx, b) })
	}
	all.Wait()
	return results, errors.Join(errs...)
}

// storm is a source whose server ends every connection.
type storm struct {
	network, source string // its address is to be filled in
	more            []string
	wait            func(n int) time.Duration // the shortest after n connections before
	twice           bool                      // it asks for what it missed meanwhile, on a connection of its own
}

// most is how many connections the schedule allows in d.
func (s *storm) most(d time.Duration) (n int) {
	for at := time.Duration(0); at <= d; n++ {
		at += s.wait(n)
	}
	if s.twice {
		n *= 2
	}
	return n
}

func (s *storm) run(ctx context.Context, b *bench) (r result, err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = listener.Close() }()
	var came atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			_ = conn.Close()
		}
	}()
	ingest, err := b.start(ctx, "riffle-ingest", append(s.more, "--buffer", b.servers.redis, "--name", strings.ToLower(s.network), "--source", fmt.Sprintf(s.source, listener.Addr()))...)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, ingest.stop()) }()
	before, err := cpu(ingest.cmd.Process.Pid)
	if err != nil {
		return result{}, err
	}
	if err := wait(ctx, b.length); err != nil {
		return result{}, err
	}
	after, err := cpu(ingest.cmd.Process.Pid)
	return result{
		what: fmt.Sprintf("%s's server ends every connection, for %v", s.network, b.length), unit: "connections", atMost: true,
		aim: float64(s.most(b.length + time.Second)), reached: float64(came.Load()), // the start counts too
		note: fmt.Sprintf("the aim is its schedule; %.0f ms of processor time", (after-before)*1000),
	}, err
}

package internal

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"riffle/pkg/daemon"
	"riffle/pkg/pulse"
)

const (
	probeEvery   = 5 * time.Second
	probeTimeout = 10 * time.Second
	// probeStuck is how long an api that has answered itself once may fail to.
	probeStuck = time.Minute
)

// probePart asks the api now and then for /livez, over its own listener: that
// takes the loop which accepts connections, and all that stands before a handler,
// and neither store nor buffer. An api that cannot be reached in this way from the
// start is not held to be stuck.
func (p *Process) probePart(at net.Addr, secure bool) daemon.Part {
	client := probeClient(at, secure)
	return p.probing(func(ctx context.Context) error { return probe(ctx, client, secure) })
}

func (p *Process) probing(ask func(context.Context) error) daemon.Part {
	loops := pulse.New()
	loop := loops.Loop("listener")
	p.loops = append(p.loops, loops.Stuck)
	return daemon.Part{Name: "api probe", Run: func(ctx context.Context) error {
		defer loop.Rest()
		every(ctx, probeEvery, func() {
			if err := ask(ctx); err == nil {
				loop.Within(probeStuck)
			}
		})
		return nil
	}}
}

// probeClient connects to the listener, whatever name is asked for, and anew each
// time.
func probeClient(at net.Addr, secure bool) *http.Client {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, at.Network(), at.String()) // an unspecified address is this host
		},
	}
	if secure {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // it asks itself, by no name that a certificate has
	}
	return &http.Client{Transport: transport, Timeout: probeTimeout}
}

func probe(ctx context.Context, client *http.Client, secure bool) error {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://localhost/livez", nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("/livez answers %s", answer.Status)
	}
	_ = answer.Body.Close()
	return err
}

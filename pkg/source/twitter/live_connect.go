package twitter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	gotwitter "github.com/dghubble/go-twitter/twitter" //nolint:staticcheck // no longer developed, and neither is what it speaks (docs/adr/0005)
	"github.com/dghubble/oauth1"
	"github.com/klauspost/compress/gzip"
)

// signingClient makes the client that signs requests with the keys.
func signingClient(c *Config) *http.Client {
	base := c.Client
	if base == nil {
		base = &http.Client{Transport: ownTransport()}
	}
	ctx := context.WithValue(context.Background(), oauth1.HTTPClient, base)
	return oauth1.NewConfig(c.Keys.ConsumerKey, c.Keys.ConsumerSecret).Client(ctx, oauth1.NewToken(c.Keys.Token, c.Keys.TokenSecret))
}

// ownTransport is the default one but for what is of no use to streams: no
// connection serves twice.
func ownTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.DisableKeepAlives = true
	return t
}

// roundTrip is a transport.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip answers r.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// connect lets go-twitter ask for the stream, and takes the answer from under
// it: go-twitter itself sees one that ends its stream at once (docs/adr/0005).
//
// Errors: those of the connection; an answer of any status is none.
func (s *Source) connect(ctx context.Context) (resp *http.Response, err error) {
	err = errors.New("no request was made")
	take := roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err = s.client.Transport.RoundTrip(s.request(ctx, r))
		// Any status but 200, 420, 429 and 503 ends it without a word.
		return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
	})
	stream, openErr := s.config.open(gotwitter.NewClient(&http.Client{Transport: take}).Streams)
	if openErr != nil {
		return nil, openErr
	}
	for range stream.Messages { // until it is closed, and with it go-twitter's goroutine has ended
	}
	return resp, err
}

// open asks go-twitter for the stream.
func (c *Config) open(s *gotwitter.StreamService) (*gotwitter.Stream, error) {
	warnings := gotwitter.Bool(true) // of a receiver that falls behind
	switch c.Stream {
	case streamFilter:
		return s.Filter(&gotwitter.StreamFilterParams{Track: c.Track, Follow: c.Follow, Language: c.Language, StallWarnings: warnings})
	case streamUser:
		return s.User(&gotwitter.StreamUserParams{Track: c.Track, Language: c.Language, StallWarnings: warnings})
	case streamSite:
		return s.Site(&gotwitter.StreamSiteParams{Follow: c.Follow, Language: c.Language, StallWarnings: warnings})
	default:
		return s.Sample(&gotwitter.StreamSampleParams{Language: c.Language, StallWarnings: warnings})
	}
}

// request makes of go-twitter's request the one that is sent: to the endpoint,
// and with the options of a POST in its body, since four hundred words make an
// address too long.
func (s *Source) request(ctx context.Context, r *http.Request) *http.Request {
	r = r.Clone(ctx)
	r.Header.Set("User-Agent", "riffle")
	r.Header.Set("Accept-Encoding", "gzip") // said by ourselves, so that we unpack it, which costs less than net/http does
	if e := s.config.Endpoint; e != nil {
		r.URL.Scheme, r.URL.Host, r.Host = e.Scheme, e.Host, e.Host
	}
	if r.Method == http.MethodPost {
		form := r.URL.RawQuery
		r.URL.RawQuery = ""
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	}
	return r
}

// unpacked is the body of an answer, which may be gzipped.
type unpacked struct {
	body io.Reader
	zip  *gzip.Reader
}

func unpack(resp *http.Response) io.Reader {
	if resp.Header.Get("Content-Encoding") != "gzip" {
		return resp.Body
	}
	return &unpacked{body: resp.Body}
}

// Read reads what was packed. The head is waited for as all that comes after it.
func (u *unpacked) Read(p []byte) (n int, err error) {
	if u.zip == nil {
		if u.zip, err = gzip.NewReader(u.body); err != nil {
			return 0, fmt.Errorf("unpack: %w", err)
		}
	}
	return u.zip.Read(p)
}

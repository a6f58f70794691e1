package twitter

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The streams that there are.
const (
	streamFilter = "filter"
	streamSample = "sample"
	streamUser   = "user"
	streamSite   = "site"
)

// options are those that each stream takes, in the order in which they are told.
var options = map[string][]string{
	streamFilter: {optionTrack, optionFollow, optionLanguage, optionEndpoint},
	streamSample: {optionLanguage, optionEndpoint},
	streamUser:   {optionTrack, optionLanguage, optionEndpoint},
	streamSite:   {optionFollow, optionLanguage, optionEndpoint},
}

const (
	optionTrack    = "track"
	optionFollow   = "follow"
	optionLanguage = "language"
	optionEndpoint = "endpoint"
)

// Config says what to read.
type Config struct {
	// Stream is filter, sample, user or site.
	Stream string
	// Track lists phrases, whose words must all be in a tweet; Follow accounts, by
	// id; Language languages.
	Track, Follow, Language []string
	// Endpoint is asked in place of Twitter's own hosts; nil is those.
	Endpoint *url.URL
	Keys     Keys
	// Audience is who sees a user stream, NETWORK:ACCOUNT; empty leaves that to
	// others.
	Audience string
	// Client makes the connection; nil is one of its own for each.
	Client *http.Client
}

// Keys are the OAuth 1 keys of an app and of an account that has let it in. They
// do not print.
type Keys struct{ ConsumerKey, ConsumerSecret, Token, TokenSecret string }

// String hides the keys.
func (Keys) String() string { return "***" }

// GoString hides the keys.
func (Keys) GoString() string { return "***" }

// Parse reads twitter://STREAM[?track=A,B&follow=1,2&language=en&endpoint=URL];
// the keys are not in it.
//
// Errors: one for all that is wrong, in words for whoever wrote it.
func Parse(spec string) (Config, error) {
	u, err := url.Parse(spec)
	if err != nil {
		return Config{}, fmt.Errorf("twitter: %w", err)
	}
	known := options[u.Host]
	if u.Scheme != Network || known == nil || strings.Trim(u.Path, "/") != "" || u.User != nil || u.Fragment != "" {
		return Config{}, fmt.Errorf("%q is not of the form twitter://filter?track=A,B, twitter://sample, twitter://user or twitter://site?follow=1,2", u.Redacted())
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, fmt.Errorf("twitter: options: %w", err)
	}
	c := Config{Stream: u.Host}
	var wrong []error
	for name, values := range query {
		if !slices.Contains(known, name) {
			wrong = append(wrong, fmt.Errorf("option %q is unknown to twitter://%s; there are %s", name, c.Stream, strings.Join(known, ", ")))
			continue
		}
		wrong = append(wrong, c.set(name, strings.Join(values, ",")))
	}
	wrong = append(wrong, c.check())
	if err := errors.Join(wrong...); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (c *Config) set(name, value string) (err error) {
	list := strings.Split(value, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	if slices.Contains(list, "") {
		return fmt.Errorf("option %q is empty, or has a comma too many", name)
	}
	switch name {
	case optionTrack:
		c.Track = list
	case optionFollow:
		c.Follow = list
	case optionLanguage:
		c.Language = list
	default:
		c.Endpoint, err = parseEndpoint(value)
	}
	return err
}

func parseEndpoint(value string) (*url.URL, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("option \"endpoint\" is not of the form http://HOST:PORT or https://HOST")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// check finds what is wrong with the options together.
func (c *Config) check() error {
	var wrong []error
	for _, id := range c.Follow {
		if _, ok := number([]byte(id)); !ok {
			wrong = append(wrong, fmt.Errorf("option \"follow\" takes the numbers of accounts, which %q is not", id))
		}
	}
	switch {
	case c.Stream == streamFilter && len(c.Track)+len(c.Follow) == 0:
		wrong = append(wrong, errors.New("twitter://filter needs something to look for: track, follow or both"))
	case c.Stream == streamSite && len(c.Follow) == 0:
		wrong = append(wrong, errors.New("twitter://site needs the accounts whose streams it shall bring: follow"))
	}
	return errors.Join(wrong...)
}

// Account is the account of the keys, twitter:ID: a user stream brings what it
// sees. It stands in front of the token; empty where it does not.
func (c *Config) Account() string {
	id, _, _ := strings.Cut(c.Keys.Token, "-")
	if _, ok := number([]byte(id)); !ok {
		return ""
	}
	return Network + ":" + id
}

// OfOneAccount reports whether the stream brings what one account sees, and does
// not say so.
func (c *Config) OfOneAccount() bool { return c.Stream == streamUser }

// host is who is asked, as messages name it.
func (c *Config) host() string {
	switch {
	case c.Endpoint != nil:
		return c.Endpoint.Host
	case c.Stream == streamUser || c.Stream == streamSite:
		return c.Stream + "stream.twitter.com"
	}
	return "stream.twitter.com"
}

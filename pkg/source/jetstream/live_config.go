package jetstream

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	defaultPath       = "/subscribe"
	defaultCollection = "app.bsky.feed.post"
	// maxCollections is the servers' own limit.
	maxCollections = 100
)

// Config says what to read.
type Config struct {
	// Host may have a port.
	Host string
	// Path is that of the stream, /subscribe on all known servers.
	Path string
	// Plain leaves TLS away.
	Plain bool
	// Collections are the kinds of records to ask for: NSIDs, or with .* at the
	// end all below.
	Collections []string
	// Client makes the connection; nil is http.DefaultClient.
	Client *http.Client
}

// Parse reads jetstream://HOST[:PORT][/PATH][?collections=A,B], or
// jetstream+ws:// for a connection without TLS.
//
// Errors: one for all that is wrong, in words for whoever wrote it.
func Parse(spec string) (Config, error) {
	u, err := url.Parse(spec)
	if err != nil {
		return Config{}, fmt.Errorf("jetstream: %w", err)
	}
	c := Config{Host: u.Host, Path: u.Path, Plain: u.Scheme == "jetstream+ws", Collections: []string{defaultCollection}}
	var wrong []error
	if u.Scheme != "jetstream" && !c.Plain {
		wrong = append(wrong, fmt.Errorf("%q is neither jetstream:// nor jetstream+ws://", spec))
	}
	if u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		wrong = append(wrong, fmt.Errorf("%q is not of the form jetstream://HOST[/PATH][?collections=A,B]", u.Redacted()))
	}
	if c.Path == "" || c.Path == "/" {
		c.Path = defaultPath
	}
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		wrong = append(wrong, fmt.Errorf("jetstream: options: %w", err))
	}
	for name, values := range options {
		if name != "collections" {
			wrong = append(wrong, fmt.Errorf("option %q is unknown; there is: collections", name))
			continue
		}
		c.Collections = strings.Split(strings.Join(values, ","), ",")
		wrong = append(wrong, checkCollections(c.Collections)...)
	}
	if len(wrong) > 0 {
		return Config{}, errors.Join(wrong...)
	}
	return c, nil
}

func checkCollections(names []string) (wrong []error) {
	if len(names) > maxCollections {
		wrong = append(wrong, fmt.Errorf("%d collections are more than the %d that a server takes", len(names), maxCollections))
	}
	for _, name := range names {
		if !isCollection(name) {
			wrong = append(wrong, fmt.Errorf("collection %q is no NSID, such as app.bsky.feed.post or app.bsky.feed.*", name))
		}
	}
	return wrong
}

// isCollection looks at the form alone; which collections exist the network
// decides.
func isCollection(name string) bool {
	name, all := strings.CutSuffix(name, ".*")
	parts := strings.Split(name, ".")
	return (all || len(parts) > 1) && !slices.ContainsFunc(parts, func(part string) bool {
		return part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		})
	})
}

// address is the URL of the stream after from.
func (c *Config) address(from position) string {
	u := url.URL{Scheme: "wss", Host: c.Host, Path: c.Path}
	if c.Plain {
		u.Scheme = "ws"
	}
	query := url.Values{"wantedCollections": c.Collections}
	if ask := from.ask(); ask != "" {
		query.Set("cursor", ask)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

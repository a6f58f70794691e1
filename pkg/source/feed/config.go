package feed

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// FormatAuto lets the decoder look at each message.
const FormatAuto = "auto"

// addresses are the schemes of sources, each with that of the server's address.
var addresses = map[string]string{"sse+https": "https", "sse+http": "http", "wss": "wss", "ws": "ws"}

// Schemes are the beginnings of a feed's URL.
var Schemes = []string{"sse+https", "sse+http", "wss", "ws"}

// Config says what to read.
type Config struct {
	// Address is that of the stream, without user and password.
	Address *url.URL
	// User lets in; nil for a stream that lets everybody in.
	User *url.Userinfo
	// Format names the decoder; whoever makes the decoders knows the names.
	Format string
	// Client makes the connection; nil is http.DefaultClient.
	Client *http.Client
}

// Parse reads sse+https://[USER:PASSWORD@]HOST[:PORT]/PATH[?QUERY], or wss://
// likewise; sse+http:// and ws:// are without TLS. format=F of the query is ours,
// the rest is the server's.
//
// Errors: one for all that is wrong, in words for whoever wrote it, without
// password and query.
func Parse(spec string) (Config, error) {
	u, err := url.Parse(spec)
	if err != nil {
		return Config{}, errors.New("feed: the source is no URL, such as sse+https://HOST/PATH")
	}
	scheme, known := addresses[u.Scheme]
	if !known || u.Hostname() == "" || u.Fragment != "" {
		return Config{}, fmt.Errorf("feed: the source at %q is not of the form sse+https://HOST/PATH[?format=F] or wss://HOST/PATH[?format=F]", u.Host)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, errors.New("feed: what follows the ? is not well-formed; write name=value, several with & between them")
	}
	c := Config{Address: u, User: u.User, Format: FormatAuto}
	if query.Has("format") {
		c.Format = query.Get("format")
		query.Del("format")
		u.RawQuery = query.Encode()
	}
	u.Scheme, u.User = scheme, nil
	return c, nil
}

// socket reports whether the stream comes over WebSocket.
func (c *Config) socket() bool { return c.Address.Scheme == "ws" || c.Address.Scheme == "wss" }

// header asks for the stream after a message.
func (c *Config) header(last string) http.Header {
	h := http.Header{"User-Agent": {"riffle"}}
	if last != "" {
		h.Set("Last-Event-ID", last)
	}
	if c.User != nil {
		password, _ := c.User.Password()
		r := http.Request{Header: h}
		r.SetBasicAuth(c.User.Username(), password)
	}
	return h
}

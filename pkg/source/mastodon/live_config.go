package mastodon

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// The streams that can be read.
const (
	streamPublic  = "public"
	streamLocal   = "public/local"
	streamHashtag = "hashtag"
	streamList    = "list"
	streamUser    = "user"
)

// Config says what to read.
type Config struct {
	// Host may have a port. It is part of every key.
	Host string
	// Plain leaves TLS away.
	Plain bool
	// Stream is public, public/local, hashtag, list or user.
	Stream string
	// Of is the tag, or the id of the list.
	Of string
	// WebSocket reads it over WebSocket, not as server-sent events.
	WebSocket bool
	// Token is the access token of an account; servers before 4.2 need none for
	// public streams.
	Token string
	// Audience are the accounts whose stream it is, as NETWORK:ACCOUNT. Where it
	// is empty, a user's stream and a list are those of the token's owner, and
	// others everybody's.
	Audience []string
	// Client makes the connections; nil is http.DefaultClient.
	Client *http.Client
}

const form = "mastodon://HOST/public, …/public/local, …/hashtag?tag=TAG, …/list?list=ID or …/user"

// Parse reads mastodon://HOST[:PORT]/STREAM[?tag=TAG|list=ID][&websocket=1], or
// mastodon+http:// for connections without TLS.
//
// Errors: one for all that is wrong, in words for whoever wrote it.
func Parse(spec string) (Config, error) {
	u, err := url.Parse(spec)
	if err != nil {
		return Config{}, fmt.Errorf("mastodon: %w", err)
	}
	c := Config{Host: strings.ToLower(u.Host), Plain: u.Scheme == "mastodon+http", Stream: strings.Trim(u.Path, "/")}
	var wrong []error
	if u.Scheme != "mastodon" && !c.Plain {
		wrong = append(wrong, fmt.Errorf("%q is neither mastodon:// nor mastodon+http://", u.Redacted()))
	}
	if u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		wrong = append(wrong, fmt.Errorf("%q is not of the form %s; a token stands in --mastodon-token", u.Redacted(), form))
	}
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		wrong = append(wrong, fmt.Errorf("mastodon: options: %w", err))
	}
	if wrong = append(wrong, c.set(options)...); len(wrong) > 0 {
		return Config{}, errors.Join(wrong...)
	}
	return c, nil
}

// set takes the options, each once.
func (c *Config) set(options url.Values) (wrong []error) {
	of := map[string]string{streamHashtag: "tag", streamList: "list"}[c.Stream]
	for name, values := range options {
		value := values[len(values)-1]
		switch {
		case name == "websocket" && (value == "1" || value == "0"):
			c.WebSocket = value == "1"
		case name == "websocket":
			wrong = append(wrong, fmt.Errorf("websocket is 1 or 0, not %q", value))
		case name == of:
			c.Of = strings.TrimPrefix(value, "#")
		case name == "tag", name == "list":
			wrong = append(wrong, fmt.Errorf("option %q does not belong to the stream %s", name, c.Stream))
		default:
			wrong = append(wrong, fmt.Errorf("option %q is unknown; there are: tag, list, websocket", name))
		}
	}
	switch c.Stream {
	case streamPublic, streamLocal, streamUser:
	case streamHashtag, streamList:
		if c.Of == "" {
			wrong = append(wrong, fmt.Errorf("the stream %s needs the option %s", c.Stream, of))
		}
		if c.Stream == streamList && c.Of != "" && !isID(c.Of) {
			wrong = append(wrong, fmt.Errorf("%q is no id of a list", c.Of))
		}
	default:
		wrong = append(wrong, fmt.Errorf("there is no stream %q; write %s", c.Stream, form))
	}
	return wrong
}

// private reports whether the stream is one account's own.
func (c *Config) private() bool { return c.Stream == streamUser || c.Stream == streamList }

// address is that of a path of the server.
func (c *Config) address(path string, query url.Values) string {
	u := url.URL{Scheme: "https", Host: c.Host, Path: path, RawQuery: query.Encode()}
	if c.Plain {
		u.Scheme = "http"
	}
	return u.String()
}

const streaming = "/api/v1/streaming"

// events is the address of the stream as server-sent events.
func (c *Config) events() string { return c.address(streaming+"/"+c.Stream, c.options()) }

// socket is the address of the stream over WebSocket.
func (c *Config) socket() string {
	query := c.options()
	query.Set("stream", strings.ReplaceAll(c.Stream, "/", ":"))
	return "ws" + strings.TrimPrefix(c.address(streaming, query), "http")
}

func (c *Config) options() url.Values {
	switch c.Stream {
	case streamHashtag:
		return url.Values{"tag": {c.Of}}
	case streamList:
		return url.Values{"list": {c.Of}}
	}
	return url.Values{}
}

// timeline is the address of what the stream has told, as far as query says.
func (c *Config) timeline(query url.Values) string {
	path := "public"
	switch c.Stream {
	case streamUser:
		path = "home"
	case streamHashtag:
		path = "tag/" + c.Of
	case streamList:
		path = "list/" + c.Of
	case streamLocal:
		query.Set("local", "true")
	}
	return c.address("/api/v1/timelines/"+path, query)
}

// advice says what to do about answers that do not pass.
func (c *Config) advice() map[int]string {
	const settings = "--mastodon-token, RIFFLE_MASTODON_TOKEN or RIFFLE_MASTODON_TOKEN_FILE"
	token := "the server does not take the token in " + settings + "; is it revoked, or of another server?"
	if c.Token == "" {
		token = "the server wants the access token of an account: make one under Preferences, Development, with the scopes read:statuses and read:accounts, and give it as " + settings
	}
	scope := "the token may not read this; it needs the scopes read:statuses, and for a user's stream or a list read:accounts and read:lists"
	option := "check tag and list of --source, and that the token is an account's and not an app's"
	return map[int]string{
		http.StatusBadRequest:          option,
		http.StatusUnauthorized:        token,
		http.StatusForbidden:           scope,
		http.StatusNotFound:            "check host, stream and list of --source; a list is there for its owner's token only",
		http.StatusUnprocessableEntity: option,
	}
}

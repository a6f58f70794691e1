package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// parts are those of scheme:[//[user@]host][/path][?query]. net/url is not used
// for the whole, since it refuses lists of hosts and its errors repeat the
// text, password included.
type parts struct {
	scheme string
	host   string // with port; several with commas between them; without user and password
	path   string // with its leading slash where a host stands before it
	query  url.Values
	user   bool // a user or password is given
	slash  bool // the scheme is followed by //
}

// split takes a URL apart.
func split(text string) (parts, error) {
	scheme, rest, ok := strings.Cut(text, ":")
	if !ok {
		return parts{}, errNoScheme
	}
	p := parts{scheme: scheme}
	rest, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return parts{}, errQuery
	}
	p.query = values
	rest, p.slash = strings.CutPrefix(rest, "//")
	if !p.slash {
		p.path = rest
		return p, nil
	}
	authority := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, p.path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		p.user, authority = true, authority[i+1:]
	}
	p.host = authority
	return p, nil
}

var (
	errNoScheme = errors.New("it does not begin with a kind and a colon")
	errQuery    = errors.New("what follows the ? is not well-formed; write name=value, several with & between them")
)

// single checks that the host is one host with a port that can be.
func (p parts) single() error {
	if strings.Contains(p.path, "@") {
		return errors.New("has a / in its password; write it as %2F")
	}
	if strings.Contains(p.host, ",") {
		return fmt.Errorf("%s:// takes one host", p.scheme)
	}
	host := p.host
	if i := strings.LastIndexByte(p.host, ':'); i > strings.LastIndexByte(p.host, ']') {
		host = p.host[:i]
		if n, err := strconv.ParseUint(p.host[i+1:], 10, 16); err != nil || n == 0 {
			// Not repeated: where the host was forgotten it is the password.
			return errors.New("has no port after its last colon; that is a number from 1 to 65535")
		}
	}
	if host == "" {
		return fmt.Errorf("names no host after %s://", p.scheme)
	}
	return nil
}

var (
	userInfo    = regexp.MustCompile(`(?s)^([a-z0-9+]+://[^:@/?]*):.*@`)
	secretParam = regexp.MustCompile(`(?i)([?&][^=&]*(?:token|secret|passw|key)[^=&]*=)[^&]*`)
)

// mask hides the password, and parameters that look like secrets, in a URL.
func mask(text string) string {
	// Up to the last @: a password with a stray slash must not show its rest.
	text = userInfo.ReplaceAllString(text, "$1:***@")
	return secretParam.ReplaceAllString(text, "$1***")
}

// sqlitePath gives the file of sqlite:PATH.
func sqlitePath(p parts) (string, error) {
	switch {
	case p.slash:
		return "", errors.New("sqlite: takes a path without //, such as sqlite:riffle-data/riffle.db or sqlite:/var/lib/riffle/riffle.db")
	case p.path == "":
		return "", errors.New("sqlite: needs a path, such as sqlite:riffle-data/riffle.db")
	case len(p.query) > 0:
		return "", errors.New("sqlite: takes no parameters")
	}
	return p.path, nil
}

package twittertest

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // OAuth 1 signs so
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The keys that the server knows.
const (
	ConsumerKey    = "consumer-geheim-1"
	ConsumerSecret = "consumer-geheim-2&"
	Token          = "7001-token-geheim-3"
	TokenSecret    = "token-geheim-4="
)

// clockSkew is how far the clock of a client may be off.
const clockSkew = 5 * time.Minute

// authorize checks the signature of a request by RFC 5849, and that its nonce is
// new.
func (s *Server) authorize(r *http.Request) error {
	oauth, err := parseHeader(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	for name, want := range map[string]string{
		"oauth_consumer_key": ConsumerKey, "oauth_token": Token, "oauth_signature_method": "HMAC-SHA1", "oauth_version": "1.0",
	} {
		if oauth[name] != want {
			return fmt.Errorf("%s is not %q", name, want)
		}
	}
	seconds, err := strconv.ParseInt(oauth["oauth_timestamp"], 10, 64)
	if off := time.Since(time.Unix(seconds, 0)); err != nil || off.Abs() > clockSkew {
		return errors.New("timestamp out of bounds")
	}
	want := sign(r.Method, addressOf(r), parameters(oauth, r.Form), ConsumerSecret, TokenSecret)
	if !hmac.Equal([]byte(want), []byte(oauth["oauth_signature"])) {
		return errors.New("could not authenticate you")
	}
	return s.useNonce(oauth["oauth_nonce"])
}

func (s *Server) useNonce(nonce string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if nonce == "" || s.nonces[nonce] {
		return errors.New("nonce is used already")
	}
	s.nonces[nonce] = true
	return nil
}

// parseHeader reads OAuth name="value", …
func parseHeader(header string) (map[string]string, error) {
	list, ok := strings.CutPrefix(header, "OAuth ")
	if !ok {
		return nil, errors.New("no OAuth header")
	}
	oauth := map[string]string{}
	for part := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		value, err := url.PathUnescape(strings.Trim(value, `"`))
		if err != nil {
			return nil, err
		}
		oauth[name] = value
	}
	return oauth, nil
}

// addressOf is the base string URI: without query, and without a port that goes
// without saying.
func addressOf(r *http.Request) string {
	scheme, port := "http", ":80"
	if r.TLS != nil {
		scheme, port = "https", ":443"
	}
	return scheme + "://" + strings.TrimSuffix(strings.ToLower(r.Host), port) + r.URL.EscapedPath()
}

// parameters joins those of the header, the query and the body, but for the
// signature.
func parameters(oauth map[string]string, form url.Values) string {
	var pairs [][2]string
	for name, value := range oauth {
		if name != "oauth_signature" && name != "realm" {
			pairs = append(pairs, [2]string{escape(name), escape(value)})
		}
	}
	for name, values := range form {
		for _, value := range values {
			pairs = append(pairs, [2]string{escape(name), escape(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	var joined []string
	for _, p := range pairs {
		joined = append(joined, p[0]+"="+p[1])
	}
	return strings.Join(joined, "&")
}

func sign(method, address, parameters, consumerSecret, tokenSecret string) string {
	mac := hmac.New(sha1.New, []byte(escape(consumerSecret)+"&"+escape(tokenSecret)))
	mac.Write([]byte(method + "&" + escape(address) + "&" + escape(parameters)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// escape writes all but unreserved characters as %XX.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

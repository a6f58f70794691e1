package rule

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// linkText gives the host, path and query of a link as a person reads them:
// without scheme, user info, port and fragment, percent-encoding and punycode
// decoded. It works on pieces of a link too, and never fails.
func linkText(link string) string {
	link, _, _ = strings.Cut(link, "#")
	link = cutScheme(link)
	host, rest := link, ""
	if i := strings.IndexAny(link, "/?"); i >= 0 {
		host, rest = link[:i], link[i:]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	return readableHost(cutPort(host)) + percentDecode(rest)
}

// cutScheme removes a scheme and the two slashes after it.
func cutScheme(link string) string {
	scheme, rest, found := strings.Cut(link, "://")
	if !found || scheme == "" || strings.ContainsFunc(scheme, func(r rune) bool {
		return !isSchemeRune(r)
	}) {
		return strings.TrimPrefix(link, "//")
	}
	return rest
}

func isSchemeRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '+' || r == '-' || r == '.'
}

func cutPort(host string) string {
	i := strings.LastIndexByte(host, ':')
	if i >= 0 && (i == len(host)-1 || isDecimal(host[i+1:])) {
		return host[:i]
	}
	return host
}

// readableHost decodes the labels of a host that are in punycode.
func readableHost(host string) string {
	host = percentDecode(host)
	if !strings.Contains(strings.ToLower(host), "xn--") {
		return host
	}
	labels := strings.Split(host, ".")
	for i, label := range labels {
		if readable, err := idna.Punycode.ToUnicode(strings.ToLower(label)); err == nil {
			labels[i] = readable
		}
	}
	return strings.Join(labels, ".")
}

// percentDecode decodes %XX where that gives valid UTF-8 and leaves the rest.
func percentDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	decoded := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		r, size := percentRune(s[i:])
		if size == 0 {
			decoded = append(decoded, s[i])
			i++
			continue
		}
		decoded = utf8.AppendRune(decoded, r)
		i += size
	}
	return string(decoded)
}

// percentRune decodes the rune that s begins with as %XX; 0 bytes if it begins
// with none.
func percentRune(s string) (rune, int) {
	var encoded [utf8.UTFMax]byte
	for n := 0; n < utf8.UTFMax && 3*n+2 < len(s) && s[3*n] == '%'; n++ {
		high, low := hexDigit(s[3*n+1]), hexDigit(s[3*n+2])
		if high < 0 || low < 0 {
			return 0, 0
		}
		encoded[n] = byte(high<<4 | low)
		if utf8.FullRune(encoded[:n+1]) {
			r, size := utf8.DecodeRune(encoded[:n+1])
			if r == utf8.RuneError && size <= 1 {
				return 0, 0
			}
			return r, 3 * size
		}
	}
	return 0, 0
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

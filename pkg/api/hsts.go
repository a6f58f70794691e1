package api

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"riffle/pkg/auth"
)

// hsts has a browser come by TLS alone from now on, for as long as it may have a
// session to lose: each visit begins that time anew.
var hsts = []string{"max-age=" + strconv.Itoa(int(auth.SessionLifetime.Seconds()))}

// secureAlone asks the browser of r never to come without TLS again, where that
// is ours to ask. A browser holds to it on all ports of the name, and lets nobody
// past a bad certificate any more; so it is asked only
//
//   - when this process serves TLS itself: a proxy before it has its own mind;
//   - at the standard port: at another, :8443, the name's other ports are other
//     people's, such as a router's page or a printer's;
//   - by a name in a domain: that of this host alone, or localhost, is shared by
//     all that is tried out there. Browsers pass over addresses, and over what
//     comes with a certificate that they do not trust.
//
// Names below this one are not ours, so they are left out.
func secureAlone(header http.Header, r *http.Request) {
	if r.TLS != nil && isOwnName(r.Host) {
		header["Strict-Transport-Security"] = hsts
	}
}

// isOwnName says whether a Host is a name in a domain, at the standard port.
func isOwnName(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(host, ":443"), "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	return strings.Contains(name, ".") && !strings.Contains(name, ":") && !strings.HasSuffix(name, ".localhost")
}

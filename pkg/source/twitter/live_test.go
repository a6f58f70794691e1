package twitter

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"riffle/pkg/source/sourcetest"
	"riffle/pkg/source/twitter/twittertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testKeys = Keys{twittertest.ConsumerKey, twittertest.ConsumerSecret, twittertest.Token, twittertest.TokenSecret}

// open makes a source of a server with the suite's keys.
func open(host string, tls bool, client *http.Client) *Source {
	endpoint := &url.URL{Scheme: "http", Host: host}
	if tls {
		endpoint.Scheme = "https"
	}
	return New(Config{Stream: streamFilter, Track: []string{"tea", "green coffee"}, Endpoint: endpoint, Keys: testKeys, Client: client})
}

func exactly(d time.Duration) sourcetest.Span { return sourcetest.Span{Least: d, Most: d} }

func seconds(all ...float64) (waits []sourcetest.Span) {
	for _, s := range all {
		waits = append(waits, exactly(time.Duration(s*float64(time.Second))))
	}
	return waits
}

func refuse(status, times int) []sourcetest.Fault {
	return slices.Repeat([]sourcetest.Fault{{Status: status}}, times)
}

//nolint:paralleltest // the suite's leak check must not see other tests
func TestConformance(t *testing.T) {
	drop := sourcetest.Fault{Misdeed: sourcetest.Drop}
	dropLater := sourcetest.Fault{Misdeed: sourcetest.Drop, After: 15}
	sourcetest.RunNetwork(t, sourcetest.Network{
		NewServer: func(gzip bool) sourcetest.Server {
			if gzip {
				return twittertest.NewGzip()
			}
			return twittertest.New()
		},
		Open:  func(a sourcetest.Address) sourcetest.Source { return open(a.Host, a.TLS, a.Client) },
		Gzip:  true,
		Stall: stallTime,
		Schedules: map[string]sourcetest.Schedule{
			"connections that break": {
				Faults: slices.Repeat([]sourcetest.Fault{drop}, 66),
				Waits:  append(steps(0.25, 64), exactly(failedMost), exactly(failedMost)),
			},
			"unavailable":                     {Faults: refuse(503, 8), Waits: seconds(5, 10, 20, 40, 80, 160, 320, 320)},
			"limited":                         {Faults: refuse(420, 7), Waits: seconds(60, 120, 240, 480, 960, 960, 960)},
			"limited, in the words of others": {Faults: refuse(429, 2), Waits: seconds(60, 120)},
			"other answers that are no stream": {
				Faults: slices.Concat(refuse(500, 1), refuse(302, 1), refuse(204, 1), refuse(413, 1)), Waits: seconds(5, 10, 20, 40),
			},
			"each by itself": {
				Faults: slices.Concat(refuse(503, 2), []sourcetest.Fault{drop, drop}, refuse(420, 1), refuse(503, 1), []sourcetest.Fault{drop}),
				Waits:  seconds(5, 10, 0.25, 0.5, 60, 20, 0.75),
			},
			"good connections": {
				Faults: []sourcetest.Fault{dropLater, dropLater, dropLater}, Waits: seconds(0, 0, 0),
			},
			"reset by data alone": {
				Faults: slices.Concat(refuse(503, 3), []sourcetest.Fault{drop, drop, dropLater}, refuse(503, 2), []sourcetest.Fault{drop}),
				Waits:  seconds(5, 10, 20, 0.25, 0.5, 0, 5, 10, 0.25),
			},
			"short ones are not hammered": {
				Faults: slices.Repeat([]sourcetest.Fault{{Misdeed: sourcetest.Drop, After: 1}}, 4), Waits: seconds(0, 0.25, 0.25, 0.25),
			},
			"half a tweet proves nothing": {
				Faults: []sourcetest.Fault{{Misdeed: sourcetest.Half}, {Misdeed: sourcetest.Half}}, Waits: seconds(0.25, 0.5),
			},
		},
		Stops: map[int]string{401: "RIFFLE_TWITTER_CONSUMER_KEY", 403: "account", 404: "endpoint", 406: "track"},
		Secrets: []string{
			twittertest.ConsumerKey, twittertest.ConsumerSecret, twittertest.Token, twittertest.TokenSecret, "geheim",
		},
	})
}

// steps are n waits, each one step longer than the one before.
func steps(step float64, n int) (waits []sourcetest.Span) {
	for i := range n {
		waits = append(waits, seconds(step*float64(i+1))...)
	}
	return waits
}

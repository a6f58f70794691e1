package e2e

import (
	"slices"
	"strings"
	"testing"

	"riffle/pkg/testenv"
)

// Of two ingests of a source that can go back, or fetch what was missed, one
// reads; when it is killed the other goes on, and what nobody heard comes too.
func TestStandbysOfStreamsThatGoBack(t *testing.T) {
	t.Parallel()
	for _, n := range tormentedServers(t) {
		if !slices.Contains([]string{"jetstream", "mastodon", "feed"}, n.name) {
			continue
		}
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			buffer := testenv.Redis(t)
			seen := collect(t, buffer)
			post := func() {
				for range 20 {
					n.server.Post()
				}
			}
			come := func() bool { return len(n.missing(seen())) == 0 }
			n.start(t, buffer)
			post()
			eventually(t, "the posts come", come)
			own := slices.Concat(n.args[:len(n.args)-1], []string{t.TempDir()}) // --state
			second := start(t, "riffle-ingest", own...)
			eventually(t, "the second waits", func() bool { return strings.Contains(second.stderr.String(), "waiting as standby") })
			if streams := n.server.Streams(); streams != 1 {
				t.Errorf("%d streams were asked for, want 1: a standby does not connect", streams)
			}
			n.ingest.kill()
			post() // nobody hears them
			eventually(t, "the second goes on", func() bool { return n.server.Streams() > 1 })
			post()
			eventually(t, "all posts come", come)
			second.stop(t)
		})
	}
}

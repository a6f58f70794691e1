package e2e

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// riffle up shows matches on the terminal and in the api, prints a link that
// logs in, and stops in order; what it kept is there when it starts again.
func TestUp(t *testing.T) {
	t.Parallel()
	data, address := filepath.Join(t.TempDir(), "riffle-data"), freeAddress(t)
	args := []string{"up", "--data", data, "--listen", address, "--source", "sim:?rate=2000&seed=7"}
	link := regexp.MustCompile(`http://\S+#\S+`)

	first := start(t, "riffle", args...).alive(t)
	eventually(t, "a link that logs in", func() bool { return link.MatchString(first.stdout.String() + first.stderr.String()) })
	token := run(t, "riffle", "token", "create", "me", "--data", data)
	c := newClient(address, token)
	eventually(t, "matches in the api", func() bool { return c.get(t, "/v1/matches").Summary.Count > 0 })
	eventually(t, "matches on the terminal", func() bool { return strings.Count(first.stdout.String(), "\n") > 3 })
	first.stop(t)

	second := start(t, "riffle", args...).alive(t)
	eventually(t, "a link of the second start", func() bool { return link.MatchString(second.stdout.String() + second.stderr.String()) })
	all := func(p *process) string { return link.FindString(p.stdout.String() + p.stderr.String()) }
	if all(first) == all(second) {
		t.Errorf("both starts print the link %s; it must be good once", all(first))
	}
	if got := c.get(t, "/v1/matches").Summary.Count; got == 0 {
		t.Error("the matches of the first start are gone")
	}
	second.stop(t)
}

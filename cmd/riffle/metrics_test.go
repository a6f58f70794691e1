package main

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every metric is in docs/operations.md with the text that /metrics has: those of
// a source that can be read again, those of one that has a spool, and those that
// come with the first request.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, source string
		least        int
		some         []string // that are there only because of what this test does
	}{
		{"replay", "jetstream+ws://127.0.0.1:1", 40, []string{"riffle_api_requests_total", "riffle_api_request_seconds"}},
		{"spool", "mastodon+http://127.0.0.1:1/public", 47, []string{"riffle_ingest_spool_events", "riffle_ingest_spool_damaged_total"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			metrics := scrape(t, tt.source)
			if len(metrics) < tt.least {
				t.Errorf("only %d metrics were found", len(metrics))
			}
			for _, name := range tt.some {
				if metrics[name] == "" {
					t.Errorf("%s was not found", name)
				}
			}
			for name, help := range metrics {
				if row := "| `" + name + "` | " + help + " |\n"; !strings.Contains(string(docs), row) {
					t.Errorf("docs/operations.md lacks the row\n%s", row)
				}
			}
		})
	}
}

// scrape runs everything on a source, logs in, and gives the text of each metric.
func scrape(t *testing.T, source string) map[string]string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	debug := l.Addr().String()
	_ = l.Close()
	up := startUp(t, "--data", filepath.Join(t.TempDir(), "data"), "--debug-listen", debug, "--source", source)
	link := up.stderr.find(t, up.ended, `log in +(http://[^/]+)/#(rfc_\w+)`)
	logIn(t, link[1], link[2])
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+debug+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	metrics := map[string]string{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		line := lines.Text()
		if name, help, ok := strings.Cut(strings.TrimPrefix(line, "# HELP "), " "); ok && strings.HasPrefix(line, "# HELP riffle_") {
			metrics[name] = help
		}
		if strings.HasPrefix(line, "riffle_ingest_") && !strings.Contains(line, `source="`) {
			t.Errorf("%s does not name its source", line)
		}
	}
	up.stopped(t)
	return metrics
}

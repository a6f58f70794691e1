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

// Every metric is in docs/operations.md with the text that /metrics has.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	debug := l.Addr().String()
	_ = l.Close()
	up := startUp(t, "--data", filepath.Join(t.TempDir(), "data"), "--debug-listen", debug, "--source", "jetstream+ws://127.0.0.1:1")
	up.stderr.find(t, up.ended, `log in +http`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+debug+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	found := 0
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, help, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "# HELP "), " ")
		if !ok || !strings.HasPrefix(lines.Text(), "# HELP riffle_") {
			continue
		}
		found++
		if row := "| `" + name + "` | " + help + " |\n"; !strings.Contains(string(docs), row) {
			t.Errorf("docs/operations.md lacks the row\n%s", row)
		}
	}
	if found < 40 {
		t.Errorf("only %d metrics were found", found)
	}
	up.stopped(t)
}

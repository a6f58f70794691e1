package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/ingest"
	"riffle/pkg/spool"
	"riffle/pkg/testenv"
)

const tweet = `{"id":1,"id_str":"1","created_at":"Wed Apr 27 10:00:00 +0000 2016","text":"a kitten sleeps","user":{"id":7,"id_str":"7","screen_name":"ann"}}`

// ingestAll runs the binary's whole main until its source ends.
func ingestAll(t *testing.T, stdin string, args ...string) (int, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append(args, "--debug-listen", "off", "--state", t.TempDir())
	status := run(t.Context(), args, nil, strings.NewReader(stdin), &stdout, &stderr)
	return status, stderr.String()
}

// summaryOf reads the last line of stderr.
func summaryOf(t *testing.T, stderr string) ingest.Summary {
	t.Helper()
	lines := strings.Split(strings.TrimRight(stderr, "\n"), "\n")
	var s ingest.Summary
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil {
		t.Fatalf("the last line is no summary: %v\n%s", err, stderr)
	}
	return s
}

func TestAFinishedSourceEndsWithItsSummary(t *testing.T) {
	t.Parallel()
	lines := tweet + "\n\n" + `{"limit":{"track":5}}` + "\n{]\n"
	file := filepath.Join(t.TempDir(), "tweets.ndjson")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	buffers := map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "buffer.db"), "redis": testenv.Redis(t)}
	for name, buffer := range buffers {
		for source, stdin := range map[string]string{"file:" + file: "", "stdin:?format=twitter": lines} {
			status, stderr := ingestAll(t, stdin, "--buffer", buffer, "--source", source)
			if status != 0 {
				t.Fatalf("%s, %s: got status %d, want 0: %s", name, source, status, stderr)
			}
			got := summaryOf(t, stderr)
			if got.Read != 4 || got.Accepted != 1 || got.Rejected["syntax"] != 1 || got.PassedOver["limit"] != 1 {
				t.Errorf("%s, %s: got %+v", name, source, got)
			}
		}
		// The cursor stands at the end, so there is nothing to read again.
		status, stderr := ingestAll(t, "", "--buffer", buffer, "--source", "file:"+file)
		if diff := cmp.Diff(int64(0), summaryOf(t, stderr).Read); status != 0 || diff != "" {
			t.Errorf("%s, the same file again: status %d, read (-want +got):\n%s", name, status, diff)
		}
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	buffer := "sqlite:" + filepath.Join(t.TempDir(), "buffer.db")
	tests := []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"unknown flag", []string{"--sorce", "sim:"}, 64, "unknown flag: --sorce"},
		{"unknown source", []string{"--source", "gopher://h", "--buffer", buffer}, 78, `"gopher" is no kind of source in this version; there are file, stdin, sim, jetstream`},
		{"unknown option of a source", []string{"--source", "sim:?speed=5", "--buffer", buffer}, 78, `option "speed"`},
		{"unknown format", []string{"--source", "file:x?format=xml", "--buffer", buffer}, 78, `"xml" is no format of lines; there are auto, event`},
		{"a file that is not there", []string{"--source", "file:/does/not/exist", "--buffer", buffer}, 1, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, stderr := ingestAll(t, "", tt.args...)
			if status != tt.status || !strings.Contains(stderr, tt.want) {
				t.Errorf("got status %d, want %d; %q, want %q in it", status, tt.status, stderr, tt.want)
			}
		})
	}
}

// TestSpoolOfAnotherProcess: a folder has one user, who is told who else there is.
func TestSpoolOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other, err := spool.Open(filepath.Join(dir, "stdin"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--source", "stdin:", "--buffer", "sqlite:" + filepath.Join(t.TempDir(), "buffer.db"), "--spool", dir, "--name", "stdin"}
	if status, stderr := ingestAll(t, "", args...); status != 1 || !strings.Contains(stderr, "--state or --spool of its own") {
		t.Errorf("got status %d, %s; want 1 and what to do", status, stderr)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if status, stderr := ingestAll(t, "", args...); status != 0 {
		t.Errorf("after the other has ended: got status %d, %s", status, stderr)
	}
	file := filepath.Join(dir, "stdin", "no folder")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	args[5] = file
	if status, stderr := ingestAll(t, "", args...); status != 78 || !strings.Contains(stderr, "--spool") {
		t.Errorf("a folder that can't be: got status %d, %s; want 78", status, stderr)
	}
}

package redis

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWire: docs/wire.md names every key and every script, with as many keys as
// the script takes.
func TestWire(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		registry, sourceKey("SOURCE"), framesKey("SOURCE"), takenKey("SOURCE"), leasesKey("SOURCE"), agesKey("SOURCE"),
		deliveriesKey("SOURCE"), ackedKey("SOURCE"), ackTimesKey("SOURCE"),
	} {
		if !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("docs/wire.md does not name the key %s", key)
		}
	}
	files, err := filepath.Glob("scripts/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts: got %v, %v, want some", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".lua")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\| ([^|]*) \\|").FindStringSubmatch(string(page))
		if row == nil {
			t.Errorf("docs/wire.md does not describe the script %s", name)
			continue
		}
		got := strings.Split(strings.TrimPrefix(row[1], "riffle:"), ", ")
		if diff := cmp.Diff(keysOf(t, string(text)), got); diff != "" {
			t.Errorf("keys of %s (-script +page):\n%s", name, diff)
		}
		flagged := strings.HasPrefix(string(text), "#!lua flags=")
		if want := name != "push"; flagged != want {
			t.Errorf("%s runs at maxmemory: got %t, want %t", name, flagged, want)
		}
	}
}

// keysOf reads the KEYS line of a script's description.
func keysOf(t *testing.T, text string) []string {
	t.Helper()
	described := regexp.MustCompile(`(?s)-- KEYS (.*?)\n-- (?:ARGV|Reply)`).FindStringSubmatch(text)
	if described == nil {
		t.Fatal("a script without a description of its keys")
	}
	var keys []string
	for _, m := range regexp.MustCompile(`\d ([a-z]+)`).FindAllStringSubmatch(described[1], -1) {
		if m[1] == "registry" {
			m[1] = "sources"
		}
		keys = append(keys, m[1])
	}
	return keys
}

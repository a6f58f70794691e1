package store

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// columns reads the tables of all migrations of a dialect, with the names of
// their columns in order.
func columns(t *testing.T, dialect string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dialect, "migrations", "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations of %s: %d, %v", dialect, len(files), err)
	}
	tables := make(map[string][]string)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range createTable.FindAllStringSubmatch(string(text), -1) {
			for _, line := range strings.Split(table[2], "\n") {
				name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
				if name != "" && name == strings.ToLower(name) { // keys are written in capitals
					tables[table[1]] = append(tables[table[1]], name)
				}
			}
		}
	}
	return tables
}

var createTable = regexp.MustCompile(`(?s)CREATE TABLE (?:IF NOT EXISTS )?(\w+) \(\n(.*?)\n\)`)

// TestOneSchema: both dialects have the same tables and columns.
func TestOneSchema(t *testing.T) {
	t.Parallel()
	mysql, sqlite := columns(t, "mysql"), columns(t, "sqlite")
	if len(mysql["matches"]) == 0 {
		t.Fatalf("the columns were not found: %v", mysql)
	}
	if diff := cmp.Diff(mysql, sqlite); diff != "" {
		t.Errorf("schemas differ (-mysql +sqlite):\n%s", diff)
	}
}

func FuzzMatchID(f *testing.F) {
	f.Add(int64(1), "0123456789abcdef", "AQ")
	f.Add(int64(1), "", base64.RawURLEncoding.EncodeToString([]byte("\x81\x000123456789abcdef")))
	f.Add(int64(1)<<62, "\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff", "!")
	f.Fuzz(func(t *testing.T, user int64, id, text string) {
		if parsedUser, parsed, ok := parseMatchID(text); ok && matchID(parsedUser, parsed) != text {
			t.Errorf("%q is the id of user %d and event %x, whose id is %q", text, parsedUser, parsed, matchID(parsedUser, parsed))
		}
		if user < 0 || len(id) != idLength {
			return
		}
		gotUser, got, ok := parseMatchID(matchID(user, []byte(id)))
		if !ok || gotUser != user || string(got) != id {
			t.Errorf("user %d and event %x came back as %d and %x, %t", user, id, gotUser, got, ok)
		}
	})
}

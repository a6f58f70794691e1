package shrinktest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSharedFiles looks for captured data where no variable says where it is.
func TestSharedFiles(t *testing.T) {
	dir := t.TempDir()
	inside, shared := filepath.Join(dir, "riffle", "pkg", "x"), filepath.Join(dir, "shared", "data")
	for _, folder := range []string{inside, shared} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{filepath.Join(dir, "riffle", "go.mod"), filepath.Join(shared, "a.ndjson"), filepath.Join(shared, "b.txt")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SHARED_DATA", "")
	t.Chdir(inside)
	//nolint:paralleltest // the working directory is the process's
	for pattern, want := range map[string][]string{"*.ndjson": {filepath.Join(shared, "a.ndjson")}, "c*": nil} {
		skipped, got := false, []string(nil)
		t.Run(pattern, func(t *testing.T) {
			defer func() { skipped = t.Skipped() }()
			got = SharedFiles(t, pattern)
		})
		if diff := cmp.Diff(want, got); diff != "" || skipped != (want == nil) {
			t.Errorf("%s: skipped: %t (-want +got):\n%s", pattern, skipped, diff)
		}
	}
}

package chaos

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRehearseOutage plays the outage of docs/operations.md, shortened, and looks
// at what the operator is shown.
func TestRehearseOutage(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"mariadbd", "redis-server", "redis-cli", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	// The script looks for binaries beside its folder.
	dir := t.TempDir()
	scripts, err := filepath.Abs(filepath.Join(root, "scripts"))
	if err := errors.Join(err, os.Symlink(bin, filepath.Join(dir, "bin")), os.CopyFS(filepath.Join(dir, "scripts"), os.DirFS(scripts))); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "scripts", "rehearse-outage"), "300", "6").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := string(out)
	want := []string{
		`"msg":"store does not take a batch, nothing more is taken"`, "into the outage: riffle status\n", `"code":"maintenance"`,
		"HTTP/1.1 200 OK", "RIFFLE CRITICAL: the store cannot be reached", `"msg":"store back"`, "nothing was lost, nothing was doubled\n",
	}
	if strings.Contains(said, "MariaDB will be killed") {
		t.Log("MariaDB's disk is not filled: a small one cannot be mounted")
		want = append(want, "== MariaDB is killed; the stream goes on\n")
	} else {
		want = append(want, "== MariaDB's disk is filled; the stream goes on\n", "100%", "== MariaDB is stopped, to move its data\n")
	}
	for _, part := range want {
		if !strings.Contains(said, part) {
			t.Errorf("%q was not said", part)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}

package systemd_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree lists what stands under a folder with its mode.
func tree(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && path == dir {
			return err
		}
		info, err := entry.Info()
		if err == nil && !entry.IsDir() {
			found[strings.TrimPrefix(path, dir)] = info.Mode()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// enable makes what is enabled in a test root start with the host, as systemctl
// itself does where it is.
func enable(t *testing.T, root string) {
	t.Helper()
	const units = "/etc/systemd/system/"
	links := map[string]string{
		"riffle.target.wants/riffle-ingest@bluesky.service": "riffle-ingest@.service", "riffle.target.wants/riffle-filter@1.service": "riffle-filter@.service",
		"riffle.target.wants/riffle-filter@2.service": "riffle-filter@.service", "riffle.target.wants/riffle-api.service": "riffle-api.service",
		"multi-user.target.wants/riffle.target": "riffle.target", "multi-user.target.wants/riffle.service": "riffle.service",
	}
	args := []string{"--root=" + root, "enable"}
	for link := range links {
		args = append(args, filepath.Base(link))
	}
	systemctl, err := exec.LookPath("systemctl")
	if err == nil {
		if out, err := exec.CommandContext(t.Context(), systemctl, args...).CombinedOutput(); err != nil {
			t.Fatalf("systemctl %v: %v\n%s", args, err, out)
		}
	}
	for link, to := range links {
		path := filepath.Join(root, units, link)
		if systemctl == "" {
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.Symlink(units+to, path))
		} else {
			_, err = os.Lstat(path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestInstall installs into a test root, once more, and removes it again.
func TestInstall(t *testing.T) {
	t.Parallel()
	// A copy of what is installed, so that bin/ is this test's own.
	source, root := t.TempDir(), t.TempDir()
	must := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	for _, dir := range []string{"scripts", "bin"} {
		if err := os.Mkdir(filepath.Join(source, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	must("cp", "../scripts/install", "../scripts/redis-repair", filepath.Join(source, "scripts"))
	must("cp", "-r", "../systemd", source)
	install := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(source, "scripts", "install"), args...)
		cmd.Env = append(os.Environ(), "DESTDIR="+root)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := install(); err == nil || !strings.Contains(out, "run make build") {
		t.Errorf("without binaries: got %v, %s", err, out)
	}
	want := map[string]fs.FileMode{
		"/etc/systemd/system/riffle-ingest@.service": 0o644, "/etc/systemd/system/riffle-filter@.service": 0o644,
		"/etc/systemd/system/riffle-api.service": 0o644, "/etc/systemd/system/riffle.service": 0o644, "/etc/systemd/system/riffle.target": 0o644,
		"/etc/riffle/ingest-bluesky.env": 0o600, "/etc/riffle/filter.env": 0o600, "/etc/riffle/api.env": 0o600,
		"/usr/local/lib/riffle/redis-repair": 0o755, "/usr/local/lib/riffle/tls.conf": 0o644,
		"/etc/riffle/riffle.env": 0o600, "/etc/riffle/buffer": 0o600, "/etc/riffle/store": 0o600,
	}
	for _, binary := range []string{"riffle", "riffle-ingest", "riffle-filter", "riffle-api"} {
		if err := os.WriteFile(filepath.Join(source, "bin", binary), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		want["/usr/local/bin/"+binary] = 0o755
	}
	for range 2 {
		if out, err := install(); err != nil {
			t.Fatalf("install: %v\n%s", err, out)
		}
		if diff := cmp.Diff(want, tree(t, root)); diff != "" {
			t.Errorf("installed (-want +got):\n%s", diff)
		}
		// What the operator set is not replaced by the second run.
		write(t, filepath.Join(root, "etc/riffle/store"), "mysql://mine\n")
	}
	if got := read(t, filepath.Join(root, "etc/riffle/store")); got != "mysql://mine\n" {
		t.Errorf("the second run replaced a setting: %q", got)
	}
	enable(t, root)
	others := filepath.Join(root, "etc/systemd/system/multi-user.target.wants/riffle-exporter.service")
	if err := os.Symlink("/etc/systemd/system/riffle-exporter.service", others); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if out, err := install("--uninstall"); err != nil {
			t.Fatalf("uninstall: %v\n%s", err, out)
		}
	}
	if err := os.Remove(others); err != nil {
		t.Errorf("a unit of others is gone: %v", err)
	}
	for path := range want {
		if !strings.HasPrefix(path, "/etc/riffle/") {
			delete(want, path)
		}
	}
	if diff := cmp.Diff(want, tree(t, root)); diff != "" {
		t.Errorf("left after uninstall (-want +got):\n%s", diff)
	}
	if out, err := install("--purge"); err == nil || !strings.Contains(out, "what is --purge?") {
		t.Errorf("an unknown flag: got %v, %s", err, out)
	}
}

package chaos

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"riffle/pkg/testenv"
)

// disk is a small file system of MariaDB's own, which can be filled.
type disk struct{ dir string }

// diskSize holds the server's files and those of a long run.
const diskSize = "size=700m"

// newDisk moves a server to a small disk; nil, where that is not permitted.
func newDisk(t *testing.T, s *testenv.Server) *disk {
	t.Helper()
	data := filepath.Join(s.Dir, "data")
	if os.Getuid() != 0 {
		t.Log("MariaDB's disk is not filled: only root may mount a small one")
		return nil
	}
	s.Stop()
	old := data + ".old"
	if err := errors.Join(os.Rename(data, old), os.Mkdir(data, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", data, "tmpfs", 0, diskSize); err != nil {
		t.Logf("MariaDB's disk is not filled: mount a small one: %v", err)
		if err := errors.Join(os.Remove(data), os.Rename(old, data)); err != nil {
			t.Fatal(err)
		}
		s.Restart()
		return nil
	}
	t.Cleanup(func() {
		// Lazily: the server is ended later.
		if err := unix.Unmount(data, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", data, err)
		}
	})
	if err := errors.Join(os.CopyFS(data, os.DirFS(old)), os.RemoveAll(old)); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	return &disk{data}
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no byte.
func (d *disk) fill() error {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 1<<20)
	for size := len(block); size > 0; {
		if _, err = f.Write(block[:size]); errors.Is(err, unix.ENOSPC) {
			size /= 2
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) free() error { return os.Remove(d.ballast()) }

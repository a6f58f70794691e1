package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bin is the folder with the binaries that are tested.
var bin string

func TestMain(m *testing.M) { os.Exit(runTests(m)) } //nolint:forbidigo // TestMain of a package whose tests need a built product

// runTests builds the product once, runs the tests and removes what was built.
func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "riffle-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = dir
	return m.Run()
}

func build(dir string) error {
	for binary, folder := range map[string]string{"riffle": "riffle", "riffle-ingest": "ingest", "riffle-filter": "filter", "riffle-api": "api"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, binary), "./cmd/"+folder)
		cmd.Dir = filepath.Join("..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", binary, err, out)
		}
	}
	return nil
}

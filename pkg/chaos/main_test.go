package chaos

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	seed   = flag.Uint64("seed", 0, "seed of the first run; 0: one from the clock")
	length = flag.Duration("for", 0, "how long misdeeds are done in a long run; 0: none")
	runs   = flag.Int("seeds", 1, "how many long runs, each with the next seed")
	faults = flag.Bool("faults", false, "build each deliberate fault and see that it is caught")
)

// root is the tree whose binaries are tested.
var root = filepath.Join("..", "..")

// bin is the folder with them.
var bin string

func TestMain(m *testing.M) { os.Exit(runTests(m)) } //nolint:forbidigo // TestMain of a package whose tests need a built product

// runTests builds the product once, runs the tests and removes what was built.
func runTests(m *testing.M) int {
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano() % 1e6)
	}
	dir, err := os.MkdirTemp("", "riffle-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := build(root, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = dir
	return m.Run()
}

// build builds the binaries of a tree.
func build(tree, dir string) error {
	for binary, folder := range map[string]string{"riffle": "riffle", "riffle-ingest": "ingest", "riffle-filter": "filter", "riffle-api": "api"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, binary), "./cmd/"+folder)
		cmd.Dir = tree
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", binary, err, out)
		}
	}
	return nil
}

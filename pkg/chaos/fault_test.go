package chaos

import (
	"cmp"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fault is a deliberate mistake, a patch in testdata, with what shows it.
type fault struct {
	patch string
	lines int // 0: 3000
	steps []step
	want  string // what one of the findings must say
}

// deliberate are the faults, each with the shortest schedule that shows it.
var deliberate = []fault{
	{
		patch: "ack-before-commit", steps: []step{{deed: "kill in a commit", target: "filter1"}},
		want: "says: .*store has lost frames that were finished",
	},
	{
		patch: "ack-before-commit-uncompared", steps: []step{{deed: "kill in a commit", target: "filter1"}},
		want: "(ann|bob) lacks chaos:|chaos:[0-9]+ is not stored",
	},
	{
		patch: "cursor-apart-from-push", steps: []step{{deed: "kill in a push"}},
		want: "(ann|bob) lacks chaos:|chaos:[0-9]+ is not stored",
	},
	{
		patch: "lease-without-claim", steps: []step{{deed: "freeze in a commit", target: "filter1"}},
		want: "was written to by delivery",
	},
	{
		patch: "deletion-apart",
		lines: 7500, // a few posts of each frame are deleted by the next one, in the other filter
		steps: slices.Repeat([]step{{deed: "hold a commit", target: "filter1", length: 1e9}}, 10),
		want:  "(has chaos:.* which no rule keeps|the store has version 1 of chaos:.*): .*then deleted",
	},
	{
		patch: "number-before-order",
		steps: slices.Repeat([]step{{deed: "hold events", length: 2e9}}, 3),
		want:  "was never told of the latest change",
	},
}

func (f fault) path() string { return filepath.Join("testdata", f.patch+".patch") }

// Every deliberate fault can still be made: its patch fits the tree, and what it
// changes is built.
func TestPatchesFit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	patches, err := filepath.Glob(filepath.Join("testdata", "*.patch"))
	if err != nil || len(patches) != len(deliberate) {
		t.Errorf("%d patches in testdata and %d faults (%v)", len(patches), len(deliberate), err)
	}
	for _, f := range deliberate {
		t.Run(f.patch, func(t *testing.T) {
			t.Parallel()
			tree := t.TempDir()
			copyTree(t, tree)
			apply(t, tree, f)
			// Flags as in the Makefile, so that all else is built already.
			cmd := exec.Command("go", append([]string{"build", "-trimpath"}, f.packages(t)...)...)
			cmd.Dir, cmd.Env = tree, append(os.Environ(), "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s is not built, make it anew: %v\n%s", f.patch, err, out)
			}
		})
	}
}

// packages lists those that the patch changes.
func (f fault) packages(t *testing.T) (folders []string) {
	t.Helper()
	patch, err := os.ReadFile(f.path())
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range regexp.MustCompile(`(?m)^\+\+\+ b/(.*)/[^/]*\.go$`).FindAllSubmatch(patch, -1) {
		folders = append(folders, "./"+string(file[1]))
	}
	if len(folders) == 0 {
		t.Fatalf("%s changes no code", f.patch)
	}
	return folders
}

func apply(t *testing.T, tree string, f fault) {
	t.Helper()
	patch, err := filepath.Abs(f.path())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "apply", patch)
	cmd.Dir = tree
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s does not fit the tree, make it anew: %v\n%s", f.patch, err, out)
	}
}

// The suite catches every deliberate fault. By hand: make chaos ARGS=-faults.
func TestFaults(t *testing.T) { //nolint:paralleltest // one world at a time: each wants the machine
	if !*faults {
		t.Skip("asked for with -faults: make chaos ARGS=-faults")
	}
	for _, f := range deliberate { //nolint:paralleltest // as above
		t.Run(f.patch, func(t *testing.T) {
			tree, bin := t.TempDir(), t.TempDir()
			copyTree(t, tree)
			apply(t, tree, f)
			if err := build(tree, bin); err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, options{seed: *seed, lines: cmp.Or(f.lines, 3000), rate: 300, storeAll: true, bin: bin})
			steps := slices.Clone(f.steps)
			random := rand.New(rand.NewPCG(*seed, 2))
			for i := range steps {
				steps[i].gap = draw(random, steps[i].deed).gap
			}
			play(w, list(steps))
			caught := regexp.MustCompile(f.want)
			if !slices.ContainsFunc(w.findings, caught.MatchString) {
				t.Errorf("not caught by a finding like %q\n%s\n%s", f.want, w.report(), w.tails())
				return
			}
			t.Logf("caught\n%s", w.report())
		})
	}
}

// copyTree copies what the binaries are built from.
func copyTree(t *testing.T, to string) {
	t.Helper()
	from := os.DirFS(root)
	err := fs.WalkDir(from, ".", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "riffle-data" || path == "bin" || path == "bench"):
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, path), 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		data, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

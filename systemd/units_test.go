package systemd_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"riffle/pkg/config"
	"riffle/pkg/daemon"
)

// units lists each unit with its sample settings, instance and configuration.
var units = []struct {
	unit, sample, instance string
	restart, partOf        string
	config                 func() config.Settings
}{
	// A finished file ends ingest with 0, and is not read again.
	{"riffle-ingest@.service", "ingest-bluesky.env", "bluesky", "on-failure", "riffle.target", func() config.Settings { return config.NewIngest() }},
	{"riffle-filter@.service", "filter.env", "1", "always", "riffle.target", func() config.Settings { return config.NewFilter() }},
	{"riffle-api.service", "api.env", "", "always", "riffle.target", func() config.Settings { return config.NewAPI() }},
	{"riffle.service", "riffle.env", "", "always", "", func() config.Settings { return config.NewUp() }},
}

// TestSamplesLoad gives the real loader what systemd would give it.
func TestSamplesLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range units {
		t.Run(tt.unit, func(t *testing.T) {
			t.Parallel()
			credentials := t.TempDir()
			for _, name := range []string{"buffer", "store"} {
				write(t, filepath.Join(credentials, name), read(t, name))
			}
			expand := strings.NewReplacer("%i", tt.instance, "%d", credentials, "%S", "/var/lib", " up ", " ")

			environ := []string{"STATE_DIRECTORY=/var/lib/riffle/x"}
			var args []string
			for _, line := range directives(t, tt.unit) {
				name, value, _ := strings.Cut(line, "=")
				switch name {
				case "Environment":
					environ = append(environ, expand.Replace(value))
				case "ExecStart":
					args = strings.Fields(expand.Replace(value))[1:]
				}
			}
			environ = append(environ, assignments(t, tt.sample, "")...)
			loaded(t, tt.config(), args, environ)
			// What is commented out is there to be used.
			environ = append(environ, assignments(t, tt.sample, "#")...)
			loaded(t, tt.config(), args, environ)
			for _, line := range environ {
				if strings.Contains(line, "/etc/riffle/") {
					t.Errorf("%s: the unit's user cannot read a file there", line)
				}
			}
		})
	}
}

// TestHTTPS gives the loader what the drop-in adds, and holds that each file it
// names is one that systemd hands on.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	const credentials = "/run/credentials/x/"
	handedOn := map[string]bool{}
	var environ []string
	for _, line := range directives(t, "tls.conf") {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "LoadCredential":
			id, _, _ := strings.Cut(value, ":")
			handedOn[credentials+id] = true
		case "Environment":
			environ = append(environ, strings.ReplaceAll(value, "%d/", credentials))
		}
	}
	c := config.NewUp()
	loaded(t, c, nil, environ)
	if cert, key := string(c.TLSCert), string(c.TLSKey); cert == key || !handedOn[cert] || !handedOn[key] {
		t.Errorf("got certificate %q and key %q, want two of %v", cert, key, handedOn)
	}
}

func loaded(t *testing.T, c config.Settings, args, environ []string) {
	t.Helper()
	flags := pflag.NewFlagSet("unit", pflag.ContinueOnError)
	config.Bind(flags, c)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(c, flags, environ); err != nil {
		t.Error(err)
	}
}

func TestUnitsKeepTheContract(t *testing.T) {
	t.Parallel()
	for _, tt := range units {
		lines := directives(t, tt.unit)
		values := map[string]string{}
		for _, line := range lines {
			name, value, _ := strings.Cut(line, "=")
			values[name] = value
		}
		if got, want := values["RestartPreventExitStatus"], strconv.Itoa(daemon.ExitUsage)+" "+strconv.Itoa(daemon.ExitConfig); got != want {
			t.Errorf("%s: RestartPreventExitStatus: got %s, want %s", tt.unit, got, want)
		}
		seconds, err := strconv.Atoi(values["TimeoutStopSec"])
		if err != nil || time.Duration(seconds)*time.Second <= daemon.DrainTimeout {
			t.Errorf("%s: TimeoutStopSec: got %q, want more than the drain of %s", tt.unit, values["TimeoutStopSec"], daemon.DrainTimeout)
		}
		for name, want := range map[string]string{
			"Type": "notify", "Restart": tt.restart, "DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "PartOf": tt.partOf,
		} {
			if got := values[name]; got != want {
				t.Errorf("%s: %s: got %q, want %q", tt.unit, name, got, want)
			}
		}
		for _, name := range []string{"RestartSec", "WatchdogSec", "StateDirectory"} {
			if values[name] == "" {
				t.Errorf("%s: there is no %s", tt.unit, name)
			}
		}
		if got := values["StartLimitIntervalSec"]; got != "0" {
			t.Errorf("%s: StartLimitIntervalSec: got %q, want 0, else the fifth crash in ten seconds is the last", tt.unit, got)
		}
	}
}

// TestEveryLineHasAReason holds that a comment stands above each group of lines.
func TestEveryLineHasAReason(t *testing.T) {
	t.Parallel()
	plain := map[string]bool{"Description": true, "ExecStart": true, "WantedBy": true}
	for _, tt := range units {
		reason := false
		for line := range strings.Lines(read(t, tt.unit)) {
			line = strings.TrimSpace(line)
			name, _, isDirective := strings.Cut(line, "=")
			switch {
			case strings.HasPrefix(line, "#"):
				reason = true
			case line == "" || strings.HasPrefix(line, "["):
				reason = false
			case isDirective && !reason && !plain[name]:
				t.Errorf("%s: %s stands without a reason", tt.unit, line)
			}
		}
	}
}

// TestSystemdAcceptsTheUnits asks systemd itself, where it is. It looks for the
// binaries, so the units of the copy name those that were built.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	bin, dir := binaries(t), t.TempDir()
	paths := []string{filepath.Join(dir, "riffle.target")}
	write(t, paths[0], read(t, "riffle.target"))
	for _, tt := range units {
		path := filepath.Join(dir, strings.Replace(tt.unit, "@", "@"+tt.instance, 1))
		write(t, path, strings.Replace(read(t, tt.unit), "ExecStart=/usr/local/bin/", "ExecStart="+bin+"/", 1))
		if strings.Contains(read(t, tt.sample), "tls.conf") {
			if err := os.Mkdir(path+".d", 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(path+".d", "tls.conf"), read(t, "tls.conf"))
		}
		paths = append(paths, path)
	}
	accepts := func(args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, lastLines(out, 12))
		} else if err != nil {
			t.Fatal(err)
		}
	}
	accepts(append([]string{"verify", "--man=no", "--recursive-errors=no"}, paths...)...)
	for _, path := range paths[1:] {
		accepts("security", "--offline=true", "--threshold=20", path)
	}
}

// binaries builds the product once for the tests of this package.
func binaries(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "riffle-systemd-")
	if err != nil {
		return "", err
	}
	for binary, folder := range map[string]string{"riffle": "riffle", "riffle-ingest": "ingest", "riffle-filter": "filter", "riffle-api": "api"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, binary), "../cmd/"+folder)
		if out, err := cmd.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("build %s: %w\n%s", binary, err, out)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, err := built(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(status) //nolint:forbidigo // TestMain of a package whose tests need a built product
}

func lastLines(out []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// directives gives the lines of a unit that are neither empty, comments nor
// headings.
func directives(t *testing.T, unit string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(read(t, unit)) {
		if line = strings.TrimSpace(line); line != "" && !strings.ContainsAny(line[:1], "#[") {
			lines = append(lines, line)
		}
	}
	return lines
}

// assignments gives the NAME=VALUE lines of a sample that begin with prefix.
func assignments(t *testing.T, sample, prefix string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(read(t, sample)) {
		if assignment, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok && strings.HasPrefix(assignment, "RIFFLE_") {
			lines = append(lines, assignment)
		}
	}
	return lines
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

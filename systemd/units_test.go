package systemd_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"riffle/pkg/config"
	"riffle/pkg/daemon"
)

// units lists each unit with its sample settings, instance and configuration.
var units = []struct {
	unit, sample, instance string
	config                 func() config.Settings
}{
	{"riffle-ingest@.service", "ingest-bluesky.env", "bluesky", func() config.Settings { return config.NewIngest() }},
	{"riffle-filter@.service", "filter.env", "1", func() config.Settings { return config.NewFilter() }},
	{"riffle-api.service", "api.env", "", func() config.Settings { return config.NewAPI() }},
}

// TestSamplesLoad gives the real loader what systemd would give it.
func TestSamplesLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range units {
		t.Run(tt.unit, func(t *testing.T) {
			t.Parallel()
			credentials := t.TempDir()
			write(t, filepath.Join(credentials, "buffer"), "redis://:secret@redis.example:6379/0\n")
			write(t, filepath.Join(credentials, "store"), "mysql://riffle:secret@db.example:3306/riffle\n")
			expand := strings.NewReplacer("%i", tt.instance, "%d", credentials)

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
			loaded(t, tt.config(), args, append(environ, assignments(t, tt.sample, "#")...))
		})
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

// TestSystemdAcceptsTheUnits asks systemd itself, where it is.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	for _, tt := range units {
		t.Run(tt.unit, func(t *testing.T) {
			t.Parallel()
			// The binary of the copy is one that is there.
			text := strings.Replace(read(t, tt.unit), "ExecStart=/usr/local/bin/riffle-", "ExecStart=/bin/true riffle-", 1)
			path := filepath.Join(t.TempDir(), strings.Replace(tt.unit, "@", "@"+tt.instance, 1))
			write(t, path, text)
			for _, args := range [][]string{
				{"verify", "--man=no", "--recursive-errors=no", path},
				{"security", "--offline=true", "--threshold=20", path},
			} {
				out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, lastLines(out, 12))
				} else if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
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

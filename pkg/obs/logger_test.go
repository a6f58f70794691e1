package obs_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"riffle/pkg/obs"
)

func TestLoggerTakesTheLevelOfItsComponent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, spec string
		want       []string
	}{
		{"nothing said is info", "", []string{"root info", "filter info", "api info"}},
		{"one level for all", "warn", nil},
		{"debug for one", "info,filter=debug", []string{"root info", "filter debug", "filter info", "api info"}},
		{"less of one", "debug,api=error", []string{"root debug", "root info", "filter debug", "filter info"}},
		{"one alone", "error,api=info", []string{"api info"}},
		{"a component first", "api=warn", []string{"root info", "filter info"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			log, err := obs.NewLogger(tt.spec, &out)
			if err != nil {
				t.Fatal(err)
			}
			filter := log.With(zap.String(obs.Component, "filter"))
			api := log.With(zap.String(obs.Stage, "api"), zap.String(obs.Component, "api"))
			for name, l := range map[string]*zap.Logger{"root": log, "filter": filter, "api": api} {
				l.Debug(name + " debug")
				l.Info(name + " info")
			}
			got := messages(t, &out)
			for _, want := range tt.want {
				if !got[want] {
					t.Errorf("%q is missing in %v", want, got)
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func messages(t *testing.T, out *bytes.Buffer) map[string]bool {
	t.Helper()
	got := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		var entry struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		got[entry.Msg] = true
	}
	return got
}

func TestLoggerWritesItsFieldsAsJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := obs.NewLogger("info", &out)
	if err != nil {
		t.Fatal(err)
	}
	log.With(zap.String(obs.Component, "ingest")).Warn("source lost", zap.Int(obs.Attempt, 3))

	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if when, ok := got["time"].(string); !ok || !strings.HasSuffix(when, "Z") {
		t.Errorf("got time %v, want one in UTC", got["time"])
	}
	delete(got, "time")
	want := map[string]any{"level": "warn", "msg": "source lost", "component": "ingest", "attempt": 3.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

func TestLevelsRefuseWhatTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"loud":             `"loud" is no level`,
		"info,warn":        `only the first level stands alone`,
		"info,=debug":      `names no component`,
		"info,filter=":     `"" is no level`,
		"info,filter=INFO": `"INFO" is no level`,
	} {
		_, err := obs.ParseLevels(spec)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseLevels(%q): got %v, want %q", spec, err, want)
		}
	}
}

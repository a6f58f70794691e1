package internal

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/config"
	"riffle/pkg/control"
	"riffle/pkg/silence"
)

// A quiet source says so in its signs of life.
func TestQuietIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, usual := time.Now(), true
		w, err := silence.New(silence.Config{Source: "x", Log: zap.NewNop(), Count: func() (int64, bool) {
			if !usual {
				return int64(48 * 3600 * 5), true
			}
			return int64(5 * time.Since(begun).Seconds()), true
		}})
		if err != nil {
			t.Fatal(err)
		}
		stop := watchSilence(t.Context(), w)
		defer stop()
		time.Sleep(48 * time.Hour)
		var b control.Beat
		if tellQuiet(&b, w); len(b.Notices) > 0 {
			t.Errorf("notices %+v, want none", b.Notices)
		}
		usual = false
		time.Sleep(time.Hour)
		tellQuiet(&b, w)
		if len(b.Notices) != 1 || b.Notices[0].Kind != "quiet" || !strings.HasPrefix(b.Notices[0].Text, "0 events a second, where 5 are usual") {
			t.Fatalf("notices %+v, want that it is quiet", b.Notices)
		}
		if since := b.Notices[0].From.Sub(begun.Add(48 * time.Hour)); since.Abs() > 10*time.Minute {
			t.Errorf("quiet since %v after it became so", since)
		}
	})
}

// Sources of a network are watched, others are not; what was learnt stands in
// the state directory.
func TestWhoseSilenceIsNews(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"sim:": false, "file:x": false, "jetstream://h": true, "mastodon://h/public": true} {
		in := &config.Input{Name: "x"}
		if err := in.Source.Set(text); err != nil {
			t.Fatal(err)
		}
		p := &Process{Log: zap.NewNop(), Registry: prometheus.NewRegistry(), State: control.State(t.TempDir())}
		w, err := p.newWatch(in, nil)
		if err != nil || (w != nil) != want {
			t.Errorf("%s: watch %v, %v, want one: %v", text, w, err, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		tellQuiet(new(control.Beat), w)
		if !want {
			watchSilence(ctx, w)()
		}
		if files, err := os.ReadDir(string(p.State)); err != nil || len(files) > 0 {
			t.Errorf("%s: state holds %v, %v before anything was learnt", text, files, err)
		}
	}
}

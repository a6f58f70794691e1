package control

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"riffle/pkg/pause"
	"riffle/pkg/testenv"
)

type keeper interface {
	Beat(ctx context.Context, b Beat) error
	Beats(ctx context.Context) ([]Beat, error)
	KeepSample(ctx context.Context, at time.Time, entry []byte) error
	Samples(ctx context.Context) ([][]byte, error)
	Switchboard
}

// twin is a keeper with a way to make its entries older.
type twin struct {
	keeper
	age func(tb testing.TB, instance string, by time.Duration)
}

// scene is one case with an empty keeper.
type scene struct {
	*testing.T
	twin
}

func newRedis(t *testing.T) twin {
	t.Helper()
	options, err := redis.ParseURL(testenv.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return twin{NewRedis(client), func(tb testing.TB, instance string, by time.Duration) {
		tb.Helper()
		if err := client.ZIncrBy(tb.Context(), timesKey, -float64(by.Milliseconds()), instance).Err(); err != nil {
			tb.Fatal(err)
		}
	}}
}

func newSQLite(t *testing.T) twin {
	t.Helper()
	s, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "control #1.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return twin{s, func(tb testing.TB, instance string, by time.Duration) {
		tb.Helper()
		_, err := s.db.ExecContext(tb.Context(), "UPDATE beats SET seen = seen - ? WHERE instance = ?", by.Milliseconds(), instance)
		if err != nil {
			tb.Fatal(err)
		}
	}}
}

func TestKeepers(t *testing.T) {
	t.Parallel()
	for name, fresh := range map[string]func(*testing.T) twin{"redis": newRedis, "sqlite": newSQLite} {
		for what, test := range map[string]func(scene){
			"latest": testLatest, "forgets": testForgets, "bounded": testBounded, "samples": testSamples,
			"switches": testSwitches, "flips at once": testFlipsAtOnce,
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				test(scene{t, fresh(t)})
			})
		}
	}
}

func beat(tb testing.TB, k keeper, b Beat) {
	tb.Helper()
	if err := k.Beat(tb.Context(), b); err != nil {
		tb.Fatal(err)
	}
}

func beats(tb testing.TB, k keeper) []Beat {
	tb.Helper()
	all, err := k.Beats(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func testLatest(t scene) {
	if got := beats(t, t); len(got) != 0 {
		t.Errorf("nobody yet: got %+v, want none", got)
	}
	want := Beat{
		Instance: "a1", Stage: "ingest", Name: "jetstream", Host: "h", PID: 7, Version: "1.2", State: "running",
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Rates: map[string]float64{"events": 1.5},
		Totals: map[string]int64{"accepted": 1 << 60}, LastError: "möp", Debug: "127.0.0.1:9101",
	}
	beat(t, t, Beat{Instance: "a1", Stage: "ingest", State: "starting"})
	beat(t, t, want)
	beat(t, t, Beat{Instance: "b2", Stage: "filter"})
	t.age(t, "a1", 10*time.Second)
	got := beats(t, t)
	if diff := cmp.Diff([]Beat{{Instance: "b2", Stage: "filter"}, want}, got, cmpopts.IgnoreFields(Beat{}, "Seen", "Age")); diff != "" {
		t.Errorf("beats (-want +got):\n%s", diff)
	}
	if age := got[1].Age; age < 10*time.Second || age > 5*time.Minute {
		t.Errorf("age of one 10 s old: got %s", age)
	}
	if seen := time.Since(got[1].Seen); seen < 10*time.Second || seen > 5*time.Minute {
		t.Errorf("one 10 s old was seen %s ago", seen)
	}
}

func testForgets(t scene) {
	for _, instance := range []string{"old", "older", "live"} {
		beat(t, t, Beat{Instance: instance})
	}
	t.age(t, "old", keep+time.Second)
	t.age(t, "older", 3*keep)
	t.age(t, "live", keep-time.Minute)
	beat(t, t, Beat{Instance: "new"})
	var got []string
	for _, b := range beats(t, t) {
		got = append(got, b.Instance)
	}
	if diff := cmp.Diff([]string{"new", "live"}, got); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// testBounded: a stage that dies and starts again all the time does not fill the
// list.
func testBounded(t scene) {
	for i := range most + 5 {
		beat(t, t, Beat{Instance: fmt.Sprintf("%04d", i)})
	}
	if got := len(beats(t, t)); got != most {
		t.Errorf("kept %d beats, want %d", got, most)
	}
}

// TestNoTimeToLive: a Redis with a volatile-* policy must not evict entries.
func TestNoTimeToLive(t *testing.T) {
	t.Parallel()
	k := newRedis(t)
	beat(t, k, Beat{Instance: "a"})
	client := k.keeper.(*Redis).client
	if _, err := k.KeepSwitch(t.Context(), pause.Switch{Stage: "api", Revision: 1}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{entriesKey, timesKey, switchesKey} {
		if got, err := client.TTL(t.Context(), key).Result(); err != nil || got != -1 {
			t.Errorf("TTL of %s: got %v, %v, want none", key, got, err)
		}
	}
}

func TestSQLiteSharesAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "b.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE other (n INTEGER); PRAGMA user_version = 3"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := OpenSQLite(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		beat(t, s, Beat{Instance: "a"})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	var version int
	if err := db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version); err != nil || version != 3 {
		t.Errorf("the file's version: got %d, %v, want 3", version, err)
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/store"
	"riffle/pkg/store/mysql"
	"riffle/pkg/store/sqlite"
	"riffle/pkg/testenv"
)

// TestDeadLetters walks through what an operator does with dead letters, on both
// kinds of servers.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) (store, buffer string){
		"embedded": func(t *testing.T) (string, string) {
			t.Helper()
			return "sqlite:" + filepath.Join(t.TempDir(), "store.db"), "sqlite:" + filepath.Join(t.TempDir(), "buffer.db")
		},
		"servers": func(t *testing.T) (string, string) { t.Helper(); return testenv.MariaDB(t), testenv.Redis(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, buffer := open(t)
			sh := deadShell{t, []string{"RIFFLE_STORE=" + store, "RIFFLE_BUFFER=" + buffer}}
			sh.riffle("migrate").expect(t, 0, "done", "")
			sh.riffle("dead", "list").expect(t, 0, "there are no dead letters", "")
			sh.riffle("dead", "list", "--json").expect(t, 0, "[]", "")
			sh.riffle("dead", "retry", "--all").expect(t, 0, "there are no dead letters", "")
			ids := writeLetters(t, store)
			sh.looks(ids)
			sh.retries(ids)
			sh.drops(ids)
		})
	}
}

type deadShell struct {
	t       *testing.T
	environ []string
}

func (s deadShell) riffle(args ...string) outcome {
	s.t.Helper()
	return riffle(s.t, "", s.environ, args...)
}

// writeLetters writes five letters, the last of a damaged frame, and gives their
// ids, the oldest first.
func writeLetters(t *testing.T, url string) (ids []string) {
	t.Helper()
	open := func(url string) (*store.Store, error) { return mysql.Open(url) }
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		open = func(string) (*store.Store, error) { return sqlite.Open(path) }
	}
	s, err := open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i := range 5 {
		alone, err := event.Alone(&event.Event{Key: fmt.Sprint("test:", i), Version: 1, Network: "test", Source: "s", Text: "hello \x1b[2J"})
		if err != nil {
			t.Fatal(err)
		}
		d := event.DeadLetter{
			Source: "s", Frame: alone.ID, Key: fmt.Sprint("test:", i), Reason: event.DeadRow, Error: "too long \x1b[2J", Deliveries: 1, Events: 1,
			Data: alone.Data,
		}
		if i == 4 {
			d.Data[len(d.Data)-1] ^= 1
			d.Reason, d.Key = event.DeadUnreadable, ""
		}
		b := &event.Batch{Deliveries: []event.Delivery{{ID: alone.ID, Stamp: 1}}, Dead: []event.DeadLetter{d}}
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	letters, err := s.DeadLetters(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range letters {
		ids = append([]string{strconv.FormatInt(d.ID, 10)}, ids...)
	}
	return ids
}

func (s deadShell) looks(ids []string) {
	t := s.t
	t.Helper()
	list := s.riffle("dead", "list")
	list.expect(t, 0, "row_refused", "")
	if lines := strings.Count(list.stdout, "\n"); lines != 6 || strings.Contains(list.stdout, "\x1b") {
		t.Errorf("list: %d lines, want 6 without what moves a cursor:\n%s", lines, list.stdout)
	}
	var got []struct {
		ID     json.Number
		Reason string
	}
	if err := json.Unmarshal([]byte(s.riffle("dead", "list", "--json", "--reason", "unreadable").stdout), &got); err != nil || len(got) != 1 || got[0].ID.String() != ids[4] {
		t.Errorf("list --json --reason: got %+v, %v; want letter %s", got, err, ids[4])
	}
	s.riffle("dead", "list", "--reason", "bad").expect(t, 64, "", `"bad" is none; there are row_refused, panic`)
	s.riffle("dead", "list", "--limit", "0").expect(t, 64, "", "--limit")
	s.riffle("dead", "show", ids[0]).expect(t, 0, `"text":"hello \u001b[2J"`, "")
	s.riffle("dead", "show", ids[0]).expect(t, 0, "event       test:0\n", "")
	s.riffle("dead", "show", ids[4]).expect(t, 0, "frame is damaged", "")
	var whole struct {
		Content []struct{ Key string }
		Data    []byte
	}
	shown := s.riffle("dead", "show", ids[1], "--json")
	if err := json.Unmarshal([]byte(shown.stdout), &whole); err != nil || len(whole.Content) != 1 || whole.Content[0].Key != "test:1" || len(whole.Data) == 0 {
		t.Errorf("show --json: %v, got %s", err, shown.stdout)
	}
	s.riffle("dead", "show", "999999").expect(t, 1, "", "there is no dead letter 999999; riffle dead list shows all")
	s.riffle("dead", "show", "x").expect(t, 64, "", `"x" is no id`)
	s.riffle("dead", "show").expect(t, 64, "", "accepts 1 arg(s)")
	s.riffle("dead").expect(t, 64, "", "which one? drop, list, retry, show")
}

func (s deadShell) retries(ids []string) {
	t := s.t
	t.Helper()
	s.riffle("dead", "retry").expect(t, 64, "", "or --all")
	s.riffle("dead", "retry", "--all", ids[0]).expect(t, 64, "", "or --all")
	s.riffle("dead", "retry", ids[0], "--reason", "panic").expect(t, 64, "", "--reason goes with --all")
	s.riffle("dead", "retry", ids[1], ids[2]).expect(t, 0, "put back 2 of 2", "")
	s.waits(2)
	s.riffle("dead", "retry", ids[1]).expect(t, 1, "", "there is no dead letter "+ids[1])
	s.riffle("dead", "retry", ids[4]).expect(t, 1, "", "dead letter "+ids[4]+" cannot be read")
	s.riffle("dead", "retry", "--all", "--reason", "row_refused").expect(t, 0, "put back 2 of 2", "")
	s.waits(4)
	s.riffle("dead", "retry", "--all", "--buffer", "redis://:geheim@127.0.0.1:1/0").expect(t, 1, "", "cannot be reached; is it running?")
}

// waits checks how many events wait in the buffer.
func (s deadShell) waits(want int64) {
	s.t.Helper()
	var status struct {
		Buffer struct{ Sources []struct{ Events int64 } }
	}
	out := s.riffle("status", "--json").stdout
	if err := json.Unmarshal([]byte(out), &status); err != nil || len(status.Buffer.Sources) != 1 || status.Buffer.Sources[0].Events != want {
		s.t.Errorf("status: %v, got %+v, want %d events that wait", err, status.Buffer, want)
	}
}

func (s deadShell) drops(ids []string) {
	t := s.t
	t.Helper()
	s.riffle("dead", "drop").expect(t, 64, "", "or --all")
	s.riffle("dead", "drop", ids[0]).expect(t, 1, "", "there is no dead letter "+ids[0])
	s.riffle("dead", "drop", ids[4]).expect(t, 0, "dropped 1", "")
	s.riffle("dead", "drop", "--all").expect(t, 0, "dropped 0", "")
	s.riffle("dead", "list").expect(t, 0, "there are no dead letters", "")
}

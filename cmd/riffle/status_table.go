package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"riffle/pkg/api"
)

// showStatus prints the status for people.
func (a *app) showStatus(s *api.Status) error {
	letters := ""
	if n := s.Store.DeadLetters; n != nil && *n > 0 {
		letters = fmt.Sprintf(", %d dead letters (riffle dead list)", *n)
	}
	a.showNeighbour("store", s.Store.Where, s.Store.Reachable, s.Store.Error, letters)
	a.showNeighbour("buffer", s.Buffer.Where, s.Buffer.Reachable, s.Buffer.Error, "")
	a.showSwitches(s)
	fmt.Fprintln(a.stdout)
	if err := a.showSources(s); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	if err := a.showStages(s); err != nil {
		return err
	}
	a.showNotices(s)
	return nil
}

func (a *app) showNeighbour(name, where string, reachable bool, problem, more string) {
	state := "reachable"
	if !reachable {
		state = "NOT REACHABLE"
	}
	line := fmt.Sprintf("%-7s %s  %s", name, where, state)
	if problem != "" {
		line += ": " + clean(problem)
	}
	fmt.Fprintln(a.stdout, line+more)
}

// showSwitches says what is paused.
func (a *app) showSwitches(s *api.Status) {
	for i := range s.Switches {
		w := &s.Switches[i]
		line := fmt.Sprintf("%-7s %s  since %s by %s", "PAUSED", w.Stage, clock(time.Time(w.Since)), clean(w.Who))
		if until := time.Time(w.Until); !until.IsZero() {
			line += ", until " + clock(until)
		}
		if w.Reason != "" {
			line += ": " + clean(w.Reason)
		}
		fmt.Fprintln(a.stdout, line)
	}
}

func (a *app) showSources(s *api.Status) error {
	now := time.Time(s.Now)
	table := newTable(a.stdout, "SOURCE", "WAITING", "BYTES", "IN FLIGHT", "OLDEST IN FLIGHT", "LAG", "LAST PUSH", "BEHIND LIVE", "READ", "CURSOR")
	for i := range s.Buffer.Sources {
		d := &s.Buffer.Sources[i]
		read, behind := "now", "-"
		if since := time.Time(d.UnreadSince); !since.IsZero() {
			read = "not since " + clock(since)
		}
		if d.BehindMS != nil {
			behind = millis(*d.BehindMS)
		}
		table.row(d.Source, d.Events, humanize.Bytes(uint64(max(0, d.Bytes))), d.InFlight, ago(time.Time(d.OldestInFlight), now), millis(d.LagMS),
			cmp.Or(ago(time.Time(d.PushedAt), now), "never"), behind, read, dash(clean(d.Cursor)))
	}
	return table.flush()
}

func (a *app) showStages(s *api.Status) error {
	now := time.Time(s.Now)
	table := newTable(a.stdout, "STAGE", "NAME", "STATE", "HOST", "PID", "UP", "SEEN", "RATE", "SPOOL", "DEBUG", "LAST ERROR")
	for i := range s.Stages {
		t := &s.Stages[i]
		spool := "-"
		if t.Spool.Events > 0 {
			spool = fmt.Sprintf("%d (%s)", t.Spool.Events, humanize.Bytes(uint64(t.Spool.Bytes)))
		}
		failed := dash(clean(t.LastError))
		if at := time.Time(t.LastErrorAt); !at.IsZero() {
			failed = ago(at, now) + ": " + failed
		}
		table.row(t.Stage, dash(t.Name), t.State, t.Host, t.PID, dash(since(time.Time(t.StartedAt), now)), ago(time.Time(t.SeenAt), now),
			rates(t), spool, t.Debug, failed)
	}
	return table.flush()
}

// rates is what a stage deals with a second, and who follows the stream.
func rates(t *api.StageStatus) string {
	var told []string
	for _, of := range []string{"events", "requests"} {
		if rate, ok := t.Rates[of]; ok {
			told = append(told, fmt.Sprintf("%.0f %s/s", rate, of))
		}
	}
	if n := t.Totals["streams"]; n > 0 {
		told = append(told, fmt.Sprintf("%d streams", n))
	}
	return dash(strings.Join(told, ", "))
}

// showNotices says what an operator should know of beyond the tables.
func (a *app) showNotices(s *api.Status) {
	first := true
	for i := range s.Stages {
		for _, n := range s.Stages[i].Notices {
			if first {
				fmt.Fprintln(a.stdout)
			}
			first = false
			fmt.Fprintf(a.stdout, "%s  %s %s  %s: %s\n",
				n.Kind, s.Stages[i].Stage, dash(s.Stages[i].Name), bounds(n, time.Time(s.Now)), clean(n.Text))
		}
	}
}

// bounds says since when and how long.
func bounds(n api.Notice, now time.Time) string {
	from := "unknown"
	if !n.From.IsZero() {
		from = clock(n.From)
	}
	switch {
	case n.To.IsZero():
		return fmt.Sprintf("since %s (%s)", from, dash(since(n.From, now)))
	case n.From.IsZero():
		return fmt.Sprintf("%s to %s", from, clock(n.To))
	}
	return fmt.Sprintf("%s to %s (%s)", from, clock(n.To), since(n.From, n.To))
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func dash(text string) string { return cmp.Or(text, "-") }

func millis(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

// since is how long ago t was; "" for the zero time.
func since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return max(0, now.Sub(t)).Round(time.Second).String()
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return since(t, now) + " ago"
}

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"riffle/cmd/internal"
	"riffle/pkg/api"
	"riffle/pkg/pause"
)

// Statuses of --check, those of Nagios plugins.
const (
	checkOK = iota
	checkWarning
	checkCritical
	checkUnknown
)

// Lags that --check warns of, or finds critical. A deployment that lags longer
// has an outage, or filters that do not keep up.
const (
	warnLag     = time.Minute
	criticalLag = 10 * time.Minute
)

// check prints one line, or the status as JSON, and gives the status of it.
func (a *app) check(s api.Status, l looking) error {
	worst, problems := judge(&s)
	if l.asJSON {
		if err := a.tell(s, l); err != nil {
			return err
		}
	} else {
		line := "RIFFLE " + []string{"OK", "WARNING", "CRITICAL"}[worst]
		if len(problems) > 0 {
			line += ": " + clean(strings.Join(problems, "; "))
		}
		fmt.Fprintf(a.stdout, "%s | %s\n", line, figures(&s))
	}
	if worst == checkOK {
		return nil
	}
	return &internal.StatusError{Status: worst}
}

// judge finds what is wrong, the worst first.
func judge(s *api.Status) (worst int, problems []string) {
	var found [3][]string
	add := func(level int, format string, args ...any) {
		found[level] = append(found[level], fmt.Sprintf(format, args...))
		worst = max(worst, level)
	}
	if !s.Store.Reachable {
		add(checkCritical, "the store cannot be reached: %s", s.Store.Error)
	}
	if !s.Buffer.Reachable {
		add(checkCritical, "the buffer cannot be reached: %s", s.Buffer.Error)
	}
	judgeStages(s, add)
	judgeLag(s, add)
	for i := range s.Switches {
		add(checkWarning, "%s is paused by %s", s.Switches[i].Stage, s.Switches[i].Who)
	}
	if n := s.Store.DeadLetters; n != nil && *n > 0 {
		add(checkWarning, "%d dead letters", *n)
	}
	return worst, append(found[checkCritical], found[checkWarning]...)
}

// blocked are states of an ingest whose frames the buffer does not take, or not
// yet.
var blocked = []string{"spooling", "buffer_full", "buffer_away"}

// judgeStages looks for stages that are gone without having said so. An
// instance whose place another one has taken is nobody's loss.
func judgeStages(s *api.Status, add func(int, string, ...any)) {
	alive := map[string]bool{}
	for i := range s.Stages {
		if t := &s.Stages[i]; t.Alive() {
			alive[t.Stage+" "+t.Name] = true
		}
	}
	var told []string
	for i := range s.Stages {
		t := &s.Stages[i]
		place := strings.TrimSpace(t.Stage + " " + t.Name)
		if !t.Alive() && t.State != "stopped" && !alive[t.Stage+" "+t.Name] && !slices.Contains(told, place) {
			told = append(told, place)
			add(checkWarning, "%s has been silent since %s", place, clock(time.Time(t.SeenAt)))
		}
		for _, n := range t.Notices {
			if t.Alive() && n.To.IsZero() {
				level := checkWarning
				if n.Kind == api.NoticeRefused {
					level = checkCritical
				}
				add(level, "%s: %s: %s", place, n.Kind, n.Text)
			}
		}
		if t.Alive() && slices.Contains(blocked, t.State) {
			add(checkWarning, "%s: %s, %d events in its spool", place, t.State, t.Spool.Events)
		}
	}
	if s.Buffer.Reachable && s.Buffer.Events > 0 && !alive[pause.Filter+" "] {
		add(checkCritical, "%d events wait and no filter is alive", s.Buffer.Events)
	}
}

func judgeLag(s *api.Status, add func(int, string, ...any)) {
	for i := range s.Buffer.Sources {
		d := &s.Buffer.Sources[i]
		lag := time.Duration(d.LagMS) * time.Millisecond
		switch {
		case lag >= criticalLag:
			add(checkCritical, "%s lags by %s", d.Source, lag.Round(time.Second))
		case lag >= warnLag:
			add(checkWarning, "%s lags by %s", d.Source, lag.Round(time.Second))
		}
	}
}

// figures are the performance data of a plugin.
func figures(s *api.Status) string {
	letters := "U"
	if n := s.Store.DeadLetters; n != nil {
		letters = fmt.Sprint(*n)
	}
	return fmt.Sprintf("lag=%.3fs;%.0f;%.0f events=%d bytes=%dB dead_letters=%s;0",
		float64(s.Buffer.LagMS)/1000, warnLag.Seconds(), criticalLag.Seconds(), s.Buffer.Events, s.Buffer.Bytes, letters)
}

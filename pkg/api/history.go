package api

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/obs"
)

const (
	// sampleEvery is how far the points of the history are apart.
	sampleEvery = time.Minute
	// historySpan is how far it goes back.
	historySpan = time.Hour
)

// SampleKeeper keeps one entry of JSON for each minute of the last hour, beside the
// signs of life: every api shows the same hour, and it outlives each of them.
type SampleKeeper interface {
	KeepSample(ctx context.Context, at time.Time, entry []byte) error
	// Samples lists what was kept, in no order, and older ones too.
	Samples(ctx context.Context) ([][]byte, error)
}

// noSamples stand for those of an api without a buffer.
type noSamples struct{}

func (noSamples) KeepSample(context.Context, time.Time, []byte) error { return errNoSwitches }
func (noSamples) Samples(context.Context) ([][]byte, error)           { return nil, errNoSwitches }

// Sample is how everything fared at a time: rates a second over all instances
// that were alive, and what waited in the buffer.
type Sample struct {
	At       stamp   `json:"at"`
	Ingested float64 `json:"ingested"`
	Judged   float64 `json:"judged"`
	// Matched is null in the first sample of an api.
	Matched *float64 `json:"matched"`
	Events  int64    `json:"events"`
	LagMS   int64    `json:"lag_ms"`
}

// lookBack gives the samples of the last hour, oldest first: none where they
// cannot be had.
func (v *View) lookBack(ctx context.Context) []Sample {
	all := []Sample{}
	if v.Samples == nil {
		return all
	}
	entries, err := v.Samples.Samples(ctx)
	if err != nil {
		return all // that the buffer is away is told there
	}
	now := v.Now()
	for _, entry := range entries {
		var s Sample
		if err := json.Unmarshal(entry, &s); err != nil {
			continue // of a program that we do not know
		}
		if age := now.Sub(time.Time(s.At)); age >= 0 && age < historySpan {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Sample) int { return time.Time(a.At).Compare(time.Time(b.At)) })
	return all
}

// sampler makes the points of the history.
type sampler struct {
	last    time.Time
	matches map[string]int64 // by instance, at that time
}

// take makes a sample of a status, and remembers what the next one needs.
func (p *sampler) take(s *Status) Sample {
	now := time.Time(s.Now)
	sample := Sample{At: s.Now, Events: s.Buffer.Events, LagMS: s.Buffer.LagMS}
	matches, more, known := map[string]int64{}, int64(0), !p.last.IsZero()
	for i := range s.Stages {
		stage := &s.Stages[i]
		if stage.Stage == "filter" {
			n := stage.Totals["matches"]
			matches[stage.Instance] = n
			more += n - p.matches[stage.Instance] // a new instance began at nothing
		}
		switch {
		case !stage.Alive():
		case stage.Stage == "ingest":
			sample.Ingested += stage.Rates["events"]
		case stage.Stage == "filter":
			sample.Judged += stage.Rates["events"]
		}
	}
	if seconds := now.Sub(p.last).Seconds(); known && seconds > 0 {
		rate := float64(more) / seconds
		sample.Matched = &rate
	}
	p.last, p.matches = now, matches
	return sample
}

// keepHistory leaves a sample every minute. Each api does: they write the same
// into the same place.
func (a *API) keepHistory(ctx context.Context) {
	var p sampler
	for sleep(ctx, sampleEvery) {
		a.keepSample(ctx, &p)
	}
}

func (a *API) keepSample(ctx context.Context, p *sampler) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	view := a.view()
	status := Status{Now: stamp(a.now().UTC()), Buffer: view.lookAtBuffer(ctx)}
	stages, err := a.stages.Stages(ctx)
	if err != nil || !status.Buffer.Reachable {
		return // a hole in the history is what this was
	}
	for i := range stages {
		status.Stages = append(status.Stages, statusOfStage(&stages[i]))
	}
	entry, err := json.Marshal(p.take(&status))
	if err == nil {
		err = a.samples.KeepSample(ctx, a.now(), entry)
	}
	if err != nil {
		a.log.Debug("sample not kept", zap.NamedError(obs.Error, err))
	}
}

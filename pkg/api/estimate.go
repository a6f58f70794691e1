package api

import (
	"math"

	"riffle/pkg/event"
)

// estimate tells how many events there were, and how many of them a rule
// matches, from those that are stored: all that somebody keeps, and a share of
// the others. The share is not stored. It shows in the events: their places lie
// evenly from the lowest up to it.
type estimate struct {
	kept, keptHits float64
	sampled        []sampledEvent // in the order of their arrival, or against it
}

type sampledEvent struct {
	place float64 // 0 to 1
	hit   bool
}

const (
	// estimateRun is how many sampled events in a row the share is taken from: it
	// changes with the rate of events.
	estimateRun = 100
	// estimateChance is how unlikely it must be that events lie as low as they do
	// though all were stored, for them to count as a share.
	estimateChance = 1e-4
)

func (e *estimate) add(key string, sampled, hit bool) {
	switch {
	case sampled:
		e.sampled = append(e.sampled, sampledEvent{float64(event.SamplePlace(key)) / math.MaxUint64, hit})
	case hit:
		e.keptHits++
		fallthrough
	default:
		e.kept++
	}
}

// totals gives how many events there were, and how many of them match.
func (e *estimate) totals() (all, hits float64) {
	all, hits = e.kept, e.keptHits
	runs := max(1, len(e.sampled)/estimateRun)
	for i := range runs {
		run := e.sampled[i*len(e.sampled)/runs : (i+1)*len(e.sampled)/runs]
		each := thinned(run)
		for _, s := range run {
			all += each
			if s.hit {
				hits += each
			}
		}
	}
	return all, hits
}

// share is that of the events that match.
func (e *estimate) share() float64 {
	all, hits := e.totals()
	if all == 0 {
		return 0
	}
	return hits / all
}

// thinned is how many events there were for each of a run: the estimate of one
// by a share of which the highest of n is known, without bias.
func thinned(run []sampledEvent) float64 {
	n, highest := float64(len(run)), 0.0
	for _, s := range run {
		highest = max(highest, s.place)
	}
	if n == 0 || math.Pow(highest, n) > estimateChance {
		return 1
	}
	return max(1, (n-1)/(n*highest))
}

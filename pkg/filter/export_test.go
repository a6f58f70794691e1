package filter

import "riffle/pkg/rule"

// BreakAudiences makes judging panic at every event that has an audience.
func (f *Filter) BreakAudiences() {
	for _, j := range f.judges {
		j.links = nil
	}
}

// BreakMatchers makes judging panic: once, or at every event that is no deletion.
func (f *Filter) BreakMatchers(forGood bool) {
	for _, j := range f.judges {
		j.matcher = nil
		if forGood {
			j.fresh = func() *rule.Matcher { return nil }
		}
	}
}

// HangJudges makes judging wait for a channel at every event that is no deletion.
func (f *Filter) HangJudges(until <-chan struct{}) {
	for _, j := range f.judges {
		fresh := j.fresh
		j.matcher = nil
		j.fresh = func() *rule.Matcher {
			<-until
			return fresh()
		}
	}
}

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// play runs a world through a schedule, which next gives step by step, and
// notes what must not be.
func play(w *world, next func() (step, bool)) {
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	err := w.open(ctx)
	for err == nil {
		s, more := next()
		if !more {
			break
		}
		err = w.do(s)
	}
	if err == nil {
		err = w.finish()
	}
	if err == nil {
		err = w.judge(ctx)
	}
	if err != nil {
		w.find("the run ends early: %v", err)
	}
}

// failed reports what was found; a run without findings is a line.
func (w *world) failed() {
	if len(w.findings) == 0 {
		w.t.Log(w.report())
		return
	}
	w.t.Errorf("%s\n%s\nplay it again: make chaos ARGS='-seed %d …'", w.report(), w.tails(), w.seed)
}

// list gives the steps of a fixed schedule.
func list(steps []step) func() (step, bool) {
	return func() (step, bool) {
		if len(steps) == 0 {
			return step{}, false
		}
		next := steps[0]
		steps = steps[1:]
		return next, true
	}
}

// A short run, always the same misdeeds, in the order and with the details that
// the seed gives.
func TestShort(t *testing.T) {
	t.Parallel()
	if *length > 0 || *faults {
		t.Skip("a long run was asked for")
	}
	const fixed = 4
	w := newWorld(t, options{seed: fixed, lines: 6000, rate: 300, storeAll: true, bin: bin})
	random := rand.New(rand.NewPCG(fixed, 2))
	// Nothing is pushed for 15 s after the third of them.
	steps := []step{draw(random, "freeze in a commit"), draw(random, "kill in a commit"), draw(random, "kill in a push")}
	for _, i := range random.Perm(6) {
		steps = append(steps, draw(random, []string{
			"kill mariadb", "kill redis", "cut redis's tail", "drop a push's answer", "drop a commit's answer", "hold events",
		}[i]))
	}
	play(w, list(steps))
	w.failed()
}

// Long runs, by hand: make chaos.
func TestLong(t *testing.T) { //nolint:paralleltest // one world at a time: each wants the machine
	if *length == 0 {
		t.Skip("a long run is asked for with -for: make chaos")
	}
	for i := range *runs { //nolint:paralleltest // as above
		seed := *seed + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			const rate = 400
			lines := max(4000, int(length.Seconds())*rate) // it must not end before the misdeeds do
			w := newWorld(t, options{seed: seed, lines: lines, rate: rate, tiny: true, storeAll: seed%2 == 0, bin: bin, input: input(seed % 3)})
			random := rand.New(rand.NewPCG(seed, 2))
			drawn := deck(random, names(w.disk != nil, w.pipe == nil))
			end := time.Now().Add(*length)
			play(w, func() (step, bool) { return drawn(), time.Now().Before(end) })
			w.failed()
		})
	}
}

// deck draws steps as from a deck of cards: every kind comes before one comes
// twice.
func deck(random *rand.Rand, kinds []string) func() step {
	var order []int
	return func() step {
		if len(order) == 0 {
			order = random.Perm(len(kinds))
		}
		next := order[0]
		order = order[1:]
		return draw(random, kinds[next])
	}
}

// Every misdeed is drawn, and a seed draws the same ones.
func TestSchedule(t *testing.T) {
	t.Parallel()
	schedule := func(seed uint64) string {
		random := rand.New(rand.NewPCG(seed, 2))
		drawn := deck(random, names(true, true))
		var b strings.Builder
		for range len(deeds) {
			fmt.Fprintln(&b, drawn())
		}
		return b.String()
	}
	one := schedule(1)
	if one != schedule(1) || one == schedule(2) {
		t.Error("a schedule must depend on its seed, and on nothing else")
	}
	for name := range deeds {
		if !strings.Contains(one, ": "+name) {
			t.Errorf("%s was never drawn", name)
		}
	}
}

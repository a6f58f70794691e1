package pulse_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/pulse"
)

func TestStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pulse.New()
		a, b := p.Loop("a"), p.Loop("b")
		want := func(stuck ...string) {
			t.Helper()
			if diff := cmp.Diff(stuck, p.Stuck(time.Now()), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("stuck (-want +got):\n%s", diff)
			}
		}
		time.Sleep(time.Hour)
		want() // both rest
		a.Within(time.Minute)
		b.Within(time.Hour)
		time.Sleep(time.Minute)
		want()
		time.Sleep(time.Second)
		want("a")
		a.Within(time.Minute) // it was slow, and goes on
		want()
		time.Sleep(time.Hour)
		want("a", "b")
		a.Rest()
		want("b")
	})
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"golang.org/x/term"

	"riffle/cmd/internal"
	"riffle/pkg/daemon"
	"riffle/pkg/event"
	"riffle/pkg/obs"
)

// follower prints a user's matches as they come. It follows the store by
// changes, like any poller.
type follower struct {
	store internal.Store
	user  int64
	next  int64
	out   io.Writer
	form  lineForm
}

const (
	followEvery = 250 * time.Millisecond
	followPage  = 200
)

// newFollower begins after the newest change that there is.
func newFollower(ctx context.Context, store internal.Store, user int64, out io.Writer) (*follower, error) {
	last, err := store.LastNumber(ctx, user)
	if err != nil {
		return nil, err
	}
	return &follower{store: store, user: user, next: last, out: out, form: lineForm{terminal: obs.IsTerminal(out)}}, nil
}

func (f *follower) part(log *zap.Logger) daemon.Part {
	return daemon.Part{Name: "terminal", Run: func(ctx context.Context) error {
		ticker := time.NewTicker(followEvery)
		defer ticker.Stop()
		for {
			// What is printed last is what was stored before the stop.
			if err := f.catchUp(ctx); err != nil && ctx.Err() == nil {
				log.Warn("cannot read the matches to print, trying again", zap.NamedError(obs.Error, err))
			}
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
		}
	}}
}

// catchUp prints all changes since the last call.
func (f *follower) catchUp(ctx context.Context) error {
	for {
		page, err := f.store.Matches(ctx, event.Query{User: f.user, After: f.next, HasAfter: true, Limit: followPage})
		if err != nil {
			return err
		}
		f.next = page.Next
		for i := range page.Changes {
			if err := f.print(&page.Changes[i]); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
	}
}

func (f *follower) print(c *event.Change) error {
	if c.Kind == event.ChangeDelete {
		return nil // there is nothing to show of it
	}
	ev, err := event.ParseJSON(c.Event)
	if err != nil {
		return err
	}
	var rules []event.RuleMatch
	if err := json.Unmarshal(c.Rules, &rules); err != nil {
		return fmt.Errorf("rules of match %s: %w", c.ID, err)
	}
	f.form.width = width(f.out)
	_, err = io.WriteString(f.out, f.form.line(c, ev, rules)+"\n")
	return err
}

// width is that of the terminal, or 0 where there is none.
func width(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok {
		return 0
	}
	w, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return w
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/config"
	"riffle/pkg/event"
)

// deadTimeout bounds a command on dead letters, of which there may be some
// thousand.
const deadTimeout = 10 * time.Minute

// deadPage is how many letters are read at once.
const deadPage = 200

// choice is which dead letters a command is about.
type choice struct {
	all    bool
	reason string
}

func (a *app) dead() *cobra.Command {
	var list, retry, drop choice
	var limit int
	var listJSON, showJSON bool
	listing := &cobra.Command{
		Use: "list", Short: "List dead letters, the newest first", Args: cobra.NoArgs,
		RunE: a.withStore(func(ctx context.Context, store internal.Store, _ []string) error {
			return a.listDead(ctx, store, list.reason, limit, listJSON)
		}),
	}
	listing.Flags().BoolVar(&listJSON, "json", false, "print them as JSON")
	listing.Flags().StringVar(&list.reason, "reason", "", "only those of this reason: "+reasons())
	listing.Flags().IntVar(&limit, "limit", 100, "how many at most")
	showing := &cobra.Command{
		Use: "show ID", Short: "Show a dead letter with what is in it", Args: cobra.ExactArgs(1),
		RunE: a.withStore(func(ctx context.Context, store internal.Store, args []string) error {
			return a.showDead(ctx, store, args[0], showJSON)
		}),
	}
	showing.Flags().BoolVar(&showJSON, "json", false, "print it as JSON, with its bytes")
	retrying := &cobra.Command{
		Use: "retry ID…", Short: "Put dead letters back into the buffer, to be judged and stored once more",
		Long: `Put dead letters back into the buffer, to be judged and stored once more. What was
stored already is not stored twice. One that fails again is a dead letter again.`,
		RunE: a.withStoreFor(deadTimeout, func(ctx context.Context, store internal.Store, args []string) error {
			return a.retryDead(ctx, store, retry, args)
		}),
	}
	dropping := &cobra.Command{
		Use: "drop ID…", Short: "Remove dead letters for good",
		RunE: a.withStoreFor(deadTimeout, func(ctx context.Context, store internal.Store, args []string) error {
			return a.dropDead(ctx, store, drop, args)
		}),
	}
	for cmd, c := range map[*cobra.Command]*choice{retrying: &retry, dropping: &drop} {
		cmd.Flags().BoolVar(&c.all, "all", false, "all there are, in place of ids")
		cmd.Flags().StringVar(&c.reason, "reason", "", "with --all, only those of this reason")
	}
	return a.group("dead", "List, show, retry and drop what could not be processed", listing, showing, retrying, dropping)
}

func reasons() string {
	var names []string
	for _, r := range event.DeadReasons() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

func checkReason(reason string) error {
	if reason == "" || slices.Contains(event.DeadReasons(), event.DeadReason(reason)) {
		return nil
	}
	return &config.UsageError{Problem: fmt.Sprintf("--reason: %q is none; there are %s", reason, reasons())}
}

// deadLetter is one in JSON.
type deadLetter struct {
	ID         int64             `json:"id"`
	At         time.Time         `json:"at"`
	Reason     event.DeadReason  `json:"reason"`
	Source     string            `json:"source"`
	Key        string            `json:"key,omitempty"`
	Frame      string            `json:"frame"`
	Error      string            `json:"error"`
	Deliveries int               `json:"deliveries"`
	Events     int               `json:"events"`
	Bytes      int               `json:"bytes"`
	Content    []json.RawMessage `json:"content,omitempty"`
	Data       []byte            `json:"data,omitempty"`
}

func deadJSON(d *event.DeadLetter) deadLetter {
	return deadLetter{
		ID: d.ID, At: time.UnixMicro(d.At).UTC(), Reason: d.Reason, Source: d.Source, Key: d.Key, Frame: d.Frame.String(),
		Error: d.Error, Deliveries: d.Deliveries, Events: d.Events, Bytes: d.Size, Data: d.Data,
	}
}

func (a *app) listDead(ctx context.Context, store internal.Store, reason string, limit int, asJSON bool) error {
	if limit < 1 {
		return &config.UsageError{Problem: "--limit must be at least 1"}
	}
	letters, err := deadLetters(ctx, store, reason, limit)
	if err != nil {
		return err
	}
	if asJSON {
		all := make([]deadLetter, len(letters))
		for i := range letters {
			all[i] = deadJSON(&letters[i])
		}
		return a.printJSON(all)
	}
	if len(letters) == 0 {
		return a.say("there are no dead letters")
	}
	table := newTable(a.stdout, "ID", "WHEN", "REASON", "SOURCE", "EVENT", "EVENTS", "BYTES", "ERROR")
	for i := range letters {
		d := &letters[i]
		table.row(d.ID, time.UnixMicro(d.At).UTC().Format(time.DateTime), d.Reason, d.Source, dash(clean(d.Key)), d.Events, d.Size,
			shorten(clean(d.Error)))
	}
	return table.flush()
}

// shorten cuts an error to what a line of a table takes; show tells all of it.
func shorten(text string) string {
	const most = 80
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}

// deadLetters reads up to limit letters of a reason, or of any.
func deadLetters(ctx context.Context, store internal.Store, reason string, limit int) ([]event.DeadLetter, error) {
	if err := checkReason(reason); err != nil {
		return nil, err
	}
	var found []event.DeadLetter
	for before := int64(0); len(found) < limit; {
		page, err := store.DeadLetters(ctx, before, deadPage)
		if err != nil || len(page) == 0 {
			return found, err
		}
		before = page[len(page)-1].ID
		for _, d := range page {
			if reason == "" || string(d.Reason) == reason {
				found = append(found, d)
			}
		}
	}
	return found[:limit], nil
}

func (a *app) showDead(ctx context.Context, store internal.Store, arg string, asJSON bool) error {
	ids, err := deadIDs([]string{arg})
	if err != nil {
		return err
	}
	d, err := deadLetterOf(ctx, store, ids[0])
	if err != nil {
		return err
	}
	shown := deadJSON(&d)
	var unreadable error
	shown.Content, unreadable = event.Content(d.Data)
	if asJSON {
		return a.printJSON(shown)
	}
	for _, line := range []struct {
		name  string
		value any
	}{
		{"id", d.ID}, {"when", shown.At.Format(time.RFC3339)}, {"reason", d.Reason}, {"source", d.Source}, {"event", dash(clean(d.Key))},
		{"frame", d.Frame}, {"deliveries", d.Deliveries}, {"events", d.Events}, {"bytes", d.Size}, {"error", clean(d.Error)},
	} {
		fmt.Fprintf(a.stdout, "%-10s  %v\n", line.name, line.value)
	}
	if unreadable != nil {
		return a.say("%-10s  %v", "content", unreadable)
	}
	for _, text := range shown.Content {
		if err := a.say("%s", text); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) retryDead(ctx context.Context, store internal.Store, c choice, args []string) error {
	ids, err := c.ids(ctx, store, args)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return a.say("there are no dead letters")
	}
	again, err := internal.BeginRetry(ctx, a.bufferSetting())
	if err != nil {
		return err
	}
	done := 0
	for _, id := range ids {
		if err = retryOne(ctx, store, again, id); err != nil {
			break
		}
		done++
	}
	if done > 0 {
		err = errors.Join(err, a.say("put back %d of %d; a filter takes them now", done, len(ids)))
	}
	return errors.Join(err, again.Close(ctx))
}

// retryOne removes a letter once the buffer holds it.
func retryOne(ctx context.Context, store internal.Store, again *internal.Retry, id int64) error {
	d, err := deadLetterOf(ctx, store, id)
	if err != nil {
		return err
	}
	if err := again.Retry(ctx, &d); err != nil {
		return err
	}
	if err := store.DropDeadLetter(ctx, id); !errors.Is(err, event.ErrNotFound) {
		return err
	}
	return nil // another one was as quick
}

func (a *app) dropDead(ctx context.Context, store internal.Store, c choice, args []string) error {
	ids, err := c.ids(ctx, store, args)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := store.DropDeadLetter(ctx, id)
		if errors.Is(err, event.ErrNotFound) && !c.all {
			return noDeadLetter(id)
		}
		if err != nil && !errors.Is(err, event.ErrNotFound) {
			return err
		}
	}
	return a.say("dropped %d", len(ids))
}

// ids gives the letters that were asked for, the oldest first where it is all.
func (c choice) ids(ctx context.Context, store internal.Store, args []string) ([]int64, error) {
	switch {
	case c.all == (len(args) > 0):
		return nil, &config.UsageError{Problem: "which ones? give ids, as riffle dead list shows them, or --all"}
	case !c.all && c.reason != "":
		return nil, &config.UsageError{Problem: "--reason goes with --all"}
	case !c.all:
		return deadIDs(args)
	}
	letters, err := deadLetters(ctx, store, c.reason, maxDeadLetters)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(letters))
	for i := range letters {
		ids[len(ids)-1-i] = letters[i].ID
	}
	return ids, nil
}

// maxDeadLetters is more than there can be for long.
const maxDeadLetters = 100_000

func deadIDs(args []string) ([]int64, error) {
	ids := make([]int64, len(args))
	for i, text := range args {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			return nil, &config.UsageError{Problem: fmt.Sprintf("%q is no id; it is a number, as riffle dead list shows", text)}
		}
		ids[i] = id
	}
	return ids, nil
}

func deadLetterOf(ctx context.Context, store internal.Store, id int64) (event.DeadLetter, error) {
	d, err := store.DeadLetter(ctx, id)
	if errors.Is(err, event.ErrNotFound) {
		return d, noDeadLetter(id)
	}
	return d, err
}

func noDeadLetter(id int64) error {
	return fmt.Errorf("there is no dead letter %d; riffle dead list shows all", id)
}

func (a *app) printJSON(v any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// Dead leaves dead letters in a store, for the page's tests: no post that a test
// could write becomes one in SQLite.
//
//	go run ./web/e2e/dead STORE.DB TEXT…
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/store/sqlite"
)

func main() {
	if err := leave(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "dead:", err)
		os.Exit(1) //nolint:forbidigo // this is a main
	}
}

// leave leaves one letter of a post with each text, and one that is damaged.
func leave(ctx context.Context, path string, texts []string) error {
	s, err := sqlite.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	for i, text := range append(texts, "") {
		d, err := letter(fmt.Sprintf("test:dead%d", i), text)
		if err != nil {
			return err
		}
		b := &event.Batch{Deliveries: []event.Delivery{{Source: d.Source, ID: d.Frame, Stamp: 1, Count: 1}}, Dead: []event.DeadLetter{d}}
		if err := s.Write(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func letter(key, text string) (event.DeadLetter, error) {
	now := event.TimeOf(time.Now())
	frame, err := event.Alone(&event.Event{
		Key: key, Version: event.VersionOnly, Network: "test", Source: "test", Kind: event.KindPost, Text: text,
		Author: event.Author{ID: "d1", Handle: "dora.example", Name: "Dora"}, CreatedAt: now, ReceivedAt: now,
	})
	d := event.DeadLetter{
		Source: "test", Frame: frame.ID, Key: key, Reason: event.DeadRow, Deliveries: 3, Events: 1, Data: frame.Data,
		Error: "Error 1366 (22007): Incorrect string value: " + strings.Repeat(`\xF0\x9F\x92`, 3) + " for column `riffle`.`events`.`body` at row 1",
	}
	if text == "" {
		d.Data[len(d.Data)-1] ^= 1
		d.Key, d.Reason, d.Error = "", event.DeadUnreadable, "frame is damaged: its checksum does not fit"
	}
	return d, err
}

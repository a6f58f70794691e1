package control

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"riffle/pkg/pause"
)

// Switchboard is where the switches of all stages are kept.
type Switchboard interface {
	// Switches lists those that were ever flipped, and tells the time by the
	// clock of who keeps them.
	Switches(ctx context.Context) (all []pause.Switch, now time.Time, err error)
	// KeepSwitch keeps s unless one as new is kept, and says whether it did.
	KeepSwitch(ctx context.Context, s pause.Switch) (kept bool, err error)
}

// flips bounds how often a wish is tried against others that come at the same
// time.
const flips = 10

// Flip fulfils a wish: the switch that it returns is newer than all before.
func Flip(ctx context.Context, board Switchboard, wish *pause.Wish) (pause.Switch, error) {
	for range flips {
		all, now, err := board.Switches(ctx)
		if err != nil {
			return pause.Switch{}, err
		}
		s := wish.After(find(all, wish.Stage), now)
		kept, err := board.KeepSwitch(ctx, s)
		if err != nil || kept {
			return s, err
		}
	}
	return pause.Switch{}, fmt.Errorf("control: flip the switch of %s: others flip it all the time", wish.Stage)
}

// find gives the switch of a stage, or the zero one, which is older than any.
func find(all []pause.Switch, stage string) *pause.Switch {
	for i := range all {
		if all[i].Stage == stage {
			return &all[i]
		}
	}
	return &pause.Switch{}
}

// switchesKey is a hash: stage to "REVISION JSON".
const switchesKey = "riffle:control:{switches}:entries"

//go:embed switch.lua
var switchText string

//go:embed switches.lua
var switchesText string

// Switches lists the switches of all stages.
func (r *Redis) Switches(ctx context.Context) ([]pause.Switch, time.Time, error) {
	answer, err := r.switches.Run(ctx, r.client, []string{switchesKey}).Slice()
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("control: read switches: %w", err)
	}
	now, ok := answer[0].(int64)
	if !ok {
		return nil, time.Time{}, errors.New("control: read switches: no time in the answer")
	}
	all := make([]pause.Switch, 0, len(answer)-1)
	for _, each := range answer[1:] {
		text, _ := each.(string)
		_, entry, _ := strings.Cut(text, " ")
		var s pause.Switch
		if err := json.Unmarshal([]byte(entry), &s); err == nil { // others are of a program that we do not know
			all = append(all, s)
		}
	}
	return all, time.UnixMilli(now).UTC(), nil
}

// KeepSwitch keeps s unless one as new is kept.
func (r *Redis) KeepSwitch(ctx context.Context, s pause.Switch) (bool, error) {
	entry, err := json.Marshal(s)
	if err != nil {
		return false, fmt.Errorf("control: keep the switch of %s: %w", s.Stage, err)
	}
	kept, err := r.flip.Run(ctx, r.client, []string{switchesKey}, s.Stage, s.Revision, entry).Bool()
	if err != nil {
		return false, fmt.Errorf("control: keep the switch of %s: %w", s.Stage, err)
	}
	return kept, nil
}

// Switches lists the switches of all stages.
func (s *SQLite) Switches(ctx context.Context) ([]pause.Switch, time.Time, error) {
	all, err := s.listSwitches(ctx)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("control: read switches: %w", err)
	}
	return all, time.Now().UTC(), nil
}

func (s *SQLite) listSwitches(ctx context.Context) ([]pause.Switch, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT entry FROM switches`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells
	var all []pause.Switch
	for rows.Next() {
		var entry []byte
		if err := rows.Scan(&entry); err != nil {
			return nil, err
		}
		var one pause.Switch
		if err := json.Unmarshal(entry, &one); err == nil { // others are of a program that we do not know
			all = append(all, one)
		}
	}
	return all, rows.Err()
}

// KeepSwitch keeps a switch unless one as new is kept.
func (s *SQLite) KeepSwitch(ctx context.Context, one pause.Switch) (bool, error) {
	kept, err := s.keepSwitch(ctx, one)
	if err != nil {
		return false, fmt.Errorf("control: keep the switch of %s: %w", one.Stage, err)
	}
	return kept, nil
}

func (s *SQLite) keepSwitch(ctx context.Context, one pause.Switch) (bool, error) {
	entry, err := json.Marshal(one)
	if err != nil {
		return false, err
	}
	const upsert = `INSERT INTO switches (stage, revision, entry) VALUES (?, ?, ?)
		ON CONFLICT (stage) DO UPDATE SET revision = excluded.revision, entry = excluded.entry
		WHERE excluded.revision > switches.revision`
	result, err := s.db.ExecContext(ctx, upsert, one.Stage, one.Revision, string(entry))
	if err != nil {
		return false, err
	}
	changed, err := result.RowsAffected()
	return changed > 0, err
}

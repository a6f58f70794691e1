package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"riffle/pkg/pause"
)

// State is a stage's own disk (--state): what it must know although the server
// of the buffer is away, or has forgotten it. Each fact has a file of its own,
// so that stages that share a directory do not write over each other.
type State string

// Switch reads the newest switch that was kept here; the zero one where there
// is none.
//
// Errors: a file that cannot be read, or is none of ours.
func (d State) Switch(stage string) (s pause.Switch, err error) {
	err = d.read(switchFile(stage), &s)
	return s, err
}

// KeepSwitch keeps s as the newest. The file may be read by everyone: it holds
// no secret, and an operator writes it for a stage that runs as another user.
func (d State) KeepSwitch(s pause.Switch) error { return d.write(switchFile(s.Stage), s) }

func switchFile(stage string) string { return "pause-" + url.PathEscape(stage) + ".json" }

// Cursor is where an ingest goes on when the buffer has forgotten its source.
type Cursor struct {
	Source string `json:"source"`
	Cursor string `json:"cursor"`
}

// Cursor reads the cursor that was kept for a source; the zero one where there
// is none.
func (d State) Cursor(source string) (c Cursor, err error) {
	err = d.read(cursorFile(source), &c)
	return c, err
}

// KeepCursor keeps c.
func (d State) KeepCursor(c Cursor) error { return d.write(cursorFile(c.Source), c) }

// ForgetCursor removes what was kept for a source.
func (d State) ForgetCursor(source string) error {
	err := os.Remove(filepath.Join(string(d), cursorFile(source)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("control: forget the cursor of %s: %w", source, err)
	}
	return nil
}

func cursorFile(source string) string { return "cursor-" + url.PathEscape(source) + ".json" }

// Crashes is what a stage remembers of runs that ended in a panic.
type Crashes struct {
	Count int64     `json:"count"`
	Last  time.Time `json:"last,omitzero"`
}

const crashesFile = "crashes.json"

// Crashes reads how often runs with this disk ended in a panic.
func (d State) Crashes() (c Crashes, err error) {
	err = d.read(crashesFile, &c)
	return c, err
}

// KeepCrashes replaces it.
func (d State) KeepCrashes(c Crashes) error { return d.write(crashesFile, c) }

func (d State) read(name string, into any) error {
	path := filepath.Join(string(d), name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("control: read %s: %w", path, err)
	}
	return nil
}

// write puts a whole file in place of the old one, or leaves that as it is: a
// power failure shows one of the two.
func (d State) write(name string, from any) error {
	text, err := json.Marshal(from)
	if err == nil {
		err = replace(string(d), name, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("control: write %s: %w", filepath.Join(string(d), name), err)
	}
	return nil
}

func replace(dir, name string, content []byte) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(file.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename outlive a power failure.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

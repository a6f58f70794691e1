package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"riffle/pkg/event"
)

// suffix ends the names of files, which begin with their number in hex.
const suffix = ".spool"

// file is one file of entries.
type file struct {
	path           string
	handle         *os.File
	bytes          int64 // that are synced
	frames, events int64 // that wait
	closed         bool  // nothing more is appended
}

func numberOf(path string) (uint64, error) {
	var number uint64
	if _, err := fmt.Sscanf(filepath.Base(path), "%016x"+suffix, &number); err != nil {
		return 0, fmt.Errorf("%s is no file of a spool: %w", path, err)
	}
	return number, nil
}

// create makes an empty file, so that it is there after a crash.
func create(dir string, number uint64) (*file, error) {
	f := &file{path: filepath.Join(dir, fmt.Sprintf("%016x%s", number, suffix))}
	var err error
	if f.handle, err = os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, err
	}
	if err := f.write([]byte(fileHeader)); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

// load reads the entries from an offset on, and repairs the file if some of it is
// damaged, so that it holds these entries alone. What was cut out is reported once
// it is.
func (f *file) load(from int64, newest bool, report func(Damage)) error {
	data, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	rest := data[min(from, int64(len(data))):]
	whole := []byte(fileHeader)
	var damages []Damage
	f.frames, f.events = 0, 0
	scan(rest, func(record []byte, e event.Entry) {
		whole = append(whole, record...)
		f.frames++
		f.events += int64(e.Frame.Events)
	}, func(d Damage) {
		d.File, d.Offset, d.Torn = f.path, d.Offset+from, d.Torn && newest
		damages = append(damages, d)
	})
	if f.frames == 0 {
		whole = nil // which is how a file that is to be removed may be left
	}
	if err := f.hold(whole, data); err != nil {
		return err
	}
	for _, d := range damages {
		report(d)
	}
	if f.handle != nil {
		_ = f.handle.Close() // of what is no longer the file
	}
	f.bytes, f.closed = int64(len(whole)), true
	f.handle, err = os.Open(f.path)
	return err
}

// hold makes the file, which holds data, hold whole. An end is cut off in place:
// that needs no room, and a disk that a spool has filled has none.
func (f *file) hold(whole, data []byte) error {
	switch {
	case bytes.Equal(whole, data):
		return nil
	case bytes.HasPrefix(data, whole):
		return cut(f.path, int64(len(whole)))
	}
	return replace(f.path, whole)
}

// cut leaves off what is after size.
func cut(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// write appends and syncs, or leaves the file as it was. After a sync that
// failed nobody knows what the disk holds of it, so nothing more is appended.
func (f *file) write(b []byte) error {
	_, err := f.handle.WriteAt(b, f.bytes)
	if err == nil {
		if err = f.handle.Sync(); err == nil {
			f.bytes += int64(len(b))
			return nil
		}
		f.closed = true
	}
	return errors.Join(err, f.handle.Truncate(f.bytes))
}

var errDamaged = errors.New("entry is damaged")

// entry reads the record at an offset.
//
// Errors: errDamaged; those of the file system.
func (f *file) entry(at int64) (event.Entry, int64, error) {
	front := make([]byte, recordHeader)
	if err := f.readAt(front, at); err != nil {
		return event.Entry{}, 0, err
	}
	h, ok := parseHeader(front)
	size := int64(recordHeader + h.payload)
	if !ok || at+size > f.bytes {
		return event.Entry{}, 0, errDamaged
	}
	record := make([]byte, size)
	if err := f.readAt(record, at); err != nil {
		return event.Entry{}, 0, err
	}
	e, _, ok := parseRecord(record)
	if !ok {
		return event.Entry{}, 0, errDamaged
	}
	return e, size, nil
}

// readAt fills b. A file that is shorter than it was is damaged.
func (f *file) readAt(b []byte, at int64) error {
	_, err := f.handle.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		return errDamaged
	}
	return err
}

// remove removes the file for good, or its entries might come again after a
// crash.
func (f *file) remove() error {
	return errors.Join(f.handle.Close(), os.Remove(f.path), syncDir(filepath.Dir(f.path)))
}

// newSuffix ends the name of a file that is to take another one's place.
const newSuffix = ".new"

// replace changes a file as a whole, or not at all.
func replace(path string, data []byte) error {
	temporary := path + newSuffix
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		// Half of it would take room that is wanted.
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes it last that files were made or removed.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

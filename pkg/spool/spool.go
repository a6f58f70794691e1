package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"riffle/pkg/event"
)

// Options of a spool. The zero value works.
type Options struct {
	// MaxBytes is how much the files may take; 4 GiB when 0.
	MaxBytes int64
	// FileBytes is at how many bytes a new file is begun; 16 MiB when 0.
	FileBytes int64
	// Report is told of each stretch that was found damaged, once it is cut out.
	Report func(Damage)
}

const (
	defaultMaxBytes  = 4 << 30
	defaultFileBytes = 16 << 20
)

// ErrInUse refuses a folder that another process works with.
var ErrInUse = errors.New("another process uses this folder")

// Spool is an open folder. One goroutine may append while another takes.
type Spool struct {
	dir     string
	options Options
	lock    *os.File

	mu    sync.Mutex
	files []*file      // the oldest first; the last one is appended to
	next  uint64       // number of the next file
	at    int64        // where the oldest entry begins in the oldest file
	head  *event.Entry // the oldest entry, once it was read
	size  int64        // of its record
}

// Open opens the folder, which is made if need be, and repairs what is in it.
//
// Errors: ErrInUse; those of the file system.
func Open(dir string, options Options) (*Spool, error) {
	if options.MaxBytes == 0 {
		options.MaxBytes = defaultMaxBytes
	}
	if options.FileBytes == 0 {
		options.FileBytes = defaultFileBytes
	}
	if options.Report == nil {
		options.Report = func(Damage) {}
	}
	s := &Spool{dir: dir, options: options, at: int64(len(fileHeader))}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("spool: open %s: %w", dir, err), s.Close())
	}
	return s, nil
}

func (s *Spool) open() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	var err error
	if s.lock, err = os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	// The lock ends with the process, however that ends.
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(ErrInUse, err)
	}
	if err := s.sweep(); err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(s.dir, "*"+suffix))
	if err != nil {
		return err
	}
	slices.Sort(paths)
	for i, path := range paths {
		number, err := numberOf(path)
		if err != nil {
			return err
		}
		f := &file{path: path, closed: true}
		if err := f.load(0, i == len(paths)-1, s.options.Report); err != nil {
			return err
		}
		s.files, s.next = append(s.files, f), number+1
	}
	return s.trim()
}

// sweep removes what a crash left of a repair.
func (s *Spool) sweep() error {
	left, err := filepath.Glob(filepath.Join(s.dir, "*"+suffix+newSuffix))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// Append adds entries; they are on the disk when it returns.
//
// Errors: event.ErrFull when the spool holds as much as it may, or the disk
// does; those of the file system. Nothing was added then.
func (s *Spool) Append(entries ...event.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b []byte
	for _, e := range entries {
		b = appendRecord(b, e)
	}
	if all := s.depth().Bytes; all+int64(len(b)) > s.options.MaxBytes {
		return fmt.Errorf("spool: append: %w: it has %d bytes of %d", event.ErrFull, all, s.options.MaxBytes)
	}
	f, err := s.tail()
	if err == nil {
		err = f.write(b)
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("spool: append: %w: %w", event.ErrFull, err)
	case err != nil:
		return fmt.Errorf("spool: append: %w", err)
	}
	for _, e := range entries {
		f.frames++
		f.events += int64(e.Frame.Events)
	}
	return nil
}

// tail is the file that is appended to.
func (s *Spool) tail() (*file, error) {
	if n := len(s.files); n > 0 {
		if f := s.files[n-1]; !f.closed && f.bytes < s.options.FileBytes {
			return f, nil
		}
	}
	f, err := create(s.dir, s.next)
	if err != nil {
		return nil, err
	}
	s.next++
	s.files = append(s.files, f)
	return f, nil
}

// Oldest gives the oldest entry; false when none waits. It stays until it is dropped.
//
// Errors: those of the file system.
func (s *Spool) Oldest() (event.Entry, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.oldest()
}

func (s *Spool) oldest() (event.Entry, bool, error) {
	if err := s.read(); err != nil {
		return event.Entry{}, false, fmt.Errorf("spool: read: %w", err)
	}
	if s.head == nil {
		return event.Entry{}, false, nil
	}
	return *s.head, true, nil
}

// read reads the oldest entry, if there is one and it was not read.
func (s *Spool) read() error {
	for s.head == nil && len(s.files) > 0 && s.files[0].frames > 0 {
		f := s.files[0]
		e, size, err := f.entry(s.at)
		switch {
		case err == nil:
			s.head, s.size = &e, size
		case errors.Is(err, errDamaged): // since it was written or looked through
			if err := f.load(s.at, false, s.options.Report); err != nil {
				return err
			}
			s.at = int64(len(fileHeader))
			if err := s.trim(); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return nil
}

// Drop forgets the entries up to and with a frame, if it is among them: the
// buffer holds them. It tells how many.
//
// Errors: those of the file system. What was forgotten then may come again after
// a restart.
func (s *Spool) Drop(through event.FrameID) (dropped int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head == nil || s.head.Frame.ID != through {
		known, err := s.holds(through)
		if err != nil || !known {
			return 0, err
		}
	}
	for last := false; !last; dropped++ {
		e, ok, err := s.oldest()
		if err != nil || !ok {
			return dropped, err
		}
		last = e.Frame.ID == through
		if err := s.forget(); err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

// forget puts the oldest entry, which was read, out of the spool.
func (s *Spool) forget() error {
	f := s.files[0]
	f.frames--
	f.events -= int64(s.head.Frame.Events)
	s.at += s.size
	s.head = nil
	if err := s.trim(); err != nil {
		return fmt.Errorf("spool: drop: %w", err)
	}
	return nil
}

// holds looks for a frame in all files.
func (s *Spool) holds(id event.FrameID) (bool, error) {
	for i, f := range s.files {
		from := int64(len(fileHeader))
		if i == 0 {
			from = s.at
		}
		for at := from; at < f.bytes; {
			e, size, err := f.entry(at)
			if errors.Is(err, errDamaged) {
				break
			}
			if err != nil {
				return false, fmt.Errorf("spool: look for frame: %w", err)
			}
			if e.Frame.ID == id {
				return true, nil
			}
			at += size
		}
	}
	return false, nil
}

// trim removes files of which nothing waits.
func (s *Spool) trim() error {
	var errs []error
	for len(s.files) > 0 && s.files[0].frames == 0 {
		errs = append(errs, s.files[0].remove())
		s.files[0] = nil
		s.files = s.files[1:]
		s.at = int64(len(fileHeader))
	}
	return errors.Join(errs...)
}

// Depth says what waits; its bytes are those of the files.
func (s *Spool) Depth() event.Depth {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.depth()
	if s.read() == nil && s.head != nil {
		d.Oldest = s.head.Frame.Oldest
	}
	return d
}

// Room says how much the files take of what they may.
func (s *Spool) Room(context.Context) (used, size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.depth().Bytes, s.options.MaxBytes, nil
}

func (s *Spool) depth() (d event.Depth) {
	for _, f := range s.files {
		d.Frames += f.frames
		d.Events += f.events
		d.Bytes += f.bytes
	}
	return d
}

// Close lets go of the folder; what waits stays. It may be called twice.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.handle.Close())
	}
	s.files, s.head = nil, nil
	if s.lock != nil {
		// Closing alone would leave the lock to a child that a fork of this
		// process has just made, until the child is another program.
		errs = append(errs, syscall.Flock(int(s.lock.Fd()), syscall.LOCK_UN), s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

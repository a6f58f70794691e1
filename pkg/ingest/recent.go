package ingest

import "riffle/pkg/event"

const (
	// recentBytes bounds the memory for frames that the buffer may lose again,
	// in a failover or a crash that takes its last second with it.
	recentBytes = 16 << 20
	// recentOverhead is what an entry takes beside its frame's bytes.
	recentOverhead = 256
)

func sizeOf(e event.Entry) int { return cap(e.Frame.Data) + recentOverhead }

// recentMarks is how many of the frames before those the times are known of.
const recentMarks = 4096

// recent keeps the newest frames that were pushed.
type recent struct {
	base   event.FrameID // the frame before the oldest kept
	frames []event.Entry
	size   int
	marks  []mark // of frames before base, and base
}

// mark is a frame that is kept no longer.
type mark struct {
	id     event.FrameID
	oldest event.Time
}

func (r *recent) add(p event.Entry) {
	r.frames = append(r.frames, p)
	r.size += sizeOf(p)
	for r.size > recentBytes && len(r.frames) > 1 {
		r.base = r.frames[0].Frame.ID
		r.mark(mark{r.base, r.frames[0].Frame.Oldest})
		r.size -= sizeOf(r.frames[0])
		r.frames[0] = event.Entry{} // frees the bytes before append moves the rest
		r.frames = r.frames[1:]
	}
}

// mark remembers when a frame was that is kept no longer.
func (r *recent) mark(m mark) {
	if len(r.marks) == 2*recentMarks {
		r.marks = append(r.marks[:0], r.marks[recentMarks:]...)
	}
	r.marks = append(r.marks, m)
}

// time is when the frame with this id was, of one that is kept no longer; 0
// where that is not known.
func (r *recent) time(id event.FrameID) event.Time {
	for i := len(r.marks); i > 0; i-- {
		if r.marks[i-1].id == id {
			return r.marks[i-1].oldest
		}
	}
	return 0
}

// cut takes out the frames after the one with id at, oldest first. Where that
// one is not known it takes out all, and says so.
func (r *recent) cut(at event.FrameID) (after []event.Entry, known bool) {
	keep, known := r.find(at)
	after = append(after, r.frames[keep:]...)
	for _, p := range after {
		r.size -= sizeOf(p)
	}
	clear(r.frames[keep:])
	r.frames = r.frames[:keep]
	if keep == 0 {
		r.base = at
	}
	return after, known
}

// find returns how many frames stand up to and with at.
func (r *recent) find(at event.FrameID) (int, bool) {
	if at == r.base {
		return 0, true
	}
	for i := len(r.frames); i > 0; i-- {
		if r.frames[i-1].Frame.ID == at {
			return i, true
		}
	}
	return 0, false
}

package filter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/retry"
)

// Bounds of one batch: beyond them a larger transaction is not faster, only
// longer for others to wait for.
const (
	maxBatchFrames   = 64
	maxBatchVerdicts = 8192
	maxBatchBytes    = 4 << 20
	// linger is how long a batch waits for frames that are being judged; with
	// nothing else in hand it does not wait at all.
	linger = 5 * time.Millisecond
	// maxWriters commit at the same time: while one waits for the store's disk
	// and another for the numbers of its matches, the third decides and sends.
	maxWriters = 3
)

// A frame that was delivered so often and is not finished may be what ends its
// filters: it is judged and written event by event, and at last becomes a dead
// letter.
const (
	singlyFrom = 3
	buryFrom   = 5
)

// errStoreAway ends a shift that could commit nothing.
var errStoreAway = errors.New("filter: the store does not take what was judged")

// shift is one run of the pipeline: see the package comment.
//
// Two contexts govern it: taking ends when nothing more may be taken, working
// when what is in hand can wait no longer.
type shift struct {
	*Filter
	hand       *hand
	taken      chan event.Delivery
	judged     chan *job
	stopTaking context.CancelFunc
	// trouble says that a write failed, committed that one did not.
	trouble, committed atomic.Bool
	// left says that frames were given back.
	left bool
	// broken is what ends the filter: the store fails in a way that does not pass.
	broken atomic.Pointer[error]
}

// newShift makes a shift; a trial takes frames one by one until one is
// committed.
func newShift(f *Filter, trial bool) *shift {
	return &shift{
		Filter: f,
		hand:   newHand(trial),
		taken:  make(chan event.Delivery, maxFrames),
		judged: make(chan *job, maxFrames),
	}
}

// run takes until ctx ends, and returns when every frame that was taken is
// finished, left or given back.
//
// Errors: what the taker answers that is not transient, and the store for no
// batch's sake.
func (s *shift) run(ctx context.Context) error {
	taking, stopTaking := context.WithCancel(ctx)
	defer stopTaking()
	s.stopTaking = stopTaking
	s.current.Store(s)
	defer s.current.Store(nil)
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	renewing, stopRenewing := context.WithCancel(working)
	defer stopRenewing()
	context.AfterFunc(taking, func() { s.grantPatience(working, stopWorking, s.patience(taking)) })

	var err error
	var judges, others sync.WaitGroup
	others.Go(func() { s.renew(renewing) })
	others.Go(func() { err = s.take(taking, working) })
	for _, j := range s.judges {
		judges.Go(func() { s.judge(working, j) })
	}
	others.Go(func() {
		judges.Wait()
		close(s.judged)
	})
	var writers sync.WaitGroup
	for range maxWriters {
		writers.Go(func() { s.write(working) })
	}
	writers.Wait()
	stopRenewing()
	others.Wait()
	s.giveBack(ctx)
	if broken := s.broken.Load(); broken != nil {
		err = errors.Join(err, *broken)
	}
	return err
}

// grantPatience bounds what is left of the shift.
func (s *shift) grantPatience(working context.Context, stopWorking context.CancelFunc, patience time.Duration) {
	timer := time.AfterFunc(patience, stopWorking)
	context.AfterFunc(working, func() { timer.Stop() })
}

// call runs f within a deadline. That the deadline passed is an outage too.
func call(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := f(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return retry.Transient(err)
	}
	return err
}

// take fills the hand until the shift takes no more.
func (s *shift) take(taking, working context.Context) error {
	defer close(s.taken)
	for taking.Err() == nil {
		room := s.hand.room(taking)
		if room == 0 {
			continue
		}
		frames, err := s.takeSome(taking, working, room)
		if err != nil {
			s.stopTaking()
			return fmt.Errorf("filter: take: %w", err)
		}
		for _, d := range frames {
			s.hand.add(d)
			s.taken <- d
		}
		s.counters.inHand(s.hand.len())
	}
	return nil
}

// takeSome takes frames, through outages of the buffer. A call that is under
// way is not cancelled by a stop: the frames it has leased would be nobody's
// until their leases end.
func (s *shift) takeSome(taking, working context.Context, room int) ([]event.Delivery, error) {
	var frames []event.Delivery
	err := retry.Do(taking, func(context.Context) error {
		return call(working, callTimeout, func(ctx context.Context) (err error) {
			frames, err = s.taker.Take(ctx, room)
			return err
		})
	}, s.bufferTrouble("take"))
	if err != nil && taking.Err() != nil {
		return nil, nil //nolint:nilerr // the shift ended during an outage of the buffer
	}
	return frames, err
}

// judge judges frames as they are taken.
func (s *shift) judge(working context.Context, g *judge) {
	for d := range s.taken {
		if working.Err() != nil || !s.hand.current(d) {
			continue
		}
		j := s.jobs.Get().(*job)
		switch {
		case d.Count >= buryFrom:
			s.bury(working, d, j)
			s.recycle(j)
		case d.Count >= singlyFrom:
			s.judgeSingly(working, d, j, g)
			s.recycle(j)
		default:
			if err := j.judge(d, g); err != nil {
				s.leave(d, "frame can't be judged", err)
				s.recycle(j)
				continue
			}
			s.judged <- j
		}
	}
}

// judgeSingly judges a frame and writes each verdict before it looks at the next
// event, so that what ends this filter harms only what comes after it.
func (s *shift) judgeSingly(working context.Context, d event.Delivery, j *job, g *judge) {
	err := j.open(d, g)
	for more := true; more && err == nil; {
		written := len(j.verdicts)
		if more, err = j.next(g); err == nil && len(j.verdicts) > written {
			if err := s.share(working, j, j.verdicts[written:]); err != nil {
				s.conclude(working, j, err)
				return
			}
		}
	}
	if err != nil {
		s.leave(d, "frame can't be judged", err)
		return
	}
	s.conclude(working, j, nil)
}

// bury makes a dead letter of a whole frame.
func (s *shift) bury(working context.Context, d event.Delivery, j *job) {
	j.delivery = d
	letter := j.letter(event.DeadDeliveries, fmt.Errorf("delivered %d times and never finished", d.Count))
	if header, err := event.ReadHeader(d.Data); err == nil {
		letter.Events = header.Events
	}
	if _, err := j.reader.Open(d.Data); err != nil {
		letter.Reason, letter.Error = event.DeadUnreadable, err.Error()
	}
	letter.Data = d.Data
	j.dead = append(j.dead, letter)
	s.conclude(working, j, nil)
}

// leave puts a frame out of hand that this filter can't finish. It is neither
// acknowledged, which would lose it, nor given back, which would bring it back
// at once: its lease ends, and it comes again with a higher count, to a newer
// filter perhaps.
func (s *shift) leave(d event.Delivery, message string, err error) {
	s.hand.remove(d)
	s.counters.leftFrame()
	s.status.failed(err)
	if d.Count <= 1 || d.Count >= buryFrom { // said once a frame, unless nothing helps
		s.unfinished.Error(s.log, message, zap.Stringer(obs.FrameID, d.ID), zap.String(obs.Source, d.Source), zap.Error(err))
	}
}

// recycle keeps a job's memory for the next frame.
func (s *shift) recycle(j *job) {
	if j.reset() {
		s.jobs.Put(j)
	}
}

// write writes judged frames in batches until there are no more.
func (s *shift) write(working context.Context) {
	var batch []*job
	for first := range s.judged {
		batch = s.live(s.gather(append(batch[:0], first)))
		if len(batch) > 0 && working.Err() == nil {
			s.settle(working, batch)
		}
		for _, j := range batch {
			s.recycle(j)
		}
	}
}

// gather adds to a batch what is judged already and, for a short while, what is
// about to be.
func (s *shift) gather(batch []*job) []*job {
	timeout := time.NewTimer(linger)
	defer timeout.Stop()
	size := sizeOf(batch[0])
	for !size.full() {
		select {
		case j, ok := <-s.judged:
			if !ok {
				return batch
			}
			batch, size = append(batch, j), size.plus(sizeOf(j))
			continue
		default:
		}
		if s.hand.len() <= len(batch) {
			return batch
		}
		select {
		case j, ok := <-s.judged:
			if !ok {
				return batch
			}
			batch, size = append(batch, j), size.plus(sizeOf(j))
		case <-timeout.C:
			return batch
		}
	}
	return batch
}

// batchSize is what a batch is bounded by.
type batchSize struct{ frames, verdicts, bytes int }

func sizeOf(j *job) batchSize { return batchSize{1, len(j.verdicts), j.bytes} }

func (a batchSize) plus(b batchSize) batchSize {
	return batchSize{a.frames + b.frames, a.verdicts + b.verdicts, a.bytes + b.bytes}
}

func (a batchSize) full() bool {
	return a.frames >= maxBatchFrames || a.verdicts >= maxBatchVerdicts || a.bytes >= maxBatchBytes
}

// live drops the frames of which a later delivery came while they were judged:
// the store would refuse the whole batch for them.
func (s *shift) live(batch []*job) []*job {
	kept := batch[:0]
	for _, j := range batch {
		if s.hand.current(j.delivery) {
			kept = append(kept, j)
			continue
		}
		s.counters.refusedFrame()
		s.recycle(j)
	}
	return kept
}

// settle writes a batch and acknowledges its frames. A batch that is refused
// is written frame by frame, to find the one that is meant, and that frame
// without the rows that are.
func (s *shift) settle(working context.Context, batch []*job) {
	err := s.commit(working, batch)
	switch {
	case err == nil:
		s.settled(working, batch)
	case working.Err() != nil: // it stays in hand, to be given back
	case len(batch) > 1:
		for i := range batch {
			if working.Err() == nil {
				s.settle(working, batch[i:i+1])
			}
		}
	case errors.Is(err, event.ErrRefused):
		s.refused(working, batch[0])
	default:
		s.conclude(working, batch[0], s.share(working, batch[0], batch[0].verdicts))
	}
}

// share writes some verdicts on a frame without finishing it. Where a row is
// refused they are halved, down to the verdict that is meant, which becomes a
// dead letter alone.
func (s *shift) share(working context.Context, j *job, verdicts []event.Verdict) error {
	err := s.put(working, &event.Batch{Deliveries: j.deliveries(), Verdicts: verdicts, Unfinished: true})
	if err == nil || working.Err() != nil || errors.Is(err, event.ErrRefused) {
		return err
	}
	if half := len(verdicts) / 2; half > 0 {
		if err := s.share(working, j, verdicts[:half]); err != nil {
			return err
		}
		return s.share(working, j, verdicts[half:])
	}
	if len(verdicts) == 0 {
		return err
	}
	if !errors.Is(err, event.ErrRow) {
		// Of an error that nobody knows only a trial tells whose fault it is.
		if err := s.share(working, j, nil); err != nil {
			return err
		}
	}
	j.matches -= len(verdicts[0].Matches)
	verdicts[0].Matches = nil
	return j.bury(verdicts[0].Event, event.DeadRow, err)
}

// conclude finishes a frame whose verdicts were written in shares, unless one of
// them failed with err.
func (s *shift) conclude(working context.Context, j *job, err error) {
	if err == nil {
		err = s.put(working, &event.Batch{Deliveries: j.deliveries(), Dead: j.dead})
	}
	switch {
	case err == nil:
		s.settled(working, []*job{j})
	case working.Err() != nil: // it stays in hand, to be given back
	case errors.Is(err, event.ErrRefused):
		s.refused(working, j)
	case errors.Is(err, event.ErrRow):
		s.leave(j.delivery, "not even the dead letters of a frame can be written", err)
	default:
		s.fail(err)
	}
}

// refused lets go of a frame that was finished by an earlier delivery: the ack
// removes it; or that was claimed by a later one: the ack removes nothing.
func (s *shift) refused(working context.Context, j *job) {
	s.counters.refusedFrame()
	s.log.Info("frame refused: finished, or taken over by another filter", zap.Stringer(obs.FrameID, j.delivery.ID))
	s.ack(working, []*job{j})
}

// fail ends the filter: what is in hand is given back.
func (s *shift) fail(err error) {
	err = fmt.Errorf("filter: write: %w", err)
	s.status.failed(err)
	s.broken.CompareAndSwap(nil, &err)
	s.stopTaking()
	s.trouble.Store(true)
}

// commit writes a batch whole.
func (s *shift) commit(working context.Context, batch []*job) error {
	verdicts := 0
	for _, j := range batch {
		verdicts += len(j.verdicts)
	}
	b := event.Batch{Verdicts: make([]event.Verdict, 0, verdicts)}
	for _, j := range batch {
		b.Deliveries = append(b.Deliveries, j.delivery)
		b.Verdicts = append(b.Verdicts, j.verdicts...)
		b.Dead = append(b.Dead, j.dead...)
	}
	return s.put(working, &b)
}

// put writes through failures that pass. The first of them ends the taking: what
// is in hand gets outagePatience.
func (s *shift) put(working context.Context, b *event.Batch) error {
	start := time.Now()
	err := retry.Do(working, func(ctx context.Context) error {
		return call(ctx, writeTimeout, func(ctx context.Context) error { return s.writer.Write(ctx, b) })
	}, func(err error, _ time.Duration) {
		s.counters.writeFailed()
		s.storeTrouble(err)
	})
	if err == nil {
		s.counters.wrote(time.Since(start))
	}
	return err
}

// storeTrouble stops the taking; it is said once a shift.
func (s *shift) storeTrouble(err error) {
	s.status.failed(err)
	s.doubt.Store(true)
	if !s.trouble.Swap(true) {
		s.log.Warn("store does not take a batch, nothing more is taken", zap.Error(err))
		s.status.set(StateAway)
	}
	s.stopTaking()
}

// settled counts a committed batch and acknowledges it.
func (s *shift) settled(working context.Context, batch []*job) {
	s.committed.Store(true)
	s.hand.widen()
	s.status.set(StateRunning)
	now := time.Now()
	for _, j := range batch {
		s.tally.add(j.verdicts, now)
		s.guard.add(j.verdicts)
		s.counters.finished(j, now)
		s.status.finished(j)
		s.died(j)
	}
	s.ack(working, batch)
}

// died counts the dead letters of a frame, and says so, if they are not many.
func (s *shift) died(j *job) {
	for i := range j.dead {
		d := &j.dead[i]
		s.counters.died(d.Reason)
		s.letters.Error(s.log, "dead letter; see riffle dead list", zap.String(obs.Reason, string(d.Reason)),
			zap.Stringer(obs.FrameID, d.Frame), zap.String(obs.Source, d.Source), zap.String(obs.EventKey, d.Key),
			zap.String(obs.Error, d.Error))
	}
}

// ack acknowledges frames, through outages of the buffer. Where the shift ends
// before it succeeds, the frames come again and are refused as finished.
func (s *shift) ack(working context.Context, batch []*job) {
	frames := make([]event.Delivery, len(batch))
	for i, j := range batch {
		frames[i] = j.delivery
	}
	err := retry.Do(working, func(ctx context.Context) error {
		return call(ctx, callTimeout, func(ctx context.Context) error { return s.taker.Ack(ctx, frames) })
	}, s.bufferTrouble("ack"))
	if err != nil {
		s.status.failed(err)
		s.log.Warn("frames are stored but not acknowledged; they come again and are refused", zap.Error(err))
	}
	for _, d := range frames {
		s.hand.remove(d)
	}
	s.counters.inHand(s.hand.len())
}

// renew keeps the leases of what is in hand.
func (s *shift) renew(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	report := s.bufferTrouble("renew")
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		frames := s.hand.all()
		if len(frames) == 0 {
			continue
		}
		err := call(ctx, renewEvery, func(ctx context.Context) error { return s.taker.Renew(ctx, frames) })
		switch {
		case err == nil:
			report = s.bufferTrouble("renew")
		case ctx.Err() == nil:
			report(err, renewEvery)
		}
	}
}

// giveBack gives back what is still in hand, on time of its own.
func (s *shift) giveBack(ctx context.Context) {
	frames := s.hand.all()
	s.counters.inHand(0)
	if len(frames) == 0 {
		return
	}
	s.left = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackPatience)
	defer cancel()
	err := retry.Do(ctx, func(ctx context.Context) error { return s.taker.GiveBack(ctx, frames) }, s.bufferTrouble("give back"))
	if err != nil {
		s.status.failed(err)
		s.log.Warn("frames could not be given back; they come free when their leases end", zap.Int("frames", len(frames)), zap.Error(err))
		return
	}
	s.counters.gaveBack(len(frames))
	s.log.Info("frames given back", zap.Int("frames", len(frames)))
}

// bufferTrouble reports failures of the buffer: the first of a row, and counts
// the others.
func (s *shift) bufferTrouble(operation string) func(error, time.Duration) {
	said := false
	return func(err error, wait time.Duration) {
		s.counters.bufferFailed()
		s.status.failed(err)
		if !said {
			s.log.Warn("buffer does not answer, trying again", zap.String("operation", operation), zap.Error(err), zap.Duration(obs.Delay, wait))
			said = true
		}
	}
}

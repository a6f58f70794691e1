package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/source/twitter"
	"riffle/pkg/spool"
)

// twitterRate is Twitter's mean, in events a second.
const twitterRate = 5700

// rig is Redis, a store with the stream's rules, and the stream in a file, of
// which rules keep 2 %.
type rig struct {
	b        *bench
	buffer   *redis.Buffer
	database string
	file     string
}

func (b *bench) newRig(ctx context.Context) (*rig, error) {
	c, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	buffer, err := b.emptyBuffer(ctx)
	if err != nil {
		return nil, err
	}
	database, err := b.freshStore(ctx)
	if err != nil {
		return nil, errors.Join(err, buffer.Close())
	}
	r := &rig{b: b, buffer: buffer, database: database, file: filepath.Join(b.dir, "stream.ndjson")}
	return r, writeLines(r.file, newStream(c, 0.02, streamDeletions, streamRules).lines)
}

func (r *rig) close(ctx context.Context) error {
	return errors.Join(r.buffer.Client().FlushAll(ctx).Err(), r.buffer.Close())
}

func (r *rig) filter(ctx context.Context) (*process, error) {
	return r.b.start(ctx, "riffle-filter", "--buffer", r.b.servers.redis, "--store", r.database)
}

// ingest reads the stream over and over; options are more of --source, or flags.
func (r *rig) ingest(ctx context.Context, options string, args ...string) (*process, error) {
	return r.b.start(ctx, "riffle-ingest", append(args, "--buffer", r.b.servers.redis, "--name", "bench",
		"--source", "file:"+r.file+"?format=twitter&loop=1"+options)...)
}

// depth says what waits and is in flight.
func (r *rig) depth(ctx context.Context) (event.Depth, error) {
	all, err := r.buffer.Depths(ctx)
	if err != nil || len(all) == 0 {
		return event.Depth{}, err
	}
	return all[0], nil
}

// lag is the age of the oldest event that waits or is in flight.
func lag(d *event.Depth) time.Duration {
	if d.Oldest == 0 {
		return 0
	}
	return time.Since(d.Oldest.Std())
}

// wait waits, but not longer than ctx.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// benchOutage kills MariaDB under a stream that goes on, starts it again, and
// measures from its first answer until the lag is below a second and stays there.
func benchOutage(ctx context.Context, b *bench) (results []result, err error) {
	r, err := b.newRig(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	filter, err := r.filter(ctx)
	if err != nil {
		return nil, err
	}
	ingest, err := r.ingest(ctx, fmt.Sprintf("&rate=%d", twitterRate))
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, 10*time.Second); err != nil {
		return nil, err
	}
	restart, err := b.servers.killMySQL(ctx)
	if err != nil {
		return nil, err
	}
	b.say("outage: MariaDB is killed for %v", b.outage)
	if err := wait(ctx, b.outage); err != nil {
		return nil, err
	}
	if err := restart(); err != nil {
		return nil, err
	}
	most, err := r.depth(ctx)
	if err != nil {
		return nil, err
	}
	b.say("outage: MariaDB is back, %d events wait", most.Events)
	parts := map[string]int{
		"filter": filter.cmd.Process.Pid, "ingest": ingest.cmd.Process.Pid, "redis": b.servers.redisPid, "mariadb": b.servers.mysqlPid,
	}
	before, err := usage(parts)
	if err != nil {
		return nil, err
	}
	took, err := r.caughtUp(ctx)
	if err != nil {
		return nil, err
	}
	after, err := usage(parts)
	if err != nil {
		return nil, err
	}
	drained := float64(most.Events) + twitterRate*(took+stays).Seconds()
	var costs []string
	for _, name := range []string{"ingest", "redis", "filter", "mariadb"} {
		costs = append(costs, fmt.Sprintf("%s %.1f", name, 1e6*(after[name]-before[name])/drained))
	}
	rss, err := peak(filter.cmd.Process.Pid)
	return []result{{
		what: fmt.Sprintf("store away for %v at 5,700 events/s, until lag < 1 s", b.outage), unit: "s", aim: 60, atMost: true,
		reached: took.Seconds(),
		note: fmt.Sprintf("%s events waited, %.0f MB; drained at %s events/s; µs of CPU an event meanwhile: %s; filter %.0f MB",
			number(float64(most.Events)), float64(most.Bytes)/1e6, number(float64(most.Events)/took.Seconds()+twitterRate), strings.Join(costs, ", "), rss/1e6),
	}}, errors.Join(err, ingest.stop(), filter.stop())
}

// stays is how long the lag must stay below a second.
const stays = 10 * time.Second

// caughtUp measures until the lag is below a second, and sees that it stays there.
func (r *rig) caughtUp(ctx context.Context) (time.Duration, error) {
	const patience = 20 * time.Minute
	start := time.Now()
	var below time.Duration // since start; 0: the lag is not below
	for {
		d, err := r.depth(ctx)
		now := time.Since(start)
		switch {
		case err != nil:
			return 0, err
		case lag(&d) >= time.Second:
			below = 0
		case below == 0:
			below = now
		case now-below > stays:
			return below, nil
		}
		if now > patience {
			return 0, fmt.Errorf("the lag is still %v after %v", lag(&d), patience)
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// restartPause is what the unit waits before it starts a filter again.
const restartPause = 2 * time.Second

// benchRestart kills the only filter while it has all it can do, starts another as
// the unit would, and measures from the kill until that does as much a second.
func benchRestart(ctx context.Context, b *bench) (results []result, err error) {
	r, err := b.newRig(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	filter, err := r.filter(ctx)
	if err != nil {
		return nil, err
	}
	ingest, err := r.ingest(ctx, "", "--buffer-max", bufferMax)
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, min(b.length/6, 10*time.Second)); err != nil {
		return nil, err
	}
	before, err := rates(ctx, filter, max(3, int(b.length.Seconds()/4)))
	if err != nil {
		return nil, err
	}
	// What the slower half of the seconds did is full speed too.
	full := median(before)
	low := before[len(before)/10]

	killed := time.Now()
	if err := filter.cmd.Process.Kill(); err != nil {
		return nil, err
	}
	<-filter.done
	if err := wait(ctx, restartPause); err != nil {
		return nil, err
	}
	if filter, err = r.filter(ctx); err != nil {
		return nil, err
	}
	var at time.Duration
	for rate := 0.0; rate < low; {
		if at > 2*time.Minute {
			return nil, fmt.Errorf("the next filter does %.0f events/s after %v, want %.0f", rate, at, low)
		}
		at = time.Since(killed) // the second that is now measured begins here
		got, err := rates(ctx, filter, 1)
		if err != nil {
			return nil, err
		}
		rate = got[0]
	}
	takenOver, err := r.takenOver(ctx, killed)
	return []result{{
		what: "kill -9 of the only filter, until full speed", unit: "s", aim: 15, atMost: true, reached: at.Seconds(),
		note: fmt.Sprintf("of which %v before it is started; full speed is %s events/s or more, the tenth slowest of the seconds before (their median %s); frames of the dead one finished after %.1f s",
			restartPause, number(low), number(full), takenOver.Seconds()),
	}}, errors.Join(err, ingest.stop(), filter.stop())
}

// rates measures what a filter does in each of the next seconds, ordered.
func rates(ctx context.Context, filter *process, seconds int) ([]float64, error) {
	var all []float64
	last, err := filter.metric(ctx, "riffle_filter_events_total")
	begin := time.Now()
	for range seconds {
		if err != nil {
			return nil, err
		}
		if err := wait(ctx, time.Second); err != nil {
			return nil, err
		}
		var now float64
		now, err = filter.metric(ctx, "riffle_filter_events_total")
		end := time.Now()
		all = append(all, (now-last)/end.Sub(begin).Seconds())
		last, begin = now, end
	}
	slices.Sort(all)
	return all, err
}

// takenOver waits until nothing of what was received before a moment waits or is
// in flight, and tells how long after that moment this was.
func (r *rig) takenOver(ctx context.Context, moment time.Time) (time.Duration, error) {
	const patience = 2 * time.Minute
	for time.Since(moment) < patience {
		d, err := r.depth(ctx)
		if err != nil {
			return 0, err
		}
		if d.OldestInFlight == 0 || d.OldestInFlight.Std().After(moment) {
			return time.Since(moment), nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("frames of a dead filter are still in flight after %v", patience)
}

// benchDeep fills Redis, and then drains it, with one stage running at a time.
func benchDeep(ctx context.Context, b *bench) (results []result, err error) {
	deep := int64(10_000_000)
	if b.short {
		deep = 200_000
	}
	r, err := b.newRig(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	ingest, err := r.ingest(ctx, "")
	if err != nil {
		return nil, err
	}
	held, err := r.watchMemory(ctx, ingest, func(d *event.Depth) float64 { return float64(d.Events) / float64(deep) })
	if err != nil {
		return nil, err
	}
	if err := ingest.stop(); err != nil {
		return nil, err
	}
	full, err := r.depth(ctx)
	if err != nil {
		return nil, err
	}
	memory, err := usedMemory(ctx, r.buffer.Client())
	if err != nil {
		return nil, err
	}
	b.say("deep: %d events wait", full.Events)
	filter, err := r.filter(ctx)
	if err != nil {
		return nil, err
	}
	drained, err := r.watchMemory(ctx, filter, func(d *event.Depth) float64 {
		if d.InFlight > 0 {
			return min(0.999, 1-float64(d.Events)/float64(full.Events))
		}
		return 1 - float64(d.Events)/float64(full.Events)
	})
	if err != nil {
		return nil, err
	}
	judged, err := filter.metric(ctx, "riffle_filter_events_total")
	if err == nil && int64(judged) != full.Events {
		err = fmt.Errorf("%d events were in Redis, %.0f were judged", full.Events, judged)
	}
	depth := number(float64(full.Events))
	return []result{
		held.result("ingest, memory while it fills Redis with "+depth+" events",
			fmt.Sprintf("in %.0f s; Redis %.1f GB", held.took.Seconds(), memory/1e9)),
		drained.result("filter, memory while it drains them",
			fmt.Sprintf("in %.0f s, %s events/s, all of them judged", drained.took.Seconds(), number(float64(full.Events)/drained.took.Seconds()))),
	}, errors.Join(err, filter.stop())
}

// memories is the resident set of a process over a piece of work.
type memories struct {
	early, late float64 // medians of the second tenth and of the last one, bytes
	most        float64
	took        time.Duration
}

func (m memories) result(what, note string) result {
	return result{
		what: what, unit: "% of that early on", aim: 115, atMost: true, reached: 100 * m.late / m.early,
		note: fmt.Sprintf("%.0f MB in the second tenth, %.0f MB in the last, %.0f MB at most; %s", m.early/1e6, m.late/1e6, m.most/1e6, note),
	}
}

// watchMemory looks at the resident set of a process until its work, of which done
// says the share, is done.
func (r *rig) watchMemory(ctx context.Context, p *process, done func(*event.Depth) float64) (memories, error) {
	start := time.Now()
	var early, late []float64
	for {
		d, err := r.depth(ctx)
		if err != nil {
			return memories{}, err
		}
		rss, err := resident(p.cmd.Process.Pid)
		if err != nil {
			return memories{}, p.failed("ended")
		}
		switch share := done(&d); {
		case share >= 1:
			most, err := peak(p.cmd.Process.Pid)
			if len(late) == 0 {
				late = append(late, rss)
			}
			if len(early) == 0 {
				early = late
			}
			return memories{median(early), median(late), most, time.Since(start)}, err
		case share >= 0.9:
			late = append(late, rss)
		case share >= 0.1 && share < 0.2:
			early = append(early, rss)
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return memories{}, err
		}
	}
}

// benchSpool appends frames of tweets, synced one by one and in the groups that
// gather while a disk is busy; the baseline writes and syncs the same bytes.
func benchSpool(ctx context.Context, b *bench) ([]result, error) {
	c, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	frames, err := framesOf(c)
	if err != nil {
		return nil, err
	}
	var results []result
	for _, group := range []int{1, 8} {
		medians, err := pairs(b.rounds(),
			func() (float64, error) { return b.spoolFrames(ctx, frames, group) },
			func() (float64, error) { return b.bareSyncs(ctx, frames, group) })
		if err != nil {
			return results, err
		}
		results = append(results, result{
			what: fmt.Sprintf("spool append, a sync for %d frames", group), unit: "events/s", aim: 50_000, reached: medians[0],
			baseline: medians[1], baselineWhat: "bare write and sync of the same bytes",
			note: fmt.Sprintf("frames of %d tweets, %d bytes in the mean", frameEvents, bytesOf(frames)/len(frames)),
		})
	}
	return results, nil
}

// framesOf makes full frames of the tweets.
func framesOf(c *corpus) ([]event.Entry, error) {
	decoder, encoder := twitter.NewDecoder(), event.NewEncoder()
	var ev event.Event
	var all []event.Entry
	for _, m := range c.messages {
		if err := decoder.Decode(&ev, m); err != nil {
			return nil, err
		}
		ev.Source, ev.ReceivedAt = "bench", event.TimeOf(time.Now())
		encoder.Append(&ev)
		if encoder.Len() < frameEvents {
			continue
		}
		frame, err := encoder.Frame()
		if err != nil {
			return nil, err
		}
		all = append(all, event.Entry{Frame: frame, Cursor: fmt.Sprint(len(all))})
	}
	return all, nil
}

func bytesOf(entries []event.Entry) (n int) {
	for _, e := range entries {
		n += len(e.Frame.Data)
	}
	return n
}

// spoolFrames appends frames over and over, in groups, and gives events per
// second. Its folder is on the disk of the bench's own files.
func (b *bench) spoolFrames(ctx context.Context, frames []event.Entry, group int) (float64, error) {
	dir, err := os.MkdirTemp(b.dir, "spool-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := spool.Open(dir, spool.Options{MaxBytes: 1 << 40})
	if err != nil {
		return 0, err
	}
	next := 0
	rate, err := perSecond(ctx, b.slice(), func() (int, error) {
		entries := groupOf(frames, next, group)
		next += group
		return eventsOf(entries), s.Append(entries...)
	})
	return rate, errors.Join(err, s.Close())
}

// bareSyncs writes the bytes of the same frames to a file, and syncs it after each
// group.
func (b *bench) bareSyncs(ctx context.Context, frames []event.Entry, group int) (float64, error) {
	f, err := os.CreateTemp(b.dir, "bare-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	next := 0
	var data []byte
	rate, err := perSecond(ctx, b.slice(), func() (int, error) {
		entries := groupOf(frames, next, group)
		next += group
		data = data[:0]
		for _, e := range entries {
			data = append(data, e.Frame.Data...)
		}
		if _, err := f.Write(data); err != nil {
			return 0, err
		}
		return eventsOf(entries), f.Sync()
	})
	return rate, errors.Join(err, f.Close())
}

// groupOf gives the frames from an index on, and the first ones after the last.
func groupOf(frames []event.Entry, from, n int) []event.Entry {
	var group []event.Entry
	for i := range n {
		group = append(group, frames[(from+i)%len(frames)])
	}
	return group
}

func eventsOf(entries []event.Entry) (n int) {
	for _, e := range entries {
		n += e.Frame.Events
	}
	return n
}

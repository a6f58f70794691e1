package internal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"riffle/pkg/config"
	"riffle/pkg/ingest"
	"riffle/pkg/obs"
	"riffle/pkg/spool"
)

// openSpool opens the spool of a source that can't be read again; nil for
// others.
//
// Errors: *config.Error for a folder that can't be used; spool.ErrInUse and those of
// a disk, which may pass.
func (p *Process) openSpool(in *config.Input, source ingest.Source) (*spool.Spool, error) {
	if source.Replays() {
		return nil, nil
	}
	log := p.Log.With(zap.String(obs.Component, "spool"), zap.String(obs.Source, string(in.Name)))
	lost := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name:        "riffle_ingest_spool_damaged_total",
		Help:        "What was cut out of the spool's files because it was torn or spoilt: bytes, and as many frames and events as could be told. Torn ends follow crashes; all else means that the disk fails.",
		ConstLabels: prometheus.Labels{"source": string(in.Name)},
	}, []string{"what"})
	for _, what := range []string{"bytes", "frames", "events"} {
		lost.WithLabelValues(what)
	}
	p.Registry.MustRegister(lost)
	dir := filepath.Join(string(in.Spool), string(in.Name))
	disk, err := spool.Open(dir, spool.Options{Report: func(d spool.Damage) {
		lost.WithLabelValues("bytes").Add(float64(d.Bytes))
		lost.WithLabelValues("frames").Add(float64(len(d.Frames)))
		lost.WithLabelValues("events").Add(float64(d.Events()))
		reportDamage(log, &d)
	}})
	if err != nil {
		return nil, spoolError(string(in.Spool), err)
	}
	p.watchDisk(dir)
	p.watchRoom("the spool of "+string(in.Name), disk.Room)
	if waits := disk.Depth(); waits.Frames > 0 {
		log.Info("spool holds frames of an earlier run", zap.Int64("frames", waits.Frames), zap.Int64("events", waits.Events))
	}
	return disk, nil
}

// passing are failures of a disk or of the system that need no other setting: a
// process that is started again works as soon as there is room.
var passing = []error{unix.ENOSPC, unix.EDQUOT, unix.EIO, unix.ENOMEM, unix.EMFILE, unix.ENFILE}

// spoolError says why a spool cannot be opened.
func spoolError(folder string, err error) error {
	switch {
	case errors.Is(err, spool.ErrInUse):
		return fmt.Errorf("%w; give each ingest of a source that can't be read again a --state or --spool of its own", err)
	case slices.ContainsFunc(passing, func(one error) bool { return errors.Is(err, one) }):
		return fmt.Errorf("--spool %s: %w", folder, err)
	}
	return &config.Error{Mistakes: []config.Mistake{{Setting: "--spool", From: folder, Problem: err.Error()}}}
}

// reportDamage says what was cut out of a spool, with the first frames by id.
func reportDamage(log *zap.Logger, d *spool.Damage) {
	const named = 10
	ids := make([]string, min(len(d.Frames), named))
	for i := range ids {
		ids[i] = d.Frames[i].ID.String()
	}
	fields := []zap.Field{
		zap.String("file", d.File), zap.Int64("offset", d.Offset), zap.Int64("bytes", d.Bytes), zap.Int("frames", len(d.Frames)),
		zap.Int("events", d.Events()), zap.Strings(obs.FrameID, ids),
	}
	if d.Torn {
		log.Warn("spool ended in a torn frame, which was not accepted; it was cut off", fields...)
		return
	}
	log.Error("spool was damaged; what could not be read was cut out", fields...)
}

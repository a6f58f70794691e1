package internal

import (
	"context"

	"go.uber.org/zap"

	"riffle/pkg/daemon"
	"riffle/pkg/obs"
	"riffle/pkg/retry"
)

// DurabilityPart warns of a buffer's server that keeps less than was asked for,
// once it can be asked.
func (p *Process) DurabilityPart(buffer *Buffer) daemon.Part {
	log := p.Log.With(zap.String(obs.Component, "buffer"))
	return daemon.Part{Name: "durability of the buffer", Run: func(ctx context.Context) error {
		if buffer.Weaknesses != nil {
			_ = retry.Do(ctx, func(ctx context.Context) error {
				found, err := buffer.Weaknesses(ctx)
				for _, text := range found {
					log.Warn("buffer keeps less than was asked for (docs/operations.md, Durability)", zap.String("weakness", text))
				}
				return err
			}, nil) // the stages say when the buffer is away
		}
		<-ctx.Done()
		return nil
	}}
}

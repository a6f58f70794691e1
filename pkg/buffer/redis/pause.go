package redis

import (
	"context"
	"errors"
	"fmt"

	"riffle/pkg/pause"
)

// notPaused stands for the end of a pause where there is none.
const notPaused = -1

// Pause lets every take obey the filters' switch, in the step that takes: while
// it is on nothing is handed out. An older switch than the one that is obeyed
// changes nothing. It is called again and again, since sources come, and a Redis
// may forget.
func (b *Buffer) Pause(ctx context.Context, s pause.Switch) error {
	sources, err := b.client.SMembers(ctx, registry).Result()
	if err != nil {
		return fmt.Errorf("buffer: list sources: %w", b.classify(ctx, err))
	}
	var errs []error
	for _, source := range sources {
		err := b.scripts.pause.Run(ctx, b.client, []string{sourceKey(source)}, s.Revision, pauseEnd(&s)).Err()
		errs = append(errs, b.wrap(ctx, err, "pause filters", source))
	}
	return errors.Join(errs...)
}

// pauseEnd gives the end of a pause in ms.
func pauseEnd(s *pause.Switch) int64 {
	switch {
	case !s.Paused:
		return notPaused
	case s.Until.IsZero():
		return 0
	}
	return s.Until.UnixMilli()
}

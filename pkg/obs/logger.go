package obs

import (
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
)

// NewLogger builds the logger of a process, which main hands to all its parts.
// Each line is a JSON object; where w is a terminal it is a line for people. A
// component takes its own level from spec as soon as it is named by
// With(zap.String(Component, name)).
//
// In:     spec as ParseLevels reads it.
// Errors: those of ParseLevels.
func NewLogger(spec string, w io.Writer) (*zap.Logger, error) {
	levels, err := ParseLevels(spec)
	if err != nil {
		return nil, fmt.Errorf("obs: read log levels: %w", err)
	}
	sink := zapcore.Lock(zapcore.AddSync(w))
	// The inner core lets everything pass: the level is the outer one's matter.
	inner := zapcore.NewCore(encoder(IsTerminal(w)), sink, zapcore.DebugLevel)
	return zap.New(&leveledCore{Core: inner, levels: levels, level: levels.base}, zap.ErrorOutput(sink)), nil
}

// IsTerminal reports whether w is a terminal that somebody looks at.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func encoder(terminal bool) zapcore.Encoder {
	conf := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", MessageKey: "msg", StacktraceKey: "stack",
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	if terminal {
		conf.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
		conf.EncodeLevel = zapcore.CapitalColorLevelEncoder
		conf.ConsoleSeparator = " "
		return zapcore.NewConsoleEncoder(conf)
	}
	conf.EncodeTime = func(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
		enc.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	conf.EncodeLevel = zapcore.LowercaseLevelEncoder
	return zapcore.NewJSONEncoder(conf)
}

// leveledCore applies the level of the component that its fields name.
type leveledCore struct {
	zapcore.Core
	levels Levels
	level  zapcore.Level
}

// Enabled reports whether lines of this level are written.
func (c *leveledCore) Enabled(level zapcore.Level) bool { return level >= c.level }

// With gives a core for the fields; a component among them sets its level.
func (c *leveledCore) With(fields []zapcore.Field) zapcore.Core {
	level := c.level
	for _, f := range fields {
		if f.Key == Component && f.Type == zapcore.StringType {
			level = c.levels.of(f.String)
		}
	}
	return &leveledCore{Core: c.Core.With(fields), levels: c.levels, level: level}
}

// Check adds the core to the entry's writers where its level is enabled.
func (c *leveledCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(entry.Level) {
		return checked
	}
	return checked.AddCore(entry, c)
}

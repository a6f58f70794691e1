package obs

import (
	"fmt"
	"strings"

	"go.uber.org/zap/zapcore"
)

// Levels says from which level on lines are written: one level for all, and
// others for single components. The zero value is info for all.
type Levels struct {
	base       zapcore.Level
	components map[string]zapcore.Level
}

// ParseLevels reads LEVEL[,component=LEVEL…], such as "info,filter=debug". The
// levels are debug, info, warn and error; an empty spec is info.
//
// Errors: one sentence that names the part which is wrong and what is allowed.
func ParseLevels(spec string) (Levels, error) {
	levels := Levels{base: zapcore.InfoLevel, components: map[string]zapcore.Level{}}
	if spec == "" {
		return levels, nil
	}
	for i, part := range strings.Split(spec, ",") {
		component, name, named := strings.Cut(part, "=")
		if !named {
			component, name = "", part
		}
		level, err := parseLevel(name)
		if err != nil {
			return Levels{}, err
		}
		switch {
		case named && component == "":
			return Levels{}, fmt.Errorf("%q names no component before the =", part)
		case named:
			levels.components[component] = level
		case i > 0:
			return Levels{}, fmt.Errorf("%q: only the first level stands alone, the others are component=LEVEL", part)
		default:
			levels.base = level
		}
	}
	return levels, nil
}

func parseLevel(name string) (zapcore.Level, error) {
	switch name {
	case "debug":
		return zapcore.DebugLevel, nil
	case "info":
		return zapcore.InfoLevel, nil
	case "warn":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	}
	return 0, fmt.Errorf("%q is no level; use debug, info, warn or error", name)
}

// of gives the level of a component.
func (l Levels) of(component string) zapcore.Level {
	if level, ok := l.components[component]; ok {
		return level
	}
	return l.base
}

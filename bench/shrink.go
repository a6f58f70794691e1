package main

import (
	"context"
	"fmt"

	"github.com/bytedance/sonic"
	"github.com/minio/simdjson-go"
	"github.com/valyala/fastjson"

	"riffle/pkg/event"
	"riffle/pkg/source/twitter"
)

// frameEvents is how many events ingest puts into a frame.
const frameEvents = 512

// benchShrink decodes tweets and encodes the events on one core; the baselines
// parse the same bytes and do no more.
func benchShrink(ctx context.Context, b *bench) ([]result, error) {
	c, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	parsers := map[string]func([]byte) error{"fastjson": fastParser(), "sonic": sonicParser}
	if simdjson.SupportedCPU() {
		parsers["simdjson-go"] = simdParser()
	}
	names := []string{"riffle"}
	measures := []func() (float64, error){onOneCore(func() (float64, error) { return perSecond(ctx, b.slice(), shrinkAll(c)) })}
	for name, parse := range parsers {
		names = append(names, name)
		measures = append(measures, onOneCore(func() (float64, error) {
			return perSecond(ctx, b.slice(), func() (int, error) {
				for _, m := range c.messages {
					if err := parse(m); err != nil {
						return 0, fmt.Errorf("%s: %w", name, err)
					}
				}
				return len(c.messages), nil
			})
		}))
	}
	medians, err := pairs(b.rounds(), measures...)
	if err != nil {
		return nil, err
	}
	best := 1
	note := "baseline parses only:"
	for i := 1; i < len(names); i++ {
		if medians[i] > medians[best] {
			best = i
		}
		note += fmt.Sprintf(" %s %s", names[i], number(medians[i]))
	}
	return []result{{
		what: "shrink, one core", unit: "tweets/s", aim: 150_000, now: 100_000, reached: medians[0],
		baseline: medians[best], baselineWhat: names[best], note: note,
	}}, nil
}

// shrinkAll shrinks every message once.
func shrinkAll(c *corpus) func() (int, error) {
	decoder, encoder := twitter.NewDecoder(), event.NewEncoder()
	var ev event.Event
	return func() (int, error) {
		for _, m := range c.messages {
			if err := decoder.Decode(&ev, m); err != nil {
				return 0, err
			}
			encoder.Append(&ev)
			if encoder.Len() == frameEvents {
				if _, err := encoder.Frame(); err != nil {
					return 0, err
				}
			}
		}
		return len(c.messages), nil
	}
}

func fastParser() func([]byte) error {
	var p fastjson.Parser
	return func(m []byte) error {
		_, err := p.ParseBytes(m)
		return err
	}
}

func sonicParser(m []byte) error {
	node, err := sonic.Get(m)
	if err != nil {
		return err
	}
	return node.LoadAll()
}

func simdParser() func([]byte) error {
	var tape *simdjson.ParsedJson
	return func(m []byte) (err error) {
		tape, err = simdjson.Parse(m, tape, simdjson.WithCopyStrings(false))
		return err
	}
}

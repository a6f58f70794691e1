package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"riffle/pkg/retry"
)

// durability is how much of what was accepted outlives a crash of the server's
// machine, in rising order.
type durability int

const (
	keepsNothing durability = iota // for sure
	keepsMost                      // all but about the last second
	keepsAll
)

// asked are the values of a URL's durability.
var asked = map[string]durability{"none": keepsNothing, "everysec": keepsMost, "always": keepsAll}

// cutDurability takes the parameter durability, which is ours, out of a URL.
//
// Errors: a value that is none.
func cutDurability(address string) (rest string, want durability, err error) {
	want = keepsMost
	front, query, ok := strings.Cut(address, "?")
	if !ok {
		return address, want, nil
	}
	var others []string
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != "durability" {
			others = append(others, pair)
			continue
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return "", 0, errors.New("buffer: redis URL: durability is not written as a URL's parameter")
		}
		if want, ok = asked[value]; !ok {
			return "", 0, fmt.Errorf("buffer: redis URL: durability %q is none; there are always, everysec (the default) and none", value)
		}
	}
	if len(others) == 0 {
		return front, want, nil
	}
	return front + "?" + strings.Join(others, "&"), want, nil
}

// Weaknesses says, in sentences, in what the server keeps less of what was
// accepted than the URL asks for. What the server does not tell is no weakness.
//
// Errors: transients.
func (b *Buffer) Weaknesses(ctx context.Context) ([]string, error) {
	text, err := b.client.Info(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("buffer: ask for settings: %w", b.classify(ctx, err))
	}
	// Hosted servers often refuse this command.
	settings := map[string]string{}
	for _, pattern := range []string{"*append*", "aof-load-truncated"} {
		some, err := b.client.ConfigGet(ctx, pattern).Result()
		if err = classify(ctx, err); retry.IsTransient(err) || ctx.Err() != nil {
			return nil, fmt.Errorf("buffer: ask for settings: %w", err)
		}
		maps.Copy(settings, some)
	}
	return weaknesses(parseInfo(text), settings, b.want), nil
}

func weaknesses(facts, settings map[string]string, want durability) (found []string) {
	if facts["maxmemory"] == "0" {
		found = append(found, "maxmemory is not set: a full buffer takes the machine's memory, and the kernel ends Redis; set it below what the machine has")
	}
	if want == keepsNothing {
		return found
	}
	if facts["aof_enabled"] == "0" {
		return append(found, "appendonly is no: a crash loses all that waits since the last snapshot; set \"appendonly yes\"")
	}
	switch sync := settings["appendfsync"]; {
	case sync == "no":
		found = append(found, "appendfsync is no: a crash of the machine loses half a minute or more; set \"appendfsync everysec\"")
	case sync == "everysec" && want == keepsAll:
		found = append(found, "appendfsync is everysec, and durability=always was asked for: a crash of the machine loses about a second; set \"appendfsync always\"")
	}
	if settings["aof-load-truncated"] == "yes" {
		found = append(found, "aof-load-truncated is yes: Redis mends a torn file in a way that loses frames at a later start; set it to no, and run scripts/redis-repair before Redis starts")
	}
	if settings["no-appendfsync-on-rewrite"] == "yes" {
		found = append(found, "no-appendfsync-on-rewrite is yes: a crash during a rewrite loses all that was pushed meanwhile; set it to no")
	}
	if status, ok := facts["aof_last_write_status"]; ok && status != "ok" {
		found = append(found, "the last write of the append-only file failed; look at the disk of Redis")
	}
	return found
}

package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Buffer says which buffer lies between ingest and filter: Redis under URL, or
// SQLite in the file Path. It prints with its password masked.
type Buffer struct {
	URL  string
	Path string
}

const bufferForms = "use redis://[user:pass@]host:port/db, rediss://…, redis+unix://PATH, redis+sentinel://h1,h2/master, redis+cluster://h1,h2 or sqlite:PATH"

// Set reads a Redis URL or sqlite:PATH.
func (b *Buffer) Set(text string) error {
	p, err := split(text)
	if err != nil {
		return fmt.Errorf("%w; %s", err, bufferForms)
	}
	if p.scheme == "sqlite" {
		path, err := sqlitePath(p)
		if err != nil {
			return err
		}
		*b = Buffer{Path: path}
		return nil
	}
	if err := checkRedis(p); err != nil {
		return err
	}
	*b = Buffer{URL: text}
	return nil
}

func checkRedis(p parts) error {
	switch p.scheme {
	case "redis", "rediss":
		if err := p.single(); err != nil {
			return err
		}
		db := strings.TrimPrefix(p.path, "/")
		if _, err := strconv.ParseUint(db, 10, 31); db != "" && err != nil {
			return fmt.Errorf("%q is no database; Redis numbers them, as in redis://host:6379/0", db)
		}
	case "redis+unix":
		if !strings.HasPrefix(p.path, "/") || p.host != "" {
			return errors.New("redis+unix:// needs the absolute path of the socket, such as redis+unix:///run/redis/redis.sock")
		}
	case "redis+sentinel":
		if p.host == "" || strings.Trim(p.path, "/") == "" {
			return errors.New("redis+sentinel:// needs hosts and the master's name, as in redis+sentinel://h1:26379,h2:26379/mymaster")
		}
	case "redis+cluster":
		if p.host == "" {
			return errors.New("redis+cluster:// needs hosts, as in redis+cluster://h1:6379,h2:6379")
		}
	default:
		return fmt.Errorf("%q is no kind of buffer; %s", p.scheme, bufferForms)
	}
	return nil
}

func (b *Buffer) String() string {
	if b.Path != "" {
		return "sqlite:" + b.Path
	}
	return mask(b.URL)
}

// IsZero reports whether no buffer is given.
func (b *Buffer) IsZero() bool { return *b == Buffer{} }

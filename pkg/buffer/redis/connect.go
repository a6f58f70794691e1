package redis

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Timeouts of one command. A hung server must cost less than a lease.
const (
	dialTimeout = 2 * time.Second
	callTimeout = 5 * time.Second
)

// Connect makes a client for one of riffle's Redis URLs. It dials nothing yet;
// every server that it ever talks to, also after a failover, is looked at first
// (*UnfitError).
//
// In:     redis:// and rediss://[user:pass@]host:port/db,
//
//	redis+unix://[user:pass@]PATH[?db=N],
//	redis+sentinel://[user:pass@]host:port,host:port/master[?db=N],
//	redis+cluster://[user:pass@]host:port,host:port.
//
// Errors: a URL of another form; the password is not in the message.
func Connect(address string) (goredis.UniversalClient, error) {
	return connect(address, new(atomic.Bool))
}

// connect is Connect, and sets met once a server has let this process in and was
// found fit.
func connect(address string, met *atomic.Bool) (goredis.UniversalClient, error) {
	quiet()
	inspect := inspector(met)
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return nil, errors.New("buffer: redis URL: no scheme")
	}
	switch scheme {
	case "redis", "rediss":
		return connectOne(address, inspect)
	case "redis+unix":
		return connectOne("unix://"+rest, inspect)
	case "redis+sentinel", "redis+cluster":
		return connectMany(scheme, rest, inspect)
	default:
		return nil, fmt.Errorf("buffer: redis URL: unknown scheme %q", scheme)
	}
}

func connectOne(address string, inspect inspection) (goredis.UniversalClient, error) {
	o, err := goredis.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("buffer: redis URL: %w", withoutURL(err))
	}
	o.OnConnect = inspect
	o.MaxRetries, o.DialerRetries = -1, 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = dialTimeout, callTimeout, callTimeout
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return goredis.NewClient(o), nil
}

// connectMany parses what net/url refuses: several hosts.
func connectMany(scheme, rest string, inspect inspection) (goredis.UniversalClient, error) {
	authority, path, _ := strings.Cut(rest, "/")
	authority, query, hasQuery := strings.Cut(authority, "?")
	if hasQuery {
		path = "?" + query
	}
	at := strings.LastIndex(authority, "@") + 1
	u, err := url.Parse(scheme + "://" + authority[:at] + "hosts/" + path)
	if err != nil {
		return nil, fmt.Errorf("buffer: redis URL: %w", withoutURL(err))
	}
	o := &goredis.UniversalOptions{
		Addrs:    strings.Split(authority[at:], ","),
		Username: u.User.Username(),
		// The retries are pkg/retry's: one policy, and an outage is seen at once.
		MaxRetries: -1, DialerRetries: 1,
		DialTimeout: dialTimeout, ReadTimeout: callTimeout, WriteTimeout: callTimeout,
		ContextTimeoutEnabled: true, DisableIdentity: true, OnConnect: inspect,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	o.Password, _ = u.User.Password()
	defaultPort := "6379"
	if scheme == "redis+sentinel" {
		defaultPort = "26379"
	}
	for i, host := range o.Addrs {
		if host == "" {
			return nil, errors.New("buffer: redis URL: a host is missing")
		}
		if !strings.Contains(host, ":") {
			o.Addrs[i] = host + ":" + defaultPort
		}
	}
	if scheme == "redis+cluster" {
		if strings.Trim(u.Path, "/") != "" {
			return nil, errors.New("buffer: redis URL: a cluster has no database number")
		}
		return goredis.NewClusterClient(o.Cluster()), nil
	}
	if o.MasterName = strings.Trim(u.Path, "/"); o.MasterName == "" {
		return nil, errors.New("buffer: redis URL: the master's name is missing (redis+sentinel://h1,h2/MASTER)")
	}
	if db := u.Query().Get("db"); db != "" {
		if o.DB, err = strconv.Atoi(db); err != nil {
			return nil, fmt.Errorf("buffer: redis URL: db %q is not a number", db)
		}
	}
	return goredis.NewFailoverClient(o.Failover()), nil
}

// withoutURL drops what url.Error quotes, since that holds the password.
func withoutURL(err error) error {
	if e, is := errors.AsType[*url.Error](err); is {
		return e.Err
	}
	return err
}

// quiet stops go-redis from printing: every error comes back to the caller, who
// logs it. The library has one logger for the whole process.
var quiet = sync.OnceFunc(func() { goredis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// inspection looks at a server before the first command.
type inspection func(context.Context, *goredis.Conn) error

// inspector refuses a server that is too old, or that may evict our keys.
func inspector(met *atomic.Bool) inspection {
	return func(ctx context.Context, conn *goredis.Conn) error {
		text, err := conn.Info(ctx).Result()
		if err != nil {
			return err
		}
		facts := parseInfo(text)
		if err := judge(facts); err != nil {
			return err
		}
		if facts["redis_mode"] != sentinelMode {
			met.Store(true)
		}
		return nil
	}
}

const sentinelMode = "sentinel"

func judge(facts map[string]string) error {
	if facts["redis_mode"] == sentinelMode {
		return nil
	}
	version := facts["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 7 {
		return &UnfitError{fmt.Sprintf("it is version %q; 7.0 or newer (or Valkey) is needed", version)}
	}
	if policy := facts["maxmemory_policy"]; strings.HasPrefix(policy, "allkeys-") {
		return &UnfitError{fmt.Sprintf("with maxmemory-policy %s it may evict frames; "+
			"set \"maxmemory-policy noeviction\" in redis.conf, or at once with CONFIG SET", policy)}
	}
	return nil
}

// parseInfo reads the lines NAME:VALUE of INFO.
func parseInfo(text string) map[string]string {
	facts := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			facts[name] = value
		}
	}
	return facts
}

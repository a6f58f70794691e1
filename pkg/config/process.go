package config

import (
	"errors"
	"path/filepath"
	"strings"
	"time"
)

// Addresses that hold unless something else is asked for.
const (
	ingestDebug = "127.0.0.1:9101"
	filterDebug = "127.0.0.1:9102"
	apiDebug    = "127.0.0.1:9103"
	dataDir     = "riffle-data"
	defaultKeep = 30 * 24 * time.Hour
)

// Process is what every stage can be told.
type Process struct {
	Log         LogSpec
	DebugListen DebugListen
	State       Dir
}

func newProcess(debug string) Process {
	return Process{Log: "info", DebugListen: DebugListen{Address: debug, Default: true}}
}

func (p *Process) settings() []Setting {
	return []Setting{
		{Name: "log", Usage: "LEVEL[,component=LEVEL…] of debug, info, warn, error", Value: &p.Log},
		{Name: "debug-listen", Usage: "address of /metrics, /livez, /readyz and pprof, or off", Value: &p.DebugListen},
		{Name: "state", Usage: "directory for what a stage remembers itself (default $STATE_DIRECTORY, else riffle-data)", Value: &p.State},
	}
}

func (p *Process) check(env Environ) {
	if p.State != "" {
		return
	}
	// systemd lists several directories with colons between them; ours is one.
	p.State = dataDir
	if dir, _, _ := strings.Cut(env.Get("STATE_DIRECTORY"), ":"); dir != "" {
		p.State = Dir(filepath.Clean(dir))
	}
}

func missing(setting, example string) Mistake {
	return Mistake{
		Setting: "--" + setting,
		Problem: "is not set; give the flag, " + envName(setting) + " or " + setting + ": in the file of --config, such as " + example,
	}
}

// Examples for what is missing.
const (
	bufferExample = "redis://localhost:6379/0"
	storeExample  = "mysql://riffle:PASSWORD@localhost:3306/riffle"
	sourceExample = "jetstream://jetstream2.us-east.bsky.network/subscribe"
)

// Input is what an ingest reads and under which name.
type Input struct {
	Source   Source
	Name     Name
	Audience Audience
	Spool    Dir
	// Twitter signs the requests of twitter: sources.
	Twitter TwitterKeys
	// MastodonToken is the access token of the account that reads a mastodon:
	// source.
	MastodonToken Secret
	// CheckSource finds what is wrong with a source beyond its form, and which
	// keys it lacks; nil finds nothing.
	CheckSource func(*Input) error
}

// TwitterKeys are the OAuth 1 keys of an app and of an account that has let it
// in.
type TwitterKeys struct {
	ConsumerKey, ConsumerSecret, AccessToken, AccessTokenSecret Secret
}

func (k *TwitterKeys) settings() []Setting {
	return []Setting{
		{Name: "twitter-consumer-key", Usage: "OAuth 1 key of the app that reads twitter: sources", Value: &k.ConsumerKey, Secret: true},
		{Name: "twitter-consumer-secret", Usage: "its secret", Value: &k.ConsumerSecret, Secret: true},
		{Name: "twitter-access-token", Usage: "OAuth 1 token of the account for which it reads", Value: &k.AccessToken, Secret: true},
		{Name: "twitter-access-token-secret", Usage: "its secret", Value: &k.AccessTokenSecret, Secret: true},
	}
}

func (in *Input) settings() []Setting {
	return append([]Setting{
		{Name: "source", Usage: "URL of the stream: jetstream://host/subscribe, mastodon://host/public, twitter://filter?track=WORDS, sse+https://host/path, wss://host/path, file:PATH, stdin:, sim:", Value: &in.Source, Secret: true},
		{Name: "name", Usage: "name of the source, under which its cursor is kept (default from the URL)", Value: &in.Name},
		{Name: "audience", Usage: "NETWORK:ACCOUNT that sees what the source brings, where its messages do not say", Value: &in.Audience, List: true},
		{Name: "spool", Usage: "directory of the disk queue before a buffer that is away, for sources that can't be read again (default in --state)", Value: &in.Spool},
		{Name: "mastodon-token", Usage: "access token of the account that reads a mastodon: source", Value: &in.MastodonToken, Secret: true},
	}, in.Twitter.settings()...)
}

func (in *Input) check(state Dir) []Mistake {
	if in.Spool == "" {
		in.Spool = Dir(filepath.Join(string(state), "spool"))
	}
	if in.Source.URL == "" {
		return []Mistake{missing("source", sourceExample)}
	}
	if in.Name == "" {
		in.Name = in.Source.Name()
	}
	if in.CheckSource != nil {
		if err := in.CheckSource(in); err != nil {
			return []Mistake{{Setting: "--source", Problem: err.Error()}}
		}
	}
	return nil
}

// Ingest is the configuration of riffle-ingest.
type Ingest struct {
	Process
	Input
	Buffer    Buffer
	BufferMax Count // events; 0: no limit of our own
}

// NewIngest gives the defaults.
func NewIngest() *Ingest { return &Ingest{Process: newProcess(ingestDebug)} }

// Settings lists what can be set.
func (c *Ingest) Settings() []Setting {
	return append(append(c.Input.settings(),
		bufferSetting(&c.Buffer), bufferMaxSetting(&c.BufferMax)), c.Process.settings()...)
}

func bufferSetting(b *Buffer) Setting {
	return Setting{Name: "buffer", Usage: "buffer between ingest and filter: redis://[user:pass@]host:port/db or sqlite:PATH", Value: b, Secret: true}
}

func storeSetting(s *Store) Setting {
	return Setting{Name: "store", Usage: "store of rules and matches: mysql://user:pass@host:port/db or sqlite:PATH", Value: s, Secret: true}
}

func bufferMaxSetting(c *Count) Setting {
	return Setting{Name: "buffer-max", Usage: "events that may wait in the buffer (default no limit but the buffer's own)", Value: c}
}

func keepSetting(d *Duration) Setting {
	return Setting{Name: "keep", Usage: "how long events and matches are kept, such as 30d", Value: d}
}

func storeAllSetting(s *Switch) Setting {
	return Setting{Name: "store-all", Usage: "store every event and author, kept or not", Value: s, Switch: true}
}

func allowanceSetting(c *Count) Setting {
	return Setting{Name: "allowance", Usage: "matches a minute, of live sources, above which a rule is switched off (default 600)", Value: c}
}

// Check finds what is wrong with the settings together.
func (c *Ingest) Check(env Environ) []Mistake {
	c.Process.check(env)
	mistakes := c.Input.check(c.State)
	if c.Buffer.IsZero() {
		mistakes = append(mistakes, missing("buffer", bufferExample))
	}
	return mistakes
}

// Filter is the configuration of riffle-filter.
type Filter struct {
	Process
	Buffer   Buffer
	Store    Store
	Keep     Duration
	StoreAll Switch
	// Allowance is how much a rule may keep a minute; 0 is the filter's default.
	Allowance Count
}

// NewFilter gives the defaults.
func NewFilter() *Filter {
	return &Filter{Process: newProcess(filterDebug), Keep: Duration(defaultKeep)}
}

// Settings lists what can be set.
func (c *Filter) Settings() []Setting {
	return append([]Setting{bufferSetting(&c.Buffer), storeSetting(&c.Store), keepSetting(&c.Keep), storeAllSetting(&c.StoreAll), allowanceSetting(&c.Allowance)},
		c.Process.settings()...)
}

// Check finds what is wrong with the settings together.
func (c *Filter) Check(env Environ) []Mistake {
	c.Process.check(env)
	var mistakes []Mistake
	if c.Buffer.IsZero() {
		mistakes = append(mistakes, missing("buffer", bufferExample))
	}
	if c.Store.IsZero() {
		mistakes = append(mistakes, missing("store", storeExample))
	}
	return mistakes
}

// Web is where the api answers and how.
type Web struct {
	Listen  Listen
	TLSCert File
	TLSKey  File
}

func (w *Web) settings() []Setting {
	return []Setting{
		{Name: "listen", Usage: "address of the API: [HOST]:PORT or unix:PATH", Value: &w.Listen},
		{Name: "tls-cert", Usage: "PEM file with the certificate chain, for HTTPS", Value: &w.TLSCert},
		{Name: "tls-key", Usage: "PEM file with the certificate's key (default the one of --tls-cert)", Value: &w.TLSKey},
	}
}

func (w *Web) check() []Mistake {
	if w.TLSKey != "" && w.TLSCert == "" {
		return []Mistake{{Setting: "--tls-key", Problem: "has no effect without --tls-cert"}}
	}
	if w.TLSKey == "" {
		w.TLSKey = w.TLSCert
	}
	return nil
}

// API is the configuration of riffle-api.
type API struct {
	Process
	Web
	Store  Store
	Buffer Buffer // for the status page; without one it says nothing of ingest and buffer
}

// NewAPI gives the defaults.
func NewAPI() *API {
	return &API{Process: newProcess(apiDebug), Web: Web{Listen: Listen{Network: "tcp", Address: ":8080"}}}
}

// Settings lists what can be set.
func (c *API) Settings() []Setting {
	return append(append(c.Web.settings(), storeSetting(&c.Store), bufferSetting(&c.Buffer)), c.Process.settings()...)
}

// Check finds what is wrong with the settings together.
func (c *API) Check(env Environ) []Mistake {
	c.Process.check(env)
	mistakes := c.Web.check()
	if c.Store.IsZero() {
		mistakes = append(mistakes, missing("store", storeExample))
	}
	return mistakes
}

// Up is the configuration of riffle up, all stages in one process.
type Up struct {
	Process
	Input
	Web
	Data     Dir
	Buffer   Buffer
	Store    Store
	Keep     Duration
	StoreAll Switch
	// Allowance is how much a rule may keep a minute; 0 is the filter's default.
	Allowance Count
}

// NewUp gives the defaults.
func NewUp() *Up {
	up := &Up{
		Process: newProcess(apiDebug),
		Web:     Web{Listen: Listen{Network: "tcp", Address: "127.0.0.1:8080"}},
		Data:    dataDir,
		Keep:    Duration(defaultKeep),
	}
	up.Log = "warn" // the terminal belongs to the matches
	up.Source = Source{URL: "sim:", Scheme: "sim"}
	return up
}

// Settings lists what can be set.
func (c *Up) Settings() []Setting {
	own := []Setting{dataSetting(&c.Data), bufferSetting(&c.Buffer), storeSetting(&c.Store), keepSetting(&c.Keep), storeAllSetting(&c.StoreAll), allowanceSetting(&c.Allowance)}
	return append(append(append(own, c.Input.settings()...), c.Web.settings()...), c.Process.settings()...)
}

func dataSetting(d *Dir) Setting {
	return Setting{Name: "data", Usage: "directory with the SQLite files of riffle up", Value: d}
}

// Check finds what is wrong with the settings together, and puts what is not
// set into the data directory.
func (c *Up) Check(Environ) []Mistake {
	if c.State == "" {
		c.State = c.Data
	}
	if c.Buffer.IsZero() {
		c.Buffer = Buffer{Path: filepath.Join(string(c.Data), BufferFile)}
	}
	if c.Store.IsZero() {
		c.Store = Store{Path: filepath.Join(string(c.Data), StoreFile)}
	}
	return append(c.Input.check(c.State), c.Web.check()...)
}

// Files in the data directory of riffle up.
const (
	BufferFile = "buffer.db"
	StoreFile  = "store.db"
)

// Tool is the configuration of the operator's commands.
type Tool struct {
	Data   Dir
	Buffer Buffer
	Store  Store
}

// NewTool gives the defaults.
func NewTool() *Tool { return &Tool{Data: dataDir} }

// Settings lists what can be set.
func (c *Tool) Settings() []Setting {
	return []Setting{storeSetting(&c.Store), bufferSetting(&c.Buffer), dataSetting(&c.Data)}
}

// Check finds nothing: what a command needs is its own matter.
func (c *Tool) Check(Environ) []Mistake { return nil }

// File is a file that must exist.
type File string

// Set reads a path.
func (f *File) Set(text string) error {
	if text == "" {
		return errors.New("needs a file")
	}
	*f = File(text)
	return nil
}

func (f *File) String() string { return string(*f) }

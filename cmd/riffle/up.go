package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"riffle/cmd/internal"
	"riffle/pkg/auth"
	"riffle/pkg/config"
	"riffle/pkg/daemon"
	"riffle/pkg/rule"
)

func (a *app) up() *cobra.Command {
	c := config.NewUp()
	c.CheckSource = internal.CheckSource
	cmd := &cobra.Command{
		Use: "up", Short: "Run all of riffle in this process and print what it catches", Args: cobra.NoArgs,
		Long: `Run ingest, filter and api in this process, with buffer and store in SQLite files
under --data. The first start makes a user with a few rules. Each start prints a
link that logs in, good once and for 10 minutes. Matches are printed as they
come. Ctrl-C stops; what was read stays, and the next start goes on from there.`,
		Example: `  riffle up
  riffle up --source jetstream://jetstream2.us-east.bsky.network/subscribe
  riffle up --source 'file:tweets.ndjson.gz'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.ran = true // as a.work does, which reads the settings of the other commands
			report, err := config.Load(c, cmd.Flags(), a.environ)
			if err != nil {
				return err
			}
			if report.CheckOnly {
				return internal.PrintChecked(a.stdout, report)
			}
			return a.runUp(cmd.Context(), c, loginCommand(c, cmd.Flags()))
		},
	}
	config.Bind(cmd.Flags(), c)
	return cmd
}

// runUp wires all stages and runs them:
//
//	source ──> ingest ──> buffer ──> filter ──> store ──> api ──> page, pollers
//	                      SQLite                SQLite     └────> terminal
func (a *app) runUp(ctx context.Context, c *config.Up, login []string) error {
	unlock, err := lockData(string(c.Data))
	if err != nil {
		return err
	}
	defer unlock()
	p, err := internal.NewProcess(ctx, &c.Process, a.environ, a.stderr)
	if err != nil {
		return err
	}
	buffer, err := internal.OpenBuffer(ctx, &c.Buffer, 0)
	if err != nil {
		return err
	}
	defer func() { _ = buffer.Close() }()
	store, err := internal.OpenStore(&c.Store)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if err := store.Migrate(ctx, nil); err != nil {
		return unreachable(&c.Store, internal.SchemaMistake(&c.Store, err))
	}
	user, err := firstUser(ctx, store)
	if err != nil {
		return err
	}
	ingest, err := p.NewIngest(&c.Input, buffer, a.stdin)
	if err != nil {
		return err
	}
	web, err := p.NewAPI(ctx, &c.Web, &c.Store, store, buffer)
	if err != nil {
		return err
	}
	follower, err := newFollower(ctx, store, user.ID, a.stdout)
	if err != nil {
		return err
	}
	if err := a.greet(ctx, c, reached(&c.Web, web.Addr(), ownAddresses()), login, store, user); err != nil {
		return err
	}
	parts := append(web.Parts(), a.onward(ingest), ingest.Beat(), ingest.Progress(a.stderr, false), follower.part(p.Log))
	return p.Run(ctx, append(parts, p.FilterParts(internal.Filtering{
		Setting: &c.Store, Store: store, Buffer: buffer, Keep: c.Keep, StoreAll: c.StoreAll, Allowance: c.Allowance,
	})...)...)
}

// onward is the ingest as a part whose end does not end the others: what a file
// brought is there to be looked at.
func (a *app) onward(stage *internal.Ingest) daemon.Part {
	part := stage.Part()
	run := part.Run
	part.Run = func(ctx context.Context) error {
		if err := run(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		stage.Report(a.stderr)
		fmt.Fprintln(a.stderr, "The source has ended. What it brought stays to be looked at; Ctrl-C stops.")
		<-ctx.Done()
		return nil
	}
	return part
}

// lockData makes the data directory this process's own, so that two of them do
// not print each other's matches and wait for each other's files.
func lockData(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another riffle up runs on the data in %s; end that one or choose another --data", dir)
		}
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	return func() { _ = file.Close() }, nil
}

// userName is who riffle up works for where there is nobody yet.
const userName = "me"

// starters are the first user's rules: enough to see something on any stream.
var starters = []rule.Rule{
	{Value: `coffee OR espresso OR コーヒー OR 커피`, Tag: "coffee"},
	{Value: `kitten OR "rescue cat" OR #caturday OR 猫`, Tag: "cats"},
	{Value: `#golang OR #linux OR "open source"`, Tag: "tech"},
	{Value: `"night train" OR #railway`, Tag: "trains"},
	{Value: `giveaway OR airdrop`, Tag: "noise", Action: rule.Drop},
}

// firstUser gives the user that riffle up works for, and makes one with a few
// rules where there is none.
func firstUser(ctx context.Context, store internal.Store) (auth.User, error) {
	users, err := store.Users(ctx)
	if err != nil {
		return auth.User{}, err
	}
	for _, u := range users {
		if u.Name == userName {
			return u, nil
		}
	}
	if len(users) > 0 {
		return users[0], nil
	}
	user, err := store.AddUser(ctx, userName)
	if err != nil {
		return auth.User{}, err
	}
	for _, r := range starters {
		expr, _ := rule.Parse(r.Value)
		r.User, r.Enabled, r.Canonical = user.ID, true, expr.Canonical()
		if _, err := store.AddRule(ctx, r); err != nil {
			return auth.User{}, err
		}
	}
	return user, nil
}

// greet says what runs and how to get in. login is the command that makes
// another link, but for whose and where to.
func (a *app) greet(ctx context.Context, c *config.Up, at place, login []string, store internal.Store, user auth.User) error {
	code, err := loginCode(ctx, store, user.ID, firstScopes)
	if err != nil {
		return err
	}
	rules, err := store.Rules(ctx, user.ID)
	if err != nil {
		return err
	}
	others := ""
	for _, base := range at.others {
		others += fmt.Sprintf("  other devices  %s\n", loginLink(base, code))
	}
	fmt.Fprintf(a.stderr, `riffle %s reads %s and keeps what %d rules of the user %q ask for.

  page and API   %s
  log in         %s
%s                 (good once, for 10 minutes)
  another link   %s
  your rules     %s

Matches as they come; Ctrl-C stops:

`, internal.Version(), c.Source.String(), len(rules), user.Name, at.listens, loginLink(at.base, code), others,
		shellLine(append(login, "--url", at.base, "--scope", firstScopes.String(), user.Name)),
		shellLine([]string{os.Args[0], "rule", "list", user.Name, "--data", string(c.Data)}))
	return nil
}

// firstScopes are what the one in front of riffle up may do: all.
const firstScopes = auth.Read | auth.Write | auth.Admin

// loginCommand begins the command that makes another link: on the same store,
// however that was named. What the environment says needs no repeating.
func loginCommand(c *config.Up, flags *pflag.FlagSet) []string {
	command := []string{os.Args[0], "login", "--data", string(c.Data)}
	for _, name := range []string{"store", "config"} {
		if f := flags.Lookup(name); f.Changed {
			command = append(command, "--"+name, f.Value.String())
		}
	}
	return command
}

// shellLine writes a command as a shell reads it.
func shellLine(words []string) string {
	line := make([]string, len(words))
	for i, word := range words {
		line[i] = quoted(word)
	}
	return strings.Join(line, " ")
}

var needsNoQuotes = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

func quoted(word string) string {
	if needsNoQuotes.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// place is where the api listens, and how it is reached there.
type place struct {
	listens string
	base    string   // from this machine
	others  []string // from other devices
}

// reached says where a browser reaches the api that listens on addr, on a
// machine with these addresses of its own.
func reached(c *config.Web, addr net.Addr, own []net.Addr) place {
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	tcp, ok := addr.(*net.TCPAddr)
	if !ok { // what passes requests on to a socket has a name that nobody told
		return place{listens: c.Listen.String(), base: scheme + "://localhost"}
	}
	base := func(host string) string { return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port)) }
	at := place{base: base(tcp.IP.String())}
	if tcp.IP.IsUnspecified() {
		at.base = base("localhost")
		for _, addr := range own {
			if ip, ok := addr.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
				at.others = append(at.others, base(ip.IP.String()))
			}
		}
	}
	at.listens = at.base
	return at
}

// ownAddresses are those of this machine's interfaces that are in use, without
// those that only it knows itself by.
func ownAddresses() []net.Addr {
	var all []net.Addr
	interfaces, _ := net.Interfaces() // without them there is no more to tell
	for _, i := range interfaces {
		if i.Flags&net.FlagRunning == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addresses, _ := i.Addrs()
		all = append(all, addresses...)
	}
	return all
}

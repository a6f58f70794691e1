package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

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
		RunE: a.work(func(cmd *cobra.Command, _ []string) error {
			report, err := config.Load(c, cmd.Flags(), a.environ)
			if err != nil {
				return err
			}
			if report.CheckOnly {
				return internal.PrintChecked(a.stdout, report)
			}
			return a.runUp(cmd.Context(), c)
		}),
	}
	config.Bind(cmd.Flags(), c)
	return cmd
}

// runUp wires all stages and runs them:
//
//	source ──> ingest ──> buffer ──> filter ──> store ──> api ──> page, pollers
//	                      SQLite                SQLite     └────> terminal
func (a *app) runUp(ctx context.Context, c *config.Up) error {
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
	if err := a.greet(ctx, c, address(&c.Web, web.Addr()), store, user); err != nil {
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

// greet says what runs and how to get in.
func (a *app) greet(ctx context.Context, c *config.Up, base string, store internal.Store, user auth.User) error {
	link, err := loginLink(ctx, store, user.ID, auth.Read|auth.Write|auth.Admin, base)
	if err != nil {
		return err
	}
	rules, err := store.Rules(ctx, user.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, `riffle %s reads %s and keeps what %d rules of the user %q ask for.

  page and API   %s
  log in         %s
                 (good once, for 10 minutes; riffle login %s makes another)
  your rules     riffle rule list %s --data %s

Matches as they come; Ctrl-C stops:

`, internal.Version(), c.Source.String(), len(rules), user.Name, base, link, user.Name, user.Name, c.Data)
	return nil
}

// address is where a browser on this machine reaches the api that listens on
// addr.
func address(c *config.Web, addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return c.Listen.String()
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// row measures one or several lines of the table.
type row struct {
	name string
	what string
	run  func(ctx context.Context, b *bench) ([]result, error)
}

// rows are all that can be measured, in the table's order.
var rows = []row{
	{"shrink", "decode tweets, encode frames, one core", benchShrink},
	{"twitter", "read Twitter's wire over loopback and make frames, one core", benchTwitter},
	{"mastodon", "read a Mastodon stream over loopback and make frames, one core", benchMastodon},
	{"jetstream", "read a Jetstream over loopback and make frames, one core", benchJetstream},
	{"storm", "how often a source comes back to a server that ends every connection", benchStorm},
	{"match", "match events against rule sets of several kinds and sizes", benchMatch},
	{"load", "start a filter with a million rules in MariaDB", benchRuleLoad},
	{"grep", "riffle match over a file of tweets, all cores", benchGrep},
	{"memory", "Redis memory of a buffered tweet", benchMemory},
	{"record", "file to ingest to Redis", benchRecord},
	{"end-to-end", "file to ingest to Redis to filter to MariaDB, keeping 2 %", benchSelect},
	{"keep-all", "the same, keeping every event", benchKeepAll},
	{"delay", "arrival to commit at Twitter's mean rate", benchDelay},
	{"outage", "a store outage at Twitter's mean rate, and how soon it is made up", benchOutage},
	{"restart", "kill -9 of the only filter, until the next is at full speed", benchRestart},
	{"deep", "10 million events in Redis, held and drained", benchDeep},
	{"purge", "a write while retention removes old rows", benchPurge},
	{"spool", "append frames to ingest's spool", benchSpool},
	{"crowd", "a write while a post that 100,000 users keep is written", benchCrowd},
	{"commits", "ordered commits of one, two and four filters", benchCommits},
	{"api", "polls and pages against bare net/http", benchAPI},
	{"polls", "a billion polls a week, nine of ten answered 304", benchPolls},
	{"streams", "5,000 clients that follow matches", benchStreams},
	{"pages", "pages of stores of several sizes", benchPages},
	{"up", "riffle up on SQLite", benchUp},
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == bareCommand {
		fmt.Fprintln(os.Stderr, "bench:", serveBare(os.Args[2], os.Args[3]))
		os.Exit(1) //nolint:forbidigo // this is a main
	}
	if len(os.Args) == 4 && os.Args[1] == wireCommand {
		fmt.Fprintln(os.Stderr, "bench:", serveWire(context.Background(), os.Args[2], os.Args[3]))
		os.Exit(1) //nolint:forbidigo // this is a main
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(64) //nolint:forbidigo // this is a main
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is a main
	}
}

var errUsage = errors.New("wrong usage")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	names := flags.String("row", os.Getenv("BENCH_ROW"), "comma-separated names of the rows to measure; all when empty")
	length := flags.Duration("time", time.Minute, "how long each of the long rows runs")
	short := flags.Bool("short", os.Getenv("BENCH_SHORT") != "", "run each row just long enough to see that it works")
	list := flags.Bool("list", false, "list the rows and stop")
	matches := flags.Int("matches", 1_000_000, "how many matches the largest store of the row pages holds")
	outage := flags.Duration("outage", 10*time.Minute, "how long the store is away in the row outage")
	profile := flags.String("profile", os.Getenv("BENCH_PROFILE"), "keep CPU profiles of the processes in this folder")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	if *list {
		for _, r := range rows {
			fmt.Fprintf(stdout, "%-12s %s\n", r.name, r.what)
		}
		return nil
	}
	chosen, err := choose(*names)
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return errUsage
	}
	if *short {
		*length, *outage = 5*time.Second, 10*time.Second
	}
	b, err := newBench(*length, *short, *profile, stderr)
	if err != nil {
		return err
	}
	b.matches, b.outage = *matches, *outage
	return errors.Join(measure(ctx, b, chosen, stdout), b.close())
}

func choose(names string) ([]row, error) {
	if names == "" {
		return rows, nil
	}
	var chosen []row
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no row %q; -list names them", name)
		}
		chosen = append(chosen, rows[i])
	}
	return chosen, nil
}

// measure runs the rows and prints the table, of what was measured before a
// failure too.
func measure(ctx context.Context, b *bench, chosen []row, stdout io.Writer) error {
	var results []result
	var errs []error
	b.showBar(len(chosen))
	for _, r := range chosen {
		if ctx.Err() != nil {
			break
		}
		b.say("%s: %s", r.name, r.what)
		got, err := r.run(ctx, b)
		results = append(results, got...)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
			b.say("%s: %v", r.name, err)
		}
		b.measured()
	}
	if err := printTable(stdout, b.conditions(), results); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

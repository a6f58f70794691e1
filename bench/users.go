package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/store"
	"riffle/pkg/store/mysql"
)

const (
	// weeklyBillion is a billion requests a week, in requests a second.
	weeklyBillion = 1653
	streamClients = 5000
	// streamMatches is how many matches a second all clients of streams get.
	streamMatches = 500
)

// share gives the value below which a share of the values lies.
func share(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

// startAPI runs an api over a store that holds a page for user 1 and tokens for
// so many users.
func (b *bench) startAPI(ctx context.Context, users int) (api *process, listen, store string, tokens []string, err error) {
	if store, err = b.freshStore(ctx); err != nil {
		return nil, "", "", nil, err
	}
	if tokens, err = makeTokens(ctx, store, users); err != nil {
		return nil, "", "", nil, err
	}
	if listen, err = freeAddress(ctx); err != nil {
		return nil, "", "", nil, err
	}
	api, err = b.start(ctx, "riffle-api", "--store", store, "--listen", listen)
	return api, listen, store, tokens, err
}

// makeTokens makes a token for each of the users from 1 on, several at a time.
func makeTokens(ctx context.Context, address string, users int) (tokens []string, err error) {
	db, err := mysql.Open(address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := writeMatches(ctx, db); err != nil {
		return nil, err
	}
	tokens = make([]string, users)
	errs := make([]error, connections)
	var wg sync.WaitGroup
	for w := range connections {
		wg.Go(func() {
			for i := w; i < users && errs[w] == nil; i += connections {
				secret := auth.NewToken()
				tokens[i] = secret.Reveal()
				_, errs[w] = db.AddToken(ctx, auth.Token{User: int64(i) + 1, Hash: secret.Hash(), Hint: secret.Hint(), Scopes: auth.Read})
			}
		})
	}
	wg.Wait()
	return tokens, errors.Join(errs...)
}

// poll is what one user sends: for the page, and for what is new since.
type poll struct{ page, unchanged ask }

// benchPolls sends a billion requests a week from many users, nine of ten of
// which have the answer already; the baseline is a bare handler of net/http that
// is sent the same and gives the same bytes.
func benchPolls(ctx context.Context, b *bench) ([]result, error) {
	const users = 500
	api, listen, _, tokens, err := b.startAPI(ctx, users)
	if err != nil {
		return nil, err
	}
	var same sameBytes
	polls := make([]poll, users)
	for i, token := range tokens {
		p := poll{page: ask{address: listen, path: "/v1/matches", header: "Authorization: Bearer " + token + "\r\n"}}
		p.unchanged = p.page
		if same.Page, same.Body, err = p.page.answer(ctx); err != nil {
			return nil, err
		}
		p.unchanged.header += "If-None-Match: " + same.Page.Get("ETag") + "\r\n"
		polls[i] = p
	}
	if same.Unchanged, _, err = polls[users-1].unchanged.answer(ctx); err != nil {
		return nil, err
	}
	bare, err := b.startBare(ctx, &same)
	if err != nil {
		return nil, err
	}
	defer bare.stop()
	plain := make([]poll, users)
	for i, p := range polls {
		plain[i] = poll{
			page:      ask{address: bare.address, path: "/page", header: p.page.header},
			unchanged: ask{address: bare.address, path: "/unchanged", header: p.unchanged.header},
		}
	}
	api.profile(ctx, b, "polls", b.length/2)
	took, cores, err := pollSteadily(ctx, polls, api.cmd.Process.Pid, b.length)
	if err != nil {
		return nil, err
	}
	bareTook, bareCores, err := pollSteadily(ctx, plain, bare.cmd.Process.Pid, b.length)
	if err != nil {
		return nil, err
	}
	const bareWhat = "bare net/http"
	return []result{
		{
			what: "api, a billion polls a week, p99", unit: "ms", aim: 10, atMost: true, reached: share(took, 0.99),
			baseline: share(bareTook, 0.99), baselineWhat: bareWhat,
			note: fmt.Sprintf("%s of %d requests/s sent", number(float64(len(took))/b.length.Seconds()), weeklyBillion),
		},
		{
			what: "api, a billion polls a week", unit: "cores", aim: 0.15, atMost: true, reached: cores,
			baseline: bareCores, baselineWhat: bareWhat,
		},
	}, api.stop()
}

// pollSteadily sends requests at their times, whether those before are answered
// or not. It gives how long each took from its time on, in milliseconds, and how
// many cores the server used.
func pollSteadily(ctx context.Context, polls []poll, server int, d time.Duration) (took []float64, cores float64, err error) {
	before, err := cpu(server)
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	all, errs := make([][]float64, connections), make([]error, connections)
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() { all[c], errs[c] = pollOn(ctx, polls, c, start, start.Add(d)) })
	}
	wg.Wait()
	seconds := time.Since(start).Seconds()
	after, err := cpu(server)
	return slices.Concat(all...), (after - before) / seconds, errors.Join(append(errs, err)...)
}

// pollOn sends every connections-th request on a connection of its own.
func pollOn(ctx context.Context, polls []poll, c int, start, end time.Time) (took []float64, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", polls[0].page.address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	answers := bufio.NewReaderSize(conn, 64<<10)
	for n := c; ; n += connections {
		due := start.Add(time.Duration(n) * time.Second / weeklyBillion)
		if due.After(end) || ctx.Err() != nil {
			return took, ctx.Err()
		}
		time.Sleep(time.Until(due))
		request, status := polls[n%len(polls)].unchanged, "304"
		if n/connections%10 == 0 {
			request, status = polls[n%len(polls)].page, "200"
		}
		_, err := conn.Write(request.bytes())
		if err == nil {
			err = readAnswer(answers, status)
		}
		if err != nil {
			return took, err
		}
		took = append(took, float64(time.Since(due).Microseconds())/1000)
	}
}

// benchStreams follows matches with many clients at once.
func benchStreams(ctx context.Context, b *bench) ([]result, error) {
	clients := streamClients
	if b.short {
		clients = 200
	}
	api, listen, address, tokens, err := b.startAPI(ctx, clients)
	if err != nil {
		return nil, err
	}
	db, err := mysql.Open(address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	pid := api.cmd.Process.Pid
	before, err := statusField(pid, "VmRSS:")
	if err != nil {
		return nil, err
	}
	var f followers
	defer f.leave()
	for _, token := range tokens {
		if err := f.join(ctx, listen, token); err != nil {
			return nil, err
		}
	}
	if err := feedFollowers(ctx, db, clients, b.length); err != nil {
		return nil, err
	}
	after, err := statusField(pid, "VmRSS:")
	if err != nil {
		return nil, err
	}
	delays := f.delays()
	what := fmt.Sprintf("api, %d clients of a stream", clients)
	return []result{
		{what: what, unit: "KB each", aim: 30, atMost: true, reached: (after - before) / float64(clients) / 1e3},
		{
			what: what + ", delivery p99", unit: "ms", aim: 250, atMost: true, reached: share(delays, 0.99),
			note: fmt.Sprintf("p50 %s ms, %d matches", number(share(delays, 0.5)), len(delays)),
		},
	}, api.stop()
}

// followers are clients of streams.
type followers struct {
	conns []net.Conn

	mu   sync.Mutex
	took []float64 // from before the write of each match, in milliseconds
}

func (f *followers) join(ctx context.Context, listen, token string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	f.conns = append(f.conns, conn)
	if _, err := fmt.Fprintf(conn, "GET /v1/stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", listen, token); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(conn, 4<<10)
	status, err := lines.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.Contains(status, strconv.Itoa(http.StatusOK)) {
		return fmt.Errorf("/v1/stream: %s", strings.TrimSpace(status))
	}
	go f.read(lines)
	return nil
}

// sentAt stands in a match's text before the time of its write.
const sentAt = "sent at "

func (f *followers) read(lines *bufio.Reader) {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		_, text, found := strings.Cut(line, sentAt)
		if !found {
			continue
		}
		text, _, _ = strings.Cut(text, " ")
		if sent, err := strconv.ParseInt(text, 10, 64); err == nil {
			f.mu.Lock()
			f.took = append(f.took, float64(time.Now().UnixMicro()-sent)/1000)
			f.mu.Unlock()
		}
	}
}

func (f *followers) delays() []float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.took)
}

func (f *followers) leave() {
	for _, conn := range f.conns {
		_ = conn.Close()
	}
}

// feedFollowers writes posts of ten keepers each, and waits until the last may
// have arrived.
func feedFollowers(ctx context.Context, db *store.Store, users int, d time.Duration) error {
	const keepers = 10
	start := time.Now()
	for n := 0; time.Since(start) < d; n++ {
		time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second * keepers / streamMatches)))
		now := time.Now()
		ev := &event.Event{
			Key: fmt.Sprintf("bench:%d/%d", now.UnixNano(), n), Version: event.VersionOnly, Network: "bench", Source: "bench",
			Text: fmt.Sprintf("%s%d and no more", sentAt, now.UnixMicro()), ReceivedAt: event.TimeOf(now),
		}
		v := event.Verdict{Event: ev, JSON: ev.AppendJSON(nil)}
		for _, user := range rand.Perm(users)[:keepers] {
			v.Matches = append(v.Matches, event.Match{User: int64(user) + 1, Rules: []event.RuleMatch{{ID: "1", Spans: []event.Span{}}}})
		}
		random := auth.NewToken().Hash()
		delivery := event.Delivery{Source: "bench", ID: event.FrameID(random[:16]), Stamp: 1, Count: 1}
		if err := db.Write(ctx, &event.Batch{Deliveries: []event.Delivery{delivery}, Verdicts: []event.Verdict{v}}); err != nil {
			return err
		}
	}
	time.Sleep(time.Second)
	return ctx.Err()
}

// benchPages reads pages that the api has not in memory, of stores of several
// sizes: the newest, which users ask for, and such from anywhere.
func benchPages(ctx context.Context, b *bench) ([]result, error) {
	sizes := []int{1000, b.matches}
	if b.short {
		sizes = []int{1000, 20_000}
	}
	var results []result
	var smallest map[string]float64
	for _, size := range sizes {
		kinds, err := pagesOf(ctx, b, size)
		if err != nil {
			return results, err
		}
		medians := map[string]float64{}
		for _, k := range kinds {
			medians[k.what] = share(k.took, 0.5)
			r := result{
				what: fmt.Sprintf("api, %s, %s matches", k.what, number(float64(size))), unit: "ms", atMost: true, reached: medians[k.what],
				note: fmt.Sprintf("p99 %.1f ms, %.1f reads of the disk a page; tables of %s MB", share(k.took, 0.99), k.reads, number(k.megabytes)),
			}
			if smallest != nil {
				r.baseline, r.baselineWhat = smallest[k.what], "with 1,000"
				if k.reads < 1 { // what is asked for is in the database's memory
					r.aim = 1.5 * r.baseline
				}
			}
			results = append(results, r)
		}
		if smallest == nil {
			smallest = medians
		}
	}
	return results, nil
}

// pageKind is how pages of one kind were answered.
type pageKind struct {
	what      string
	took      []float64 // in milliseconds
	reads     float64   // of InnoDB's pages from the disk, for each of ours
	megabytes float64   // of events and matches
}

// pageUsers is how many users share the matches of a store, in turn: each has a
// hundred or more.
func pageUsers(size int) int { return min(size/100, 1000) }

// matchEvery is the distance between the numbers of two matches: most cursors
// are between matches, so that a small store has pages enough for an api that
// remembers those that it gave.
const matchEvery = 1000

// pagesOf fills a store and reads pages of random users.
func pagesOf(ctx context.Context, b *bench, size int) ([]pageKind, error) {
	api, listen, address, tokens, err := b.startAPI(ctx, pageUsers(size))
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	filling := time.Now()
	first, err := fillStore(ctx, u, size)
	if err != nil {
		return nil, err
	}
	b.say("pages: %s matches written in %v", number(float64(size)), time.Since(filling).Round(time.Second))
	ask := func(token string, before int64) ask {
		return ask{
			address: listen, path: "/v1/matches?before=" + cursor(before),
			header: "Authorization: Bearer " + token + "\r\n",
		}
	}
	// A cursor of its own for each question, so that the api has no answer yet.
	span := int64(size) * matchEvery
	last := first + span
	newest := func() int64 { last++; return last }
	for _, token := range tokens { // who asks for the first time is looked up, in a store of any size
		if _, _, err := ask(token, newest()).once(ctx); err != nil {
			return nil, err
		}
	}
	kinds := []pageKind{{what: "a user's newest page"}, {what: "a page from anywhere"}}
	for i, place := range []func() int64{newest, func() int64 { return first + span/2 + rand.Int64N(span/2) }} {
		before, err := tableFigures(ctx, address)
		if err != nil {
			return nil, err
		}
		k := &kinds[i]
		for end := time.Now().Add(b.length / 4); time.Now().Before(end); {
			page := ask(tokens[rand.IntN(len(tokens))], place())
			start := time.Now()
			if _, _, err := page.once(ctx); err != nil {
				return nil, err
			}
			k.took = append(k.took, float64(time.Since(start).Microseconds())/1000)
		}
		after, err := tableFigures(ctx, address)
		if err != nil {
			return nil, err
		}
		k.reads, k.megabytes = (after.reads-before.reads)/float64(len(k.took)), after.megabytes
	}
	return kinds, api.stop()
}

// tables is what InnoDB tells: how often it read from the disk, and how large
// the tables of a page are.
type tables struct{ reads, megabytes float64 }

func tableFigures(ctx context.Context, address string) (t tables, err error) {
	db, err := openBare(address)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, "SELECT (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'INNODB_BUFFER_POOL_READS'),"+
		" SUM(data_length + index_length) / 1000000 FROM information_schema.tables"+
		" WHERE table_schema = DATABASE() AND table_name IN ('events', 'matches')").Scan(&t.reads, &t.megabytes)
	return t, err
}

// cursor is that of a number, in the api's form.
func cursor(number int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(number))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// fillStore adds so many matches, the first with a number above first, in the
// server, and waits until they are on its disk: what is still to be written
// there later would have to make room for what is read.
func fillStore(ctx context.Context, u *url.URL, size int) (first int64, err error) {
	span := int64(size) * matchEvery
	first = time.Now().UnixMicro() - span
	const body = `{"key":"bench:1","version":"1","network":"bench","source":"bench","kind":"post","text":"a post of usual length, as people write it every day","created_at":"2026-01-01T00:00:00.000Z","received_at":"2026-01-01T00:00:00.000Z","author":{"id":"1"}}`
	place := fmt.Sprintf("%d + seq * %d", first, matchEvery)
	return first, execute(ctx, u,
		fmt.Sprintf("INSERT INTO bench.events (seq, id, version, body) SELECT %s, UNHEX(LPAD(HEX(seq), 32, '0')), 1, '%s' FROM bench.seq_1_to_%d", place, body, size),
		fmt.Sprintf("INSERT INTO bench.matches (event, user_id, number, version, rules) SELECT %s, 1 + seq MOD %d, %s, 1, '[]' FROM bench.seq_1_to_%d",
			place, pageUsers(size), place, size),
		fmt.Sprintf("UPDATE bench.counters SET value = GREATEST(value, %d) WHERE name = 'changes'", first+span),
		"FLUSH TABLES bench.events, bench.matches FOR EXPORT", "UNLOCK TABLES",
		"ANALYZE TABLE bench.events, bench.matches",
	)
}

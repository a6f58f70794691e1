package chaos

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
)

// row is what the store has of an event.
type row struct {
	version int64
	state   int // 0 text, 1 version alone, 2 deletion
}

// The states of rows of events.
const (
	stateText = iota
	stateBare
	stateDeleted
)

// stored is what the store has, read without the product.
type stored struct {
	events  map[[16]byte]row
	matches map[string]map[[16]byte]int64 // by user and event: the version of live ones
	order   map[string][]string           // by user: ids of all changes, by number
}

// judge compares all that there is with what the stream says, and notes what
// differs.
func (w *world) judge(ctx context.Context) error {
	dead, err := w.letters(ctx)
	if err != nil {
		return err
	}
	have, err := w.read(ctx)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, p := range w.stream.posts {
		if dead[p.key()] {
			counts["dead-lettered"]++
			continue
		}
		counts[w.judgePost(p, have)]++
		delete(have.events, p.id())
	}
	for id := range have.events {
		w.find("the store has an event %x that no line told of", id)
	}
	for _, p := range w.pollers {
		w.judgePoller(p, have)
	}
	w.note("%d events: %v", len(w.stream.posts), counts)
	if counts["matched"] < 20 || counts["deleted"] < 20 {
		w.find("only %v: this run shows little", counts)
	}
	w.noteLocks(ctx)
	return w.judgeLedger(ctx)
}

// noteLocks tells how often transactions were ended for others' locks since
// MariaDB was last started: that rivals were there shows little.
func (w *world) noteLocks(ctx context.Context) {
	var deadlocks, timeouts int64
	const count = "SELECT COALESCE(SUM(CASE name WHEN 'lock_deadlocks' THEN count END), 0), COALESCE(SUM(CASE name WHEN 'lock_timeouts' THEN count END), 0)" +
		" FROM information_schema.innodb_metrics"
	if err := w.db.QueryRowContext(ctx, count).Scan(&deadlocks, &timeouts); err != nil {
		w.note("locks are not counted: %v", err)
		return
	}
	w.note("mariadb has ended %d transactions for deadlocks, and %d waits for locks, since its last start", deadlocks, timeouts)
}

// judgePost says in which class a post is, and notes what is wrong with it.
func (w *world) judgePost(p *post, have *stored) string {
	event, known := have.events[p.id()]
	matched := false
	for user, word := range readers {
		version, live := have.matches[user][p.id()]
		switch {
		case live && !p.keeps(word):
			w.find("%s has %s, version %d, which no rule keeps: %s", user, p.key(), version, p)
		case !live && p.keeps(word):
			w.find("%s lacks %s: %s", user, p.key(), p)
		case live && version != p.version():
			w.find("%s has version %d of %s: %s", user, version, p.key(), p)
		}
		matched = matched || live
	}
	if known && event.version != p.version() {
		w.find("the store has version %d of %s: %s", event.version, p.key(), p)
	}
	switch {
	case p.gone:
		if !known || event.state != stateDeleted {
			w.find("the deletion of %s is not stored: %s", p.key(), p)
		}
		return "deleted"
	case known && event.state == stateDeleted:
		w.find("%s is stored as deleted: %s", p.key(), p)
	case w.storeAll && (!known || event.state != stateText):
		w.find("%s is not stored: %s", p.key(), p)
	}
	if matched {
		return "matched"
	}
	return "judged without a match"
}

// String tells what became of a post.
func (p *post) String() string {
	text := fmt.Sprintf("%d versions", len(p.texts))
	for _, word := range []string{"amber", "cobalt"} {
		if p.kept(word) {
			text += ", some with " + word
		}
	}
	if p.gone {
		text += ", then deleted"
	}
	return text
}

// judgePoller compares what a reader has seen with what there is: each match by
// its latest change, in the order of changes.
func (w *world) judgePoller(p *poller, have *stored) {
	seen := slices.DeleteFunc(slices.Clone(p.order), func(id string) bool { return id == "" })
	want := have.order[p.user]
	there := make(map[string]int, len(want))
	for i, id := range want {
		there[id] = i
	}
	before := -1
	for _, id := range seen {
		at, known := there[id]
		if !known {
			w.find("%s was told of %s, which the store does not have", p.user, id)
			continue
		}
		if at < before {
			w.find("%s was told of %s after a later change", p.user, id)
		}
		before = max(before, at)
		delete(there, id)
	}
	for id := range there {
		w.find("%s was never told of the latest change of %s", p.user, id)
	}
	live := have.matches[p.user]
	for event, version := range live {
		if got := p.live[matchID(w.users[p.user], event)]; got != fmt.Sprint(version) {
			w.find("%s was told version %q of %x, the store has %d", p.user, got, event, version)
		}
	}
	if len(p.live) != len(live) {
		w.find("%s was told of %d matches, the store has %d", p.user, len(p.live), len(live))
	}
	w.note("%s saw %d changes (%d updates of what it did not know), and %d answers that were none: %v",
		p.user, p.changes, p.upserts, p.refused, p.codes)
}

// judgeLedger looks at who wrote to frames that were no longer theirs.
func (w *world) judgeLedger(ctx context.Context) error {
	rows, err := w.db.QueryContext(ctx, "SELECT HEX(frame), was, stamp, done FROM chaos_ledger LIMIT 10")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var frame string
		var was, stamp int64
		var done bool
		if err := rows.Scan(&frame, &was, &stamp, &done); err != nil {
			return err
		}
		w.find("frame %s was written to by delivery %d, when delivery %d had claimed it (finished: %v)", frame, stamp, was, done)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return w.judgeLogs()
}

// mustNotSay are lines that tell of a loss which never happened here: this
// store never goes back. Nor may an outage look like a loop that is stuck.
var mustNotSay = []string{
	"store has lost frames that were finished", "buffer lost frames that are no longer in memory", "panic:", "loops stand still",
}

func (w *world) judgeLogs() error {
	if w.signs.Load() == 0 {
		w.find("the service manager heard of nobody")
	}
	for name, s := range w.stages {
		data, err := os.ReadFile(s.log)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if slices.ContainsFunc(mustNotSay, func(words string) bool { return strings.Contains(line, words) }) {
				w.find("%s says: %s", name, strings.TrimSpace(line))
			}
		}
	}
	return nil
}

// letters lists the keys of dead letters, once they were tried again: what
// killed filters too often is no fault of its own.
func (w *world) letters(ctx context.Context) (map[string]bool, error) {
	var count int
	if err := w.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM dead_letters").Scan(&count); err != nil {
		return nil, err
	}
	if count > 0 {
		w.note("%d dead letters are tried again", count)
		if _, err := w.tool("dead", "retry", "--all", "--buffer", w.buffer, "--store", w.maria.URL); err != nil {
			return nil, err
		}
		if err := w.until("what was dead is dealt with", func() (bool, error) {
			waiting, err := w.peek.LLen(ctx, "riffle:{_retried}:frames").Result()
			if err != nil {
				return false, err
			}
			taken, err := w.peek.HLen(ctx, "riffle:{_retried}:taken").Result()
			return waiting+taken == 0, err
		}); err != nil {
			return nil, err
		}
	}
	rows, err := w.db.QueryContext(ctx, "SELECT event_key, reason, error FROM dead_letters")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	dead := map[string]bool{}
	for rows.Next() {
		var key, reason, text string
		if err := rows.Scan(&key, &reason, &text); err != nil {
			return nil, err
		}
		dead[key] = true
		w.find("dead letter %q (%s: %s), though nothing is wrong with any line", key, reason, text)
	}
	return dead, rows.Err()
}

// read reads the store.
func (w *world) read(ctx context.Context) (*stored, error) {
	have := &stored{events: map[[16]byte]row{}, matches: map[string]map[[16]byte]int64{}, order: map[string][]string{}}
	rows, err := w.db.QueryContext(ctx, "SELECT id, version, state FROM events")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id []byte
		var r row
		if err := rows.Scan(&id, &r.version, &r.state); err != nil {
			return nil, err
		}
		have.events[[16]byte(id)] = r
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for user, number := range w.users {
		if err := w.readUser(ctx, have, user, number); err != nil {
			return nil, err
		}
	}
	return have, nil
}

func (w *world) readUser(ctx context.Context, have *stored, user string, number int64) error {
	rows, err := w.db.QueryContext(ctx, "SELECT e.id, m.version, m.state FROM matches m LEFT JOIN events e ON e.seq = m.event"+
		" WHERE m.user_id = ? ORDER BY m.number", number)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	live := map[[16]byte]int64{}
	have.matches[user] = live
	for rows.Next() {
		var id []byte
		var version int64
		var gone bool
		if err := rows.Scan(&id, &version, &gone); err != nil {
			return err
		}
		if len(id) != 16 {
			w.find("%s has a match without an event", user)
			continue
		}
		event := [16]byte(id)
		have.order[user] = append(have.order[user], matchID(number, event))
		if _, twice := live[event]; twice {
			w.find("%s has two matches of %x", user, event)
		}
		if !gone {
			live[event] = version
		}
	}
	return rows.Err()
}

// matchID is how the api names a match.
func matchID(user int64, event [16]byte) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.AppendUvarint(nil, uint64(user)), event[:]...))
}

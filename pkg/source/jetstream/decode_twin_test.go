package jetstream_test

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"riffle/pkg/event"
	"riffle/pkg/shrink"
	"riffle/pkg/shrink/shrinktest"
)

// twin reads a message as docs/events.md says, by encoding/json.
func twin(msg []byte) (*event.Event, error) {
	if strings.Trim(string(msg), " \t\r\n") == "" {
		return nil, shrink.Blank
	}
	var fields shrinktest.Object
	if json.Unmarshal(msg, &fields) != nil || fields == nil {
		return nil, shrink.Reject(event.ReasonSyntax)
	}
	t := &reading{did: ""}
	return t.message(fields)
}

type reading struct {
	shrinktest.Plain
	shrinktest.Limits

	did    string
	micros int64
}

// kinds are the collections that are passed over, in the form NSID=NAME.
var kinds = strings.Fields(`
	app.bsky.actor.profile=profile app.bsky.actor.status=status app.bsky.feed.generator=generator
	app.bsky.feed.like=like app.bsky.feed.postgate=postgate app.bsky.feed.threadgate=threadgate
	app.bsky.graph.block=block app.bsky.graph.follow=follow app.bsky.graph.list=list
	app.bsky.graph.listblock=listblock app.bsky.graph.listitem=listitem app.bsky.graph.starterpack=starterpack
	app.bsky.graph.verification=verification app.bsky.labeler.service=labeler
	app.bsky.notification.declaration=notification_declaration chat.bsky.actor.declaration=chat_declaration`)

func passedOver(kind string) error { return &event.PassedOverError{Kind: kind} }

func (t *reading) message(fields shrinktest.Object) (*event.Event, error) {
	t.did = t.Str(fields["did"])
	if n, ok := t.Int(fields["time_us"]); ok && n > 0 && n < 1<<53 {
		t.micros = n
	}
	kind := t.Str(fields["kind"])
	commit, account := t.Object(fields["commit"]), t.Object(fields["account"])
	active, status, at := t.Bool(account["active"]), t.Str(account["status"]), t.Str(account["time"])
	rev, operation := t.Str(commit["rev"]), t.Str(commit["operation"])
	collection, rkey := t.Str(commit["collection"]), t.Str(commit["rkey"])
	var ev event.Event
	var texts map[string]string
	switch collection {
	case "app.bsky.feed.post":
		texts = t.post(&ev, t.Object(commit["record"]))
	case "app.bsky.feed.repost":
		texts = t.repost(t.Object(commit["record"]))
	}
	switch kind {
	case "identity", "sync", "info":
		return nil, passedOver(kind)
	case "account":
		switch {
		case active || !slices.Contains([]string{"takendown", "suspended", "deactivated", "desynchronized", "throttled", "deleted"}, status):
			return nil, passedOver("account")
		case status != "deleted":
			return nil, passedOver("account_" + status)
		}
		return t.account(at)
	case "commit":
	default:
		return nil, shrink.Reject(event.ReasonUnknown)
	}
	if operation == "" || collection == "" {
		return nil, shrink.Reject(event.ReasonUnknown)
	}
	if texts == nil {
		for _, k := range kinds {
			if name, ok := strings.CutPrefix(k, collection+"="); ok {
				return nil, passedOver(name)
			}
		}
		return nil, passedOver("other_collection")
	}
	if !slices.Contains([]string{"create", "update", "delete"}, operation) {
		return nil, shrink.Reject(event.ReasonUnknown)
	}
	if t.Mismatch {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	key := "bluesky:" + t.did + "/" + collection + "/" + rkey
	if !didForm.MatchString(t.did) || !rkeyForm.MatchString(rkey) {
		return nil, shrink.Reject(event.ReasonNoID)
	}
	version, ok := t.version(rev)
	if !ok {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	if len(key) > event.MaxShort {
		return nil, shrink.Reject(event.ReasonNoID)
	}
	if operation == "delete" {
		return &event.Event{Key: key, Version: version, Network: "bluesky", Deleted: true}, nil
	}
	if !shrinktest.IsObject(commit["record"]) {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	ev.Key, ev.Version, ev.Network, ev.Author.ID, ev.Revised = key, version, "bluesky", t.did, operation == "update"
	return t.complete(&ev, texts)
}

var (
	didForm    = regexp.MustCompile(`^did:[A-Za-z0-9._%-]+:[A-Za-z0-9._:%-]+$`)
	rkeyForm   = regexp.MustCompile(`^[A-Za-z0-9._:~-]+$`)
	uriForm    = regexp.MustCompile(`^at://((did:[A-Za-z0-9._%-]+:[A-Za-z0-9._:%-]+)/([A-Za-z0-9.-]+)/([A-Za-z0-9._:~-]+))$`)
	momentForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?$`)
	bareForm   = regexp.MustCompile(`(?i)^(https://)?(http://)?(www\.)?`)
	dotsForm   = regexp.MustCompile(`(…|\.\.\.)$`)
	beforeCash = regexp.MustCompile(`(?:^|[\s\p{Z}\x{85}\v([{"'])$`)
	afterCash  = regexp.MustCompile(`^(?:$|[^\pL\p{Nd}_$])`)
	cashForm   = regexp.MustCompile(`[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?`)
)

func (t *reading) account(at string) (*event.Event, error) {
	if t.Mismatch {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	if !didForm.MatchString(t.did) {
		return nil, shrink.Reject(event.ReasonNoID)
	}
	micros := t.micros
	if m, ok := moment(at); ok && m > 0 && m < 1<<53 {
		micros = m
	}
	if micros == 0 {
		return nil, shrink.Reject(event.ReasonBadTime)
	}
	if len(t.did) > event.MaxShort-len("bluesky:") {
		return nil, shrink.Reject(event.ReasonNoID)
	}
	return &event.Event{Key: "bluesky:" + t.did, Version: micros*1024 + 1023, Network: "bluesky", Deleted: true, Account: true}, nil
}

func (t *reading) version(rev string) (int64, bool) {
	const digits = "234567abcdefghijklmnopqrstuvwxyz"
	if len(rev) == 13 && strings.Trim(rev, digits) == "" && rev[0] < 'c' && rev != "2222222222222" {
		var n int64
		for _, c := range rev {
			n = n*32 + int64(strings.IndexRune(digits, c))
		}
		return n, true
	}
	return t.micros*1024 + 1023, t.micros > 0
}

func moment(s string) (int64, bool) {
	if !momentForm.MatchString(s) {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", s)
	}
	return at.UnixMicro(), err == nil && at.UTC().Year() > 0 && at.UTC().Year() < 10000
}

// post reads a record into ev, but for what complete does with the texts.
func (t *reading) post(ev *event.Event, record shrinktest.Object) map[string]string {
	texts := map[string]string{"text": t.Str(record["text"]), "createdAt": t.Str(record["createdAt"])}
	var langs, tags []string
	for _, element := range t.Array(record["langs"]) {
		langs = append(langs, t.Str(element))
	}
	for _, element := range t.Array(record["tags"]) {
		tags = append(tags, t.Str(element))
	}
	reply := t.Object(record["reply"])
	texts["parent"] = t.Str(t.Object(reply["parent"])["uri"])
	texts["root"] = t.Str(t.Object(reply["root"])["uri"])
	if labels := record["labels"]; t.typeOf(labels) == "com.atproto.label.defs#selfLabels" {
		for _, element := range t.Array(t.Object(labels)["values"]) {
			warnings := []string{"porn", "sexual", "nudity", "graphic-media", "gore", "nsfl", "!warn", "!hide"}
			ev.Sensitive = slices.Contains(warnings, t.Str(t.Object(element)["val"])) || ev.Sensitive
		}
	}
	ev.Langs = t.Languages(langs...)
	t.facets(ev, texts, record["facets"], tags)
	t.embed(ev, texts, record["embed"], true)
	ev.Links = t.List(ev.Links)
	ev.Media = t.Media(ev.Media)
	return texts
}

func (t *reading) repost(record shrinktest.Object) map[string]string {
	return map[string]string{
		"createdAt": t.Str(record["createdAt"]), "subject": t.Str(t.Object(record["subject"])["uri"]),
	}
}

// typeOf reads a type without minding one that is no object.
func (t *reading) typeOf(raw json.RawMessage) string {
	var quiet shrinktest.Plain
	return quiet.Str(quiet.Object(raw)["$type"])
}

// facets reads the features and, into texts, the text with its links written out.
func (t *reading) facets(ev *event.Event, texts map[string]string, raw json.RawMessage, tags []string) {
	type link struct {
		start, end int64
		uri        string
	}
	var links []link
	var hashtags []string
	for _, element := range t.Array(raw) {
		o := t.Object(element)
		index := t.Object(o["index"])
		start, hasStart := t.Int(index["byteStart"])
		end, hasEnd := t.Int(index["byteEnd"])
		for _, feature := range t.Array(o["features"]) {
			switch typ, f := t.typeOf(feature), t.quietObject(feature); typ {
			case "app.bsky.richtext.facet#link":
				l := link{start, end, t.Short(t.Str(f["uri"]))}
				if !hasStart || !hasEnd {
					l.start, l.end = -1, -1
				}
				links = append(links, l)
				ev.Links = append(ev.Links, l.uri)
			case "app.bsky.richtext.facet#mention":
				ev.Mentions = append(ev.Mentions, t.Str(f["did"]))
			case "app.bsky.richtext.facet#tag":
				hashtags = append(hashtags, t.Str(f["tag"]))
			}
		}
	}
	ev.Mentions = t.List(ev.Mentions)
	for _, tag := range append(hashtags, tags...) {
		ev.Hashtags = append(ev.Hashtags, strings.TrimPrefix(strings.TrimPrefix(t.Short(tag), "#"), "＃"))
	}
	ev.Hashtags = t.List(ev.Hashtags)
	links = links[:min(len(links), event.MaxList)]
	slices.SortStableFunc(links, func(a, b link) int { return cmp.Compare(a.start, b.start) })
	text := texts["text"]
	var out strings.Builder
	done := int64(0)
	for _, l := range links {
		if l.start < done || l.end <= l.start || l.end > int64(len(text)) || !utf8.ValidString(text[:l.start]) ||
			!utf8.ValidString(text[:l.end]) || !short(text[l.start:l.end], l.uri) {
			continue
		}
		out.WriteString(text[done:l.start] + l.uri)
		done = l.end
	}
	texts["text"] = out.String() + text[done:]
}

func (t *reading) quietObject(raw json.RawMessage) shrinktest.Object {
	var quiet shrinktest.Plain
	return quiet.Object(raw)
}

// short says whether shown is a short form of uri.
func short(shown, uri string) bool {
	begun := dotsForm.ReplaceAllString(shown, "")
	full := bareForm.ReplaceAllString(uri, "")
	part := bareForm.ReplaceAllString(begun, "")
	fold := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}, s)
	}
	rest, ok := strings.CutPrefix(fold(full), fold(part))
	return ok && part != "" && (begun != shown || rest == "" || strings.ContainsRune("/?#", rune(rest[0])))
}

func (t *reading) embed(ev *event.Event, texts map[string]string, raw json.RawMessage, outermost bool) {
	typ := t.typeOf(raw)
	o := t.quietObject(raw)
	switch {
	case typ == "app.bsky.embed.images":
		for _, element := range t.Array(o["images"]) {
			image := t.Object(element)
			m := event.Media{Type: event.MediaImage, Alt: t.Str(image["alt"])}
			if hash := t.file(image["image"]); hash != "" {
				m.URL = "https://cdn.bsky.app/img/feed_fullsize/plain/" + t.did + "/" + hash + "@jpeg"
			}
			ev.Media = append(ev.Media, m)
		}
	case typ == "app.bsky.embed.video":
		m := event.Media{Type: event.MediaVideo, Alt: t.Str(o["alt"])}
		if hash := t.file(o["video"]); hash != "" {
			did := strings.NewReplacer(":", "%3A", "%", "%25").Replace(t.did)
			m.URL = "https://video.bsky.app/watch/" + did + "/" + hash + "/playlist.m3u8"
		}
		ev.Media = append(ev.Media, m)
	case typ == "app.bsky.embed.external":
		external := t.Object(o["external"])
		m := event.Media{Type: event.MediaLink, URL: t.Str(external["uri"]), Alt: t.Str(external["title"])}
		ev.Media = append(ev.Media, m)
		ev.Links = append(ev.Links, m.URL)
	case typ == "app.bsky.embed.record" && outermost:
		texts["quoted"] = t.Str(t.Object(o["record"])["uri"])
	case typ == "app.bsky.embed.recordWithMedia" && outermost:
		texts["quoted"] = t.Str(t.Object(t.Object(o["record"])["record"])["uri"])
		t.embed(ev, texts, o["media"], false)
	}
}

func (t *reading) file(raw json.RawMessage) string {
	o := t.Object(raw)
	link, cid := t.Str(t.Object(o["ref"])["$link"]), t.Str(o["cid"])
	if _, both := o["ref"]; both && strings.Index(string(raw), `"ref"`) > strings.Index(string(raw), `"cid"`) || cid == "" {
		return link
	}
	return cid
}

// complete makes the event of the texts.
func (t *reading) complete(ev *event.Event, texts map[string]string) (*event.Event, error) {
	micros, ok := moment(texts["createdAt"])
	if !ok {
		micros = t.micros
	}
	if ev.CreatedAt = event.TimeOf(time.UnixMicro(micros)); micros == 0 || ev.CreatedAt == 0 {
		return nil, shrink.Reject(event.ReasonBadTime)
	}
	ev.Text = t.Long(texts["text"])
	ev.Cashtags = t.List(cashtags(ev.Text))
	ev.RepostOf, ev.ReplyTo = ref(texts["subject"]), ref(texts["parent"])
	if root := ref(texts["root"]); root != nil {
		ev.Thread = root.Key
	}
	if q := ref(texts["quoted"]); q != nil && strings.Contains(q.Key, "/app.bsky.feed.post/") {
		ev.QuoteOf = q
	}
	switch {
	case ev.RepostOf != nil:
		ev.Kind = event.KindRepost
	case ev.ReplyTo != nil:
		ev.Kind = event.KindReply
	case ev.QuoteOf != nil:
		ev.Kind = event.KindQuote
	case ev.Text == "" && len(ev.Media) == 0:
		return nil, shrink.Reject(event.ReasonEmpty)
	}
	ev.Truncated = t.Truncated
	return ev, nil
}

func ref(uri string) *event.Ref {
	m := uriForm.FindStringSubmatch(uri)
	if m == nil || len(m[1]) > event.MaxShort-len("bluesky:") {
		return nil
	}
	return &event.Ref{Key: "bluesky:" + m[1], AuthorID: m[2]}
}

// cashtags finds the $ signs one by one.
func cashtags(text string) (list []string) {
	for i := range len(text) {
		if text[i] != '$' || !beforeCash.MatchString(text[max(0, i-utf8.UTFMax):i]) {
			continue
		}
		symbol := cashForm.FindString(text[i+1:])
		if !strings.HasPrefix(text[i+1:], symbol) {
			continue
		}
		if dot := strings.IndexAny(symbol, "._"); dot > 0 && !afterCash.MatchString(text[i+1+len(symbol):]) {
			symbol = symbol[:dot]
		}
		if symbol != "" && afterCash.MatchString(text[i+1+len(symbol):]) {
			list = append(list, symbol)
		}
	}
	return list
}

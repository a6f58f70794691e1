package jetstream

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

// post is a post's record, or that of a repost, as it stands in the message.
type post struct {
	scanned
	langs, tags []jsonscan.String
	facets      []facet
	media       []medium
}

type scanned struct {
	text, createdAt, subject jsonscan.String
	parent, root             jsonscan.String
	quoted                   jsonscan.String
	sensitive                bool
}

// facet is a feature of a stretch of the text; a stretch with several has
// several of these.
type facet struct {
	start, end int64 // bytes
	kind       facetKind
	value      jsonscan.String
}

type facetKind uint8

const (
	facetOther facetKind = iota
	facetLink
	facetMention
	facetTag
)

// medium is an attachment: a file of the author's, by its hash, or a link.
type medium struct {
	typ       event.MediaType
	file, alt jsonscan.String
	uri       jsonscan.String
}

func (p *post) reset() {
	*p = post{langs: p.langs[:0], tags: p.tags[:0], facets: p.facets[:0], media: p.media[:0]}
}

func (p *post) read(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "text":
			p.text = s.Str()
		case "createdAt":
			p.createdAt = s.Str()
		case "langs":
			p.langs = texts(s, p.langs[:0])
		case "tags":
			p.tags = texts(s, p.tags[:0])
		case "facets":
			p.readFacets(s)
		case "reply":
			p.readReply(s)
		case "embed":
			p.readEmbed(s, true)
		case "labels":
			p.readLabels(s)
		default:
			s.Skip()
		}
	}
}

func (p *post) readRepost(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "createdAt":
			p.createdAt = s.Str()
		case "subject":
			p.subject = field(s, "uri")
		default:
			s.Skip()
		}
	}
}

func texts(s *jsonscan.Scanner, list []jsonscan.String) []jsonscan.String {
	for more := s.Array(); more; more = s.NextElement() {
		list = append(list, s.Str())
	}
	return list
}

// field takes one string of an object.
func field(s *jsonscan.Scanner, name string) (value jsonscan.String) {
	for more := s.Object(); more; more = s.NextField() {
		if string(s.Key()) == name {
			value = s.Str()
		} else {
			s.Skip()
		}
	}
	return value
}

// typeOf looks ahead for the type of the object that comes next.
func typeOf(s *jsonscan.Scanner) jsonscan.String {
	if s.Peek() != '{' {
		return jsonscan.String{}
	}
	ahead := *s
	for more := ahead.Object(); more; more = ahead.NextField() {
		if string(ahead.Key()) == "$type" {
			return ahead.Str()
		}
		ahead.Skip()
	}
	return jsonscan.String{}
}

func (p *post) readFacets(s *jsonscan.Scanner) {
	p.facets = p.facets[:0]
	for more := s.Array(); more; more = s.NextElement() {
		first := len(p.facets)
		start, end := int64(-1), int64(-1)
		for more := s.Object(); more; more = s.NextField() {
			switch string(s.Key()) {
			case "index":
				start, end = stretch(s)
			case "features":
				for more := s.Array(); more; more = s.NextElement() {
					p.facets = append(p.facets, feature(s))
				}
			default:
				s.Skip()
			}
		}
		for i := first; i < len(p.facets); i++ {
			p.facets[i].start, p.facets[i].end = start, end
		}
	}
}

func stretch(s *jsonscan.Scanner) (start, end int64) {
	start, end = -1, -1
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "byteStart":
			start, _ = s.Int()
		case "byteEnd":
			end, _ = s.Int()
		default:
			s.Skip()
		}
	}
	return start, end
}

func feature(s *jsonscan.Scanner) facet {
	switch typ := typeOf(s); {
	case typ.Is("app.bsky.richtext.facet#tag"):
		return facet{kind: facetTag, value: field(s, "tag")}
	case typ.Is("app.bsky.richtext.facet#link"):
		return facet{kind: facetLink, value: field(s, "uri")}
	case typ.Is("app.bsky.richtext.facet#mention"):
		return facet{kind: facetMention, value: field(s, "did")}
	}
	s.Skip()
	return facet{}
}

func (p *post) readReply(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "parent":
			p.parent = field(s, "uri")
		case "root":
			p.root = field(s, "uri")
		default:
			s.Skip()
		}
	}
}

// readEmbed reads what is attached to the post. One with a record and media holds
// another inside, which is the outermost's alone.
func (p *post) readEmbed(s *jsonscan.Scanner, outermost bool) {
	switch typ := typeOf(s); {
	case typ.Is("app.bsky.embed.images"):
		p.readImages(s)
	case typ.Is("app.bsky.embed.external"):
		p.readExternal(s)
	case typ.Is("app.bsky.embed.video"):
		p.readVideo(s)
	case typ.Is("app.bsky.embed.record") && outermost:
		p.quoted = p.readRecord(s)
	case typ.Is("app.bsky.embed.recordWithMedia") && outermost:
		p.readRecordWithMedia(s)
	default:
		s.Skip()
	}
}

func (p *post) readRecordWithMedia(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "record":
			p.quoted = p.readRecord(s)
		case "media":
			p.readEmbed(s, false)
		default:
			s.Skip()
		}
	}
}

// readRecord gives the address in the field record of an object.
func (p *post) readRecord(s *jsonscan.Scanner) (uri jsonscan.String) {
	for more := s.Object(); more; more = s.NextField() {
		if string(s.Key()) == "record" {
			uri = field(s, "uri")
		} else {
			s.Skip()
		}
	}
	return uri
}

func (p *post) readImages(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		if string(s.Key()) != "images" {
			s.Skip()
			continue
		}
		for more := s.Array(); more; more = s.NextElement() {
			m := medium{typ: event.MediaImage}
			for more := s.Object(); more; more = s.NextField() {
				switch string(s.Key()) {
				case "alt":
					m.alt = s.Str()
				case "image":
					m.file = fileOf(s)
				default:
					s.Skip()
				}
			}
			p.media = append(p.media, m)
		}
	}
}

func (p *post) readVideo(s *jsonscan.Scanner) {
	m := medium{typ: event.MediaVideo}
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "alt":
			m.alt = s.Str()
		case "video":
			m.file = fileOf(s)
		default:
			s.Skip()
		}
	}
	p.media = append(p.media, m)
}

// fileOf gives the hash of a file: {"ref":{"$link":HASH}}, in old records
// {"cid":HASH}.
func fileOf(s *jsonscan.Scanner) (hash jsonscan.String) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "ref":
			hash = field(s, "$link")
		case "cid":
			hash = s.Str()
		default:
			s.Skip()
		}
	}
	return hash
}

// readExternal reads the card of a link; its title is what a person reads there.
func (p *post) readExternal(s *jsonscan.Scanner) {
	m := medium{typ: event.MediaLink}
	for more := s.Object(); more; more = s.NextField() {
		if string(s.Key()) != "external" {
			s.Skip()
			continue
		}
		for more := s.Object(); more; more = s.NextField() {
			switch string(s.Key()) {
			case "uri":
				m.uri = s.Str()
			case "title":
				m.alt = s.Str()
			default:
				s.Skip()
			}
		}
	}
	p.media = append(p.media, m)
}

// readLabels reads what the author warns of.
func (p *post) readLabels(s *jsonscan.Scanner) {
	if !typeOf(s).Is("com.atproto.label.defs#selfLabels") {
		s.Skip()
		return
	}
	for more := s.Object(); more; more = s.NextField() {
		if string(s.Key()) != "values" {
			s.Skip()
			continue
		}
		for more := s.Array(); more; more = s.NextElement() {
			if warns(field(s, "val")) {
				p.sensitive = true
			}
		}
	}
}

func warns(label jsonscan.String) bool {
	for _, l := range [...]string{"porn", "sexual", "nudity", "graphic-media", "gore", "nsfl", "!warn", "!hide"} {
		if label.Is(l) {
			return true
		}
	}
	return false
}

// fillPost fills what the record says.
func (d *Decoder) fillPost(ev *event.Event, did string) error {
	p := &d.post
	micros, ok := shrink.RFC3339(d.draft.Arena.Text(p.createdAt))
	if !ok {
		micros = d.envelope.micros // the author's client wrote nonsense
	}
	if ev.CreatedAt = shrink.Millis(micros); ev.CreatedAt == 0 {
		return shrink.Reject(event.ReasonBadTime)
	}
	ev.Sensitive = p.sensitive
	for _, lang := range p.langs {
		d.draft.Add(&ev.Langs, shrink.Language(d.draft.Short(lang)))
	}
	raw := d.draft.Arena.Text(p.text)
	d.fillFacets(ev)
	for _, tag := range p.tags {
		d.draft.Add(&ev.Hashtags, unsigned(d.draft.Short(tag)))
	}
	d.fillMedia(ev, did)
	ev.Text = d.text(raw)
	d.draft.AddCashtags(ev.Text)
	d.fillRefs(ev)
	if d.draft.Empty() {
		return shrink.Reject(event.ReasonEmpty)
	}
	return nil
}

func (d *Decoder) fillFacets(ev *event.Event) {
	for i := range d.post.facets {
		f := &d.post.facets[i]
		value := d.draft.Short(f.value)
		switch f.kind {
		case facetLink:
			d.draft.Add(&ev.Links, value)
		case facetMention:
			d.draft.Add(&ev.Mentions, value)
		case facetTag:
			d.draft.Add(&ev.Hashtags, unsigned(value))
		case facetOther:
		}
	}
}

// unsigned leaves the sign out that some clients write in front of a tag.
func unsigned(tag string) string {
	return strings.TrimPrefix(strings.TrimPrefix(tag, "#"), "＃")
}

func (d *Decoder) fillMedia(ev *event.Event, did string) {
	for i := range d.post.media {
		m := &d.post.media[i]
		out := event.Media{Type: m.typ, URL: d.address(m, did), Alt: d.draft.Long(m.alt)}
		if m.typ == event.MediaLink {
			d.draft.Add(&ev.Links, out.URL)
		}
		d.draft.AddMedia(out)
	}
}

// address is where Bluesky's own servers show an attachment.
func (d *Decoder) address(m *medium, did string) string {
	hash := d.draft.Arena.Text(m.file)
	switch {
	case m.typ == event.MediaLink:
		return d.draft.Short(m.uri)
	case hash == "":
		return ""
	case m.typ == event.MediaVideo:
		return d.draft.CutShort(d.draft.Arena.Join("https://video.bsky.app/watch/", d.pathSegment(did), "/", hash, "/playlist.m3u8"))
	}
	return d.draft.CutShort(d.draft.Arena.Join("https://cdn.bsky.app/img/feed_fullsize/plain/", did, "/", hash, "@jpeg"))
}

// pathSegment escapes a DID as that server wants it.
func (d *Decoder) pathSegment(did string) string {
	d.scratch = d.scratch[:0]
	for i := range len(did) {
		switch c := did[i]; c {
		case ':':
			d.scratch = append(d.scratch, "%3A"...)
		case '%':
			d.scratch = append(d.scratch, "%25"...)
		default:
			d.scratch = append(d.scratch, c)
		}
	}
	return d.draft.Arena.Keep(d.scratch)
}

func (d *Decoder) fillRefs(ev *event.Event) {
	p := &d.post
	d.draft.RepostOf(d.ref(p.subject))
	d.draft.ReplyTo(d.ref(p.parent))
	ev.Thread = d.ref(p.root).Key
	if _, _, collection, ok := atURI(d.draft.Arena.Text(p.quoted)); ok && collection == collectionPost {
		d.draft.QuoteOf(d.ref(p.quoted))
	}
	switch {
	case ev.RepostOf != nil:
		ev.Kind = event.KindRepost
	case ev.ReplyTo != nil:
		ev.Kind = event.KindReply
	case ev.QuoteOf != nil:
		ev.Kind = event.KindQuote
	}
}

// ref refers to the record at an address; to none where that is no such address.
func (d *Decoder) ref(uri jsonscan.String) event.Ref {
	rest, did, _, ok := atURI(d.draft.Arena.Text(uri))
	if !ok {
		return event.Ref{}
	}
	return event.Ref{Key: d.draft.Arena.Join(Network, ":", rest), AuthorID: did}
}

// text gives the post's text with the links whose text is a short form of them
// written out. The stretches of links count in bytes of raw; one that overlaps
// another, or that cuts a rune, is left as it is.
func (d *Decoder) text(raw string) string {
	links := d.post.links()
	if len(links) == 0 {
		return d.draft.CutLong(raw)
	}
	d.scratch = d.scratch[:0]
	at := 0
	for i := range links {
		l := &links[i]
		if l.start < int64(at) || l.start >= l.end || l.end > int64(len(raw)) ||
			!onRune(raw, l.start) || !onRune(raw, l.end) {
			continue
		}
		uri := d.draft.Short(l.value)
		if !shrink.Abbreviates(raw[l.start:l.end], uri) {
			continue
		}
		d.scratch = append(append(d.scratch, raw[at:l.start]...), uri...)
		at = int(l.end)
	}
	d.scratch = append(d.scratch, raw[at:]...)
	return d.draft.CutLong(d.draft.Arena.Keep(d.scratch))
}

func onRune(s string, i int64) bool { return i == int64(len(s)) || utf8.RuneStart(s[i]) }

// links gives the first links, in the order of the text; the other facets are
// lost.
func (p *post) links() []facet {
	links := slices.DeleteFunc(p.facets, func(f facet) bool { return f.kind != facetLink })
	links = links[:min(len(links), event.MaxList)]
	slices.SortStableFunc(links, func(a, b facet) int { return cmp.Compare(a.start, b.start) })
	return links
}

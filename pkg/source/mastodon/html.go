package mastodon

import (
	"html"
	"strings"

	"riffle/pkg/shrink"
)

// asciiSpace is what HTML takes for white space; other spaces are text.
const asciiSpace = " \t\r\n\f"

// textBuilder reads a status's HTML as a person does. It is tolerant, as
// browsers are: every text is HTML, and what is not understood is left out.
//
// Paragraphs are set apart by an empty line; <br>, and the line breaks that
// other servers' bridges leave in a text, begin a new one. Of a link that stands
// for itself the whole address is shown, of any other its words.
type textBuilder struct {
	out    []byte
	breaks int // line breaks due before the next text
	links  []string
	// omitQuotes leaves out what is written for servers that show no quotes.
	omitQuotes bool

	link   anchor
	hidden element // what is left out up to its end
	values []byte  // decoded attributes
	// plainOnly: there is no character reference.
	plainOnly bool
}

// anchor is the link that is open.
type anchor struct {
	open bool
	href string
	// address: the text is the address, parts of which are not shown.
	address bool
	// named: a mention or hashtag, which is no link of the author's.
	named bool
	start int // of its text in out; -1: none yet
}

// element is an open element, or none, and how many of its name are open in it.
type element struct {
	name  string
	depth int
}

func (b *textBuilder) reset(omitQuotes bool) {
	*b = textBuilder{out: b.out[:0], links: b.links[:0], values: b.values[:0], omitQuotes: omitQuotes}
}

// text gives what was read, without white space around it.
func (b *textBuilder) text() []byte {
	b.endLink()
	return bytesOf(trimLeft(view(trimRight(b.out))))
}

// newLines gives HTML without NUL, and with one kind of line break.
var newLines = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "")

// read reads HTML. Strings point into it.
func (b *textBuilder) read(s string) {
	if strings.IndexByte(s, '\r') >= 0 || strings.IndexByte(s, 0) >= 0 {
		s = newLines.Replace(s)
	}
	b.plainOnly = strings.IndexByte(s, '&') < 0
	for s != "" {
		if s[0] == '<' { // tags often stand side by side
			s = b.markup(s)
			continue
		}
		i := strings.IndexByte(s, '<')
		if i < 0 {
			i = len(s)
		}
		b.add(s[:i])
		s = s[i:]
	}
}

// markup reads what begins with < and gives what follows it.
func (b *textBuilder) markup(s string) string {
	if size := b.usual(s); size > 0 {
		return s[size:]
	}
	switch {
	case len(s) > 1 && isLetter(s[1]):
		return b.tag(s, false)
	case len(s) > 2 && s[1] == '/' && isLetter(s[2]):
		return b.tag(s, true)
	case strings.HasPrefix(s, "<!--"):
		return s[commentEnd(s):]
	case len(s) > 1 && (s[1] == '!' || s[1] == '?' || s[1] == '/' && len(s) > 2):
		if end := strings.IndexByte(s, '>'); end >= 0 {
			return s[end+1:]
		}
		return ""
	}
	b.add(s[:1])
	return s[1:]
}

// usual reads a tag that s begins with and gives its length, where it is one that
// Mastodon writes nearly always: what tag would do, without reading attributes.
// 0: it is another, or something else.
func (b *textBuilder) usual(s string) int {
	if b.hidden.name != "" || len(s) < len("<p>") {
		return 0
	}
	switch s[1] {
	case '/':
		switch {
		case strings.HasPrefix(s, "</span>"):
			return len("</span>")
		case strings.HasPrefix(s, "</a>"):
			b.endLink()
			return len("</a>")
		case strings.HasPrefix(s, "</p>"):
			b.breaks = blockBreaks("p")
			return len("</p>")
		}
	case 'p':
		if s[2] == '>' {
			b.breaks = blockBreaks("p")
			return len("<p>")
		}
	case 'b':
		size := 0
		switch {
		case strings.HasPrefix(s, "<br />"):
			size = len("<br />")
		case strings.HasPrefix(s, "<br>"):
			size = len("<br>")
		case strings.HasPrefix(s, "<br/>"):
			size = len("<br/>")
		default:
			return 0
		}
		b.add("\n")
		return size
	case 's':
		return b.usualSpan(s)
	case 'a':
		return b.usualLink(s)
	}
	return 0
}

func (b *textBuilder) usualSpan(s string) int {
	switch {
	case strings.HasPrefix(s, "<span>"):
		return len("<span>")
	case strings.HasPrefix(s, `<span class="invisible">`):
		b.link.address = true
		return len(`<span class="invisible">`)
	case strings.HasPrefix(s, `<span class="ellipsis">`):
		b.link.address = true
		return len(`<span class="ellipsis">`)
	case strings.HasPrefix(s, `<span class="h-card" translate="no">`):
		return len(`<span class="h-card" translate="no">`)
	case strings.HasPrefix(s, `<span class="h-card">`):
		return len(`<span class="h-card">`)
	case strings.HasPrefix(s, `<span class="">`):
		return len(`<span class="">`)
	}
	return 0
}

// usualLink reads <a href="…" and what Mastodon writes after the address.
func (b *textBuilder) usualLink(s string) int {
	const opening = `<a href="`
	if !strings.HasPrefix(s, opening) {
		return 0
	}
	href, rest, _ := strings.Cut(s[len(opening):], `"`)
	end := strings.IndexByte(rest, '>') + 1
	named, usual := usualTail(rest[:end])
	if !usual {
		return 0
	}
	b.beginLink(href, named)
	return len(opening) + len(href) + len(`"`) + end
}

// usualTail reports whether the rest of a link's tag is one of those that Mastodon
// writes of its own links, or leaves of those of other servers, and whether it
// says that the link is a mention or a hashtag.
func usualTail(rest string) (named, usual bool) {
	switch rest {
	case ` class="u-url mention">`, ` class="u-url mention" rel="nofollow noopener" target="_blank">`,
		` class="u-url mention" rel="nofollow noopener noreferrer" target="_blank">`,
		` class="mention hashtag">`, ` class="mention hashtag" rel="tag">`,
		` class="mention hashtag" rel="nofollow noopener" target="_blank">`,
		` class="mention hashtag" rel="nofollow noopener noreferrer" target="_blank">`:
		return true, true
	case ` target="_blank" rel="nofollow noopener" translate="no">`, ` target="_blank" rel="nofollow noopener noreferrer" translate="no">`,
		` target="_blank" rel="nofollow noopener noreferrer">`, ` rel="nofollow noopener" translate="no" target="_blank">`,
		` rel="nofollow noopener" target="_blank">`, ` rel="nofollow noopener noreferrer" target="_blank">`:
		return false, true
	}
	return false, false
}

// commentEnd gives the length of the comment that s begins with. It ends at -->
// or --!>, or at once with <!--> or <!--->.
func commentEnd(s string) int {
	const opening = len("<!--")
	if strings.HasPrefix(s[opening:], ">") {
		return opening + 1
	}
	// The dashes that open it may close it too, but for <!--!>.
	for i := opening - 2; ; i++ {
		next := strings.Index(s[i:], "--")
		if next < 0 {
			return len(s)
		}
		i += next
		switch rest := s[i+2:]; {
		case i >= opening-1 && strings.HasPrefix(rest, ">"):
			return i + 3
		case i >= opening && strings.HasPrefix(rest, "!>"):
			return i + 4
		}
	}
}

// tag reads a tag and gives what follows it; one that is not closed swallows the
// rest.
func (b *textBuilder) tag(s string, closing bool) string {
	i := 1
	if closing {
		i = 2
	}
	start := i
	for i < len(s) && !endsName(s[i]) {
		i++
	}
	name := lowered(s[start:i])
	var attrs attributes
	i, ok := attrs.read(s, i)
	if !ok {
		return ""
	}
	rest := s[i:]
	if closing {
		b.end(name)
		return rest
	}
	b.begin(name, &attrs)
	if hasRawText(name) {
		return rest[rawEnd(rest, name):]
	}
	return rest
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isSpace(c byte) bool {
	return c <= ' ' && (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f')
}

func endsName(c byte) bool { return isSpace(c) || c == '/' || c == '>' }

// trimLeft and trimRight leave white space out.
func trimLeft(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	return s
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// endsAttribute marks what ends the name of an attribute.
var endsAttribute = func() (ends [256]bool) {
	for c := range ends {
		ends[c] = endsName(byte(c)) || c == '='
	}
	return ends
}()

// lowered gives name in lower case; nearly all are.
func lowered(name string) string {
	for i := range len(name) {
		if name[i] >= 'A' && name[i] <= 'Z' {
			return strings.ToLower(name)
		}
	}
	return name
}

// hasRawText reports whether what the element holds is no HTML, and not shown.
func hasRawText(name string) bool {
	switch name {
	case "script", "style", "textarea", "title", "iframe", "noembed", "noframes", "noscript", "plaintext", "xmp":
		return true
	}
	return false
}

// rawEnd gives where the closing tag of an element with raw text begins.
func rawEnd(s, name string) int {
	if name == "plaintext" {
		return len(s)
	}
	for i := 0; ; i++ {
		next := strings.Index(s[i:], "</")
		if next < 0 {
			return len(s)
		}
		i += next
		after := i + len("</") + len(name)
		if after < len(s) && strings.EqualFold(s[i+len("</"):after], name) && endsName(s[after]) {
			return i
		}
	}
}

// attributes are those of a tag that matter.
type attributes struct {
	class, href       string
	hasClass, hasHref bool
}

// read reads the attributes at s[i:] up to the end of the tag, and reports
// whether there is one.
func (a *attributes) read(s string, i int) (int, bool) {
	for {
		for i < len(s) && (isSpace(s[i]) || s[i] == '/') {
			i++
		}
		if i >= len(s) {
			return i, false
		}
		if s[i] == '>' {
			return i + 1, true
		}
		start := i
		for i++; i < len(s) && !endsAttribute[s[i]]; i++ {
		}
		name := s[start:i]
		var value string
		var ok bool
		if value, i, ok = attributeValue(s, i); !ok {
			return i, false
		}
		a.set(name, value)
	}
}

// attributeValue reads the value that follows an attribute's name.
func attributeValue(s string, i int) (value string, next int, ok bool) {
	if strings.HasPrefix(s[i:], `="`) { // as nearly all are written
		i += len(`="`)
		end := strings.IndexByte(s[i:], '"')
		if end < 0 {
			return "", len(s), false
		}
		return s[i : i+end], i + end + 1, true
	}
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	if i >= len(s) || s[i] != '=' {
		return "", i, i < len(s)
	}
	for i++; i < len(s) && isSpace(s[i]); i++ {
	}
	if i >= len(s) {
		return "", i, false
	}
	if q := s[i]; q == '"' || q == '\'' {
		end := strings.IndexByte(s[i+1:], q)
		if end < 0 {
			return "", len(s), false
		}
		return s[i+1 : i+1+end], i + 1 + end + 1, true
	}
	start := i
	for i < len(s) && !isSpace(s[i]) && s[i] != '>' {
		i++
	}
	return s[start:i], i, i < len(s)
}

// set keeps the first of each.
func (a *attributes) set(name, value string) {
	if len(name) != len("class") && len(name) != len("href") {
		return
	}
	switch lowered(name) {
	case "class":
		if !a.hasClass {
			a.class, a.hasClass = value, true
		}
	case "href":
		if !a.hasHref {
			a.href, a.hasHref = value, true
		}
	}
}

// hasClass reports whether a list of classes holds one of these.
func hasClass(list string, classes ...string) bool {
	for list != "" {
		i := 0
		for i < len(list) && !isSpace(list[i]) {
			i++
		}
		for _, class := range classes {
			if list[:i] == class {
				return true
			}
		}
		list = trimLeft(list[i:])
	}
	return false
}

// begin takes an opening tag.
func (b *textBuilder) begin(name string, attrs *attributes) {
	if b.hidden.name != "" {
		if name == b.hidden.name {
			b.hidden.depth++
		}
		return
	}
	if b.omitQuotes && hasClass(attrs.class, "quote-inline") {
		b.hidden = element{name: name, depth: 1}
		return
	}
	switch name {
	case "br":
		b.add("\n")
	case "a":
		b.beginLink(attrs.href, hasClass(attrs.class, "mention", "hashtag"))
	case "span":
		if hasClass(attrs.class, "invisible", "ellipsis") {
			b.link.address = true
		}
	default:
		b.breaks = max(b.breaks, blockBreaks(name))
	}
}

// end takes a closing tag.
func (b *textBuilder) end(name string) {
	if b.hidden.name != "" {
		if name == b.hidden.name {
			if b.hidden.depth--; b.hidden.depth == 0 {
				b.hidden = element{}
			}
		}
		return
	}
	if name == "a" {
		b.endLink()
		return
	}
	b.breaks = max(b.breaks, blockBreaks(name))
}

// blockBreaks says how many line breaks set an element apart.
func blockBreaks(name string) int {
	switch name {
	case "p", "blockquote", "pre", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6":
		return 2
	case "li", "div", "tr", "hr", "table", "dl", "dt", "dd", "section", "article", "figure", "figcaption":
		return 1
	}
	return 0
}

func (b *textBuilder) beginLink(href string, named bool) {
	b.endLink()
	b.link = anchor{open: true, href: b.attribute(href), named: named, start: -1}
}

// endLink decides what is shown of the open link.
func (b *textBuilder) endLink() {
	l := b.link
	b.link = anchor{}
	if !l.open || !strings.HasPrefix(l.href, "http://") && !strings.HasPrefix(l.href, "https://") {
		return
	}
	if l.start < 0 || l.start > len(b.out) {
		l.start = len(b.out)
	}
	shown := view(b.out[l.start:])
	if l.named || strings.HasPrefix(shown, "@") || strings.HasPrefix(shown, "#") {
		return
	}
	b.links = append(b.links, l.href)
	if shown != "" && (l.address || shrink.Abbreviates(shown, l.href)) {
		b.out = append(b.out[:l.start], l.href...)
	}
}

// add appends text with its character references decoded.
func (b *textBuilder) add(s string) {
	if b.hidden.name != "" {
		return
	}
	if b.plainOnly {
		b.plain(s)
		return
	}
	for s != "" {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			b.plain(s)
			return
		}
		b.plain(s[:i])
		decoded, size := reference(s[i:])
		b.plain(decoded)
		s = s[i+size:]
	}
}

// plain appends text. White space where a block begins is not shown, nor that
// where one ends.
func (b *textBuilder) plain(s string) {
	if b.breaks > 0 || len(b.out) == 0 {
		if s = trimLeft(s); s == "" {
			return
		}
		if b.out = trimRight(b.out); len(b.out) > 0 {
			b.out = append(b.out, "\n\n"[:b.breaks]...)
		}
		b.breaks = 0
	}
	if b.link.open && b.link.start < 0 && s != "" {
		b.link.start = len(b.out)
	}
	b.out = append(b.out, s...)
}

// attribute decodes the character references of an attribute; bare ampersands are
// common in addresses and mean themselves.
func (b *textBuilder) attribute(s string) string {
	if b.plainOnly || strings.IndexByte(s, '&') < 0 {
		return s
	}
	start := len(b.values)
	for s != "" {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			break
		}
		b.values = append(b.values, s[:i]...)
		decoded, size := reference(s[i:])
		if s[i+size-1] != ';' {
			decoded = s[i : i+size]
		}
		b.values = append(b.values, decoded...)
		s = s[i+size:]
	}
	b.values = append(b.values, s...)
	return view(b.values[start:])
}

// reference reads the character reference that s, which begins with &, begins
// with.
func reference(s string) (decoded string, size int) {
	switch {
	case strings.HasPrefix(s, "&amp;"):
		return "&", 5
	case strings.HasPrefix(s, "&lt;"):
		return "<", 4
	case strings.HasPrefix(s, "&gt;"):
		return ">", 4
	case strings.HasPrefix(s, "&quot;"):
		return `"`, 6
	case strings.HasPrefix(s, "&#39;"):
		return "'", 5
	case strings.HasPrefix(s, "&nbsp;"):
		return "\u00a0", 6
	}
	i := 1
	if i < len(s) && s[i] == '#' {
		i++
	}
	for i < len(s) && (isLetter(s[i]) || s[i] >= '0' && s[i] <= '9') {
		i++
	}
	if i < len(s) && s[i] == ';' {
		i++
	}
	return html.UnescapeString(s[:i]), i
}

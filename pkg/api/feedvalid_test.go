package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"

	"riffle/pkg/event"
)

// feedItem is what a feed reader shows of a match.
type feedItem struct {
	ID, Title, Text, Link, Author string
	Published                     time.Time
	Tags                          string
}

// TestFeedsForReaders reads both forms with a parser that feed readers use, page
// by page, and expects the same of both.
func TestFeedsForReaders(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	for i := range 2*feedLimit + 3 {
		ev := event.Event{
			Key: "test:" + keys(200)[i], Version: 1, Network: "test", Source: "test", Text: "text <b>&amp; of " + keys(200)[i] + " \x01",
			Author: event.Author{ID: "1", Handle: "ann", Name: "Ann & Söhne"}, URL: "https://example.org/?a=1&b=" + keys(200)[i], Langs: []string{"en"},
			CreatedAt: 1_700_000_000_000, ReceivedAt: event.TimeOf(time.Now()),
			Media: []event.Media{{Type: event.MediaImage, URL: "https://example.org/i.png?a&b", Alt: "an \"image\""}},
		}
		write(t, m, event.Verdict{Event: &ev, JSON: ev.AppendJSON(nil), Matches: []event.Match{{User: w.alice.ID, Rules: []event.RuleMatch{{ID: "7", Tag: "a & b"}}}}})
	}
	items := map[string][]feedItem{}
	for _, form := range []string{"atom", "json"} {
		for target := w.link(t, w.alice, form); target != ""; {
			answer := w.do(t, nil, "GET "+target, "").want(t, http.StatusOK)
			feed, err := gofeed.NewParser().ParseString(answer.body)
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			if feed.FeedType != form || feed.Title == "" || feed.FeedLink == "" || feed.Link == "" {
				t.Errorf("%s: got %s %q with links %v", form, feed.FeedType, feed.Title, feed.Links)
			}
			items[form] = append(items[form], itemsOf(t, feed)...)
			link := answer.header.Get("Link")
			target, _, _ = strings.Cut(strings.TrimPrefix(link, "<http://example.com"), ">")
		}
	}
	atom, other := items["atom"], items["json"]
	if len(atom) != 2*feedLimit+3 || len(other) != len(atom) {
		t.Fatalf("got %d entries in Atom and %d in JSON, want %d", len(atom), len(other), 2*feedLimit+3)
	}
	seen := map[string]bool{}
	for i := range atom {
		if seen[atom[i].ID] {
			t.Errorf("got id %s twice", atom[i].ID)
		}
		seen[atom[i].ID] = true
		other[i].Text, atom[i].Text = xmlText(other[i].Text), xmlText(atom[i].Text)
		other[i].Title, atom[i].Title = xmlText(other[i].Title), xmlText(atom[i].Title)
		if atom[i] != other[i] {
			t.Errorf("got in Atom\n%+v, in JSON\n%+v", atom[i], other[i])
		}
	}
	if got := atom[0]; got.Author != "Ann & Söhne" || got.Tags != "a & b" || !strings.HasPrefix(got.Title, "text <b>&amp; of") || got.Published.UnixMilli() != 1_700_000_000_000 {
		t.Errorf("got %+v", got)
	}
}

// xmlText leaves out what XML cannot hold, and the space around, which readers
// trim.
func xmlText(text string) string {
	return strings.TrimSpace(strings.NewReplacer("\x01", "", "\uFFFD", "").Replace(text))
}

func itemsOf(t *testing.T, feed *gofeed.Feed) (items []feedItem) {
	t.Helper()
	for _, i := range feed.Items {
		if i.GUID == "" || i.PublishedParsed == nil || i.UpdatedParsed == nil || len(i.Authors) != 1 {
			t.Fatalf("got an entry without what a reader needs: %+v", i)
		}
		items = append(items, feedItem{
			ID: i.GUID, Title: i.Title, Text: i.Content, Link: i.Link, Author: i.Authors[0].Name,
			Published: *i.PublishedParsed, Tags: strings.Join(i.Categories, ";"),
		})
	}
	return items
}

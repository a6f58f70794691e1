package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// poller is a reader of one user's changes, who follows next through whatever
// happens to the api, and never asks for anything twice that was answered.
type poller struct {
	w           *world
	user        string
	base, token string
	client      http.Client
	next        string

	// order holds the ids of matches by their latest change, as seen; live the
	// version of those that are there.
	order   []string
	at      map[string]int
	live    map[string]string
	changes int
	refused int
	upserts int // updates that were the first it heard of a match
	codes   map[string]int

	// last asks it to end at the next page that is empty.
	last atomic.Bool
	done chan struct{}
}

// pollTimeout is longer than the api lets a poller wait, and short enough that
// one which hangs is asked again soon.
const pollTimeout = 8 * time.Second

func newPoller(w *world, user, token string) *poller {
	return &poller{
		w: w, user: user, base: "http://" + w.api, token: token, client: http.Client{Timeout: pollTimeout},
		at: make(map[string]int), live: make(map[string]string), codes: make(map[string]int), done: make(chan struct{}),
	}
}

type page struct {
	Summary struct {
		Count int    `json:"count"`
		Next  string `json:"next"`
		More  bool   `json:"more"`
	} `json:"summary"`
	Data []struct {
		ID     string `json:"id"`
		Change string `json:"change"`
		Event  *struct {
			Key     string `json:"key"`
			Version string `json:"version"`
		} `json:"event"`
	} `json:"data"`
	Error *struct {
		Code string `json:"code"`
	} `json:"error"`
}

// begin finds where the changes stand before there are any.
func (p *poller) begin(ctx context.Context) error {
	return p.w.until("the api answers "+p.user, func() (bool, error) {
		answer, status := p.get(ctx, "/v1/matches")
		p.next = answer.Summary.Next
		return status == http.StatusOK, nil
	})
}

// run follows until it is asked to end.
func (p *poller) run(ctx context.Context) {
	defer close(p.done)
	for ctx.Err() == nil {
		last := p.last.Load()
		answer, status := p.get(ctx, "/v1/matches?limit=100&wait=2s&after="+url.QueryEscape(p.next))
		switch {
		case status == http.StatusOK:
			p.apply(&answer)
			p.next = answer.Summary.Next
			if last && len(answer.Data) == 0 && !answer.Summary.More {
				return
			}
			continue
		case status >= 400 && status < 500 && status != http.StatusTooManyRequests:
			p.w.find("%s: the api answered %d to a reader that follows next", p.user, status)
		}
		p.refused++
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// get asks once; status 0 is no answer.
func (p *poller) get(ctx context.Context, path string) (answer page, status int) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		return page{}, 0
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	got, err := p.client.Do(req)
	if err != nil {
		return page{}, 0
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err != nil || json.Unmarshal(body, &answer) != nil {
		return page{}, 0
	}
	if answer.Error != nil {
		p.codes[fmt.Sprint(got.StatusCode, " ", answer.Error.Code)]++
	}
	return answer, got.StatusCode
}

// apply notes a page of changes, which must make sense after those before.
func (p *poller) apply(answer *page) {
	for _, m := range answer.Data {
		p.changes++
		version, known := p.live[m.ID]
		switch {
		case m.Change == "delete":
			delete(p.live, m.ID)
		case m.Event == nil:
			p.w.find("%s: change %q of %s has no event", p.user, m.Change, m.ID)
		case m.Change == "new" && known:
			p.w.find("%s: %s is new twice, as version %s and %s", p.user, m.Event.Key, version, m.Event.Version)
		case m.Change == "update" && !known:
			// Made and edited while this reader was on its way through a backlog: at
			// the place of its first change it is no longer.
			p.upserts++
		case m.Change == "update" && version == m.Event.Version:
			p.w.find("%s: %s is updated to version %s, which was told before", p.user, m.Event.Key, version)
		}
		if m.Event != nil {
			p.live[m.ID] = m.Event.Version
		}
		if before, seen := p.at[m.ID]; seen {
			p.order[before] = ""
		}
		p.at[m.ID] = len(p.order)
		p.order = append(p.order, m.ID)
	}
}

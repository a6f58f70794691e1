package mastodon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/reconnect"
	"riffle/pkg/shrink"
)

const (
	// restTime bounds one request.
	restTime = 30 * time.Second
	// pageSize is how many statuses a page has at most, by the server's own limit.
	pageSize = 40
	// pageBytes bounds what is read of a page.
	pageBytes = pageSize * event.MaxMessage / 4
	// limitMost bounds how long a server's limit of requests is waited for.
	limitMost = time.Hour
)

// get asks for a path of the API, within the server's limit of requests.
//
// Errors: *reconnect.StatusError for an answer other than 200.
func (s *Source) get(ctx context.Context, address string) ([]byte, error) {
	if err := s.keepLimit(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, restTime, fmt.Errorf("no answer within %v", restTime))
	defer cancel()
	req, err := s.request(ctx, address)
	if err != nil {
		return nil, err
	}
	resp, err := s.client().Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	s.noteLimit(resp.Header)
	if resp.StatusCode != http.StatusOK {
		return nil, s.refusal(resp, s.config.advice())
	}
	return io.ReadAll(io.LimitReader(resp.Body, pageBytes))
}

// noteLimit notes when the server takes requests again, where it takes no more.
func (s *Source) noteLimit(h http.Header) {
	left, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	if err != nil || left > 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limited = resetOf(h)
}

// resetOf is when a server's limit of requests has begun anew; zero where it does
// not say.
func resetOf(h http.Header) time.Time {
	at, err := time.Parse(time.RFC3339, h.Get("X-RateLimit-Reset"))
	if err != nil {
		return time.Time{}
	}
	return at.Add(time.Second) // two clocks
}

func (s *Source) keepLimit(ctx context.Context) error {
	s.mu.Lock()
	until := s.limited
	s.mu.Unlock()
	return sleep(ctx, min(time.Until(until), limitMost))
}

// sleep waits for d or for ctx's end, whose cause it returns.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// findAudience asks whose token it is, once, where the stream is its owner's.
func (s *Source) findAudience(ctx context.Context) error {
	if !s.config.private() || s.seenBy() != nil {
		return nil
	}
	body, err := s.get(ctx, s.config.address("/api/v1/accounts/verify_credentials", nil))
	if err != nil {
		return fmt.Errorf("ask whose token it is: %w", err)
	}
	var owner struct{ Acct, URL string }
	if err := json.Unmarshal(body, &owner); err != nil || owner.Acct == "" {
		return fmt.Errorf("ask whose token it is: answer names no account (%w)", errors.Join(err))
	}
	host := hostOf(owner.URL)
	if host == "" {
		host = s.config.Host
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.audience = []string{Network + ":" + strings.ToLower(owner.Acct+"@"+host)} // as links are written
	return nil
}

// missed is a status of a timeline.
type missed struct {
	id   []byte
	at   event.Time
	data []byte
}

// page asks for some statuses of the stream's timeline, and returns them oldest
// first.
func (s *Source) page(ctx context.Context, query map[string][]string) ([]missed, error) {
	body, err := s.get(ctx, s.config.timeline(query))
	if err != nil {
		return nil, err
	}
	var page []missed
	list := jsonscan.New(body)
	for more := list.Peek() == '[' && list.Array(); more; more = list.NextElement() {
		data := list.Raw()
		if id := statusID(data); id != nil {
			page = append(page, missed{id, createdAt(data), data})
		}
	}
	if !list.End() {
		return nil, errors.New("timeline is no list of statuses")
	}
	slices.Reverse(page)
	return page, nil
}

// createdAt gives the time of a status; 0 where it has none.
func createdAt(status []byte) event.Time {
	var text jsonscan.String
	s := jsonscan.New(status)
	for more := s.Object(); more; more = s.NextField() {
		if string(s.Key()) == "created_at" {
			text = s.Str()
		} else {
			s.Skip()
		}
	}
	var arena jsonscan.Arena
	micros, _ := shrink.RFC3339(arena.Text(text))
	return shrink.Millis(micros)
}

// patient tries again for as long as the server may answer better later.
//
// Errors: event.ErrDenied; ctx's cause.
func (s *Source) patient(ctx context.Context, query map[string][]string) ([]missed, error) {
	var schedule reconnect.Schedule
	for {
		page, err := s.page(ctx, query)
		if err == nil || errors.Is(err, event.ErrDenied) {
			return page, err
		}
		wait := schedule.Failed()
		if status, answered := errors.AsType[*reconnect.StatusError](err); answered {
			wait = schedule.Refused(status.After)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

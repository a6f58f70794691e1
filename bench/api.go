package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/store/mysql"
)

const (
	pageSize    = 50
	connections = 16
	// pageReaders is how many users ask for pages, one token each: together they
	// may ask far more often than the api lets a single token.
	pageReaders = 4 * connections
)

// benchAPI asks riffle-api for unchanged and for whole pages of many users; the
// baseline is a bare handler of net/http in a process of its own that gives the
// same bytes, header included.
func benchAPI(ctx context.Context, b *bench) ([]result, error) {
	address, err := b.freshStore(ctx)
	if err != nil {
		return nil, err
	}
	tokens, err := fillPages(ctx, address)
	if err != nil {
		return nil, err
	}
	listen, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	api, err := b.start(ctx, "riffle-api", "--store", address, "--listen", listen)
	if err != nil {
		return nil, err
	}
	var same sameBytes
	var pages, unchanged, plain, none []ask
	for _, token := range tokens {
		page := ask{address: listen, path: fmt.Sprintf("/v1/matches?limit=%d", pageSize), header: "Authorization: Bearer " + token + "\r\n"}
		if same.Page, same.Body, err = page.answer(ctx); err != nil {
			return nil, err
		}
		pages = append(pages, page)
		page.header += "If-None-Match: " + same.Page.Get("ETag") + "\r\n"
		if same.Unchanged, _, err = page.answer(ctx); err != nil {
			return nil, err
		}
		unchanged = append(unchanged, page)
	}
	bare, err := b.startBare(ctx, &same)
	if err != nil {
		return nil, err
	}
	defer bare.stop()
	for i := range pages {
		plain = append(plain, ask{address: bare.address, path: "/page", header: pages[i].header})
		none = append(none, ask{address: bare.address, path: "/unchanged", header: unchanged[i].header})
	}

	medians, err := pairs(b.rounds(),
		func() (float64, error) { return load(ctx, unchanged, b.slice(), http.StatusNotModified) },
		func() (float64, error) { return load(ctx, none, b.slice(), http.StatusNotModified) },
		func() (float64, error) { return load(ctx, pages, b.slice(), http.StatusOK) },
		func() (float64, error) { return load(ctx, plain, b.slice(), http.StatusOK) },
	)
	if err != nil {
		return nil, err
	}
	return []result{
		{what: "api, poll answered 304", unit: "requests/s", aim: 0.6 * medians[1], reached: medians[0], baseline: medians[1], baselineWhat: "bare net/http"},
		{
			what: fmt.Sprintf("api, page of %d", pageSize), unit: "requests/s", aim: 0.3 * medians[3], reached: medians[2],
			baseline: medians[3], baselineWhat: "bare net/http", note: fmt.Sprintf("%s bytes, %d users", number(float64(len(same.Body))), len(tokens)),
		},
	}, api.stop()
}

// fillPages writes some matches of many users and makes a token for some of
// them.
func fillPages(ctx context.Context, address string) (tokens []string, err error) {
	db, err := mysql.Open(address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for range pageSize/batchPosts + 1 {
		if err := writeMatches(ctx, db); err != nil {
			return nil, err
		}
	}
	for user := range int64(pageReaders) {
		secret := auth.NewToken()
		tokens = append(tokens, secret.Reveal())
		if _, err := db.AddToken(ctx, auth.Token{User: user + 1, Hash: secret.Hash(), Hint: secret.Hint(), Scopes: auth.Read, CreatedAt: time.Now()}); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// ask is a request that is sent again and again.
type ask struct{ address, path, header string }

// once gives the body and the entity tag of the answer.
func (a ask) once(ctx context.Context) (body []byte, etag string, err error) {
	header, body, err := a.answer(ctx)
	return body, header.Get("ETag"), err
}

// answer gives the header and the body of the answer.
func (a ask) answer(ctx context.Context) (header http.Header, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.address+a.path, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // as load asks
	for line := range strings.SplitSeq(strings.TrimSpace(a.header), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			req.Header.Set(name, value)
		}
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusNotModified {
		err = errors.Join(err, fmt.Errorf("%s: %s: %s", a.path, answer.Status, body))
	}
	return answer.Header, body, err
}

// load asks over several connections for a while and gives answers per second;
// each connection sends requests of its own in turn. It reads no more of an
// answer than it must: the client runs on the same cores.
func load(ctx context.Context, asks []ask, d time.Duration, status int) (float64, error) {
	var wg sync.WaitGroup
	counts, errs := make([]int, connections), make([]error, connections)
	start := time.Now()
	for c := range connections {
		wg.Go(func() {
			var requests [][]byte
			for i := c; i < len(asks); i += connections {
				requests = append(requests, asks[i].bytes())
			}
			counts[c], errs[c] = connection(ctx, asks[0].address, requests, strconv.Itoa(status), start.Add(d))
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / time.Since(start).Seconds(), errors.Join(errs...)
}

// bytes is the request as it is sent.
func (a ask) bytes() []byte {
	return []byte("GET " + a.path + " HTTP/1.1\r\nHost: " + a.address + "\r\n" + a.header + "\r\n")
}

// connection sends request after request until end.
func connection(ctx context.Context, address string, requests [][]byte, status string, end time.Time) (n int, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	answer := bufio.NewReaderSize(conn, 64<<10)
	for ; time.Now().Before(end) && ctx.Err() == nil; n++ {
		request := requests[n%len(requests)]
		if _, err := conn.Write(request); err != nil {
			return n, err
		}
		if err := readAnswer(answer, status); err != nil {
			return n, fmt.Errorf("%.40q: %w", request, err)
		}
	}
	return n, nil
}

func readAnswer(r *bufio.Reader, status string) error {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		text := strings.TrimRight(string(line), "\r\n")
		switch name, value, _ := strings.Cut(text, ": "); {
		case text == "":
			_, err := r.Discard(length)
			return err
		case first && !strings.HasPrefix(text, "HTTP/1.1 "+status):
			return fmt.Errorf("answered %q, want status %s", text, status)
		case strings.EqualFold(name, "Content-Length"):
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
	}
}

// bareCommand makes this binary the bare server: bench bare-server ADDRESS FILE.
const bareCommand = "bare-server"

// sameBytes is what the bare server answers: what the api did.
type sameBytes struct {
	Page, Unchanged http.Header
	Body            []byte
}

// bareServer is the baseline, a process of its own.
type bareServer struct {
	address string
	cmd     *exec.Cmd
}

func (s *bareServer) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// startBare runs the baseline.
func (b *bench) startBare(ctx context.Context, same *sameBytes) (*bareServer, error) {
	file := filepath.Join(b.dir, "answers.json")
	text, err := json.Marshal(same)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &bareServer{address: address, cmd: exec.CommandContext(ctx, self, bareCommand, address, file)}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if _, _, err = (ask{address: address, path: "/page"}).once(ctx); err == nil {
			return s, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.stop()
	return nil, err
}

// serveBare answers as a file says.
func serveBare(address, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var same sameBytes
	if err := json.Unmarshal(text, &same); err != nil {
		return err
	}
	same.Page.Del("Date")
	same.Unchanged.Del("Date")
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), same.Page)
		_, _ = w.Write(same.Body)
	})
	mux.HandleFunc("/unchanged", func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), same.Unchanged)
		w.WriteHeader(http.StatusNotModified)
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}

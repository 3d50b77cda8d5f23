package xtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"time"
)

// HangUp is a line that ends the stream's connections, after what it says before it.
const HangUp = "\x00"

func (x *X) lookup(w http.ResponseWriter, r *http.Request) {
	ids := strings.Split(r.URL.Query().Get("ids"), ",")
	single := !r.URL.Query().Has("ids")
	if single {
		ids = []string{path.Base(r.URL.Path)}
	}
	var found []Post
	var missing []string
	for _, s := range ids {
		id := number(s)
		i := slices.IndexFunc(x.posts, func(p Post) bool { return p.ID == id })
		if i < 0 {
			missing = append(missing, fmt.Sprintf(`{"value":%q,"detail":"Could not find tweet with ids: [%s].","title":"Not Found Error","resource_type":"tweet","parameter":"ids","resource_id":%q,"type":"https://api.twitter.com/2/problems/resource-not-found"}`, s, s, s))
			continue
		}
		found = append(found, x.posts[i])
		x.bill(id)
	}
	data := ""
	if len(found) > 0 {
		data = `"data":` + list(found) + `,`
		if single {
			data = `"data":` + found[0].json() + `,`
		}
	}
	fmt.Fprintf(w, `{%s%s,"errors":[%s]}`, data, includes, strings.Join(missing, ","))
}

func (x *X) serveRules(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(map[string]any{"data": x.rules, "meta": map[string]any{"result_count": len(x.rules)}})
		return
	}
	var body struct {
		Add    []rule `json:"add"`
		Delete struct {
			IDs []string `json:"ids"`
		} `json:"delete"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	if len(body.Add) == 0 {
		x.rules = slices.DeleteFunc(x.rules, func(o rule) bool { return slices.Contains(body.Delete.IDs, o.ID) })
		_, _ = io.WriteString(w, `{"meta":{"summary":{"deleted":1,"not_deleted":0}}}`)
		return
	}
	for _, o := range x.rules {
		if o.Value == body.Add[0].Value {
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"meta":{"summary":{"created":0,"not_created":1}},"errors":[{"value":%q,"id":%q,"title":"DuplicateRule","type":"https://api.twitter.com/2/problems/duplicate-rules"}]}`, o.Value, o.ID)
			return
		}
	}
	x.seq++
	o := rule{ID: fmt.Sprint(1000 + x.seq), Value: body.Add[0].Value, Tag: body.Add[0].Tag}
	x.rules = append(x.rules, o)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"data": []rule{o}, "meta": map[string]any{"summary": map[string]int{"created": 1}}})
}

// AddRule adds a rule as somebody else's program would and returns its id.
func (x *X) AddRule(value, tag string) string {
	x.Lock()
	defer x.Unlock()
	x.seq++
	x.rules = append(x.rules, rule{ID: fmt.Sprint(1000 + x.seq), Value: value, Tag: tag})
	return x.rules[len(x.rules)-1].ID
}

// Rules are the stream's rules as value=tag, sorted.
func (x *X) Rules() []string {
	x.Lock()
	defer x.Unlock()
	var out []string
	for _, o := range x.rules {
		out = append(out, o.Value+"="+o.Tag)
	}
	slices.Sort(out)
	return out
}

// Send writes a raw line to every open stream; one that ends in HangUp ends them.
func (x *X) Send(line string) {
	x.Lock()
	defer x.Unlock()
	x.send(line)
}

func (x *X) send(line string) {
	for _, c := range x.streams {
		c <- line
	}
}

// Silence has the streams send no keep-alive any more, as a half-open connection.
func (x *X) Silence(on bool) { x.silent.Store(on) }

// Connected is how many streams are open.
func (x *X) Connected() int {
	x.Lock()
	defer x.Unlock()
	return len(x.streams)
}

func (x *X) stream(w http.ResponseWriter, r *http.Request) {
	x.Lock()
	x.Requests = append(x.Requests, r.Method+" "+r.URL.Path)
	if len(x.streams) > 0 {
		x.Unlock()
		Refuse(w, http.StatusTooManyRequests, `{"title":"ConnectionException","detail":"This stream is currently at the maximum allowed connection limit.","connection_issue":"TooManyConnections","type":"https://api.twitter.com/2/problems/streaming-connection"}`)
		return
	}
	lines := make(chan string, 10_000)
	x.streams = append(x.streams, lines)
	x.Unlock()
	defer func() {
		x.Lock()
		defer x.Unlock()
		x.streams = slices.DeleteFunc(x.streams, func(c chan string) bool { return c == lines })
	}()
	w.WriteHeader(http.StatusOK)
	alive := time.NewTicker(20 * time.Second)
	defer alive.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-alive.C:
			if !x.silent.Load() {
				_, _ = io.WriteString(w, "\r\n")
			}
		case line := <-lines:
			text, hangUp := strings.CutSuffix(line, HangUp)
			if !hangUp {
				text += "\r\n"
			}
			if _, err := io.WriteString(w, text); err != nil || hangUp {
				return
			}
		}
	}
}

// Transport carries requests to x without a network.
func (x *X) Transport() http.RoundTripper { return transport{x} }

type transport struct{ x *X }

// RoundTrip serves a request; the stream's answer is handed over while it is written.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/2/tweets/search/stream" {
		w := httptest.NewRecorder()
		t.x.ServeHTTP(w, r)
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
		resp := w.Result()
		resp.Request = r
		return resp, nil
	}
	pr, pw := io.Pipe()
	w := &streamWriter{header: http.Header{}, body: pw, started: make(chan int, 1)}
	stop := context.AfterFunc(r.Context(), func() { _ = pw.CloseWithError(r.Context().Err()) })
	go func() {
		defer stop()
		t.x.ServeHTTP(w, r)
		w.start(http.StatusOK)
		_ = pw.Close()
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case status := <-w.started:
		return &http.Response{StatusCode: status, Header: w.header, Body: pr, Request: r}, nil
	}
}

type streamWriter struct {
	header  http.Header
	body    *io.PipeWriter
	started chan int
	done    bool
}

func (w *streamWriter) Header() http.Header         { return w.header }
func (w *streamWriter) WriteHeader(status int)      { w.start(status) }
func (w *streamWriter) Write(b []byte) (int, error) { w.start(http.StatusOK); return w.body.Write(b) }

func (w *streamWriter) start(status int) {
	if !w.done {
		w.done = true
		w.started <- status
	}
}

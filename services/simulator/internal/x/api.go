package x

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

// problem is an answer of an error: an HTTP status and X's problem object.
type problem struct {
	status int
	body   map[string]any
	html   string
	// noReset leaves the rate limit headers out.
	noReset bool
}

const problems = "https://api.twitter.com/2/problems/"

// invalid is a 400 about parameters. Each failing parameter adds itself.
type invalid []map[string]any

func (i *invalid) add(message string, parameters map[string][]string) {
	e := map[string]any{"message": message}
	if parameters != nil {
		e["parameters"] = parameters
	} else {
		e["parameters"] = map[string][]string{}
	}
	*i = append(*i, e)
}

func (i invalid) problem() *problem {
	if len(i) == 0 {
		return nil
	}
	return &problem{status: http.StatusBadRequest, body: map[string]any{"errors": []map[string]any(i), "title": "Invalid Request",
		"detail": "One or more parameters to your request was invalid.", "type": problems + "invalid-request"}}
}

func plain(status int, title string) *problem {
	return &problem{status: status, body: map[string]any{"title": title, "detail": title, "type": "about:blank", "status": status}}
}

// endpoint is one thing that can be asked of X.
type endpoint struct {
	method string
	// name is what faults and rate limits call it.
	name string
	// perWindow is how many calls 15 minutes allow.
	perWindow int
	serve     func(n *Network, rw http.ResponseWriter, r *http.Request) *problem
}

func endpoints() map[string][]endpoint {
	return map[string][]endpoint{
		"/2/tweets/search/recent":       {{http.MethodGet, "search", 450, (*Network).search}},
		"/2/tweets":                     {{http.MethodGet, "lookup", 300, (*Network).lookup}},
		"/2/tweets/search/stream/rules": {{http.MethodGet, "rules", 450, (*Network).listRules}, {http.MethodPost, "rules", 100, (*Network).changeRules}},
		"/2/tweets/search/stream":       {{http.MethodGet, "stream", 50, (*Network).connect}},
	}
}

// Handler serves the API below /2/.
func (n *Network) Handler() http.Handler {
	all := endpoints()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path := strings.TrimSuffix(r.URL.Path, "/")
		if id, ok := strings.CutPrefix(path, "/2/tweets/"); ok && id != "" && strings.Trim(id, "0123456789") == "" {
			path = "/2/tweets"
			r.SetPathValue("id", id)
		}
		found := all[path]
		if found == nil {
			n.refuse(rw, plain(http.StatusNotFound, "Not Found"))
			return
		}
		i := slices.IndexFunc(found, func(e endpoint) bool { return e.method == r.Method })
		if i < 0 {
			n.refuse(rw, plain(http.StatusMethodNotAllowed, "Method Not Allowed"))
			return
		}
		p := n.admit(rw, r, found[i])
		if p == nil {
			p = found[i].serve(n, rw, r)
		}
		if p != nil {
			n.refuse(rw, p)
		}
	})
}

// admit checks token, faults and rate limit, and sets the rate limit's headers.
func (n *Network) admit(rw http.ResponseWriter, r *http.Request, e endpoint) *problem {
	faults := n.opts.Faults
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token != n.opts.BearerToken {
		return plain(http.StatusUnauthorized, "Unauthorized")
	}
	if f, revoked := faults.Active(fault.Revoke, "x"); revoked && f.Target == "x" {
		faults.Hit(fault.Revoke, "x")
		return plain(http.StatusUnauthorized, "Unauthorized")
	}
	if _, ok := faults.Hit(fault.X503, e.name); ok {
		return &problem{status: http.StatusServiceUnavailable, html: "<html><body><b>Over capacity</b></body></html>"}
	}
	if _, ok := faults.Hit(fault.XCap, e.name); ok {
		return &problem{status: http.StatusTooManyRequests, noReset: true, body: map[string]any{"account_id": 1, "product_name": "standard-basic",
			"title": "UsageCapExceeded", "period": "Monthly", "scope": "Product", "detail": "Usage cap exceeded: Monthly product cap", "type": problems + "usage-capped"}}
	}
	n.mu.Lock()
	w := n.window(e.method+" "+e.name, e.perWindow)
	now := n.opts.Now()
	if _, ok := faults.Hit(fault.X429, e.name); ok {
		w.left, w.reset = 0, now.Add(2*time.Second) // short, so that a person sees it end
	}
	allowed := w.left > 0
	w.left = max(0, w.left-1)
	h := rw.Header()
	h.Set("x-rate-limit-limit", strconv.Itoa(e.perWindow))
	h.Set("x-rate-limit-remaining", strconv.Itoa(w.left))
	h.Set("x-rate-limit-reset", strconv.FormatInt(w.reset.Add(time.Second-1).Unix(), 10))
	if !allowed {
		n.counts["refused_429"]++
	}
	n.mu.Unlock()
	if !allowed {
		return plain(http.StatusTooManyRequests, "Too Many Requests")
	}
	return nil
}

// rateWindow is what is left of an allowance until its reset.
type rateWindow struct {
	left  int
	reset time.Time
}

// window returns the running window of an endpoint; n.mu is held.
func (n *Network) window(name string, perWindow int) *rateWindow {
	w := n.windows[name]
	now := n.opts.Now()
	if w == nil || !now.Before(w.reset) {
		w = &rateWindow{left: perWindow, reset: now.Add(15 * time.Minute)}
		n.windows[name] = w
	}
	return w
}

func (n *Network) refuse(rw http.ResponseWriter, p *problem) {
	if p.noReset {
		for _, h := range []string{"limit", "remaining", "reset"} {
			rw.Header().Del("x-rate-limit-" + h)
		}
	}
	if p.html != "" {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		rw.WriteHeader(p.status)
		_, _ = io.WriteString(rw, p.html)
		return
	}
	rw.Header().Set("Content-Type", "application/problem+json")
	answer(rw, p.status, p.body)
}

func answer(rw http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"title":"Internal Server Error","status":500}`)
	}
	if rw.Header().Get("Content-Type") == "" {
		rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	rw.WriteHeader(status)
	_, _ = rw.Write(b)
}

// fieldParameters are those that every endpoint which returns posts takes.
var fieldParameters = []string{"expansions", "tweet.fields", "media.fields", "poll.fields", "place.fields", "user.fields"}

// fields reads the field parameters and refuses all parameters that are not taken.
func fields(q url.Values, taken []string, bad *invalid) *wanted {
	taken = append(slices.Clone(taken), fieldParameters...)
	for _, name := range sortedKeys(q) {
		if !slices.Contains(taken, name) {
			bad.add(fmt.Sprintf("The query parameter [%s] is not one of [%s]", name, strings.Join(taken, ",")), map[string][]string{name: q[name]})
		}
	}
	known := map[string][]string{"expansions": expansions, "tweet.fields": tweetFields, "media.fields": mediaFields, "poll.fields": pollFields,
		"place.fields": placeFields, "user.fields": userFields}
	for _, name := range fieldParameters {
		for _, v := range list(q, name) {
			if !slices.Contains(known[name], v) {
				bad.add(fmt.Sprintf("The `%s` query parameter value [%s] is not one of [%s]", name, v, strings.Join(known[name], ",")), map[string][]string{name: {q.Get(name)}})
				break
			}
		}
	}
	return &wanted{tweet: list(q, "tweet.fields"), user: list(q, "user.fields"), expansions: list(q, "expansions")}
}

func sortedKeys(q url.Values) []string {
	var keys []string
	for k := range q {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}

package x

import (
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/query"
)

// searchWeek is how far back recent search goes.
const searchWeek = 7 * 24 * time.Hour

// search is one request to recent search.
type search struct {
	query *query.Query
	// since and until bound ids, both excluded.
	since, until uint64
	most         int
}

var searchParameters = []string{"query", "start_time", "end_time", "since_id", "until_id", "max_results", "next_token", "pagination_token", "sort_order"}

// search is GET /2/tweets/search/recent: matching posts, the newest first.
func (n *Network) search(rw http.ResponseWriter, r *http.Request) *problem {
	q := r.URL.Query()
	var bad invalid
	w := fields(q, searchParameters, &bad)
	s := parseSearch(q, n.opts.Now(), &bad)
	if p := bad.problem(); p != nil {
		return p
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	found, more := n.matching(s)
	n.counts["searches"]++
	n.counts["posts_read"] += len(found)
	meta := map[string]any{"result_count": len(found)}
	body := map[string]any{"meta": meta}
	if len(found) > 0 {
		var data []map[string]any
		for _, v := range found {
			data = append(data, n.object(v, w))
		}
		body["data"] = data
		meta["newest_id"], meta["oldest_id"] = found[0].idString(), found[len(found)-1].idString()
		if inc := n.includes(found, w); inc != nil {
			body["includes"] = inc
		}
	}
	if more {
		meta["next_token"] = token(found[len(found)-1].id, q.Get("query"))
	}
	answer(rw, http.StatusOK, body)
	return nil
}

// parseSearch reads the parameters of a search; what is wrong is added to bad.
func parseSearch(q url.Values, now time.Time, bad *invalid) *search {
	s := &search{until: 1 << 63, most: 10}
	var err error
	if !q.Has("query") {
		bad.add("The `query` query parameter can not be empty", map[string][]string{"query": {""}})
	} else if s.query, err = query.Parse(q.Get("query")); err != nil {
		var se *query.SyntaxError
		errors.As(err, &se)
		bad.add(se.Error(), map[string][]string{"query": {q.Get("query")}})
	}
	if v := q.Get("max_results"); v != "" {
		if s.most, err = strconv.Atoi(v); err != nil || s.most < 10 || s.most > 100 {
			bad.add(fmt.Sprintf("The `max_results` query parameter value [%s] is not between 10 and 100", v), map[string][]string{"max_results": {v}})
		}
	}
	if v := q.Get("sort_order"); v != "" && v != "recency" && v != "relevancy" {
		bad.add(fmt.Sprintf("The `sort_order` query parameter value [%s] is not one of [recency,relevancy]", v), map[string][]string{"sort_order": {v}})
	}
	s.span(q, now, bad)
	next := q.Get("next_token") + q.Get("pagination_token")
	if next != "" {
		until, ok := readToken(next, q.Get("query"))
		if !ok {
			bad.add(fmt.Sprintf("Invalid 'next_token':'%s'. 'next_token' must be one that was returned for this query.", next), map[string][]string{"next_token": {next}})
		}
		s.until = min(s.until, until)
	}
	return s
}

// span reads since_id, until_id, start_time and end_time. X uses only since_id where both
// since_id and start_time are given.
func (s *search) span(q url.Values, now time.Time, bad *invalid) {
	oldest := now.Add(-searchWeek)
	s.since = idAt(oldest) - 1
	id := func(name string) (uint64, bool) {
		v := q.Get(name)
		if v == "" {
			return 0, false
		}
		n, err := strconv.ParseUint(v, 10, 63)
		if err != nil {
			bad.add(fmt.Sprintf("The `%s` query parameter value [%s] is not valid", name, v), map[string][]string{name: {v}})
			return 0, false
		}
		return n, true
	}
	stamp := func(name string) (time.Time, bool) {
		v := q.Get(name)
		if v == "" {
			return time.Time{}, false
		}
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			bad.add(fmt.Sprintf("Invalid use of '%s'. It must be in RFC3339 format: YYYY-MM-DDTHH:mm:ssZ", name), map[string][]string{name: {v}})
		}
		return t, err == nil
	}
	minute := oldest.UTC().Format("2006-01-02T15:04Z")
	since, hasSince := id("since_id")
	if hasSince {
		if timeOf(since).Before(oldest) {
			bad.add(fmt.Sprintf("'since_id' must be a tweet id created after [%s]. Please use a 'since_id' that is larger than %d", minute, s.since),
				map[string][]string{"since_id": q["since_id"]})
		}
		s.since = since
	}
	if until, ok := id("until_id"); ok {
		if timeOf(until).Before(oldest) {
			bad.add(fmt.Sprintf("'until_id' must be a tweet id created after [%s]", minute), map[string][]string{"until_id": q["until_id"]})
		}
		s.until = until
	}
	if start, ok := stamp("start_time"); ok && !hasSince {
		if start.Before(oldest.Truncate(time.Minute)) {
			bad.add(fmt.Sprintf("Invalid 'start_time':'%s'. 'start_time' must be on or after %s", q.Get("start_time"), minute), map[string][]string{"start_time": q["start_time"]})
		}
		s.since = max(s.since, idAt(start)-1)
	}
	if end, ok := stamp("end_time"); ok {
		if end.After(now.Add(-10 * time.Second)) {
			bad.add(fmt.Sprintf("Invalid 'end_time':'%s'. 'end_time' must be a minimum of 10 seconds prior to the request time.", q.Get("end_time")), map[string][]string{"end_time": q["end_time"]})
		}
		s.until = min(s.until, idAt(end))
	}
}

// matching returns the matching posts, newest first, and whether there are more; n.mu is held.
func (n *Network) matching(s *search) (found []*version, more bool) {
	now := n.opts.Now()
	hidden := time.Time{}
	if f, ok := n.opts.Faults.Hit(fault.XLate, "search"); ok {
		hidden = f.Until.Add(-time.Duration(f.Duration))
	}
	from, _ := slices.BinarySearchFunc(n.timeline, s.until, func(v version, id uint64) int {
		if v.id < id {
			return -1
		}
		return 1
	})
	for i := from - 1; i >= 0; i-- {
		v := &n.timeline[i]
		if v.id <= s.since {
			break
		}
		p := v.post
		late := !hidden.IsZero() && v.at.After(hidden) && hash(v.idString())%2 == 0
		if p.latest().id != v.id || !p.stands() || v.visible.After(now) || late || !s.query.Match(n.document(v)) {
			continue
		}
		if len(found) == s.most {
			return found, true
		}
		found = append(found, v)
	}
	return found, false
}

var tokens = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// token is the next_token behind a post for a query.
func token(id uint64, q string) string {
	return "b26v89c19z" + tokens.EncodeToString(fmt.Appendf(nil, "%d %s", id, q[:min(8, len(q))]))
}

func readToken(s, q string) (uint64, bool) {
	b, err := tokens.DecodeString(strings.TrimPrefix(s, "b26v89c19z"))
	if err != nil {
		return 0, false
	}
	id, of, ok := strings.Cut(string(b), " ")
	n, err := strconv.ParseUint(id, 10, 64)
	return n, ok && err == nil && of == q[:min(8, len(q))]
}

// maxLookup is how many posts one lookup may ask for.
const maxLookup = 100

// lookup is GET /2/tweets?ids= and GET /2/tweets/:id. An older version is shown as it was.
func (n *Network) lookup(rw http.ResponseWriter, r *http.Request) *problem {
	q := r.URL.Query()
	single := r.PathValue("id")
	parameter, taken, ids := "ids", []string{"ids"}, list(q, "ids")
	if single != "" {
		parameter, taken, ids = "id", nil, []string{single}
	}
	var bad invalid
	w := fields(q, taken, &bad)
	if len(ids) == 0 || len(ids) > maxLookup {
		bad.add(fmt.Sprintf("The number of values in the `ids` query parameter list [%d] is not between 1 and %d", len(ids), maxLookup), map[string][]string{"ids": q["ids"]})
	}
	for _, id := range ids {
		if len(id) > 19 || id == "" || strings.Trim(id, "0123456789") != "" {
			bad.add(fmt.Sprintf("The `%s` query parameter value [%s] is not valid", parameter, id), map[string][]string{parameter: {id}})
		}
	}
	if p := bad.problem(); p != nil {
		return p
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []*version
	var data, missing []map[string]any
	for _, id := range ids {
		p := n.byID[id]
		if p == nil || !p.stands() {
			missing = append(missing, map[string]any{"value": id, "detail": fmt.Sprintf("Could not find tweet with %s: [%s].", parameter, id), "title": "Not Found Error",
				"resource_type": "tweet", "parameter": parameter, "resource_id": id, "type": problems + "resource-not-found"})
			continue
		}
		i := slices.IndexFunc(p.versions, func(v version) bool { return v.idString() == id })
		found = append(found, &p.versions[i])
		data = append(data, n.object(&p.versions[i], w))
	}
	n.counts["lookups"]++
	n.counts["posts_read"] += len(found)
	body := map[string]any{}
	switch {
	case single != "" && len(data) == 1:
		body["data"] = data[0]
	case len(data) > 0:
		body["data"] = data
	}
	if len(missing) > 0 {
		body["errors"] = missing
	}
	if inc := n.includes(found, w); inc != nil {
		body["includes"] = inc
	}
	answer(rw, http.StatusOK, body)
	return nil
}

package x

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	twitter "github.com/g8rswimmer/go-twitter/v2"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

func TestShapes(t *testing.T) {
	w := newWorld(t)
	original := w.post(Draft{Text: "#Python tip: read https://docs.python.org/3/ says @guido"})
	w.post(Draft{Author: "guido", RetweetOf: original})
	w.post(Draft{Author: "guido", Text: "#Python see https://python.org, @maria_dev"})
	_, _, got := w.raw(http.MethodGet, "/2/tweets/search/recent?query=python&expansions=author_id,referenced_tweets.id&user.fields=verified&tweet.fields="+
		"created_at,author_id,lang,public_metrics,entities,referenced_tweets,conversation_id", "")
	shape(t, "search", official(t, "search"), got)
	_, _, got = w.raw(http.MethodGet, "/2/tweets/search/recent?query=python&tweep.fields=asdf", "")
	shape(t, "invalid", official(t, "invalid"), got)
	_, _, got = w.raw(http.MethodGet, "/2/tweets?ids=1", "")
	shape(t, "lookup_missing", official(t, "lookup_missing"), got)
	_, _, got = w.raw(http.MethodPost, "/2/tweets/search/stream/rules", `{"add":[{"value":"tostones recipe","tag":"food"}]}`)
	shape(t, "rules_added", official(t, "rules_added"), got)
}

func TestSearchPagesBackAndForward(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	var want []string
	for i := range 25 {
		want = append(want, w.post(Draft{Text: fmt.Sprintf("azure post %d", i)}))
		w.post(Draft{Text: "something else"})
	}
	slices.Reverse(want)
	var got []string
	opts := twitter.TweetRecentSearchOpts{MaxResults: 10, TweetFields: []twitter.TweetField{twitter.TweetFieldCreatedAt, "note_tweet", "edit_history_tweet_ids"},
		Expansions: []twitter.Expansion{twitter.ExpansionAuthorID}, SortOrder: twitter.TweetSearchSortOrderRecency}
	for {
		r, err := w.client.TweetRecentSearch(ctx, "azure lang:en -is:retweet", opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Raw.Tweets {
			got = append(got, p.ID)
		}
		if r.RateLimit == nil || r.RateLimit.Limit != 450 {
			t.Errorf("rate limit = %+v, want 450", r.RateLimit)
		}
		if opts.NextToken = r.Meta.NextToken; opts.NextToken == "" {
			break
		}
		w.post(Draft{Text: "azure, posted between two pages"})
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages = %v, want %v", got, want)
	}
	if got := w.ids("azure -between", "since_id", want[2]); !slices.Equal(got, want[:2]) {
		t.Errorf("since_id = %v, want %v", got, want[:2])
	}
	if got := w.ids("azure", "until_id", want[22]); !slices.Equal(got, want[23:]) {
		t.Errorf("until_id = %v, want %v", got, want[23:])
	}
	r, err := w.client.TweetRecentSearch(ctx, "nothing", twitter.TweetRecentSearchOpts{})
	if err != nil || r.Raw.Tweets != nil || r.Meta.NewestID != "" || r.Meta.ResultCount != 0 {
		t.Errorf("an empty page = %+v %v, want no data and no newest_id", r, err)
	}
	w.clock.add(time.Minute)
	at := w.clock.now().UTC().Format(time.RFC3339)
	w.clock.add(time.Minute)
	last := w.post(Draft{Text: "azure, late"})
	if got := w.ids("azure", "start_time", at); !slices.Equal(got, []string{last}) {
		t.Errorf("start_time = %v, want %s", got, last)
	}
	if got := w.ids("azure", "end_time", at, "since_id", want[1]); !slices.Contains(got, want[0]) || slices.Contains(got, last) {
		t.Errorf("end_time = %v, want what was before it", got)
	}
}

func TestRefusedParameters(t *testing.T) {
	w := newWorld(t)
	w.post(Draft{Text: "azure"})
	old := fmt.Sprint(idAt(w.clock.now().Add(-8 * 24 * time.Hour)))
	tests := []struct{ query, want string }{
		{"", "`query` query parameter can not be empty"},
		{"query=", "no viable alternative"},
		{"query=-azure", "at least one positive"},
		{"query=azure&colour=red", "The query parameter [colour] is not one of [query,"},
		{"query=azure&tweet.fields=id,mood", "The `tweet.fields` query parameter value [mood] is not one of"},
		{"query=azure&expansions=everything", "`expansions` query parameter value [everything]"},
		{"query=azure&max_results=9", "[9] is not between 10 and 100"},
		{"query=azure&max_results=101", "[101] is not between 10 and 100"},
		{"query=azure&since_id=abc", "`since_id` query parameter value [abc] is not valid"},
		{"query=azure&since_id=" + old, "'since_id' must be a tweet id created after"},
		{"query=azure&start_time=yesterday", "RFC3339"},
		{"query=azure&start_time=2020-01-01T00:00:00Z", "'start_time' must be on or after"},
		{"query=azure&end_time=2999-01-01T00:00:00Z", "minimum of 10 seconds prior"},
		{"query=azure&next_token=nonsense!", "Invalid 'next_token'"},
		{"query=azure&sort_order=random", "[recency,relevancy]"},
	}
	for _, tt := range tests {
		status, _, body := w.raw(http.MethodGet, "/2/tweets/search/recent?"+tt.query, "")
		if text := fmt.Sprint(body["errors"]); status != 400 || !strings.Contains(text, tt.want) || body["title"] != "Invalid Request" {
			t.Errorf("search?%s = %d %v, want 400 with %q", tt.query, status, body, tt.want)
		}
	}
	_, err := w.client.TweetRecentSearch(context.Background(), "azure", twitter.TweetRecentSearchOpts{SinceID: "1"})
	var er *twitter.ErrorResponse
	if !errors.As(err, &er) || er.StatusCode != http.StatusBadRequest || !strings.Contains(er.Errors[0].Message, "since_id") {
		t.Errorf("since_id=1 = %v, want an ErrorResponse about since_id", err)
	}
}

func TestTokenAndFaults(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	do := func() error {
		_, err := w.client.TweetRecentSearch(ctx, "azure", twitter.TweetRecentSearchOpts{})
		return err
	}
	status := func(err error) int {
		var er *twitter.ErrorResponse
		var he *twitter.HTTPError
		switch {
		case errors.As(err, &er):
			return er.StatusCode
		case errors.As(err, &he):
			return he.StatusCode
		}
		return 200
	}
	w.client.Authorizer = bearer("wrong")
	if err := do(); status(err) != 401 {
		t.Errorf("wrong token = %v, want 401", err)
	}
	w.client.Authorizer = bearer("token")
	w.start(fault.Fault{Kind: fault.Revoke, Target: "x"})
	if err := do(); status(err) != 401 {
		t.Errorf("revoked = %v, want 401", err)
	}
	w.start(fault.Fault{Kind: fault.Restore})
	w.start(fault.Fault{Kind: fault.X503})
	if err := do(); status(err) != 503 {
		t.Errorf("x503 = %v, want 503", err)
	}
	w.start(fault.Fault{Kind: fault.XCap})
	err := do()
	if _, ok := twitter.RateLimitFromError(err); status(err) != 429 || ok || !strings.Contains(err.Error(), "UsageCapExceeded") {
		t.Errorf("x_cap = %v, want a 429 without a reset", err)
	}
	w.start(fault.Fault{Kind: fault.X429})
	err = do()
	rl, ok := twitter.RateLimitFromError(err)
	if status(err) != 429 || !ok || rl.Remaining != 0 || rl.Reset.Time().Before(w.clock.now()) {
		t.Errorf("x429 = %v %+v, want a 429 with a reset to come", err, rl)
	}
	w.clock.add(3 * time.Second)
	if err := do(); err != nil {
		t.Errorf("after the reset = %v, want nil", err)
	}
}

func TestRateLimit(t *testing.T) {
	w := newWorld(t)
	for i := range 451 {
		status, h, _ := w.raw(http.MethodGet, "/2/tweets/search/recent?query=azure", "")
		if want := map[bool]int{true: 429, false: 200}[i == 450]; status != want {
			t.Fatalf("call %d = %d, want %d", i+1, status, want)
		}
		if h.Get("x-rate-limit-remaining") != fmt.Sprint(max(0, 449-i)) {
			t.Fatalf("call %d: remaining = %s, want %d", i+1, h.Get("x-rate-limit-remaining"), 449-i)
		}
	}
	w.clock.add(15 * time.Minute)
	if status, _, _ := w.raw(http.MethodGet, "/2/tweets/search/recent?query=azure", ""); status != 200 {
		t.Errorf("after 15 minutes = %d, want 200", status)
	}
}

func TestEditsAreNewIDs(t *testing.T) {
	w := newWorld(t)
	first := w.post(Draft{Text: "azure is down"})
	retweet := w.post(Draft{Author: "eve", RetweetOf: first})
	w.clock.add(time.Minute)
	second, err := w.Edit(first, "azure is up")
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ids("azure -is:retweet"); !slices.Equal(got, []string{second}) {
		t.Errorf("search = %v, want only the new version %s", got, second)
	}
	_, _, body := w.raw(http.MethodGet, "/2/tweets?ids="+first+","+second, "")
	data := body["data"].([]any)
	for i, want := range []string{"azure is down", "azure is up"} {
		d := data[i].(map[string]any)
		if d["text"] != want || fmt.Sprint(d["edit_history_tweet_ids"]) != fmt.Sprint([]string{first, second}) {
			t.Errorf("lookup of version %d = %v, want %q with both ids", i+1, d, want)
		}
	}
	if got := w.ids("RT is:retweet"); !slices.Equal(got, []string{retweet}) {
		t.Errorf("retweets = %v, want %s", got, retweet)
	}
	if err := w.Delete(second); err != nil {
		t.Fatal(err)
	}
	if got := w.ids("azure"); got != nil {
		t.Errorf("after deletion search = %v, want nothing, the retweet neither", got)
	}
	_, _, body = w.raw(http.MethodGet, "/2/tweets/"+first, "")
	if body["data"] != nil || body["errors"] == nil {
		t.Errorf("lookup of a deleted post = %v, want errors alone", body)
	}
	said := w.Said()
	if len(said) != 2 || !said[0].Deleted || len(said[0].Revisions) != 3 || !said[1].Deleted || said[1].RetweetOf != first {
		t.Errorf("Said() = %+v, want the post with 3 revisions and the retweet, both deleted", said)
	}
	if _, err := w.Edit(first, "x"); !NotFound(err) {
		t.Errorf("edit of a deleted post = %v, want not found", err)
	}
}

func TestObjects(t *testing.T) {
	w := newWorld(t)
	long := "azure " + strings.Repeat("very long <and> winding ", 20)
	w.post(Draft{Text: long})
	_, _, body := w.raw(http.MethodGet, "/2/tweets/search/recent?query=azure&tweet.fields=note_tweet", "")
	d := body["data"].([]any)[0].(map[string]any)
	note := d["note_tweet"].(map[string]any)["text"].(string)
	if !strings.HasPrefix(note, "azure very long &lt;and&gt;") || len([]rune(d["text"].(string))) > 400 || !strings.Contains(d["text"].(string), "… https://t.co/") {
		t.Errorf("long post = %v, want a cut text and the whole in note_tweet, escaped", d)
	}
	if d["lang"] != nil {
		t.Errorf("lang = %v, want it absent: it was not asked for", d["lang"])
	}
	question := w.post(Draft{Text: "how do I #gcp"})
	w.post(Draft{Author: "bob", Text: "@maria_dev like this", ReplyTo: question})
	_, _, body = w.raw(http.MethodGet, "/2/tweets/search/recent?"+url.Values{"query": {"to:maria_dev is:reply"},
		"tweet.fields": {"in_reply_to_user_id,referenced_tweets,conversation_id"}, "expansions": {"referenced_tweets.id.author_id"}}.Encode(), "")
	d = body["data"].([]any)[0].(map[string]any)
	ref := d["referenced_tweets"].([]any)[0].(map[string]any)
	if d["conversation_id"] != question || ref["type"] != "replied_to" || ref["id"] != question || body["includes"].(map[string]any)["users"] == nil {
		t.Errorf("reply = %v, want it to refer to %s", body, question)
	}
	if got := w.ids("conversation_id:" + question); len(got) != 2 {
		t.Errorf("conversation = %v, want 2", got)
	}
}

func TestPostsAppearLateAndOutOfOrder(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.IndexDelay = time.Second })
	for i := range 50 {
		w.post(Draft{Text: fmt.Sprint("azure ", i)})
	}
	w.clock.add(500 * time.Millisecond)
	if n := len(w.ids("azure")); n == 0 || n == 50 {
		t.Errorf("after half the delay %d of 50 are found, want some", n)
	}
	w.clock.add(time.Second)
	if n := len(w.ids("azure")); n != 50 {
		t.Errorf("after the delay %d are found, want 50", n)
	}
}

func TestPostsOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, func(o *Options) { o.DataDir = dir })
	first := w.post(Draft{Text: "azure one"})
	if _, err := w.Edit(first, "azure two"); err != nil {
		t.Fatal(err)
	}
	w.raw(http.MethodPost, "/2/tweets/search/stream/rules", `{"add":[{"value":"azure","tag":"t"}]}`)
	if err := w.log.Close(); err != nil {
		t.Fatal(err)
	}
	again := newWorld(t, func(o *Options) { o.DataDir = dir; o.Now = func() time.Time { return time.Unix(1_700_000_000, 0) } })
	if s := again.Said(); len(s) != 1 || s[0].FinalText != "azure two" || s[0].ID != first || s[0].Author != "maria_dev" {
		t.Errorf("Said() = %+v, want the edited post", s)
	}
	if n := again.Counts()["rules"]; n != 1 {
		t.Errorf("rules = %d, want 1: X keeps them", n)
	}
	if id := again.post(Draft{Text: "later"}); id <= first {
		t.Errorf("id with a clock that runs behind = %s, want one above %s", id, first)
	}
}

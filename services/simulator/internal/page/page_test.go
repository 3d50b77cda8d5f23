package page

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/control"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/slack"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/x"
)

func TestMrkdwn(t *testing.T) {
	p := &renderer{names: map[string]string{"U1": "Aiko", "C1": "feedback"}}
	for in, want := range map[string]string{
		"*bold* _it_ ~no~ `c<o>de`":          "<b>bold</b> <i>it</i> <s>no</s> <code>c&lt;o&gt;de</code>",
		"a_b_c 2*3*4":                        "a_b_c 2*3*4",
		"hi <@U1> in <#C1|feedback>":         "hi <span class=mention>@Aiko</span> in <span class=mention>#feedback</span>",
		"<!channel> look":                    "<span class=\"mention loud\">@channel</span> look",
		"<https://a.com/?x=1&amp;y=2|link>":  `<a href="https://a.com/?x=1&amp;y=2" rel="noreferrer noopener">link</a>`,
		"<javascript:alert(1)|x>":            "&lt;javascript:alert(1)|x&gt;",
		"<script>alert(1)</script>":          "&lt;script&gt;alert(1)&lt;/script&gt;",
		"&lt;b&gt; &amp; more":               "&lt;b&gt; &amp; more",
		"&gt; quoted\nnot":                   "<span class=quote>quoted</span><br>not",
		"```\ncode *not bold*\n```":          "<pre>code *not bold*</pre>",
		"\"quotes\" 'too' :warning:":         "&#34;quotes&#34; &#39;too&#39; ⚠️",
		"\ue000\ue001\ue002 no placeholders": " no placeholders",
		`<https://a.com/"onclick="x|a>`:      `<a href="https://a.com/%22onclick=%22x" rel="noreferrer noopener">a</a>`,
	} {
		if got := string(p.mrkdwn(in)); got != want {
			t.Errorf("mrkdwn(%q)\n got %s\nwant %s", in, got, want)
		}
	}
}

func FuzzMrkdwn(f *testing.F) {
	f.Add("*a* <b|c> `d` \ue000\ue001\ue002 &lt;script&gt; <https://a\"b|<i>>")
	p := &renderer{}
	f.Fuzz(func(t *testing.T, s string) {
		out := string(p.mrkdwn(s))
		for _, tag := range []string{"<b>", "</b>", "<i>", "</i>", "<s>", "</s>", "<br>", "<code>", "</code>", "<pre>", "</pre>", "<span class=mention>", "<span class=quote>",
			`<span class="mention loud">`, "</span>", `<a href="http`, "</a>", `noopener">`} {
			out = strings.ReplaceAll(out, tag, "")
		}
		if strings.ContainsAny(out, "<") {
			t.Errorf("mrkdwn(%q) lets a tag through: %s", s, out)
		}
	})
}

func TestPage(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	f := fault.New(time.Now)
	w, err := slack.Open(slack.Options{Channels: []string{"feedback", "negative-feedback", "private:secret"}, BotToken: "xoxb-1", Faults: f, Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	n, err := x.Open(x.Options{Faults: f, Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	Register(mux, w, n, func() control.Status { return control.Status{Sent: 3, Posts: map[string]int{"x": 1}} })
	mux.Handle("/api/", w.Handler())
	s := httptest.NewServer(mux)
	t.Cleanup(func() { s.Close(); _ = w.Close(); _ = n.Close() })
	get := func(path string) (string, *http.Response) {
		t.Helper()
		resp, err := s.Client().Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b), resp
	}
	channel, ts, err := w.Post(slack.Draft{Channel: "feedback", User: "<img src=x>", Text: "<script>alert(1)</script> *azure*"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Post(slack.Draft{Channel: "feedback", User: "aiko", Text: "a reply", ThreadTS: ts}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Post(x.Draft{Author: "eve", Text: "<b>azure</b>"}); err != nil {
		t.Fatal(err)
	}
	blocks := `[{"type":"header","text":{"type":"plain_text","text":"Very <negative>"}},{"type":"section","text":{"type":"mrkdwn","text":"*so bad*"},"fields":[{"type":"mrkdwn","text":"*Score*"}]},` +
		`{"type":"context","elements":[{"type":"mrkdwn","text":"by _Aiko_"}]},{"type":"divider"},{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Open"}}]}]`
	resp, err := s.Client().PostForm(s.URL+"/api/chat.postMessage", map[string][]string{"token": {"xoxb-1"}, "channel": {"negative-feedback"}, "text": {"fallback"}, "blocks": {blocks}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()

	body, resp := get("/")
	for _, want := range []string{"<h3>Very &lt;negative&gt;</h3>", "<b>so bad</b>", "by <i>Aiko</i>", "<hr>", "class=button>Open", "🔒 secret", `class="m own"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of negative-feedback lacks %s", want)
		}
	}
	for _, want := range []string{`<form id="say">`, `<option value="` + channel + `" selected>#feedback</option>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s: nobody can say something", want)
		}
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy = %q, want nothing from elsewhere", csp)
	}
	body, _ = get("/?channel=feedback&part=1")
	if strings.Contains(body, "<script>") || strings.Contains(body, "<img") || !strings.Contains(body, "<b>azure</b>") || !strings.Contains(body, `class="replies"`) {
		t.Errorf("the page of feedback = %s, want everything escaped, bold rendered and the reply in its thread", body)
	}
	if body, _ = get("/?x=1"); strings.Contains(body, "<b>azure</b>") || !strings.Contains(body, "&lt;b&gt;azure&lt;/b&gt;") {
		t.Error("a post on X is not shown as it was typed")
	}
	if body, resp = get("/archives/" + channel + "/p" + strings.ReplaceAll(ts, ".", "")); resp.StatusCode != http.StatusOK || !strings.Contains(body, `id="p`+strings.ReplaceAll(ts, ".", "")) {
		t.Errorf("a permalink = %d, want the page with the message", resp.StatusCode)
	}
	if _, resp = get("/archives/C0NONE/p1"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a permalink to nowhere = %d, want 404", resp.StatusCode)
	}
}

// Package page shows the simulated Slack channels and X to a person in a browser. Nothing
// that anybody wrote gets onto the page unescaped, and the page needs nothing from elsewhere.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/control"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/slack"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/x"
)

//go:embed page.html
var source string

var layout = template.Must(template.New("page").Parse(source))

// most is how many roots of threads, or posts, are shown.
const most = 80

// view is what the page shows.
type view struct {
	Channels []channel
	Channel  string
	// TalkIn is the channel in which a person's message is said unless another is chosen.
	TalkIn   string
	OnX      bool
	Messages []message
	Posts    []x.Standing
	Status   control.Status
}

type channel struct {
	slack.Info
	Count int
	Here  bool
}

type message struct {
	slack.Standing
	Body    template.HTML
	When    string
	Initial string
	Own     bool
	Replies []message
}

// Anchor is the message's name on the page.
func (m message) Anchor() string { return "p" + strings.ReplaceAll(m.TS, ".", "") }

// Register serves the page at / and the permalinks of messages.
func Register(mux *http.ServeMux, w *slack.Workspace, n *x.Network, status func() control.Status) {
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		v := build(w, n, r.URL.Query().Get("channel"), r.URL.Query().Has("x"))
		v.Status = status()
		name := "page"
		if r.URL.Query().Has("part") {
			name = "content"
		}
		h := rw.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		if err := layout.ExecuteTemplate(rw, name, v); err != nil {
			fmt.Fprintf(rw, "<p>could not show the page</p>")
		}
	})
	mux.HandleFunc("GET /archives/{channel}/{message}", func(rw http.ResponseWriter, r *http.Request) {
		for _, c := range w.Channels() {
			if c.ID == r.PathValue("channel") {
				http.Redirect(rw, r, "/?channel="+c.Name+"#"+r.PathValue("message"), http.StatusFound)
				return
			}
		}
		http.NotFound(rw, r)
	})
}

func build(w *slack.Workspace, n *x.Network, wanted string, onX bool) view {
	v := view{OnX: onX, Channel: wanted}
	all := w.Channels()
	if !slices.ContainsFunc(all, func(c slack.Info) bool { return c.Name == wanted }) && len(all) > 0 {
		v.Channel = all[0].Name
		if slices.ContainsFunc(all, func(c slack.Info) bool { return c.Name == "negative-feedback" }) {
			v.Channel = "negative-feedback"
		}
	}
	v.TalkIn = v.Channel
	if slices.ContainsFunc(all, func(c slack.Info) bool { return c.Name == "feedback" }) {
		v.TalkIn = "feedback"
	}
	for _, c := range all {
		standing, _ := w.Standing(c.ID, false)
		here := c.Name == v.Channel && !onX
		v.Channels = append(v.Channels, channel{Info: c, Count: len(standing), Here: here})
		if here {
			v.Messages = thread(standing, &renderer{names: w.Names()})
		}
	}
	if onX {
		v.Posts = n.Standing(most)
	}
	return v
}

// thread puts replies under their roots and the newest root first.
func thread(standing []slack.Standing, p *renderer) []message {
	var roots []message
	at := map[string]int{}
	for _, s := range standing {
		m := message{Standing: s, Body: p.message(s.Text, s.Blocks), When: clock(s.TS), Own: s.BotID == slack.BotID, Initial: initial(s.Author)}
		if i, ok := at[s.ThreadTS]; ok && s.ThreadTS != s.TS {
			roots[i].Replies = append(roots[i].Replies, m)
			continue
		}
		at[s.TS] = len(roots)
		roots = append(roots, m)
	}
	slices.Reverse(roots)
	return roots[:min(most, len(roots))]
}

func clock(ts string) string {
	secs, _, _ := strings.Cut(ts, ".")
	n, err := strconv.ParseInt(secs, 10, 64)
	if err != nil {
		return ts
	}
	return time.Unix(n, 0).Format("15:04:05")
}

func initial(name string) string {
	for _, r := range name {
		return strings.ToUpper(string(r))
	}
	return "?"
}

package slack

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

// failure is an answer with ok false: Slack's error and what comes with it.
type failure struct {
	Error    string
	Needed   string   // the scopes that would be needed
	Messages []string // response_metadata.messages
	Errors   []string
	// RetryAfter makes it a 429.
	RetryAfter time.Duration
}

func fail(code string) *failure { return &failure{Error: code} }

func invalid(messages ...string) *failure {
	return &failure{Error: "invalid_arguments", Messages: messages}
}

// call is one request to a method.
type call struct {
	w    *Workspace
	args url.Values
	base string // address of this server as the client sees it, with a trailing slash
	ws   string
	// person: the token is a person's.
	person bool
}

// method is one method of the Web API.
type method struct {
	args     []string // taken besides token
	required []string
	// scopes: one of them is needed. Empty: any token does.
	scopes []string
	// perMinute is the limit of calls; 0 means none.
	perMinute int
	appToken  bool
	// person: a person's token does as well.
	person bool
	do     func(c *call) (map[string]any, *failure)
}

func methods() map[string]method {
	read := []string{"channels:read", "groups:read"}
	history := []string{"channels:history", "groups:history"}
	window := []string{"channel", "cursor", "inclusive", "latest", "limit", "oldest", "include_all_metadata"}
	post := []string{"channel", "text", "blocks", "attachments", "metadata", "thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media",
		"mrkdwn", "parse", "link_names", "username", "icon_url", "icon_emoji", "as_user", "markdown_text"}
	return map[string]method{
		"auth.test":             {person: true, do: (*call).authTest},
		"api.test":              {do: func(*call) (map[string]any, *failure) { return map[string]any{}, nil }},
		"apps.connections.open": {appToken: true, do: (*call).openConnection, perMinute: 20},
		"conversations.list":    {person: true, args: []string{"cursor", "exclude_archived", "limit", "types", "team_id"}, scopes: read, perMinute: 20, do: (*call).list},
		"conversations.info":    {person: true, args: []string{"channel", "include_locale", "include_num_members"}, required: []string{"channel"}, scopes: read, perMinute: 50, do: (*call).info},
		"conversations.join":    {args: []string{"channel"}, required: []string{"channel"}, scopes: []string{"channels:join"}, perMinute: 50, do: (*call).join},
		"conversations.history": {args: window, required: []string{"channel"}, scopes: history, perMinute: 50, do: (*call).history},
		"conversations.replies": {args: append(slices.Clone(window), "ts"), required: []string{"channel", "ts"}, scopes: history, perMinute: 50, do: (*call).replies},
		"users.info":            {args: []string{"user", "include_locale"}, required: []string{"user"}, scopes: []string{"users:read"}, perMinute: 100, do: (*call).userInfo},
		"bots.info":             {args: []string{"bot", "team_id"}, scopes: []string{"users:read"}, perMinute: 100, do: (*call).botInfo},
		"chat.postMessage":      {person: true, args: post, required: []string{"channel"}, scopes: []string{"chat:write"}, do: (*call).postMessage},
		"chat.update": {args: append(slices.Clone(post), "ts", "file_ids"), required: []string{"channel", "ts"},
			scopes: []string{"chat:write"}, perMinute: 50, do: (*call).update},
		"chat.delete":       {args: []string{"channel", "ts", "as_user"}, required: []string{"channel", "ts"}, scopes: []string{"chat:write"}, perMinute: 50, do: (*call).delete},
		"chat.getPermalink": {args: []string{"channel", "message_ts"}, required: []string{"channel", "message_ts"}, do: (*call).permalink},
	}
}

// Handler serves the Web API below /api/.
func (w *Workspace) Handler() http.Handler {
	all := methods()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/api/")
		m, ok := all[name]
		if !ok {
			w.answer(rw, nil, fail("unknown_method"))
			return
		}
		if w.misbehave(rw, r, name) {
			return
		}
		args, token, f := arguments(r)
		if f == nil {
			f = w.authorize(m, name, token)
		}
		if f == nil {
			f = check(m, args)
		}
		var body map[string]any
		if f == nil {
			scheme := map[bool]string{false: "http", true: "https"}[r.TLS != nil]
			body, f = m.do(&call{w: w, args: args, base: scheme + "://" + r.Host + "/", ws: "ws" + strings.TrimPrefix(scheme, "http") + "://" + r.Host,
				person: w.isPerson(token)})
		}
		if f == nil {
			if _, lost := w.opts.Faults.Hit(fault.LostAnswer, name); lost {
				panic(http.ErrAbortHandler) // the deed is done; the connection ends without an answer
			}
		}
		w.answer(rw, body, f)
	})
}

// misbehave answers in place of the method where a fault wants that.
func (w *Workspace) misbehave(rw http.ResponseWriter, r *http.Request, name string) bool {
	faults := w.opts.Faults
	if f, ok := faults.Hit(fault.Slow, name); ok {
		select {
		case <-time.After(time.Duration(f.Delay)):
		case <-r.Context().Done():
			return true
		}
	}
	if _, ok := faults.Hit(fault.Slack5xx, name); ok {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		rw.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(rw, "<!DOCTYPE html><html><body><h1>Service Unavailable</h1></body></html>")
		return true
	}
	if _, ok := faults.Hit(fault.Slack429, name); ok {
		w.answer(rw, nil, &failure{Error: "ratelimited", RetryAfter: time.Second})
		return true
	}
	return false
}

// arguments reads what was given as a form, as JSON or in the URL, and the token.
func arguments(r *http.Request) (url.Values, string, *failure) {
	args := r.URL.Query()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		b, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		if err != nil {
			return nil, "", fail("invalid_json")
		}
		if trimmed := strings.TrimSpace(string(b)); trimmed != "" && trimmed != "null" {
			var body map[string]json.RawMessage
			if json.Unmarshal(b, &body) != nil {
				return nil, "", fail("json_not_object")
			}
			for k, v := range body {
				var s string
				if json.Unmarshal(v, &s) != nil {
					s = string(v)
				}
				args.Set(k, s)
			}
		}
	} else {
		r.Body = http.MaxBytesReader(nil, r.Body, 4<<20)
		if err := r.ParseMultipartForm(4 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
			return nil, "", fail("invalid_form_data")
		}
		maps.Copy(args, r.PostForm)
	}
	token := args.Get("token")
	args.Del("token")
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && token == "" {
		token = bearer
	}
	return args, token, nil
}

// authorize checks the token, its scopes and the limit of calls.
func (w *Workspace) authorize(m method, name, token string) *failure {
	bot, taken := w.tokens.bot(token)
	which, right := "bot", bot
	if m.appToken {
		which, right = "app", token == w.opts.AppToken
	}
	if m.person && w.isPerson(token) {
		which, right = "user", true
	}
	switch {
	case token == "":
		return fail("not_authed")
	case !right && (bot || token == w.opts.AppToken || w.isPerson(token)):
		return fail("not_allowed_token_type")
	case !right:
		return fail("invalid_auth")
	case which == "bot" && !taken:
		return fail("token_revoked")
	}
	if _, revoked := w.opts.Faults.Hit(fault.Revoke, which); revoked {
		return fail("token_revoked")
	}
	if len(m.scopes) > 0 && !slices.ContainsFunc(m.scopes, w.granted) {
		return w.missing(m.scopes[0])
	}
	if m.perMinute > 0 {
		if wait := w.limits.method(name, m.perMinute); wait > 0 {
			return w.limited(wait)
		}
	}
	return nil
}

// isPerson tells whether the token is a person's and not the app's.
func (w *Workspace) isPerson(token string) bool {
	return w.opts.UserToken != "" && token == w.opts.UserToken
}

func (w *Workspace) granted(scope string) bool {
	_, taken := w.opts.Faults.Hit(fault.MissingScope, scope)
	return !taken && slices.Contains(w.opts.Scopes, scope)
}

// scopes lists what is granted now.
func (w *Workspace) scopes() string {
	granted := slices.DeleteFunc(slices.Clone(w.opts.Scopes), func(s string) bool {
		_, taken := w.opts.Faults.Active(fault.MissingScope, s)
		return taken
	})
	return strings.Join(granted, ",")
}

func (w *Workspace) missing(scope string) *failure {
	return &failure{Error: "missing_scope", Needed: scope}
}

func (w *Workspace) limited(wait time.Duration) *failure {
	w.delivery.mu.Lock()
	w.delivery.stats["refused_429"]++
	w.delivery.mu.Unlock()
	return &failure{Error: "ratelimited", RetryAfter: wait}
}

// check refuses unknown, missing and malformed arguments.
func check(m method, args url.Values) *failure {
	var problems []string
	for _, k := range slices.Sorted(maps.Keys(args)) {
		if !slices.Contains(m.args, k) {
			problems = append(problems, "[ERROR] unknown argument: "+k)
		}
	}
	for _, k := range m.required {
		if args.Get(k) == "" {
			problems = append(problems, "[ERROR] missing required field: "+k)
		}
	}
	if v := args.Get("limit"); v != "" {
		if n, err := strconv.Atoi(v); err != nil || n < 0 {
			return &failure{Error: "invalid_limit"}
		}
	}
	if len(problems) > 0 {
		return invalid(problems...)
	}
	return nil
}

func (w *Workspace) answer(rw http.ResponseWriter, body map[string]any, f *failure) {
	h := rw.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-OAuth-Scopes", w.scopes())
	h.Set("X-Slack-Req-Id", makeID("", strconv.FormatInt(w.opts.Now().UnixNano(), 10)))
	if f == nil {
		body["ok"] = true
	} else {
		body = map[string]any{"ok": false, "error": f.Error}
		if f.Needed != "" {
			body["needed"], body["provided"] = f.Needed, w.scopes()
			h.Set("X-Accepted-OAuth-Scopes", f.Needed)
		}
		if len(f.Messages) > 0 {
			body["response_metadata"] = map[string]any{"messages": f.Messages}
		}
		if len(f.Errors) > 0 {
			body["errors"] = f.Errors
		}
		if f.RetryAfter > 0 {
			h.Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
			rw.WriteHeader(http.StatusTooManyRequests)
		}
	}
	_, _ = rw.Write(must(json.Marshal(body)))
}

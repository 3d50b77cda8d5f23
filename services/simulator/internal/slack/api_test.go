package slack

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

func TestShapes(t *testing.T) {
	w := newWorld(t)
	root := w.say(Draft{Text: "island"})
	w.say(Draft{Text: "one island", ThreadTS: root})
	w.say(Draft{Text: "another"})
	channel := "channel=" + w.id("feedback")
	for method, body := range map[string]string{
		"auth.test":             "",
		"conversations.history": channel + "&limit=2",
		"conversations.replies": channel + "&ts=" + root,
		"conversations.info":    channel + "&include_num_members=true",
		"chat.postMessage":      "channel=%23negative&text=hi",
		"users.info":            "user=" + makeID("U", "jonas"),
	} {
		if method == "conversations.history" {
			w.say(Draft{Text: "a third, so that there is a next page"})
		}
		_, got, _ := w.raw(method, body)
		shape(t, method, official(t, method), got)
	}
	w.start(fault.Fault{Kind: fault.MissingScope, Target: "channels:history"})
	w.start(fault.Fault{Kind: fault.MissingScope, Target: "groups:history"})
	_, got, _ := w.raw("conversations.history", channel)
	shape(t, "missing_scope", official(t, "missing_scope"), got)
}

func TestHistory(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	feedback := w.id("feedback")
	var all []string
	for _, s := range []string{"one", "two <b> & @maria.santos see https://azure.com/x.", "three", "four", "five"} {
		all = append(all, w.say(Draft{Text: s}))
	}
	reply := w.say(Draft{Text: "a reply", ThreadTS: all[2], User: "aiko"})
	if err := w.Edit("feedback", all[0], "one, edited"); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete("feedback", all[3]); err != nil {
		t.Fatal(err)
	}
	own := w.post(feedback, slack.MsgOptionText("a card", false), slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "feedback_card", EventPayload: map[string]any{"event_id": "x:1"}}))

	get := func(p slack.GetConversationHistoryParameters) ([]slack.Message, string) {
		t.Helper()
		p.ChannelID = feedback
		h, err := w.api.GetConversationHistoryContext(ctx, &p)
		if err != nil {
			t.Fatal(err)
		}
		return h.Messages, h.ResponseMetaData.NextCursor
	}
	var paged []slack.Message
	for cursor := ""; ; {
		page, next := get(slack.GetConversationHistoryParameters{Limit: 2, Cursor: cursor, IncludeAllMetadata: true})
		paged = append(paged, page...)
		if cursor = next; cursor == "" {
			break
		}
	}
	want := []string{own, all[4], all[2], all[1], all[0]}
	if got := stamps(paged); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("history in pages of 2 = %v, want %v (newest first, without the deleted one and the reply)", got, want)
	}
	if m := paged[0]; m.Metadata.EventType != "feedback_card" || m.Metadata.EventPayload["event_id"] != "x:1" || m.BotID != BotID {
		t.Errorf("own post = %+v, want its metadata and bot id", m.Msg)
	}
	if m := paged[2]; m.ReplyCount != 1 || m.LatestReply != reply || m.ThreadTimestamp != m.Timestamp {
		t.Errorf("root = %+v, want one reply, the latest at %s", m.Msg, reply)
	}
	if got, want := paged[3].Text, "two &lt;b&gt; &amp; <@"+makeID("U", "maria.santos")+"> see <https://azure.com/x>."; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
	if m := paged[4]; m.Text != "one, edited" || m.Edited == nil || m.Edited.Timestamp <= all[4] {
		t.Errorf("edited = %+v, want the new text, edited after all posts", m.Msg)
	}
	if plain, _ := get(slack.GetConversationHistoryParameters{Limit: 1}); plain[0].Metadata.EventType != "" {
		t.Errorf("without include_all_metadata metadata = %+v, want none", plain[0].Metadata)
	}
	window, _ := get(slack.GetConversationHistoryParameters{Oldest: all[1], Latest: all[4]})
	if got := stamps(window); len(got) != 1 || got[0] != all[2] {
		t.Errorf("between 2 and 5 = %v, want only %s", got, all[2])
	}
	window, _ = get(slack.GetConversationHistoryParameters{Oldest: all[1], Latest: all[4], Inclusive: true})
	if got := stamps(window); len(got) != 3 {
		t.Errorf("between 2 and 5 inclusive = %v, want 3", got)
	}
	thread, more, _, err := w.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: feedback, Timestamp: all[2]})
	if err != nil || more || len(thread) != 2 || thread[1].Timestamp != reply || thread[1].ParentUserId == "" {
		t.Errorf("replies = %+v %v %v, want root and reply", thread, more, err)
	}
}

func stamps(ms []slack.Message) []string {
	var out []string
	for _, m := range ms {
		out = append(out, m.Timestamp)
	}
	return out
}

func TestTombstone(t *testing.T) {
	w := newWorld(t)
	root := w.say(Draft{Text: "root"})
	reply := w.say(Draft{Text: "reply", ThreadTS: root})
	if err := w.Delete("feedback", root); err != nil {
		t.Fatal(err)
	}
	_, got, _ := w.raw("conversations.history", "channel="+w.id("feedback"))
	m := got["messages"].([]any)[0].(map[string]any)
	if m["subtype"] != "tombstone" || m["text"] != "This message was deleted." || m["ts"] != root || m["latest_reply"] != reply {
		t.Errorf("root = %v, want a tombstone with its reply", m)
	}
	if s := w.Said(); !s[0].Deleted || s[1].Deleted {
		t.Errorf("Said() = %+v, want the root deleted and the reply not", s)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Scopes = []string{"chat:write", "channels:history", "channels:read", "channels:join", "users:read"}
	})
	yes := true
	if _, err := w.SetChannel(ChannelChange{Name: "old", Archived: &yes, Member: &yes}); err != nil {
		t.Fatal(err)
	}
	theirs := w.say(Draft{Text: "theirs"})
	channel := func(name string) string { return "channel=" + w.id(name) }
	sections := strings.Repeat(`{"type":"divider"},`, 51)
	long := url.QueryEscape(`[{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("x", 3001) + `"}}]`)
	meta := url.QueryEscape(`{"event_type":"a","event_payload":{"k":"` + strings.Repeat("x", 9000) + `"}}`)
	tests := []struct{ method, body, want string }{
		{"auth.nonsense", "", "unknown_method"},
		{"chat.postMessage", channel("feedback") + "&text=a&colour=red", "invalid_arguments"},
		{"chat.postMessage", "text=a", "invalid_arguments"},
		{"chat.postMessage", "channel=C0NOTHERE&text=a", "channel_not_found"},
		{"chat.postMessage", channel("random") + "&text=a", "not_in_channel"},
		{"chat.postMessage", channel("old") + "&text=a", "is_archived"},
		{"chat.postMessage", channel("feedback"), "no_text"},
		{"chat.postMessage", channel("feedback") + "&text=" + strings.Repeat("x", 40001), "msg_too_long"},
		{"chat.postMessage", channel("feedback") + "&text=a&blocks=[" + strings.TrimSuffix(sections, ",") + "]", "invalid_blocks"},
		{"chat.postMessage", channel("feedback") + "&text=a&blocks=" + long, "invalid_blocks"},
		{"chat.postMessage", channel("feedback") + "&text=a&blocks=" + url.QueryEscape(`[{"type":"section"}]`), "invalid_blocks"},
		{"chat.postMessage", channel("feedback") + "&text=a&blocks=" + url.QueryEscape(`[{"type":"nonsense"}]`), "invalid_blocks"},
		{"chat.postMessage", channel("feedback") + "&text=a&blocks=nonsense", "invalid_blocks"},
		{"chat.postMessage", channel("feedback") + "&text=a&metadata=" + meta, "metadata_too_large"},
		{"chat.postMessage", channel("feedback") + "&text=a&metadata=x", "invalid_metadata_format"},
		{"chat.postMessage", channel("feedback") + "&text=a&thread_ts=1.2", "cannot_reply_to_message"},
		{"chat.update", channel("feedback") + "&text=a&ts=" + theirs, "cant_update_message"},
		{"chat.update", channel("feedback") + "&text=a&ts=1.2", "message_not_found"},
		{"chat.delete", channel("feedback") + "&ts=" + theirs, "cant_delete_message"},
		{"conversations.history", channel("random"), "not_in_channel"},
		{"conversations.history", channel("secret"), "missing_scope"},
		{"conversations.history", channel("feedback") + "&limit=x", "invalid_limit"},
		{"conversations.history", channel("feedback") + "&cursor=x", "invalid_cursor"},
		{"conversations.history", channel("feedback") + "&oldest=x", "invalid_ts_oldest"},
		{"conversations.replies", channel("feedback") + "&ts=1.2", "thread_not_found"},
		{"conversations.join", channel("old"), "is_archived"},
		{"conversations.join", channel("secret"), "method_not_supported_for_channel_type"},
		{"conversations.list", "types=private_channel", "missing_scope"},
		{"users.info", "user=U0NOBODY", "user_not_found"},
		{"bots.info", "bot=B0NOBODY", "bot_not_found"},
		{"chat.getPermalink", channel("feedback") + "&message_ts=1.2", "message_not_found"},
		{"apps.connections.open", "", "not_allowed_token_type"},
	}
	for _, tt := range tests {
		status, got, _ := w.raw(tt.method, tt.body)
		if got["error"] != tt.want || got["ok"] != false || status != 200 {
			t.Errorf("%s %.60s = %d %v, want 200 %s", tt.method, tt.body, status, got, tt.want)
		}
	}
	if s, _ := w.Standing("feedback", false); len(s) != 1 {
		t.Errorf("standing = %d messages, want only theirs: what is refused leaves nothing", len(s))
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	for token, want := range map[string]string{"xoxb-wrong": "invalid_auth", "": "not_authed", appToken: "not_allowed_token_type"} {
		_, err := slack.New(token, slack.OptionAPIURL(w.server.URL+"/api/")).AuthTestContext(context.Background())
		if err == nil || err.Error() != want {
			t.Errorf("auth.test with %q = %v, want %s", token, err, want)
		}
	}
	w.start(fault.Fault{Kind: fault.Revoke})
	if _, err := w.api.AuthTestContext(context.Background()); err == nil || err.Error() != "token_revoked" {
		t.Errorf("auth.test = %v, want token_revoked", err)
	}
	w.start(fault.Fault{Kind: fault.Restore})
	if _, err := w.api.AuthTestContext(context.Background()); err != nil {
		t.Errorf("auth.test after restore = %v, want nil", err)
	}
}

// TestRotatedToken: old and new are taken side by side, then the old one is revoked.
func TestRotatedToken(t *testing.T) {
	w := newWorld(t)
	test := func(token, want string) {
		t.Helper()
		got := "ok"
		if _, err := slack.New(token, slack.OptionAPIURL(w.server.URL+"/api/")).AuthTestContext(t.Context()); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("auth.test with %s = %s, want %s", token, got, want)
		}
	}
	test("xoxb-next", "invalid_auth")
	if err := w.SetBotTokens([]string{botToken, "xoxb-next"}); err != nil {
		t.Fatal(err)
	}
	test(botToken, "ok")
	test("xoxb-next", "ok")
	if err := w.SetBotTokens([]string{"xoxb-next"}); err != nil {
		t.Fatal(err)
	}
	test(botToken, "token_revoked")
	test("xoxb-next", "ok")
	if err := w.SetBotTokens(nil); err == nil {
		t.Error("SetBotTokens of none = nil, want an error")
	}
}

func TestAPersonsTokenPostsAsThePerson(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.UserToken = "xoxp-test" })
	person := slack.New("xoxp-test", slack.OptionAPIURL(w.server.URL+"/api/"))
	if _, _, err := person.PostMessageContext(t.Context(), w.id("random"), slack.MsgOptionText("I <3 it & you", true)); err != nil {
		t.Fatal(err)
	}
	said := w.Said()
	if len(said) != 1 || said[0].Bot || said[0].FinalText != "I <3 it & you" {
		t.Fatalf("said = %+v, want one message by a person, as it was typed", said)
	}
	standing, _ := w.Standing("random", false)
	if got := standing[0]; got.Author != "you" || got.BotID != "" || got.Text != "I &lt;3 it &amp; you" {
		t.Errorf("standing = %+v, want it to be yours, in Slack's markup", got)
	}
	if _, err := person.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: w.id("random")}); err == nil || err.Error() != "not_allowed_token_type" {
		t.Errorf("conversations.history = %v, want not_allowed_token_type: only posting is the person's", err)
	}
}

func TestMissingScopeSaysWhich(t *testing.T) {
	w := newWorld(t)
	w.start(fault.Fault{Kind: fault.MissingScope, Target: "chat:write"})
	_, _, err := w.api.PostMessageContext(context.Background(), w.id("feedback"), slack.MsgOptionText("x", false))
	var se slack.SlackErrorResponse
	if !errors.As(err, &se) || se.Err != "missing_scope" || se.Needed != "chat:write" || !strings.Contains(se.Provided, "channels:read") || strings.Contains(se.Provided, "chat:write,") {
		t.Errorf("post = %#v, want missing_scope chat:write", err)
	}
}

func TestOnePostASecondInAChannel(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	post := func(channel string) error {
		_, _, err := w.api.PostMessageContext(ctx, w.id(channel), slack.MsgOptionText("x", false))
		return err
	}
	if err := post("feedback"); err != nil {
		t.Fatal(err)
	}
	var rl *slack.RateLimitedError
	if err := post("feedback"); !errors.As(err, &rl) || rl.RetryAfter != time.Second {
		t.Errorf("second post at once = %v, want 429 with Retry-After 1", err)
	}
	if err := post("negative"); err != nil {
		t.Errorf("post to another channel = %v, want nil", err)
	}
	w.clock.add(950 * time.Millisecond)
	if err := post("feedback"); err != nil {
		t.Errorf("post after 0.95 s = %v, want nil: a little early is forgiven", err)
	}
	w.clock.add(950 * time.Millisecond)
	if err := post("feedback"); err != nil {
		t.Errorf("post after 1.9 s = %v, want nil", err)
	}
	w.clock.add(850 * time.Millisecond)
	if err := post("feedback"); !errors.As(err, &rl) {
		t.Errorf("fourth post in 2.75 s = %v, want 429: earliness does not add up", err)
	}
	if s, _ := w.Standing("feedback", false); len(s) != 3 {
		t.Errorf("standing = %d, want 3", len(s))
	}
}

func TestMethodsHaveTiers(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.NoTiers = false })
	var refused int
	for range 70 {
		if status, _, h := w.raw("conversations.history", "channel="+w.id("feedback")); status == 429 {
			refused++
			if h.Get("Retry-After") == "" {
				t.Fatal("429 without Retry-After")
			}
		}
	}
	if refused < 15 || refused > 21 {
		t.Errorf("of 70 calls at once %d were refused, want about 20 (50 a minute)", refused)
	}
	w.clock.add(time.Minute)
	if status, _, _ := w.raw("conversations.history", "channel="+w.id("feedback")); status != 200 {
		t.Errorf("after a minute = %d, want 200", status)
	}
}

func TestChatOwnMessages(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	id := w.id("negative")
	section := slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, "*very negative*", false, false), nil, nil)
	meta := slack.SlackMetadata{EventType: "feedback_card", EventPayload: map[string]any{"count": 1}}
	ts := w.post(id, slack.MsgOptionText("fallback", false), slack.MsgOptionBlocks(section), slack.MsgOptionMetadata(meta), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	if _, _, _, err := w.api.UpdateMessageContext(ctx, id, ts, slack.MsgOptionText("updated", false)); err != nil {
		t.Fatal(err)
	}
	reply := w.post(id, slack.MsgOptionText("in thread", false), slack.MsgOptionTS(ts))
	s, _ := w.Standing("negative", false)
	if len(s) != 2 || s[0].Text != "updated" || !s[0].Edited || len(s[0].Blocks) == 0 || s[0].Metadata == nil || s[1].ThreadTS != ts {
		t.Errorf("standing = %+v, want the card updated with its blocks and metadata kept, and a reply", s)
	}
	link, err := w.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: id, Ts: reply})
	if want := w.server.URL + "/archives/" + id + "/p" + strings.ReplaceAll(reply, ".", "") + "?thread_ts=" + ts + "&cid=" + id; err != nil || link != want {
		t.Errorf("permalink = %q %v, want %q", link, err, want)
	}
	if _, _, err := w.api.DeleteMessageContext(ctx, id, reply); err != nil {
		t.Fatal(err)
	}
	if s, _ := w.Standing("negative", false); len(s) != 1 {
		t.Errorf("standing after delete = %d, want 1", len(s))
	}
	if got := w.Said(); len(got) != 0 {
		t.Errorf("Said() = %+v, want nothing: the app's own posts are not people's", got)
	}
}

func TestDirectory(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	channels, _, err := w.api.GetConversationsContext(ctx, &slack.GetConversationsParameters{Types: []string{"public_channel", "private_channel"}, Limit: 3})
	if err != nil || len(channels) != 3 {
		t.Fatalf("list = %d %v, want a page of 3", len(channels), err)
	}
	all, err := w.api.GetAllConversationsContext(ctx, slack.GetConversationsOptionTypes([]string{"public_channel", "private_channel"}), slack.GetConversationsOptionLimit(1))
	if err != nil || len(all) != 4 || !all[3].IsPrivate || all[2].IsMember || !all[0].IsMember {
		t.Fatalf("all = %+v %v, want 4, secret private, random not joined", all, err)
	}
	if _, _, _, err := w.api.JoinConversationContext(ctx, w.id("random")); err != nil {
		t.Fatal(err)
	}
	info, err := w.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: w.id("random")})
	if err != nil || !info.IsMember || info.Name != "random" {
		t.Errorf("info = %+v %v, want joined", info, err)
	}
	user, err := w.api.GetUserInfoContext(ctx, makeID("U", "aiko"))
	if err != nil || user.Name != "aiko" || user.RealName != "Aiko Tanaka" || user.IsBot {
		t.Errorf("user = %+v %v, want Aiko Tanaka", user, err)
	}
	bot, err := w.api.GetBotInfoContext(ctx, slack.GetBotInfoParameters{Bot: BotID})
	if err != nil || bot.AppID != AppID {
		t.Errorf("bot = %+v %v, want app %s", bot, err, AppID)
	}
}

func TestFaultsOfTheWebAPI(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	id := w.id("negative")
	post := func() error {
		w.clock.add(2 * time.Second)
		_, _, err := w.api.PostMessageContext(ctx, id, slack.MsgOptionText("x", false))
		return err
	}
	w.start(fault.Fault{Kind: fault.Slack429, Target: "chat.postMessage"})
	var rl *slack.RateLimitedError
	if err := post(); !errors.As(err, &rl) {
		t.Errorf("slack429: %v, want a RateLimitedError", err)
	}
	w.start(fault.Fault{Kind: fault.Slack5xx})
	var sc slack.StatusCodeError
	if err := post(); !errors.As(err, &sc) || sc.Code != 503 {
		t.Errorf("slack5xx: %v, want 503", err)
	}
	w.start(fault.Fault{Kind: fault.RefuseChannel, Target: "negative"})
	if err := post(); err == nil || err.Error() != "is_archived" {
		t.Errorf("refuse_channel: %v, want is_archived", err)
	}
	w.start(fault.Fault{Kind: fault.Restore})
	before, _ := w.Standing("negative", false)
	w.start(fault.Fault{Kind: fault.LostAnswer})
	if err := post(); err == nil {
		t.Error("lost_answer: nil, want an error of the connection")
	}
	if after, _ := w.Standing("negative", false); len(after) != len(before)+1 {
		t.Errorf("lost_answer: %d messages stand, want %d: the deed is done", len(after), len(before)+1)
	}
	if err := post(); err != nil {
		t.Errorf("after the faults: %v, want nil", err)
	}
}

func TestHistoryOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, func(o *Options) { o.DataDir = dir })
	first := w.say(Draft{Text: "first"})
	second := w.say(Draft{Text: "second", User: "somebody new"})
	gone := w.say(Draft{Text: "gone"})
	if err := w.Edit("feedback", first, "first, edited"); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete("feedback", gone); err != nil {
		t.Fatal(err)
	}
	w.post(w.id("negative"), slack.MsgOptionText("card", false), slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "feedback_card", EventPayload: map[string]any{"event_id": "1"}}))
	if _, _, _, err := w.api.JoinConversationContext(context.Background(), w.id("random")); err != nil {
		t.Fatal(err)
	}
	before := w.Said()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	again := newWorld(t, func(o *Options) { o.DataDir = dir; o.Now = func() time.Time { return time.Unix(1, 0) } })
	after := again.Said()
	if len(after) != 3 || after[0].FinalText != "first, edited" || len(after[0].Revisions) != 2 || !after[2].Deleted || after[1].User != before[1].User || after[1].TS != second {
		t.Errorf("Said() after a restart = %+v, want %+v", after, before)
	}
	if s, _ := again.Standing("negative", false); len(s) != 1 || s[0].Metadata == nil || s[0].Metadata.EventType != "feedback_card" {
		t.Errorf("standing = %+v, want the card with metadata", s)
	}
	if !again.byName("random").Member {
		t.Error("random is not joined any more, want membership kept")
	}
	if ts := again.say(Draft{Text: "later"}); ts <= gone {
		t.Errorf("ts after a restart with a clock that runs behind = %s, want one above %s", ts, gone)
	}
}

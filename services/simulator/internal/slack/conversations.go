package slack

import (
	"encoding/base64"
	"slices"
	"sort"
	"strconv"
	"strings"
)

func (c *call) authTest() (map[string]any, *failure) {
	return map[string]any{"url": c.base, "team": TeamName, "user": "feedback_pipeline", "team_id": TeamID,
		"user_id": BotUserID, "bot_id": BotID, "is_enterprise_install": false}, nil
}

func (c *call) openConnection() (map[string]any, *failure) {
	return map[string]any{"url": c.ws + "/link/?ticket=" + c.w.delivery.ticket() + "&app_id=" + AppID}, nil
}

// visible tells whether the app may know of the channel.
func (c *call) visible(ch *Channel) bool { return ch != nil && (!ch.Private || ch.Member) }

// channel finds the channel that is meant by its id; w.mu is held.
func (c *call) channel() (*Channel, *failure) {
	ch := c.w.byID(c.args.Get("channel"))
	if !c.visible(ch) {
		return nil, fail("channel_not_found")
	}
	return ch, nil
}

func (c *call) describe(ch *Channel) map[string]any {
	empty := map[string]any{"value": "", "creator": "", "last_set": 0}
	return map[string]any{
		"id": ch.ID, "name": ch.Name, "name_normalized": ch.Name, "created": ch.Created.Unix(), "creator": slackbotID,
		"is_channel": true, "is_group": false, "is_im": false, "is_mpim": false, "is_private": ch.Private, "is_archived": ch.Archived,
		"is_general": false, "is_shared": ch.Shared, "is_ext_shared": ch.Shared, "is_org_shared": false, "is_pending_ext_shared": false,
		"is_member": ch.Member, "context_team_id": TeamID, "previous_names": append([]string{}, ch.Previous...),
		"topic": empty, "purpose": empty, "unlinked": 0, "num_members": len(c.w.users),
	}
}

func (c *call) list() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	types := strings.Split(c.args.Get("types"), ",")
	if types[0] == "" {
		types = []string{"public_channel"}
	}
	for _, t := range types {
		switch strings.TrimSpace(t) {
		case "public_channel", "mpim", "im":
		case "private_channel":
			if !c.w.granted("groups:read") {
				return nil, c.w.missing("groups:read")
			}
		default:
			return nil, fail("invalid_types")
		}
	}
	all := []map[string]any{}
	for _, ch := range c.w.channels {
		kind := map[bool]string{false: "public_channel", true: "private_channel"}[ch.Private]
		if c.visible(ch) && slices.Contains(types, kind) && (!ch.Archived || !truthy(c.args.Get("exclude_archived"))) {
			all = append(all, c.describe(ch))
		}
	}
	start, end, next, f := c.page(len(all))
	if f != nil {
		return nil, f
	}
	return map[string]any{"channels": all[start:end], "response_metadata": map[string]string{"next_cursor": next}}, nil
}

// page cuts n things at a cursor that counts them, by the call's cursor and limit.
func (c *call) page(n int) (start, end int, next string, f *failure) {
	if cursor := c.args.Get("cursor"); cursor != "" {
		v, err := strconv.Atoi(decodeCursor("next:", cursor))
		if err != nil || v < 0 || v > n {
			return 0, 0, "", fail("invalid_cursor")
		}
		start = v
	}
	end = min(n, start+pageSize(c.args.Get("limit"), 100, 1000))
	if end < n {
		next = encodeCursor("next:", strconv.Itoa(end))
	}
	return start, end, next, nil
}

func pageSize(limit string, standard, most int) int {
	n, err := strconv.Atoi(limit)
	if err != nil || n == 0 {
		return standard
	}
	return min(n, most)
}

func encodeCursor(prefix, v string) string {
	return base64.StdEncoding.EncodeToString([]byte(prefix + v))
}

// decodeCursor returns "" where the cursor is not one of that prefix.
func decodeCursor(prefix, cursor string) string {
	b, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil {
		return ""
	}
	v, ok := strings.CutPrefix(string(b), prefix)
	if !ok {
		return ""
	}
	return v
}

func truthy(s string) bool { return s == "1" || strings.EqualFold(s, "true") || s == "t" }

func (c *call) info() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	ch, f := c.channel()
	if f != nil {
		return nil, f
	}
	return map[string]any{"channel": c.describe(ch)}, nil
}

func (c *call) join() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	ch, f := c.channel()
	switch {
	case f != nil:
		return nil, f
	case ch.Archived:
		return nil, fail("is_archived")
	case ch.Private:
		return nil, fail("method_not_supported_for_channel_type")
	case ch.Member:
		return map[string]any{"channel": c.describe(ch), "warning": "already_in_channel",
			"response_metadata": map[string][]string{"warnings": {"already_in_channel"}}}, nil
	}
	info := *ch
	info.Member = true
	if err := c.w.commit(&entry{Op: "channel", Info: &info}); err != nil {
		return nil, fail("internal_error")
	}
	return map[string]any{"channel": c.describe(ch)}, nil
}

// readable is a channel whose messages the app may read; w.mu is held.
func (c *call) readable() (*Channel, *failure) {
	ch, f := c.channel()
	if f != nil {
		return nil, f
	}
	scope := map[bool]string{false: "channels:history", true: "groups:history"}[ch.Private]
	if !c.w.granted(scope) {
		return nil, c.w.missing(scope)
	}
	if !ch.Member {
		return nil, fail("not_in_channel")
	}
	return ch, nil
}

// window is a span of time in microseconds, both ends excluded.
type window struct{ oldest, latest int64 }

func (w window) has(ts string) bool { v := tsMicros(ts); return w.oldest < v && v < w.latest }

// window reads oldest, latest and inclusive.
func (c *call) window() (window, *failure) {
	w := window{0, 1 << 62}
	for name, to := range map[string]*int64{"oldest": &w.oldest, "latest": &w.latest} {
		switch v := c.args.Get(name); {
		case v == "" || v == "now" || strings.Trim(v, "0.") == "":
		case tsMicros(v) == 0:
			return w, fail("invalid_ts_" + name)
		default:
			*to = tsMicros(v)
		}
	}
	if truthy(c.args.Get("inclusive")) {
		w.oldest, w.latest = w.oldest-1, w.latest+1
	}
	return w, nil
}

// from is the microsecond that the cursor stands at; otherwise where there is no cursor.
func (c *call) from(otherwise int64) (int64, *failure) {
	cursor := c.args.Get("cursor")
	if cursor == "" {
		return otherwise, nil
	}
	v, err := strconv.ParseInt(decodeCursor("next_ts:", cursor), 10, 64)
	if err != nil {
		return 0, fail("invalid_cursor")
	}
	return v, nil
}

func cursorAt(ts string) string {
	return encodeCursor("next_ts:", strconv.FormatInt(tsMicros(ts), 10))
}

// history is conversations.history: roots and broadcasts, newest first.
func (c *call) history() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	ch, f := c.readable()
	if f != nil {
		return nil, f
	}
	in, f := c.window()
	if f != nil {
		return nil, f
	}
	from, f := c.from(in.latest)
	if f != nil {
		return nil, f
	}
	most := pageSize(c.args.Get("limit"), 100, 999)
	messages, next := []Message{}, ""
	top := sort.Search(len(ch.messages), func(i int) bool { return tsMicros(ch.messages[i].TS) > min(from, in.latest) }) // ts only grow
	for _, r := range slices.Backward(ch.messages[:top]) {
		if tsMicros(r.TS) <= in.oldest {
			break
		}
		if r.deleted || r.isReply() && r.Subtype != "thread_broadcast" || !in.has(r.TS) {
			continue
		}
		if len(messages) == most {
			next = cursorAt(r.TS)
			break
		}
		messages = append(messages, c.show(ch, r))
	}
	return withCursor(map[string]any{"messages": messages, "has_more": next != "", "pin_count": 0, "channel_actions_ts": nil, "channel_actions_count": 0}, next), nil
}

func withCursor(body map[string]any, next string) map[string]any {
	if next != "" {
		body["response_metadata"] = map[string]string{"next_cursor": next}
	}
	return body
}

// show is a message as history shows it: with what is known of its thread, and with
// metadata only where that was asked for.
func (c *call) show(ch *Channel, r *record) Message {
	m := r.Message
	if !truthy(c.args.Get("include_all_metadata")) {
		m.Metadata = nil
	}
	for _, reply := range ch.replies[r.TS] {
		if reply.deleted {
			continue
		}
		m.ThreadTS, m.LatestReply = r.TS, reply.TS
		m.ReplyCount++
		if u := reply.User; u != "" && !slices.Contains(m.ReplyUsers, u) {
			m.ReplyUsers = append(m.ReplyUsers, u)
		}
	}
	return m
}

// replies is conversations.replies: the root and its replies, oldest first.
func (c *call) replies() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	ch, f := c.readable()
	if f != nil {
		return nil, f
	}
	in, f := c.window()
	if f != nil {
		return nil, f
	}
	from, f := c.from(0)
	if f != nil {
		return nil, f
	}
	root := ch.byTS[c.args.Get("ts")]
	if root == nil || root.deleted {
		return nil, fail("thread_not_found")
	}
	most := pageSize(c.args.Get("limit"), 1000, 1000)
	messages, next := []Message{}, ""
	for i, r := range append([]*record{root}, ch.replies[root.TS]...) {
		if r.deleted || tsMicros(r.TS) < from || i > 0 && !in.has(r.TS) {
			continue
		}
		if len(messages) == most {
			next = cursorAt(r.TS)
			break
		}
		messages = append(messages, c.show(ch, r))
	}
	return withCursor(map[string]any{"messages": messages, "has_more": next != ""}, next), nil
}

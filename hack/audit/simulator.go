package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// simulator asks the simulator, over HTTP alone.
type simulator struct {
	base   string
	client *http.Client
}

// simPost is a post that a person offered, as GET /sim/posts tells it.
type simPost struct {
	Platform    string `json:"platform"`
	ID          string `json:"id"`
	ChannelID   string `json:"channel_id"`
	ChannelName string `json:"channel_name"`
	ThreadTS    string `json:"thread_ts"`
	User        string `json:"user"`
	Username    string `json:"username"`
	Bot         bool   `json:"bot"`
	RetweetOf   string `json:"retweet_of"`
	ReplyTo     string `json:"reply_to"`
	QuoteOf     string `json:"quote_of"`
	Lang        string `json:"lang"`
	FinalText   string `json:"final_text"`
	Deleted     bool   `json:"deleted"`
	Revisions   []struct {
		At      moment `json:"at"`
		Text    string `json:"text"`
		Deleted bool   `json:"deleted"`
	} `json:"revisions"`
}

// simMessage is a message in a channel, as GET /sim/channels/{name}/messages tells it.
type simMessage struct {
	TS       string `json:"ts"`
	Deleted  bool   `json:"deleted"`
	Metadata struct {
		EventType string `json:"event_type"`
		Payload   struct {
			EventID  string   `json:"event_id"`
			DigestID string   `json:"digest_id"`
			Route    string   `json:"route"`
			Pipeline string   `json:"pipeline"`
			Revision revision `json:"revision"`
		} `json:"event_payload"`
	} `json:"metadata"`
}

// simChannel is a channel, as GET /sim/channels tells it.
type simChannel struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// posts calls f for every post that people offered.
func (s simulator) posts(ctx context.Context, f func(simPost)) error {
	return s.get(ctx, "/sim/posts", func(d *json.Decoder) error {
		for {
			var p simPost
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			f(p)
		}
	})
}

// channels are all channels of the simulator's Slack.
func (s simulator) channels(ctx context.Context) ([]simChannel, error) {
	var list []simChannel
	err := s.get(ctx, "/sim/channels", func(d *json.Decoder) error { return d.Decode(&list) })
	return list, err
}

// messages are those that stand in a channel and, where the simulator tells, those that were removed.
func (s simulator) messages(ctx context.Context, channel string) ([]simMessage, error) {
	var list []simMessage
	err := s.get(ctx, "/sim/channels/"+url.PathEscape(channel)+"/messages?deleted=true", func(d *json.Decoder) error { return d.Decode(&list) })
	return list, err
}

// get asks for path and hands the answer's body to read.
func (s simulator) get(ctx context.Context, path string, read func(*json.Decoder) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.base, "/")+path, nil)
	if err != nil {
		return fmt.Errorf("ask the simulator: %w", err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the simulator: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the simulator for %s: %s", path, resp.Status)
	}
	if err := read(json.NewDecoder(resp.Body)); err != nil {
		return fmt.Errorf("read the simulator's %s: %w", path, err)
	}
	return nil
}

// moment is a time: RFC 3339 text, a Slack ts or seconds since the epoch.
type moment struct{ time.Time }

// UnmarshalJSON takes each of the forms.
func (m *moment) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "" || text == "null" {
		return nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		m.Time = t
		return nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%q is no time", text)
	}
	m.Time = time.UnixMicro(int64(seconds * 1e6))
	return nil
}

// revision is a revision's number, as text or as a number; absent where it is neither.
type revision struct {
	number uint64
	known  bool
}

// UnmarshalJSON takes both forms.
func (r *revision) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseUint(strings.Trim(string(b), `"`), 10, 64)
	*r = revision{number: n, known: err == nil}
	return nil
}

package card

import (
	"fmt"
	"sort"
	"time"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// Shown is how many events a digest shows with their text.
const Shown = 5

// Item is one event of a digest.
type Item struct {
	Event *feedbackv1.ScoredEvent
	// Count is how many events the item stands for, its own included.
	Count int
}

// Digest is what one message tells of many events.
type Digest struct {
	Route string
	// Items are the events, in the order of Rank.
	Items []Item
	// Count is how many events the digest tells, copies included.
	Count int
	// Since and Until bound when the events arrived.
	Since, Until time.Time
	// Burst says that more events came than could be told one by one.
	Burst bool
	// BestFirst is the order of the items, for the header.
	BestFirst bool
	Keywords  []string
}

// Rank orders items the worst first (or the best first), those without a score last, and
// of equal ones the newest first.
func Rank(items []Item, bestFirst bool) {
	sort.SliceStable(items, func(i, j int) bool {
		a, b := items[i].Event, items[j].Event
		as, bs := score(a), score(b)
		switch {
		case as == nil || bs == nil:
			if (as == nil) != (bs == nil) {
				return bs == nil
			}
		case *as != *bs:
			return (*as < *bs) != bestFirst
		}
		return a.GetEvent().GetCreatedAt().AsTime().After(b.GetEvent().GetCreatedAt().AsTime())
	})
}

func score(s *feedbackv1.ScoredEvent) *float64 {
	if m := s.GetSentiment(); m != nil {
		return m.Score
	}
	return nil
}

// Build returns the digest's message: how many, since when, and the first few of them
// with their links.
func (d Digest) Build() Card {
	title := fmt.Sprintf("%s: %s", inline(d.Route, nameChars), plural(d.Count))
	if d.Burst {
		title += " in a burst"
	}
	header := slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, title, false, false))
	order := "the worst first"
	if d.BestFirst {
		order = "the best first"
	}
	window := fmt.Sprintf("%s–%s · %s", clock(d.Since), clock(d.Until), span(d.Until.Sub(d.Since)))
	if len(d.Items) > 1 {
		window += " · " + order
	}
	blocks := []slack.Block{header, line("window", window)}
	shown := d.Items
	if len(shown) > Shown {
		shown = shown[:Shown]
	}
	told := 0
	for _, it := range shown {
		blocks = append(blocks, itemBlocks(it, d.Keywords)...)
		told += max(it.Count, 1)
	}
	if rest := d.Count - told; rest > 0 {
		blocks = append(blocks, line("rest", fmt.Sprintf("and %d more", rest)))
	}
	return Card{Text: title, Blocks: blocks}
}

func plural(n int) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

func clock(t time.Time) string {
	utc := t.UTC()
	return fmt.Sprintf("<!date^%d^{time}|%s>", utc.Unix(), utc.Format("15:04 UTC"))
}

func itemBlocks(it Item, words []string) []slack.Block {
	e := it.Event.GetEvent()
	key := Key(e.GetId())
	blocks := []slack.Block{
		section("e-"+key, quote(e.GetText(), words, excerptChars)),
		line("c-"+key, who(e), where(e), when(e.GetCreatedAt()), link(e), rating(it.Event.GetSentiment())),
	}
	if it.Count > 1 {
		blocks = append(blocks, countBlock(key, it.Count))
	}
	return blocks
}

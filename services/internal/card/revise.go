package card

import (
	"fmt"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// WithCount returns the blocks of a standing message, card or digest, with the number of
// events that the event's part of it stands for. It reports false, and leaves the blocks,
// where the message does not show the event or shows that number already.
func WithCount(blocks []slack.Block, eventID string, count int) ([]slack.Block, bool) {
	key := Key(eventID)
	var out []slack.Block
	found, changed := false, false
	after := -1
	for _, b := range blocks {
		switch b.ID() {
		case "e-" + key, "c-" + key:
			found = true
			out = append(out, b)
			after = len(out)
			continue
		case "n-" + key:
			changed = changed || !sameCount(b, key, count)
			found = true
			if count > 1 {
				b = countBlock(key, count)
			} else {
				continue
			}
			after = -1
		}
		out = append(out, b)
	}
	if after >= 0 && count > 1 {
		out = append(out[:after], append([]slack.Block{countBlock(key, count)}, out[after:]...)...)
		changed = true
	}
	if !found || !changed {
		return blocks, false
	}
	return out, true
}

// WithItem returns the blocks of a standing digest with the event's part showing its
// newest revision: its text, or where withdrawn why it is gone. It reports false where the
// digest does not show the event.
func WithItem(blocks []slack.Block, s *feedbackv1.ScoredEvent, o Options, withdrawn bool) ([]slack.Block, bool) {
	e := s.GetEvent()
	key := Key(e.GetId())
	var part []slack.Block
	if withdrawn {
		part = Withdrawn(s, o).Blocks
	} else {
		part = itemBlocks(Item{Event: s, Count: o.Count}, o.Keywords)
	}
	var out []slack.Block
	found := false
	for _, b := range blocks {
		switch b.ID() {
		case "e-" + key:
			found = true
			out = append(out, part...)
		case "c-" + key, "n-" + key, "p-" + key:
		default:
			out = append(out, b)
		}
	}
	if !found {
		return blocks, false
	}
	return out, true
}

func countBlock(key string, count int) *slack.ContextBlock {
	return line("n-"+key, countText(count))
}

func countText(count int) string {
	return fmt.Sprintf("said *%d times*: reposts and identical texts are counted here", count)
}

func sameCount(b slack.Block, key string, count int) bool {
	c, ok := b.(*slack.ContextBlock)
	if !ok || c.BlockID != "n-"+key || len(c.ContextElements.Elements) != 1 {
		return false
	}
	t, ok := c.ContextElements.Elements[0].(*slack.TextBlockObject)
	return ok && t.Text == countText(count)
}

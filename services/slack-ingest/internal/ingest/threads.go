package ingest

import (
	"sync"

	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
)

// threads knows which replies were handled, so that a thread that arrived whole over the
// connection needs not be read back: Slack allows few calls for threads.
type threads struct {
	mu     sync.Mutex
	byRoot *cache[map[string]struct{}] // replies by channel/root
}

func newThreads(max int) *threads { return &threads{byRoot: newCache[map[string]struct{}](max)} }

// handled notes a change that is done.
func (t *threads) handled(c event.Change) {
	root := threadOf(c)
	if root == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := c.Channel + "/" + root
	replies, ok := t.byRoot.get(key)
	if !ok {
		replies = map[string]struct{}{}
	}
	if c.Kind == event.Deleted {
		delete(replies, c.TS)
	} else {
		replies[c.TS] = struct{}{}
	}
	t.byRoot.set(key, replies)
}

// whole tells whether all count replies of a thread, of which latest is the newest, were handled.
func (t *threads) whole(channel, root, latest string, count int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	replies, _ := t.byRoot.get(channel + "/" + root)
	_, newest := replies[latest]
	return newest && len(replies) == count
}

// ThreadHandled tells whether every reply below a root was handled by this process. latest
// and count are what the root says of its replies.
func (i *Ingester) ThreadHandled(channel, root, latest string, count int) bool {
	return i.threads.whole(channel, root, latest, count)
}

package backfill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/slack-go/slack"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/ingest"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
)

// channel is a Slack channel with a history, and what was published of it.
type channel struct {
	messages  []slack.Message
	published map[string]uint64 // ts -> newest revision
	saved     *feedbackv1.SourceState
	found     []string
	perPage   int
	pages     atomic.Int64
	saves     int
	fail      map[string][]error // errors to give first, by call
	crash     func(save int) (before, after bool)
	cancel    context.CancelFunc
}

func (c *channel) post(text string) string {
	at := ts(time.Now().Add(time.Duration(len(c.messages)) * time.Microsecond))
	c.messages = append(c.messages, slack.Message{Msg: slack.Msg{Type: "message", User: "U1", Text: text, Timestamp: at}})
	return at
}

func (c *channel) reply(root, text string) string {
	at := c.post(text)
	c.messages[len(c.messages)-1].ThreadTimestamp = root
	r := c.message(root)
	r.ThreadTimestamp, r.ReplyCount, r.LatestReply = root, r.ReplyCount+1, at
	return at
}

func (c *channel) edit(at, text string) {
	m := c.message(at)
	m.Text, m.Edited = text, &slack.Edited{User: "U1", Timestamp: ts(time.Now())}
}

func (c *channel) message(at string) *slack.Message {
	return &c.messages[slices.IndexFunc(c.messages, func(m slack.Message) bool { return m.Timestamp == at })]
}

func (c *channel) failing(call string) error {
	if errs := c.fail[call]; len(errs) > 0 {
		c.fail[call] = errs[1:]
		return errs[0]
	}
	return nil
}

func (c *channel) history(_ context.Context, _, oldest, latest string, _ int) ([]slack.Message, bool, error) {
	if err := c.failing("history"); err != nil {
		return nil, false, err
	}
	c.pages.Add(1)
	var page []slack.Message
	for i := len(c.messages) - 1; i >= 0; i-- {
		m := c.messages[i]
		isReply := m.ThreadTimestamp != "" && m.ThreadTimestamp != m.Timestamp
		if !isReply && before(oldest, m.Timestamp) && before(m.Timestamp, latest) {
			page = append(page, m)
		}
	}
	return page[:min(len(page), c.perPage)], len(page) > c.perPage, nil
}

func (c *channel) replies(_ context.Context, _, root, oldest, cursor string) ([]slack.Message, string, error) {
	var page []slack.Message
	for _, m := range c.messages {
		if m.Timestamp == root || m.ThreadTimestamp == root && before(oldest, m.Timestamp) && before(cursor, m.Timestamp) {
			page = append(page, m)
		}
	}
	if len(page) > c.perPage+1 {
		page = page[:c.perPage+1]
		return page, page[c.perPage].Timestamp, nil
	}
	return page, "", nil
}

func (c *channel) handle(_ context.Context, changes []event.Change) []ingest.Result {
	out := make([]ingest.Result, len(changes))
	for i, ch := range changes {
		if out[i].Err = c.failing("handle"); out[i].Err != nil {
			continue
		}
		revision := event.Revision(ch)
		old, known := c.published[ch.TS]
		out[i].Published = !known || old < revision
		c.published[ch.TS] = max(old, revision)
	}
	return out
}

func (c *channel) handled(_, root, latest string, count int) bool {
	n, newest := 0, false
	for _, m := range c.messages {
		if _, ok := c.published[m.Timestamp]; ok && m.ThreadTimestamp == root && m.Timestamp != root {
			n++
			newest = newest || m.Timestamp == latest
		}
	}
	return newest && n == count
}

func (c *channel) save(ctx context.Context, s *feedbackv1.SourceState) error {
	c.saves++
	beforeSave, afterSave := false, false
	if c.crash != nil {
		beforeSave, afterSave = c.crash(c.saves)
	}
	if beforeSave {
		c.cancel()
		return ctx.Err()
	}
	c.saved = proto.CloneOf(s)
	if afterSave {
		c.cancel()
		return ctx.Err()
	}
	return nil
}

// pass starts a reader from the last checkpoint, as a process does, and makes one pass.
func (c *channel) pass(t *testing.T, sweep bool) bool {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.cancel = cancel
	return c.reader().Pass(ctx, sweep)
}

func (c *channel) reader() *Reader {
	return New(Options{
		Source: "community", History: c.history, Replies: c.replies, Handle: c.handle, Save: c.save, ThreadHandled: c.handled,
		Channels: func() []string { return []string{"C1"} },
		Found:    func(_ string, ch event.Change) { c.found = append(c.found, ch.TS) },
		Readable: func(string, error) {}, Backfill: 24 * time.Hour, Interval: 10 * time.Minute,
		Metrics: metrics.New(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}, c.saved)
}

// lost are the messages whose present revision was not published.
func (c *channel) lost() []string {
	var out []string
	for _, m := range c.messages {
		change, _ := event.FromHistory("C1", m)
		if got, ok := c.published[m.Timestamp]; !ok || got < event.Revision(change) {
			out = append(out, fmt.Sprintf("%s %q", m.Timestamp, m.Text))
		}
	}
	return out
}

func newChannel() *channel {
	return &channel{published: map[string]uint64{}, perPage: 3, fail: map[string][]error{}}
}

// TestCrashAtEveryPage: whatever happens to a process at whichever checkpoint, before or
// after it was written, and whatever is said, edited and answered meanwhile: after one
// whole pass nothing is missing.
func TestCrashAtEveryPage(t *testing.T) {
	for at := 1; at <= 14; at++ {
		for _, written := range []bool{false, true} {
			for seed := range uint64(6) {
				t.Run(fmt.Sprintf("save %d written %t seed %d", at, written, seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { crashes(t, at, written, seed) })
				})
			}
		}
	}
}

func crashes(t *testing.T, at int, written bool, seed uint64) {
	c := newChannel()
	dice := rand.New(rand.NewPCG(seed, 7))
	live(c, dice, 20)
	c.crash = func(save int) (bool, bool) {
		if save%at != 0 { // the at-th checkpoint of each life
			return false, false
		}
		return !written, written
	}
	for range 4 {
		<-time.After(time.Duration(dice.IntN(90)) * time.Minute)
		c.saves = 0
		c.pass(t, false)
		live(c, dice, dice.IntN(15))
	}
	c.crash = nil
	<-time.After(time.Minute)
	if !c.pass(t, false) {
		t.Fatal("the last pass failed, want it to reach the end")
	}
	if lost := c.lost(); len(lost) > 0 {
		t.Errorf("lost %d of %d: %v", len(lost), len(c.messages), lost)
	}
	for _, w := range c.saved.GetWindows() {
		if len(w.GetGaps()) > 0 {
			t.Errorf("window %s has gaps %v after a whole pass, want none", w.GetScope(), w.GetGaps())
		}
	}
}

// live lets people talk for a while.
func live(c *channel, dice *rand.Rand, n int) {
	var roots []string
	for _, m := range c.messages {
		if m.ThreadTimestamp == "" || m.ThreadTimestamp == m.Timestamp {
			roots = append(roots, m.Timestamp)
		}
	}
	for range n {
		<-time.After(time.Duration(1+dice.IntN(100)) * time.Second)
		switch k := dice.IntN(10); {
		case k < 6 || len(roots) == 0:
			roots = append(roots, c.post("said"))
		case k < 8:
			c.reply(roots[dice.IntN(len(roots))], "answered")
		default:
			c.edit(roots[dice.IntN(len(roots))], "edited")
		}
	}
}

func TestReadsOnlyWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChannel()
		c.perPage = 50
		for range 40 {
			<-time.After(time.Minute)
			c.post("said")
		}
		<-time.After(time.Minute)
		c.pass(t, false)
		first := len(c.published)
		c.published = map[string]uint64{}
		<-time.After(10 * time.Minute)
		fresh := c.post("new")
		<-time.After(time.Minute)
		c.pass(t, false)
		if _, ok := c.published[fresh]; !ok || first != 40 || len(c.published) > 2 {
			t.Errorf("published %d, then %d with the new one %t, want 40, then the new one and the overlap", first, len(c.published), ok)
		}
	})
}

func TestNotFurtherThanTheBackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChannel()
		old := c.post("last week")
		<-time.After(25 * time.Hour)
		young := c.post("today")
		<-time.After(time.Minute)
		c.pass(t, false)
		if _, ok := c.published[old]; ok {
			t.Error("a message older than the backfill was published, want not")
		}
		if _, ok := c.published[young]; !ok {
			t.Error("a young message was not published, want it")
		}
	})
}

func TestSweepFindsWhatWasSwallowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChannel()
		c.post("before")
		<-time.After(time.Minute)
		c.pass(t, false)
		swallowed := c.post("swallowed")
		<-time.After(time.Minute)
		onItsWay := c.post("on its way")
		<-time.After(time.Second)
		c.pass(t, true)
		if !slices.Equal(c.found, []string{swallowed}) {
			t.Errorf("found %v, want %v", c.found, swallowed)
		}
		if _, ok := c.published[onItsWay]; ok {
			t.Error("the sweep took a message of a second ago, want it left to the connection")
		}
		<-time.After(10 * time.Minute)
		c.pass(t, true)
		if lost := c.lost(); len(lost) > 0 {
			t.Errorf("lost %v, want none after the next sweep", lost)
		}
	})
}

func TestObeysRetryAfterAndTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChannel()
		c.post("said")
		<-time.After(time.Minute)
		c.fail["history"] = []error{
			&slack.RateLimitedError{RetryAfter: 30 * time.Second}, errors.New("EOF"), slack.StatusCodeError{Code: 503, Status: "503"},
		}
		c.fail["handle"] = []error{errors.New("not enough replicas"), errors.New("not enough replicas")}
		began := time.Now()
		r := c.reader()
		if !r.Pass(t.Context(), false) || len(c.lost()) > 0 {
			t.Errorf("lost %v, want none", c.lost())
		}
		if took := time.Since(began); took < 30*time.Second || took > time.Minute {
			t.Errorf("took %v, want Retry-After's 30 s and some back-off", took)
		}
		if got, want := testutil.ToFloat64(r.o.Metrics.RateLimitWaits), 1.0; got != want {
			t.Errorf("waits counted %v, want %v", got, want)
		}
	})
}

func TestChannelThatCannotBeReadDoesNotHoldOthersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChannel()
		c.post("said")
		<-time.After(time.Minute)
		r := c.reader()
		r.o.Channels = func() []string { return []string{"C0", "C1"} }
		read := r.o.History
		r.o.History = func(ctx context.Context, channel, oldest, latest string, limit int) ([]slack.Message, bool, error) {
			if channel == "C0" {
				return nil, false, slack.SlackErrorResponse{Err: "not_in_channel"}
			}
			return read(ctx, channel, oldest, latest, limit)
		}
		told := map[string]bool{}
		r.o.Readable = func(channel string, err error) { told[channel] = err == nil }
		if r.Pass(t.Context(), false) {
			t.Error("Pass() = true, want false: a channel could not be read")
		}
		if told["C0"] || !told["C1"] || len(c.lost()) > 0 {
			t.Errorf("readable %v, lost %v, want C1 alone and none", told, c.lost())
		}
	})
}

// TestKafkaIsNotBlamedOnTheChannel: what Kafka does not take, an event or a checkpoint, says nothing
// of a channel, and is read again until it is taken.
func TestKafkaIsNotBlamedOnTheChannel(t *testing.T) {
	full := &kafka.WriteError{Failed: []int{0}, Err: errors.New("the broker's disk is full")}
	for _, fails := range []string{"handle", "save"} {
		t.Run(fails, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChannel()
				c.post("said")
				<-time.After(time.Minute)
				r := c.reader()
				save := r.o.Save
				r.o.Save = func(ctx context.Context, s *feedbackv1.SourceState) error {
					if err := c.failing("save"); err != nil {
						return err
					}
					return save(ctx, s)
				}
				var told []error
				r.o.Readable = func(_ string, err error) { told = append(told, err) }
				for range 2 * tries {
					c.fail[fails] = append(c.fail[fails], full)
				}
				if r.Pass(t.Context(), false) || errors.Join(told...) != nil {
					t.Errorf("Pass() = true, or channels blamed: %v, want false and none", told)
				}
				c.fail = nil
				if !r.Pass(t.Context(), false) || len(c.lost()) > 0 || c.saved == nil {
					t.Errorf("lost %v, checkpoint %v, want none and one", c.lost(), c.saved)
				}
			})
		})
	}
}

func TestRunPassesAtRequestsAndIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChannel()
		requests := make(chan struct{}, 1)
		r := c.reader()
		r.o.Requests = requests
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { r.Run(ctx); close(ended) }()
		<-time.After(first + time.Second)
		synctest.Wait()
		start := c.pages.Load()
		requests <- struct{}{}
		<-time.After(time.Minute)
		synctest.Wait()
		requested := c.pages.Load()
		<-time.After(11 * time.Minute)
		synctest.Wait()
		swept := c.pages.Load()
		cancel()
		<-ended
		if start == 0 || requested <= start || swept <= requested {
			t.Errorf("pages read: %d at the start, %d after a request, %d after an interval, want each to grow", start, requested, swept)
		}
	})
}

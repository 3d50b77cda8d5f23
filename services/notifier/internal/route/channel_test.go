package route

import (
	"context"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

var _ Sink = (*process)(nil)

// call is a call of Slack, which takes a while and may fail.
func (p *process) call(ctx context.Context, name, id string, f func()) error {
	if err := run.Sleep(ctx, 20*time.Millisecond); err != nil {
		return err
	}
	var err error
	done := true
	if p.w.fault != nil {
		if err, done = p.w.fault(name, id); err == nil {
			done = true
		}
	}
	if dead := p.deed(name, func() {
		if done {
			p.w.mu.Lock()
			defer p.w.mu.Unlock()
			f()
		}
	}); dead != nil {
		return dead
	}
	return err
}

func (p *process) Open(ctx context.Context) (at sink.Place, err error) {
	err = p.call(ctx, "open", "", func() { at = sink.Place{Channel: "C1", Name: "negative-feedback"} })
	return at, err
}

func (p *process) Post(ctx context.Context, at sink.Place, m sink.Message) (sink.Place, error) {
	id, _ := m.Payload["event_id"].(string)
	err := p.call(ctx, "post", id, func() {
		p.w.seq++
		at.TS = fmt.Sprintf("%d.%06d", time.Now().Unix(), p.w.seq)
		p.w.messages = append(p.w.messages, &message{at: at, posted: time.Now(), m: m})
		p.w.posts = append(p.w.posts, time.Now())
	})
	if err != nil {
		at.TS = ""
	}
	return at, err
}

func (w *world) find(ts string) *message {
	for _, m := range w.messages {
		if m.at.TS == ts && !m.deleted {
			return m
		}
	}
	return nil
}

func (p *process) Update(ctx context.Context, at sink.Place, m sink.Message) error {
	if p.w.refuse != nil {
		if err := p.w.refuse(m); err != nil {
			return err
		}
	}
	gone := false
	err := p.call(ctx, "update", "", func() {
		p.w.updates = append(p.w.updates, time.Now())
		if old := p.w.find(at.TS); old != nil {
			old.m, old.updates = m, old.updates+1
		} else {
			gone = true
		}
	})
	if err == nil && gone {
		err = slack.SlackErrorResponse{Err: "message_not_found"}
	}
	return err
}

func (p *process) Read(ctx context.Context, at sink.Place) (m sink.Message, ok bool, err error) {
	err = p.call(ctx, "read", "", func() {
		if old := p.w.find(at.TS); old != nil {
			m, ok = old.m, true
		}
	})
	return m, ok, err
}

func (p *process) Find(ctx context.Context, _ sink.Place, from, to time.Time) (out []sink.Found, err error) {
	err = p.call(ctx, "find", "", func() {
		for _, m := range p.w.messages {
			if m.deleted || m.posted.Before(from) || m.posted.After(to) {
				continue
			}
			var rev uint64
			if r, ok := m.m.Payload["revision"].(string); ok {
				_, _ = fmt.Sscan(r, &rev)
			}
			out = append(out, sink.Found{TS: m.at.TS, ID: m.id(), Revision: rev})
		}
	})
	return out, err
}

func (p *process) Delete(ctx context.Context, at sink.Place) error {
	return p.call(ctx, "delete", "", func() {
		if m := p.w.find(at.TS); m != nil {
			m.deleted = true
		}
	})
}

func (p *process) Probe(ctx context.Context) error {
	if p.w.fault == nil {
		return nil
	}
	err, _ := p.w.fault("probe", "")
	return err
}

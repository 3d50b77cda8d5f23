package stream

import (
	"context"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/budget"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/intake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/progress"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
)

// meter charges the budget for a stream, a block ahead.
type meter struct {
	progress *progress.Progress
	block    int

	reserved budget.Reservation
	ids      []snowflake.ID
	bad      int
}

// charge counts a whole block ahead and saves that.
func (m *meter) charge(ctx context.Context) error {
	r, err := m.progress.Reserve(ctx, m.block, m.block)
	m.reserved = r
	return err
}

// count notes what a line brought.
func (m *meter) count(p *post.Page) {
	ids, bad := intake.IDs(p)
	m.ids, m.bad = append(m.ids, ids...), m.bad+bad
}

// top settles the block and charges the next when half of it is used or the day has turned,
// so that what is on its way is paid for.
func (m *meter) top(ctx context.Context) error {
	if 2*(len(m.ids)+m.bad) < m.block && !m.reserved.Turned(time.Now()) {
		return nil
	}
	m.settle()
	return m.charge(ctx)
}

// settle replaces the block by what came. It is saved with the next checkpoint.
func (m *meter) settle() {
	m.progress.Settle(m.reserved, m.ids, m.bad)
	m.reserved, m.ids, m.bad = budget.Reservation{}, nil, 0
}

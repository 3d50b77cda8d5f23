// Package webhook receives events over HTTP, signed by Slack.
//
// It guarantees that nothing without a valid and recent signature is looked at, and
// that a request is answered with 200 only when its event needs no more work. A request
// that is replayed publishes nothing again.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/slack-go/slack"

	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/dispatch"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
)

// maxBody bounds a request; Slack's own are far smaller.
const maxBody = 4 << 20

// Options are what the handler works with; all are required.
type Options struct {
	// Secret is the app's signing secret.
	Secret string
	// Closed tells whether intake is closed because the broker is away.
	Closed func() bool
	// Submit takes a change in hand.
	Submit func(context.Context, dispatch.Item) error
	// Refuse keeps a delivery that cannot be read.
	Refuse func(ctx context.Context, id string, payload []byte, cause error) error
	// Verified is told whether a request bore a valid signature.
	Verified func(ok bool)
	// Moved is told that channels have to be looked up again; Missed that an event has to be
	// read back.
	Moved, Missed func()
	Metrics       *metrics.Metrics
	Log           *slog.Logger
}

type handler struct{ o Options }

// New is the handler of POST /slack/events.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /slack/events", handler{o})
	return mux
}

// ServeHTTP answers 200 when done, 401 to a wrong or old signature, 413 to a body over
// 4 MiB, 503 to what Slack shall send again.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "cannot read the request", http.StatusRequestEntityTooLarge)
		return
	}
	if err := verify(r.Header, body, h.o.Secret); err != nil {
		h.o.Metrics.SignatureFailures.Inc()
		h.o.Verified(false)
		h.o.Log.Debug("refused a request", "error", err)
		http.Error(w, "signature refused", http.StatusUnauthorized)
		return
	}
	h.o.Verified(true)
	cb, err := event.Parse(body)
	switch {
	case err == nil && cb.Type == "url_verification":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"challenge": cb.Challenge})
		return
	case h.o.Closed():
		http.Error(w, "the broker is away, send again", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithDeadline(r.Context(), arrived.Add(dispatch.Limit))
	defer cancel()
	if err == nil {
		err = h.handle(ctx, cb, arrived)
	} else {
		err = h.o.Refuse(ctx, cb.EventID, body, err)
	}
	if err != nil {
		http.Error(w, "not stored yet, send again", http.StatusServiceUnavailable)
	}
}

func verify(header http.Header, body []byte, secret string) error {
	v, err := slack.NewSecretsVerifier(header, secret)
	if err != nil {
		return err
	}
	if _, err := v.Write(body); err != nil {
		return err
	}
	return v.Ensure()
}

// handle returns nil when the callback needs no more work.
func (h handler) handle(ctx context.Context, cb event.Callback, arrived time.Time) error {
	switch {
	case cb.Type == "app_rate_limited":
		h.o.Log.Warn("Slack holds events back: more than 30,000 in an hour; they are read back")
		h.o.Missed()
		return nil
	case cb.Change.Kind == event.ChannelMoved:
		h.o.Moved()
		return nil
	case cb.Change.Kind == event.Other:
		return nil
	}
	done := make(chan error, 1)
	err := h.o.Submit(ctx, dispatch.Item{Change: cb.Change, Arrived: arrived, Done: func(err error) { done <- err }})
	if err != nil {
		return err
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		err = dispatch.ErrLate
	}
	switch {
	case errors.Is(err, dispatch.ErrLate):
		h.o.Metrics.AcksLate.Inc()
	case err != nil:
		h.o.Missed()
	}
	return err
}

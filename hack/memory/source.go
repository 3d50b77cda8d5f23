package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/errgroup"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
)

// speakers is how many people talk to the simulator at once.
const speakers = 8

// ingest starts the trial's source, and returns when it is ready.
func (w *world) ingest() error {
	free, err := ports.Free(w.ctx, 1)
	if err != nil {
		return err
	}
	if w.source == "slack-ingest" {
		return w.launch(w.source, ports.Address(free[0]), "SOURCE=community", "SLACK_CHANNELS=feedback", "SLACK_API_URL=http://"+w.slack+"/api/",
			"SLACK_BOT_TOKEN=xoxb-simulator", "SLACK_APP_TOKEN=xapp-simulator")
	}
	return w.launch(w.source, ports.Address(free[0]), "SOURCE=mentions", "X_QUERY=portal", "X_MODE=Stream", fmt.Sprintf("X_DAILY_POST_BUDGET=%d", 10*w.said),
		"X_API_URL=http://"+w.slack, "X_BEARER_TOKEN=simulator")
}

// say has people say the trial's messages or posts, as fast as the simulator takes them. No two are the same.
func (w *world) say() error {
	path, body := "/sim/slack/messages", map[string]string{"channel": "feedback", "user": "ada"}
	if w.source == "twitter-ingest" {
		path, body = "/sim/x/posts", map[string]string{"author": "ada", "lang": "en"}
	}
	words := strings.Repeat("I hate how slow the portal is today. ", w.bytes/37+1)[:w.bytes]
	all, ctx := errgroup.WithContext(w.ctx)
	for speaker := range speakers {
		all.Go(func() error {
			for i := speaker; i < w.said; i += speakers {
				said := map[string]string{"text": fmt.Sprintf("%d %s", i, words)}
				for k, v := range body {
					said[k] = v
				}
				data, err := json.Marshal(said)
				if err != nil {
					return err
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.slack+path, bytes.NewReader(data))
				if err != nil {
					return err
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					return err
				}
				answer, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					return fmt.Errorf("say %d: %s: %s %w", i, resp.Status, answer, err)
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// taken is nil when all that was said is in the topic of events; else it says what is missing.
func (w *world) taken() error {
	ends, err := kadm.NewClient(w.client).ListEndOffsets(w.ctx, w.prefix+".feedback")
	if err != nil {
		return err
	}
	events := int64(0)
	ends.Each(func(o kadm.ListedOffset) { events += o.Offset })
	if events < int64(w.said) {
		return fmt.Errorf("%d of %d taken in", events, w.said)
	}
	return nil
}

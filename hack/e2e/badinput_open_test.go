//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// A time that JSON has no word for must not stop a route that writes JSON.
func TestATimeOutOfRangeStopsNoRoute(t *testing.T) {
	w := begin(t, "partitions: 3", "partitions: 3\n    format: JSON")
	bad := badEvent("time", func(e *feedbackv1.Event) {
		e.CreatedAt = &timestamppb.Timestamp{Seconds: math.MaxInt64, Nanos: -5}
		e.RevisedAt = e.CreatedAt
	})
	w.write("scored", bad.GetId(), wire(t, badScored(bad)))
	after := badEvent("after", nil)
	w.write("scored", after.GetId(), wire(t, badScored(after)))
	limit := time.Now().Add(15 * time.Second)
	e2etest.Until(t, func() error {
		_, cards := httpAsk(t, http.MethodGet, w.loop.SimulatorURL()+"/sim/channels/negative-feedback/messages", nil, nil)
		if !bytes.Contains(cards, []byte("I hate it: after")) && time.Now().Before(limit) {
			return errors.New("no card of the next event")
		}
		if !bytes.Contains(cards, []byte("I hate it: after")) {
			t.Fatal("no card of the event after the one with a time out of range: the route stands still")
		}
		return nil
	})
	w.flows()
}

// Slack hands each event to one connection at random, whatever the Secrets that hold the app token are called.
func TestSameAppTokenInTwoSecretsIsRefused(t *testing.T) {
	other := strings.Replace(secondSource, "{name: slack}", "{name: other}", 1)
	copied := "---\napiVersion: v1\nkind: Secret\nmetadata: {name: other}\nstringData: {bot-token: xoxb-simulator, app-token: xapp-simulator}\n---\n"
	o := editedDemo(t, []string{"  - name: mentions", other + "  - name: mentions"}, []string{"---\n", copied})
	o.Kafka = embeddedBroker(t).Bootstrap()
	err, _ := refusedStart(t, o, time.Minute)
	if !strings.Contains(err, "app token") || strings.Contains(err, "xapp-simulator") {
		t.Errorf("error = %q, want that two sources use one app token, and not the token", err)
	}
}

func TestWhatIsMissingIsSaidBeforeAnythingStarts(t *testing.T) {
	t.Run("Secret", func(t *testing.T) {
		o := editedDemo(t, []string{"credentialsSecretRef: {name: x}", "credentialsSecretRef: {name: gone}"}, nil)
		err, said := refusedStart(t, o, time.Minute)
		if _, e := os.Stat(filepath.Join(o.DataDir, "kafka")); said != "" || e == nil {
			t.Errorf("%q was said, and a broker started, before: %s", said, err)
		}
	})
	t.Run("corpus", func(t *testing.T) {
		o := editedDemo(t, nil, nil)
		o.Corpus = filepath.Join(o.DataDir, "gone.tsv")
		began := time.Now()
		err, said := refusedStart(t, o, 10*time.Second)
		if took := time.Since(began); took > 5*time.Second || said != "" || !strings.Contains(err, "gone.tsv") {
			t.Errorf("after %s and %q: %s\nwant at once, and nothing before it, that gone.tsv is not there", took, said, err)
		}
	})
}

package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// told is what somebody was told, from several goroutines.
type told struct {
	mu   sync.Mutex
	said []string
}

func (s *told) take(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, fmt.Sprint(err))
}

func (s *told) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.said...)
}

func TestEmbeddedTakesNothingOnAFullDisk(t *testing.T) {
	e, err := StartEmbedded(t.Context(), EmbeddedOptions{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	var free atomic.Int64
	var heard told
	free.Store(reserve)
	d := &disk{dir: "/some/folder", free: func(string) (int64, error) { return free.Load(), nil }, tell: heard.take}
	d.guard(e.cluster)
	fill(t, e.Bootstrap(), "events", 1, 10)

	free.Store(reserve - 1)
	c := client(t, e.Bootstrap(), kgo.RecordRetries(1), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
	if err := c.ProduceSync(within(t, 30*time.Second), &kgo.Record{Topic: "events", Value: []byte("x")}).FirstErr(); !errors.Is(err, kerr.KafkaStorageError) {
		t.Errorf("produce on a full disk: err = %v, want %v", err, kerr.KafkaStorageError)
	}
	if _, err := kadm.NewClient(c).CreateTopic(within(t, 30*time.Second), 1, 1, nil, "more"); !errors.Is(err, kerr.KafkaStorageError) {
		t.Errorf("create a topic on a full disk: err = %v, want %v", err, kerr.KafkaStorageError)
	}
	if got, want := count(t, e.Bootstrap(), "events"), int64(10); got != want {
		t.Errorf("records on a full disk = %d, want %d", got, want)
	}

	free.Store(reserve)
	produce(t, c, "events", 5)
	if got, want := count(t, e.Bootstrap(), "events"), int64(15); got != want {
		t.Errorf("records after there is room again = %d, want %d", got, want)
	}
	got := heard.all()
	if len(got) != 2 || !strings.Contains(got[0], "/some/folder") || !strings.Contains(got[0], "free some space") || got[1] != "<nil>" {
		t.Errorf("told %q, want that the disk is full, with the folder and the remedy, and then that it is not", got)
	}
}

func TestRoomThatNobodyCanTellOfIsThere(t *testing.T) {
	d := &disk{dir: "x", free: func(string) (int64, error) { return 0, errors.New("not supported") }}
	if err := d.room(); err != nil {
		t.Errorf("room = %v, want nil", err)
	}
	if got, err := freeOn(t.TempDir()); err != nil || got <= 0 {
		t.Errorf("freeOn = %d, %v; want some bytes", got, err)
	}
	if _, err := freeOn("/nowhere/nothing"); err == nil {
		t.Error("freeOn of a folder that does not exist gave no error")
	}
}

func TestWarningsPassOn(t *testing.T) {
	var b strings.Builder
	w := warnings{slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))}
	w.Logf(kfake.LogLevelInfo, "a request")
	w.Logf(kfake.LogLevelWarn, "persist %s: %v", "topics", "no space left on device")
	if got, want := b.String(), "level=WARN msg=\"embedded broker: persist topics: no space left on device\"\n"; got != want {
		t.Errorf("log = %q, want %q", got, want)
	}
}

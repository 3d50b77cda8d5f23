package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/proc"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// world is the processes and topics of one trial.
type world struct {
	trial
	ctx      context.Context
	bin, dir string
	servers  []string
	prefix   string
	client   *kgo.Client
	programs []program // simulator, scorer, notifier
}

// program is one that runs, and the path of its log.
type program struct {
	*proc.Process
	Log string
}

// routes are one that tells each event, until there are too many, and one of digests.
const routes = `[{"name":"each","group":"%[1]s.notifier.each","match":{"scoreBelow":0.3},"slack":{"channel":"negative-feedback","delivery":"Each","apiURL":"http://%[2]s/api/"}},` +
	`{"name":"digest","group":"%[1]s.notifier.digest","slack":{"channel":"positive-feedback","delivery":"Digest","digestInterval":"10s","apiURL":"http://%[2]s/api/"}}]`

// start starts the simulator, the scorer and the notifier, and returns when they are ready.
func (w *world) start() error {
	free, err := ports.Free(w.ctx, 4)
	if err != nil {
		return err
	}
	slack := ports.Address(free[0])
	topics := []string{"KAFKA_BOOTSTRAP_SERVERS=" + strings.Join(w.servers, ",")}
	for name, short := range map[string]string{"FEEDBACK": "feedback", "SCORED": "scored", "NOTIFICATIONS": "notifications", "DEAD_LETTERS": "dead-letters", "STATE": "state"} {
		topics = append(topics, "TOPIC_"+name+"="+w.prefix+"."+short)
	}
	for i, p := range []struct {
		name string
		env  []string
	}{
		{"simulator", []string{"LISTEN_ADDRESS=" + slack, "RATE=0", "SLACK_TIER_LIMITS=false"}},
		{"sentiment-scorer", append(topics, "LISTEN_ADDRESS="+ports.Address(free[1]), "GRPC_LISTEN_ADDRESS="+ports.Address(free[3]), "GROUP_ID="+w.prefix+".sentiment-scorer")},
		{"notifier", append(topics, "LISTEN_ADDRESS="+ports.Address(free[2]), "ROUTES="+fmt.Sprintf(routes, w.prefix, slack),
			"ROUTE_EACH_SLACK_BOT_TOKEN=xoxb-simulator", "ROUTE_DIGEST_SLACK_BOT_TOKEN=xoxb-simulator")},
	} {
		if err := w.launch(p.name, p.env); err != nil {
			return err
		}
		if err := w.ready(ports.Address(free[i])); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func (w *world) launch(name string, env []string) error {
	log, err := os.Create(filepath.Join(w.dir, w.prefix+"."+name+".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()              // the process has its own
	cmd := exec.Command(filepath.Join(w.bin, name)) //nolint:noctx // ends by stop
	cmd.Env = append(env, "PIPELINE=memory/memory", "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"), "GOMEMLIMIT="+os.Getenv("GOMEMLIMIT"))
	cmd.Stdout, cmd.Stderr = log, log
	p, err := proc.Start(cmd)
	if err != nil {
		return err
	}
	w.programs = append(w.programs, program{p, log.Name()})
	return nil
}

func (w *world) ready(address string) error {
	return w.until(time.Minute, func() error {
		req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("not ready: %s", resp.Status)
		}
		return nil
	})
}

// fill writes the trial's events as fast as the broker takes them: to the topic of events and, where the trial says so,
// scored to that of scored ones. No two texts are the same.
func (w *world) fill() error {
	words := strings.Repeat("I hate how slow the portal is today. ", w.bytes/37+1)[:w.bytes]
	now, score := timestamppb.Now(), 0.1
	out := w.writer()
	for i := range w.records {
		e := &feedbackv1.Event{Id: fmt.Sprintf("slack:T1:C1:%d.%06d", 1_700_000_000+i, i), Source: "community", Kind: feedbackv1.SourceKind_SOURCE_KIND_SLACK,
			Text: fmt.Sprintf("%d %s", i, words), Language: "en", Author: &feedbackv1.Author{Handle: "somebody"}, CreatedAt: now, RevisedAt: now, IngestedAt: now}
		out.write("feedback", e.GetId(), e)
		if w.scored {
			out.write("scored", e.GetId(), &feedbackv1.ScoredEvent{Event: e, ScoredAt: now, Sentiment: &feedbackv1.Sentiment{Score: &score, Language: &feedbackv1.Language{Tag: "en"}}})
		}
	}
	return out.end()
}

// tell writes what the notifier has to remember: cards of the route that tells each.
func (w *world) tell() error {
	out := w.writer()
	for i := range w.told {
		said := timestamppb.New(time.Now().Add(-time.Duration(w.told-i) * 100 * time.Millisecond))
		n := &feedbackv1.Notification{EventId: fmt.Sprintf("slack:T0123456789:C0123456789:%d.%06d", said.GetSeconds(), i), Route: "each", Count: 1,
			State:       feedbackv1.Notification_STATE_POSTED,
			Place:       &feedbackv1.Place{ChannelId: "C0123456789", ChannelName: "negative-feedback", Ts: fmt.Sprintf("%d.%06d", said.GetSeconds(), i)},
			CollapseKey: fmt.Sprintf("text:%024x", i), ObservedAt: said, CreatedAt: said}
		out.write("notifications", n.GetEventId()+"/"+n.GetRoute(), n)
	}
	return out.end()
}

// writer writes records to the trial's topics. Its first error is told at the end.
type writer struct {
	*world
	failed error
}

func (w *world) writer() *writer { return &writer{world: w} }

func (w *writer) write(topic, key string, value proto.Message) {
	data, err := proto.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("encode %s: %v", key, err)) // it is made here
	}
	w.client.Produce(w.ctx, &kgo.Record{Topic: w.prefix + "." + topic, Key: []byte(key), Value: data}, func(_ *kgo.Record, err error) {
		w.failed = cmp.Or(w.failed, err)
	})
}

func (w *writer) end() error { return errors.Join(w.client.Flush(w.ctx), w.failed) }

// drained waits until the scorer and both routes have read all that there is; else the error says what is left.
func (w *world) drained(limit time.Duration) error {
	admin := kadm.NewClient(w.client)
	return w.until(limit, func() error {
		lags, err := admin.Lag(w.ctx, w.prefix+".sentiment-scorer", w.prefix+".notifier.each", w.prefix+".notifier.digest")
		if err != nil {
			return err
		}
		var left []string
		for _, group := range lags.Sorted() {
			if len(group.Lag) == 0 {
				left = append(left, group.Group+" has read nothing")
			}
			if n := group.Lag.Total(); n > 0 {
				left = append(left, fmt.Sprintf("%s has %d left", strings.TrimPrefix(group.Group, w.prefix+"."), n))
			}
		}
		if len(left) > 0 {
			return errors.New(strings.Join(left, ", "))
		}
		return nil
	})
}

// remembered waits until the notifier's routes have read what was told.
func (w *world) remembered(limit time.Duration) error {
	return w.until(limit, func() error {
		log, err := os.ReadFile(w.programs[2].Log)
		if err != nil {
			return err
		}
		if n := strings.Count(string(log), "remembered what was told"); n < 2 {
			return fmt.Errorf("%d of 2 routes have read what was told", n)
		}
		return nil
	})
}

// died tells of a program that has ended, with the end of its log.
func (w *world) died() error {
	for _, p := range w.programs {
		select {
		case <-p.Done():
			log, _ := os.ReadFile(p.Log)
			return fmt.Errorf("%s ended: %w\n%s", filepath.Base(p.Log), p.Err(), log[max(0, len(log)-1500):])
		default:
		}
	}
	return nil
}

// until calls f twice a second until it returns nil, for limit at most; then it returns f's last error.
func (w *world) until(limit time.Duration, f func() error) error {
	tick, end := time.NewTicker(500*time.Millisecond), time.After(limit)
	defer tick.Stop()
	for {
		if err := w.died(); err != nil {
			return err
		}
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-end:
			return err
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
}

// stop ends the programs.
func (w *world) stop() error {
	var err error
	for _, p := range w.programs {
		err = errors.Join(err, p.Kill())
	}
	return err
}

// peak is the most memory that a process has had resident, in bytes, by Linux' word.
func peak(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("the peak of a process is read from Linux: %w", err)
	}
	return parsePeak(string(data))
}

func parsePeak(status string) (int64, error) {
	for line := range strings.Lines(status) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			return kb << 10, nil
		}
	}
	return 0, errors.New("the process has no VmHWM: has it ended?")
}

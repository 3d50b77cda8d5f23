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
	"slices"
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
	limits   map[string]int64 // most memory of each program's container, in bytes
	client   *kgo.Client
	slack    string    // the simulator's address
	programs []program // the simulator and those that are measured
}

// program is one that runs, and the path of its log.
type program struct {
	*proc.Process
	name, log string
}

// routes are one that tells each event, until there are too many, and one of digests.
const routes = `[{"name":"each","group":"%[1]s.notifier.each","match":{"scoreBelow":0.3},"slack":{"channel":"negative-feedback","delivery":"Each","apiURL":"http://%[2]s/api/"}},` +
	`{"name":"digest","group":"%[1]s.notifier.digest","slack":{"channel":"positive-feedback","delivery":"Digest","digestInterval":"10s","apiURL":"http://%[2]s/api/"}}]`

// simulate starts the simulator of Slack and X.
func (w *world) simulate() error {
	free, err := ports.Free(w.ctx, 1)
	if err != nil {
		return err
	}
	w.slack = ports.Address(free[0])
	return w.launch("simulator", w.slack, "RATE=0", "SLACK_TIER_LIMITS=false")
}

// start starts the scorer and the notifier, and returns when they are ready.
func (w *world) start() error {
	free, err := ports.Free(w.ctx, 3)
	if err != nil {
		return err
	}
	err = w.launch("sentiment-scorer", ports.Address(free[0]), "GRPC_LISTEN_ADDRESS="+ports.Address(free[2]), "GROUP_ID="+w.prefix+".sentiment-scorer")
	if err != nil {
		return err
	}
	return w.launch("notifier", ports.Address(free[1]), "ROUTES="+fmt.Sprintf(routes, w.prefix, w.slack),
		"ROUTE_EACH_SLACK_BOT_TOKEN=xoxb-simulator", "ROUTE_DIGEST_SLACK_BOT_TOKEN=xoxb-simulator")
}

// launch starts a program that listens on address, told nine tenths of its container's memory as it tells itself in a
// container, and returns when it is ready. The simulator has no limit.
func (w *world) launch(name, address string, env ...string) error {
	log, err := os.Create(filepath.Join(w.dir, w.prefix+"."+name+".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()              // the process has its own
	cmd := exec.Command(filepath.Join(w.bin, name)) //nolint:noctx // ends by stop
	cmd.Env = append(slices.Clip(env), "LISTEN_ADDRESS="+address, "PIPELINE=memory/memory", "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"),
		"KAFKA_BOOTSTRAP_SERVERS="+strings.Join(w.servers, ","))
	for name, short := range map[string]string{"FEEDBACK": "feedback", "SCORED": "scored", "NOTIFICATIONS": "notifications", "DEAD_LETTERS": "dead-letters", "STATE": "state"} {
		cmd.Env = append(cmd.Env, "TOPIC_"+name+"="+w.prefix+"."+short)
	}
	if limit := w.limits[name]; limit > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("GOMEMLIMIT=%d", limit/10*9))
	}
	cmd.Stdout, cmd.Stderr = log, log
	p, err := proc.Start(cmd)
	if err != nil {
		return err
	}
	w.programs = append(w.programs, program{p, name, log.Name()})
	if err := w.ready(address); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
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

// drained is nil when the scorer and both routes have read all that there is; else it says what is left.
func (w *world) drained() error {
	lags, err := kadm.NewClient(w.client).Lag(w.ctx, w.prefix+".sentiment-scorer", w.prefix+".notifier.each", w.prefix+".notifier.digest")
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
}

// remembered is nil when the notifier's routes have read what was told.
func (w *world) remembered() error {
	log, err := os.ReadFile(w.programs[2].log)
	if err != nil {
		return err
	}
	if n := strings.Count(string(log), "remembered what was told"); n < 2 {
		return fmt.Errorf("%d of 2 routes have read what was told", n)
	}
	return nil
}

// died tells of a program that has ended, with the end of its log.
func (w *world) died() error {
	for _, p := range w.programs {
		select {
		case <-p.Done():
			log, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s ended: %w\n%s", filepath.Base(p.log), p.Err(), log[max(0, len(log)-1500):])
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

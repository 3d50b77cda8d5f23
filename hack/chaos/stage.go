package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/hack/chaos/proxy"
	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

// replicas are those of the scorer and the notifier: one to break and one to take over. A source has one connection.
const replicas = 2

// links are the ways out of one process.
type links struct {
	world *proxy.Link   // to Slack or X
	kafka []*proxy.Link // to each broker; none with the embedded broker
}

// stage is all that runs, and what faults need to get at it.
type stage struct {
	s        settings
	rng      *rand.Rand
	kafka    *broker.Real // nil with the embedded broker
	loop     *loop.Loop
	links    map[string]*links // by the process's name
	admin    *kadm.Client
	progress *progress
	cards    []fault      // what is left of the deck
	unmount  func() error // takes the embedded broker's disk away; nil: it has none of its own
	log      io.Closer
}

// build starts everything. Traffic is off. Close stops it, whatever was started.
func build(ctx context.Context, s settings) (_ *stage, err error) {
	st := &stage{s: s, rng: rand.New(rand.NewPCG(s.seed, 0)), links: map[string]*links{}}
	defer func() {
		if err != nil {
			st.close()
		}
	}()
	m, err := executor.Read(s.manifest)
	if err != nil {
		return nil, err
	}
	options := loop.Options{
		Manifest: s.manifest, Bin: s.bin, DataDir: s.dataDir, Corpus: s.corpus, Rate: s.rate, Seed: int64(s.seed), //nolint:gosec // any number will do
		Replicas: map[string]int{"sentiment-scorer": replicas, "notifier": replicas}, SimulatorEnv: simulated(m),
		Quiet: true, Out: s.out,
	}
	if err := os.MkdirAll(s.dataDir, 0o755); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(s.dataDir, "chaos.log"))
	if err != nil {
		return nil, err
	}
	st.log, options.Log = log, slog.New(slog.NewTextHandler(log, nil))
	if s.brokers > 0 {
		if st.kafka, err = broker.StartReal(ctx, broker.RealOptions{Brokers: s.brokers, HeapMB: 320, Detours: len(m.Pipeline.Spec.Sources) + 2*replicas, DataDir: filepath.Join(s.dataDir, "kafka")}); err != nil {
			return nil, err
		}
		options.Kafka = st.kafka.Bootstrap()
	}
	if s.brokers == 0 {
		if st.unmount, err = mountDisk(st.disk()); err != nil {
			fmt.Fprintln(s.out, "SKIPPED: disk full:", err)
		}
	}
	options.Adapt = func(plan *executor.Plan, simulator string) error { return st.connect(ctx, plan, simulator) }
	if st.loop, err = loop.Start(ctx, options); err != nil {
		return nil, err
	}
	client, err := executor.ClientOptions(st.loop.Plan().Kafka)
	if err != nil {
		return nil, err
	}
	c, err := kgo.NewClient(client...)
	if err != nil {
		return nil, err
	}
	st.admin = kadm.NewClient(c)
	st.progress, err = watch(ctx, st.loop.Plan())
	return st, err
}

// simulated is the simulator's settings for a manifest: its channels exist, people talk in those that are sources and
// in some that are none. Slack's limits for each method and minute are off, since they are made for people and not for
// hundreds of posts a second; that a channel takes one message a second holds, and storms of 429 are among the faults.
func simulated(m *executor.Manifest) []string {
	talk := []string{}
	var read []string
	for _, s := range m.Pipeline.Spec.Sources {
		if s.Slack != nil {
			for _, c := range s.Slack.Channels {
				talk = append(talk, strings.TrimPrefix(string(c), "#"))
			}
		}
	}
	talk = append(talk, "random", "lunch", "music")
	for _, r := range m.Pipeline.Spec.Routes {
		if c := strings.TrimPrefix(string(r.Slack.Channel), "#"); !slices.Contains(read, c) {
			read = append(read, c)
		}
	}
	return []string{
		"SLACK_TIER_LIMITS=false", "SLACK_CHANNELS=" + strings.Join(slices.Concat(talk, read), ","),
		"TRAFFIC_CHANNELS=" + strings.Join(talk, ","), "SLACK_NOT_INVITED=" + strings.Join(talk, ","),
	}
}

// connect leads every process's ways out through links of its own.
func (st *stage) connect(ctx context.Context, plan *executor.Plan, simulator string) error {
	target := strings.TrimPrefix(simulator, "http://")
	for i := range plan.Programs {
		p := &plan.Programs[i]
		l := &links{}
		st.links[p.Name] = l
		if strings.Contains(strings.Join(p.Env, "\n"), simulator) {
			var err error
			if l.world, err = proxy.Listen(ctx, "127.0.0.1:0", target); err != nil {
				return err
			}
		}
		var brokers []string
		if st.kafka != nil {
			for _, way := range st.kafka.Detour(i) {
				k, err := proxy.Listen(ctx, way.At, way.To)
				if err != nil {
					return err
				}
				l.kafka = append(l.kafka, k)
				brokers = append(brokers, way.At)
			}
		}
		for j, v := range p.Env {
			if l.world != nil {
				v = strings.ReplaceAll(v, simulator, "http://"+l.world.Address())
			}
			if name, _, _ := strings.Cut(v, "="); name == "KAFKA_BOOTSTRAP_SERVERS" && len(brokers) > 0 {
				v = name + "=" + strings.Join(brokers, ",")
			}
			p.Env[j] = v
		}
	}
	return nil
}

// close stops everything.
func (st *stage) close() {
	if st.progress != nil {
		st.progress.stop()
	}
	if st.admin != nil {
		st.admin.Close()
	}
	if st.loop != nil {
		st.loop.Stop()
	}
	for _, l := range st.links {
		for _, k := range append(slices.Clone(l.kafka), l.world) {
			if k != nil {
				_ = k.Close()
			}
		}
	}
	if st.kafka != nil {
		_ = st.kafka.Stop(context.Background())
	}
	if st.unmount != nil {
		if err := st.unmount(); err != nil {
			fmt.Fprintln(st.s.out, "the broker's records are not kept:", err)
		}
	}
	if st.log != nil {
		_ = st.log.Close()
	}
}

// say prints a line with the time since the start.
func (st *stage) say(begun time.Time, format string, args ...any) {
	fmt.Fprintf(st.s.out, "%7.1fs  %s\n", time.Since(begun).Seconds(), fmt.Sprintf(format, args...))
}

// between is a random time from a to b, to a tenth of a second.
func (st *stage) between(a, b time.Duration) time.Duration {
	const unit = 100 * time.Millisecond
	return a + unit*time.Duration(st.rng.Int64N(int64((b-a)/unit)+1))
}

// process picks a process of one of the images; none: of any.
func (st *stage) process(images ...string) executor.Status {
	all := slices.DeleteFunc(st.loop.Pipeline().Processes(), func(p executor.Status) bool {
		return len(images) > 0 && !slices.Contains(images, p.Image)
	})
	return pick(st, all)
}

// pick picks one of several.
func pick[T any](st *stage, of []T) T { return of[st.rng.IntN(len(of))] }

// worldly are the processes that speak to Slack or X, in the plan's order.
func (st *stage) worldly() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(st.links)), func(name string) bool { return st.links[name].world == nil })
}

// hold waits, unless ctx ends before.
func hold(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

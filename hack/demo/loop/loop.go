// Package loop runs the whole feedback loop on this machine: a broker, the simulator of Slack and X, and as processes
// all that one FeedbackPipeline manifest asks for. It shows what happens, drains in the right order, and has the auditor
// say whether anything was lost or told twice.
package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

const (
	// readyLimit is how long the programs may take to become ready.
	readyLimit = time.Minute
	// kafkaPort is where the embedded broker listens, if the port is free.
	kafkaPort = 9092
)

// Options says what to run.
type Options struct {
	// Manifest is the path of the FeedbackPipeline.
	Manifest string
	// Bin is the folder with the services' binaries.
	Bin string
	// DataDir keeps the broker's records, the simulator's history and the logs. A later run carries on from them; one
	// with other topics, or with the real Slack and X instead of the simulator, is refused. Empty: a folder of DataRoot
	// for each.
	DataDir  string
	DataRoot string
	// Kafka are brokers to use instead of an embedded one.
	Kafka []string
	// NoSimulator has the pipeline meet the Slack and X that its manifest names.
	NoSimulator bool
	// Corpus is the file of texts that the simulator's people say; empty: its own.
	Corpus string
	// Rate is how many posts a second they offer.
	Rate float64
	// Seed makes them say the same again.
	Seed int64
	// Replicas scales programs by their images' names, such as notifier: 2. Default: as the manifest says.
	Replicas map[string]int
	// SimulatorEnv are more settings of the simulator, name=value.
	SimulatorEnv []string
	// Adapt changes the plan before it is run, for example to put proxies in the way. simulator is the base URL that its
	// programs were given; empty without one. Default: nothing.
	Adapt func(plan *executor.Plan, simulator string) error
	// Quiet leaves out the view and the simulator's troubles: Out gets only what the run has to say.
	Quiet bool
	// Out gets the view and all that the run has to say. Default: nowhere.
	Out io.Writer
	// Log gets what happens to the processes. Default: nowhere.
	Log *slog.Logger
}

// Loop is a running pipeline with all around it.
type Loop struct {
	options   Options
	out       *printer
	manifest  *executor.Manifest
	plan      executor.Plan
	kafkaPort int              // of the embedded broker
	address   string           // of the simulator
	shortened []string         // routes whose digests gather for a shorter time than the manifest says
	carriesOn bool             // there was a run on this folder before
	embedded  *broker.Embedded // nil with a broker of somebody's own
	simulator *simulator       // nil with the real Slack and X
	pipeline  *executor.Executor
	view      *view
	watching  sync.WaitGroup // the simulator's troubles
	unwatch   context.CancelFunc
	stopOnce  sync.Once
}

// Start starts everything, in the order broker, simulator, pipeline, and returns when all programs are ready. Traffic
// is off. What was started is stopped again if Start fails.
func Start(ctx context.Context, o Options) (_ *Loop, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Loop{options: o, out: newPrinter(o.Out)}
	defer func() {
		if err != nil {
			l.Stop()
		}
	}()
	if l.manifest, err = executor.Read(o.Manifest); err != nil {
		return nil, err
	}
	for image, replicas := range o.Replicas {
		l.manifest.Scale(image, replicas)
	}
	for _, step := range []func(context.Context) error{l.prepare, l.startBroker, l.startSimulator, l.startPipeline} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *Loop) startBroker(ctx context.Context) (err error) {
	if len(l.options.Kafka) > 0 {
		l.out.say("Kafka: %s", strings.Join(l.options.Kafka, ", "))
		return nil
	}
	l.embedded, err = broker.StartEmbedded(ctx, broker.EmbeddedOptions{
		DataDir: filepath.Join(l.options.DataDir, "kafka"), Port: l.kafkaPort, Log: l.options.Log,
		Full: func(err error) {
			if err != nil {
				l.out.say("Kafka: %v", err)
				return
			}
			l.out.say("Kafka: there is room on the disk again, and the broker takes records")
		},
	})
	if err != nil {
		return err
	}
	taken := ""
	if l.kafkaPort != kafkaPort {
		taken = fmt.Sprintf(" (port %d is taken)", kafkaPort)
	}
	l.out.say("Kafka: embedded, at %s%s", l.embedded.Bootstrap()[0], taken)
	return nil
}

func (l *Loop) startSimulator(ctx context.Context) (err error) {
	if l.options.NoSimulator {
		l.out.say("Slack and X: the real ones")
		return nil
	}
	if l.simulator, err = startSimulator(ctx, l.address, eventsURL(l.plan), l.channels(), l.options, l.simulatorDir(), l.logDir(), l.options.Log); err != nil {
		return err
	}
	var watch context.Context
	watch, l.unwatch = context.WithCancel(context.WithoutCancel(ctx))
	if !l.options.Quiet {
		l.watching.Go(func() { l.simulator.watch(watch, l.out) })
	}
	l.out.say("Slack and X: simulated; read the channels at %s", l.simulator.base)
	if len(l.shortened) > 0 {
		l.out.say("Digests gather for 10s here, not for as long as the manifest says: %s", strings.Join(l.shortened, ", "))
	}
	if sent, err := l.simulator.sent(ctx); err == nil && l.carriesOn && sent > 0 {
		l.out.say("Carries on after the %d posts of earlier runs in %s", sent, l.options.DataDir)
	}
	return nil
}

// simulatorDir is the simulator's data folder. What people said and the topics that tell of it belong together, so
// another broker has another one.
func (l *Loop) simulatorDir() string {
	name := "simulator"
	if l.embedded == nil {
		name += "-" + strings.NewReplacer(":", "-", "/", "-").Replace(cmp.Or(l.options.Kafka...))
	}
	return filepath.Join(l.options.DataDir, name)
}

// eventsURL is where Slack's signed HTTP events are to be sent; empty where the pipeline uses Socket Mode.
func eventsURL(plan executor.Plan) string {
	for _, p := range plan.Programs {
		if address := p.Listens["HTTP_LISTEN_ADDRESS"]; address != "" {
			return "http://" + address + "/slack/events"
		}
	}
	return ""
}

func (l *Loop) logDir() string { return filepath.Join(l.options.DataDir, "logs") }

func (l *Loop) startPipeline(ctx context.Context) (err error) {
	if err := executor.CreateTopics(ctx, l.plan, l.options.Log); err != nil {
		return err
	}
	if !l.options.Quiet {
		if l.view, err = follow(ctx, l.plan, l.manifest.Pipeline, l.out); err != nil {
			return err
		}
	}
	if l.options.Adapt != nil {
		if err := l.options.Adapt(&l.plan, l.SimulatorURL()); err != nil {
			return err
		}
	}
	if l.pipeline, err = executor.Start(ctx, l.plan, executor.Options{LogDir: l.logDir(), Log: l.options.Log}); err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := l.pipeline.WaitReady(ready); err != nil {
		return fmt.Errorf("the pipeline is not ready: %w", err)
	}
	var names []string
	for _, p := range l.pipeline.Processes() {
		name := p.Image
		if p.Deployment == desired.ComponentName(l.manifest.Pipeline.Name, "shadow") {
			name += " (shadow)"
		}
		names = append(names, name)
	}
	defer l.out.say("Look inside: bin/feedbackctl topics --kafka %s --prefix %s", l.plan.Kafka["KAFKA_BOOTSTRAP_SERVERS"], desired.Prefix(l.manifest.Pipeline))
	l.out.say("Pipeline %s/%s: %s; logs in %s", l.manifest.Pipeline.Namespace, l.manifest.Pipeline.Name, strings.Join(names, ", "), l.logDir())
	return nil
}

// Traffic has people talk, at the options' rate, or be silent. Without a simulator it does nothing.
func (l *Loop) Traffic(ctx context.Context, running bool) error {
	if l.simulator == nil {
		return nil
	}
	return l.simulator.traffic(ctx, running, l.options.Rate)
}

// Sent is how many posts people offered, over all runs on this data folder.
func (l *Loop) Sent(ctx context.Context) (int, error) {
	if l.simulator == nil {
		return 0, errors.New("only the simulator knows")
	}
	return l.simulator.sent(ctx)
}

// Fault has the simulator misbehave, by the fields of its POST /sim/faults.
func (l *Loop) Fault(ctx context.Context, fault map[string]any) error {
	if l.simulator == nil {
		return errors.New("only the simulator misbehaves on request")
	}
	return l.simulator.fault(ctx, fault)
}

// CrashSimulator kills the simulator, starts it again on what it kept, and has people talk on if talking is true. All
// its faults and connections end with it.
func (l *Loop) CrashSimulator(ctx context.Context, talking bool) error {
	if l.simulator == nil {
		return errors.New("there is no simulator to kill")
	}
	if err := l.simulator.crash(ctx); err != nil {
		return err
	}
	return l.simulator.traffic(ctx, talking, l.options.Rate)
}

// Say prints a line between those of the view.
func (l *Loop) Say(format string, args ...any) { l.out.say(format, args...) }

// Pipeline is the processes that the manifest asked for.
func (l *Loop) Pipeline() *executor.Executor { return l.pipeline }

// Plan is what runs. Its programs' environments hold secrets.
func (l *Loop) Plan() executor.Plan { return l.plan }

// SimulatorURL is where the simulated channels can be read; empty without a simulator.
func (l *Loop) SimulatorURL() string {
	if l.simulator == nil {
		return ""
	}
	return l.simulator.base
}

// StopPipeline drains the services and the view and leaves broker and simulator up, for the auditor.
func (l *Loop) StopPipeline() {
	if l.pipeline != nil {
		l.pipeline.Stop()
	}
	if l.view != nil {
		l.view.stop()
	}
}

// Stop stops what still runs: services, view, simulator, broker. A second call does nothing.
func (l *Loop) Stop() {
	l.stopOnce.Do(func() {
		l.StopPipeline()
		if l.simulator != nil {
			l.unwatch()
			l.watching.Wait()
			l.simulator.process.Stop()
		}
		if l.embedded != nil {
			l.embedded.Stop()
		}
	})
}

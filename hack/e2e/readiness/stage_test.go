//go:build e2e

package readiness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/hack/chaos/proxy"
	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

// rate is how many posts a second people offer in each pipeline: enough that something is always under way.
const rate = 2

// password is that of the users that the test makes.
const password = "readiness"

// cluster is the Kafka that all pipelines share.
type cluster struct {
	*broker.Real
	admin *kadm.Client
	sasl  string
}

// kafka starts Apache Kafka with so many detours, or skips the test and says what is missing.
func kafka(t *testing.T, detours int) *cluster {
	t.Helper()
	r := e2etest.Kafka(t, broker.RealOptions{SASL: true, ACLs: true, Detours: detours})
	c, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k := &cluster{Real: r, admin: kadm.NewClient(c)}
	for _, v := range r.Env() {
		if name, value, _ := strings.Cut(v, "="); name == broker.EnvSASLBootstrap {
			k.sasl = value
		}
	}
	return k
}

// pipeline is one that runs, with a simulator of its own.
type pipeline struct {
	*loop.Loop
	kafka  *cluster
	prefix string
	health follower
	world  map[string]*proxy.Link // to Slack or X, by the process's name
	ways   map[string]*proxy.Link // to Kafka; only with detours
}

// options say how a pipeline differs from pipeline.yaml.
type options struct {
	// detour leads every process to Kafka by a link of its own, by the cluster's detours from 0 on.
	detour bool
	// user is who some images are in Kafka; the others may do everything.
	user map[string]string
}

// starting is held while a pipeline starts: two at once would choose the same free ports.
var starting sync.Mutex

// start starts a pipeline with topics of this prefix, with people who talk, and waits until all its health is good.
func start(t *testing.T, k *cluster, prefix string, o options) *pipeline {
	t.Helper()
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline{kafka: k, prefix: prefix, world: map[string]*proxy.Link{}, ways: map[string]*proxy.Link{}}
	dir := t.TempDir()
	starting.Lock()
	p.Loop, err = loop.Start(t.Context(), loop.Options{
		Manifest: manifest(t, root, dir, prefix), Corpus: filepath.Join(root, "hack/demo/corpus.tsv"), Bin: filepath.Join(root, "bin"),
		DataDir: filepath.Join(dir, "data"), Kafka: k.Bootstrap(), Rate: rate, Seed: 1, Quiet: true,
		SimulatorEnv: []string{"SCENARIO=false", "SLACK_CHANNELS=feedback,support,private:inner,negative-feedback,positive-feedback",
			"TRAFFIC_CHANNELS=feedback,support,inner", "SLACK_NOT_INVITED=feedback,support"},
		Adapt: func(plan *executor.Plan, simulator string) error { return p.connect(t, plan, simulator, o) },
		Log:   slog.New(slog.DiscardHandler),
	})
	starting.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.open()
		p.Stop()
		for _, links := range []map[string]*proxy.Link{p.world, p.ways} {
			for _, l := range links {
				_ = l.Close()
			}
		}
		if t.Failed() {
			p.showLogs(t)
		}
	})
	p.health = follower{e2etest.FollowHealth(t, k.Bootstrap(), prefix+".state")}
	if err := p.Traffic(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := until(t, time.Now().Add(limit), p.allGood); err != nil {
		t.Fatalf("%s: not good after the start: %v", prefix, err)
	}
	return p
}

// manifest writes pipeline.yaml for this prefix.
func manifest(t *testing.T, root, dir, prefix string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "hack/e2e/readiness/pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out := strings.NewReplacer("PREFIX", prefix, "SECRETS", filepath.Join(root, "hack/demo/secrets.yaml")).Replace(string(text))
	path := filepath.Join(dir, "pipeline.yaml")
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// connect leads the processes' ways out through links.
func (p *pipeline) connect(t *testing.T, plan *executor.Plan, simulator string, o options) error {
	for i := range plan.Programs {
		program := &plan.Programs[i]
		if strings.Contains(strings.Join(program.Env, "\n"), simulator) {
			link, err := proxy.Listen(t.Context(), "127.0.0.1:0", strings.TrimPrefix(simulator, "http://"))
			if err != nil {
				return err
			}
			p.world[program.Name] = link
			for j, v := range program.Env {
				program.Env[j] = strings.ReplaceAll(v, simulator, "http://"+link.Address())
			}
		}
		if o.detour {
			way := p.kafka.Detour(i)[0]
			link, err := proxy.Listen(t.Context(), way.At, way.To)
			if err != nil {
				return err
			}
			p.ways[program.Name] = link
			program.Env = set(program.Env, map[string]string{"KAFKA_BOOTSTRAP_SERVERS": way.At})
		}
		if user := o.user[program.Image]; user != "" {
			program.Env = set(program.Env, map[string]string{
				"KAFKA_BOOTSTRAP_SERVERS": p.kafka.sasl, "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": password,
			})
		}
	}
	return nil
}

// set gives variables of an environment other values.
func set(env []string, values map[string]string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		_, ok := values[name]
		return ok
	})
	for name, value := range values {
		env = append(env, name+"="+value)
	}
	return env
}

// process is the process whose name ends so, such as community-0.
func (p *pipeline) process(t *testing.T, part string) executor.Status {
	t.Helper()
	for _, s := range p.Pipeline().Processes() {
		if strings.Contains(s.Name, part) {
			return s
		}
	}
	t.Fatalf("no process %s", part)
	return executor.Status{}
}

// open mends all links.
func (p *pipeline) open() {
	for _, links := range []map[string]*proxy.Link{p.world, p.ways} {
		for _, l := range links {
			l.Set(proxy.Open, 0)
		}
	}
}

// simulator sends a request to the simulator's control surface.
func (p *pipeline) simulator(path string, body map[string]any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	resp, err := http.Post(p.SimulatorURL()+path, "application/json", bytes.NewReader(data)) //nolint:noctx // on this machine
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("%s: %s: %s", path, resp.Status, said)
	}
	return nil
}

// ready is nil where the process's /readyz says so, else what it says.
func ready(s executor.Status) error {
	c := http.Client{Timeout: 2 * time.Second}
	resp, err := c.Get("http://" + s.Listens["LISTEN_ADDRESS"] + "/readyz") //nolint:noctx // bounded
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(said)))
	}
	return err
}

// allGood is nil where every process is ready and its health is fresh and good.
func (p *pipeline) allGood() error {
	var errs []error
	for _, s := range p.Pipeline().Processes() {
		if err := ready(s); err != nil {
			errs = append(errs, fmt.Errorf("%s is not ready: %w", s.Name, err))
		}
		if err := p.health.good(s.Name); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Name, err))
		}
	}
	return errors.Join(errs...)
}

// showLogs keeps the end of each process's log for whoever reads of the failure.
func (p *pipeline) showLogs(t *testing.T) {
	for _, s := range p.Pipeline().Processes() {
		data, _ := os.ReadFile(s.Log)
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		t.Logf("the end of %s:\n%s", filepath.Base(s.Log), strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
}

// until waits until f is nil; at the deadline it returns what f said last.
func until(t *testing.T, deadline time.Time, f func() error) error {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			return t.Context().Err()
		}
	}
}

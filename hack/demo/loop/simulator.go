package loop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

// simulatorPort is where its page is looked for, if the port is free.
const simulatorPort = 8090

// simulator is the process that plays Slack and X.
type simulator struct {
	base    string // such as http://127.0.0.1:8090
	process *executor.Executor
	client  *http.Client
}

// startSimulator starts it at address without traffic and returns when it answers. events is where it sends Slack's
// HTTP events; empty: it offers Socket Mode.
func startSimulator(ctx context.Context, address, events string, channels []string, o Options, dataDir, logDir string, log *slog.Logger) (_ *simulator, err error) {
	env := []string{
		"LISTEN_ADDRESS=" + address, "DATA_DIR=" + dataDir, "CORPUS=" + o.Corpus, "RATE=0", "SCENARIO=true",
		"SEED=" + strconv.FormatInt(o.Seed, 10), "PIPELINE=simulator", "LOG_FORMAT=text",
		"SLACK_EVENTS_URL=" + events,
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		env = append(env, name+"="+os.Getenv(name))
	}
	env = append(env, channels...)
	env = append(env, o.SimulatorEnv...)
	binary := filepath.Join(o.Bin, "simulator")
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("no binary %s: build it first (make build)", binary)
	}
	s := &simulator{base: "http://" + address, client: &http.Client{Timeout: 10 * time.Second}}
	s.process, err = executor.Start(ctx, executor.Plan{Programs: []executor.Program{{
		Name: "simulator", Deployment: "simulator", Image: "simulator", Path: binary, Env: env,
		Ready: s.base + "/readyz", Grace: 10 * time.Second,
	}}}, executor.Options{LogDir: logDir, Log: log})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := s.process.WaitReady(ctx); err != nil {
		s.process.Stop()
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	return s, nil
}

// crash kills it and returns when it answers again, from the folder that keeps all that was said. It is silent then.
func (s *simulator) crash(ctx context.Context) error {
	before := s.process.Processes()[0].Restarts
	if err := s.process.Kill("simulator", syscall.SIGKILL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.process.Processes()[0].Restarts == before {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the simulator was killed and does not come back: %w", ctx.Err())
		}
	}
	return s.process.WaitReady(ctx)
}

// traffic starts or stops what people say, at so many posts a second.
func (s *simulator) traffic(ctx context.Context, running bool, rate float64) error {
	body := map[string]any{"running": running}
	if running {
		body["rate"] = rate
	}
	return s.call(ctx, http.MethodPost, "/sim/traffic", body, nil)
}

// sent is how many posts people offered so far, over all runs.
func (s *simulator) sent(ctx context.Context) (int, error) {
	var status struct {
		Sent int `json:"sent"`
	}
	err := s.call(ctx, http.MethodGet, "/sim/status", nil, &status)
	return status.Sent, err
}

// fault has the simulator misbehave, see its /sim/faults.
func (s *simulator) fault(ctx context.Context, fault map[string]any) error {
	return s.call(ctx, http.MethodPost, "/sim/faults", fault, nil)
}

func (s *simulator) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the simulator: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("ask the simulator: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: the simulator says %s: %s", method, path, answer.Status, fit(printable(string(data)), 200))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

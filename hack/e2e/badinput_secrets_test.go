//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

// Tokens that can be found again wherever they turn up.
const (
	markedBot, markedApp, markedBearer = "xoxb-MARKED-bot", "xapp-MARKED-app", "MARKED-bearer"
	mark                               = "MARKED-"
)

// markedSimulator starts a simulator that takes the marked tokens and no others.
func markedSimulator(t *testing.T, bin, dir string) (base string, e *executor.Executor) {
	t.Helper()
	free, err := ports.Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	address := ports.Address(free[0])
	e, err = executor.Start(t.Context(), executor.Plan{Programs: []executor.Program{{
		Name: "simulator", Deployment: "simulator", Image: "simulator", Path: filepath.Join(bin, "simulator"),
		Env: []string{
			"LISTEN_ADDRESS=" + address, "RATE=10", "LOG_LEVEL=debug", "PIPELINE=default/simulator",
			"SLACK_BOT_TOKEN=" + markedBot, "SLACK_APP_TOKEN=" + markedApp, "X_BEARER_TOKEN=" + markedBearer,
		},
		Ready: "http://" + address + "/readyz", Grace: 5 * time.Second, Listens: map[string]string{"LISTEN_ADDRESS": address},
	}}}, executor.Options{LogDir: filepath.Join(dir, "logs")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	if err := e.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return "http://" + address, e
}

// TestSecretsStandNowhere runs the pipeline at level debug, with tokens that are taken and then with tokens that are
// refused, and looks for them wherever somebody could read them.
func TestSecretsStandNowhere(t *testing.T) {
	b := embeddedBroker(t)
	for _, c := range []struct {
		name    string
		secrets []string
		until   string // what the logs say then; empty: a card is told
	}{
		{"taken", []string{"xoxb-simulator", markedBot, "xapp-simulator", markedApp, "bearer-token: simulator", "bearer-token: " + markedBearer}, ""},
		{"refused", []string{"xoxb-simulator", markedBot + "-no", "xapp-simulator", markedApp + "-no", "bearer-token: simulator", "bearer-token: " + markedBearer + "-no"}, "TokenRefused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := editedDemo(t, []string{"  scorer:", "  logLevel: debug\n  scorer:", "    partitions: 3", "    prefix: " + c.name + "\n    partitions: 3"}, c.secrets)
			base, simulator := markedSimulator(t, o.Bin, o.DataDir)
			m, err := executor.Read(o.Manifest)
			if err != nil {
				t.Fatal(err)
			}
			m.UseKafka(b.Bootstrap(), true)
			m.UseSimulator(base)
			plan, err := executor.NewPlan(t.Context(), m, o.Bin)
			if err != nil {
				t.Fatal(err)
			}
			logs := filepath.Join(o.DataDir, "logs")
			e, err := executor.Start(t.Context(), plan, executor.Options{LogDir: logs, Log: o.Log})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Stop)
			processes := func() []executor.Status { return append(e.Processes(), simulator.Processes()...) }
			e2etest.Until(t, func() error {
				if c.until == "" {
					return told(t, base)
				}
				for _, p := range e.Processes() {
					log, _ := os.ReadFile(p.Log)
					if p.Image != "sentiment-scorer" && !bytes.Contains(log, []byte(c.until)) {
						return fmt.Errorf("%s has not said %s", p.Name, c.until)
					}
				}
				return nil
			})
			shown(t, processes(), base)
			e.Stop()
			simulator.Stop()
			noMark(t, logs, c.until == "")
		})
	}
}

// told is nil when the pipeline has posted a card.
func told(t *testing.T, base string) error {
	t.Helper()
	_, cards := httpAsk(t, http.MethodGet, base+"/sim/channels/negative-feedback/messages", nil, nil)
	if !bytes.Contains(cards, []byte("azure")) && !bytes.Contains(cards, []byte("Azure")) {
		return errors.New("no card in #negative-feedback")
	}
	return nil
}

// shown looks at what running processes show: argument lists, probes, metrics, the simulator's page.
func shown(t *testing.T, processes []executor.Status, base string) {
	t.Helper()
	pages := []string{base + "/", base + "/sim/status", base + "/sim/faults", base + "/sim/channels"}
	for _, p := range processes {
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if strings.Contains(string(args), mark) {
			t.Errorf("%s: a token stands in its arguments", p.Name)
		}
		for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
			pages = append(pages, "http://"+p.Listens["LISTEN_ADDRESS"]+path)
		}
	}
	for _, page := range slices.Compact(pages) {
		if _, body := httpAsk(t, http.MethodGet, page, nil, nil); bytes.Contains(body, []byte(mark)) {
			t.Errorf("%s shows a token", page)
		}
	}
}

// noMark reads all logs in dir; talkative ones must have lines of level DEBUG.
func noMark(t *testing.T, dir string, talkative bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("logs = %q, %v; want one of each process", files, err)
	}
	debug := false
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		debug = debug || bytes.Contains(text, []byte("DEBUG"))
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, mark) {
				t.Errorf("%s shows a token: %s", filepath.Base(file), strings.ReplaceAll(line, mark, "***"))
			}
		}
	}
	if talkative && !debug {
		t.Error("no log has a line of level DEBUG, so this proves little")
	}
}

package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type testConfig struct {
	Config
	Source string   `env:"SOURCE" help:"name of the source"`
	Token  Secret   `env:"TOKEN" help:"what opens the door"`
	Nested testPart `envPrefix:"PART_"`
}

type testPart struct {
	Count int `env:"COUNT" envDefault:"3" help:"how many"`
}

func (c *testConfig) Validate() error {
	if c.Source == "" {
		return Invalid("SOURCE", "", "name the source")
	}
	return nil
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		environ []string
		want    string // of the error
		check   func(c *testConfig) bool
	}{
		{name: "environment and defaults", environ: []string{"SOURCE=a"},
			check: func(c *testConfig) bool {
				return c.Source == "a" && c.Nested.Count == 3 && c.DrainTimeout == 25*time.Second && c.Instance != ""
			}},
		{name: "a flag beats the environment", args: []string{"-source", "b", "-part-count=7"}, environ: []string{"SOURCE=a", "PART_COUNT=5"},
			check: func(c *testConfig) bool { return c.Source == "b" && c.Nested.Count == 7 }},
		{name: "Validate", want: "SOURCE is empty: name the source"},
		{name: "not a number", environ: []string{"SOURCE=a", "PART_COUNT=many"}, want: `PART_COUNT "many":`},
		{name: "not a duration", environ: []string{"SOURCE=a", "DRAIN_TIMEOUT=soon"}, want: `DRAIN_TIMEOUT "soon":`},
		{name: "log format", environ: []string{"SOURCE=a", "LOG_FORMAT=xml"}, want: `LOG_FORMAT "xml": set it to json or text`},
		{name: "all errors at once", environ: []string{"LOG_FORMAT=xml"}, want: "SOURCE is empty"},
		{name: "unknown flag", args: []string{"-sauce", "a"}, want: "flag provided but not defined: -sauce"},
		{name: "argument", args: []string{"a"}, environ: []string{"SOURCE=a"}, want: `argument "a": only flags are taken`},
		{name: "a secret has no flag", args: []string{"-token", "sesame"}, environ: []string{"SOURCE=a"}, want: "flag provided but not defined: -token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := &testConfig{}
			err := Parse("test", cfg, c.args, c.environ, io.Discard)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("Parse = %v, want %q", err, c.want)
				}
				return
			}
			if err != nil || !c.check(cfg) {
				t.Errorf("Parse = %v, config %+v", err, cfg)
			}
		})
	}
}

func TestHelpNamesEverySetting(t *testing.T) {
	var out bytes.Buffer
	if err := Parse("test", &testConfig{}, []string{"-h"}, nil, &out); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("Parse -h = %v, want flag.ErrHelp", err)
	}
	for _, want := range []string{"SOURCE  -source", "TOKEN  (environment only)", "PART_COUNT  -part-count", "(default 3)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %q:\n%s", want, out.String())
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	type holder struct{ Token Secret }
	h := holder{"sesame"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", h.Token, "holder", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", h.Token, "holder", h)
	js, _ := json.Marshal(h)
	all := fmt.Sprintf("%v %+v %#v %s %q %s %s %v", h, h, h, h.Token, h.Token, js, log.String(), Invalid("TOKEN", h.Token, "no"))
	if strings.Contains(all, "sesame") {
		t.Errorf("the secret shows: %s", all)
	}
	if got := h.Token.Value(); got != "sesame" {
		t.Errorf("Value = %q, want the secret", got)
	}
}

func TestMainDrains(t *testing.T) {
	var began, ended time.Time
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan string, 4)
	code := runMain(ctx, "test", &testConfig{}, []string{"-listen-address", "127.0.0.1:0", "-drain-timeout", "50ms", "-source", "a"}, nil, io.Discard,
		func(ctx context.Context, p *Process, _ *testConfig) error {
			get := func(path string) string {
				resp, err := http.Get("http://" + p.Address() + path)
				if err != nil {
					return err.Error()
				}
				defer resp.Body.Close()
				return resp.Status
			}
			ready <- get("/readyz")
			p.Ready("kafka", errors.New("not yet"))
			ready <- get("/readyz")
			p.Ready("kafka", nil)
			ready <- get("/readyz")
			cancel()
			began = time.Now()
			<-p.Work().Done()
			ended = time.Now()
			ready <- get("/readyz")
			return ctx.Err()
		})
	if code != exitOK {
		t.Errorf("exit code = %d, want 0", code)
	}
	if d := ended.Sub(began); d < 50*time.Millisecond {
		t.Errorf("the work in hand had %s, want the drain time-out of 50ms", d)
	}
	for i, want := range []string{"503", "503", "200", "503"} {
		if got := <-ready; !strings.HasPrefix(got, want) {
			t.Errorf("readiness %d = %s, want %s", i, got, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	fails := func(context.Context, *Process, *testConfig) error { return errors.New("broken") }
	if got := runMain(t.Context(), "test", &testConfig{}, nil, nil, io.Discard, fails); got != exitInvalid {
		t.Errorf("exit code with wrong settings = %d, want %d", got, exitInvalid)
	}
	args := []string{"-listen-address", "127.0.0.1:0", "-source", "a"}
	if got := runMain(t.Context(), "test", &testConfig{}, args, nil, io.Discard, fails); got != exitFailed {
		t.Errorf("exit code after a failure = %d, want %d", got, exitFailed)
	}
}

func TestWorkOutlivesTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := newProcess(ctx, slog.New(slog.DiscardHandler), &Config{DrainTimeout: time.Second})
		cancel()
		<-time.After(999 * time.Millisecond)
		if p.Work().Err() != nil {
			t.Error("the work's context ended before the drain time-out")
		}
		<-time.After(time.Millisecond)
		synctest.Wait()
		if p.Work().Err() == nil {
			t.Error("the work's context outlived the drain time-out")
		}
	})
}

func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := Sleep(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("Sleep = %v after %s, want nil after a minute", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Sleep(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sleep = %v, want its context's error", err)
		}
	})
}

func TestMetricsTellWhatRuns(t *testing.T) {
	families, err := newRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range families {
		seen[f.GetName()] = true
		if f.GetName() == "feedback_build_info" {
			for _, l := range f.GetMetric()[0].GetLabel() {
				if l.GetValue() == "" || l.GetName() == "goversion" && !strings.HasPrefix(l.GetValue(), "go") {
					t.Errorf("feedback_build_info: %s = %q, want it told", l.GetName(), l.GetValue())
				}
			}
		}
	}
	for _, want := range []string{"feedback_build_info", "go_goroutines", "process_cpu_seconds_total"} {
		if !seen[want] {
			t.Errorf("no metric %s", want)
		}
	}
}

func TestWhatEveryServiceHasIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "| `feedback_build_info` | gauge | goversion, revision, version |"; !strings.Contains(string(page), want) {
		t.Errorf("docs/metrics.md has no row that begins with %q", want)
	}
}

func TestTracingIsOffUnlessAsked(t *testing.T) {
	for _, c := range []struct {
		name, environ string
		on            bool
		want          string // of the error
	}{
		{"nothing set", "", false, ""},
		{"an endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", true, ""},
		{"for traces alone", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/v1/traces", true, ""},
		{"by gRPC", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", true, ""},
		{"disabled", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_SDK_DISABLED=TRUE", false, ""},
		{"no exporter", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_TRACES_EXPORTER=none", false, ""},
		{"another exporter", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_TRACES_EXPORTER=zipkin", false, `OTEL_TRACES_EXPORTER "zipkin": set it to otlp or none`},
		{"another protocol", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_EXPORTER_OTLP_PROTOCOL=http/json", false, `OTEL_EXPORTER_OTLP_PROTOCOL "http/json": set it to`},
		{"no URL", "OTEL_EXPORTER_OTLP_ENDPOINT=user:sesame@collector", false, `OTEL_EXPORTER_OTLP_ENDPOINT "[secret]": write it as a URL`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, err := newTraces(t.Context(), "test", &Config{Pipeline: "default/test"}, strings.Fields(c.environ), slog.New(slog.DiscardHandler))
			defer tr.close()
			if c.want != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.want) {
					t.Errorf("newTraces = %v, want %s", err, c.want)
				}
				return
			}
			if err != nil || (tr.tracerProvider() != nil) != c.on {
				t.Errorf("newTraces = %v, %v, want it on: %v", tr, err, c.on)
			}
		})
	}
}

package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// call is one run of feedbackctl.
type call struct {
	in  io.Reader
	env map[string]string
	ctx context.Context
}

// result is what it left behind.
type result struct {
	code     int
	out, err string
}

func (c call) run(t testing.TB, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	code := c.runTo(t, &out, &errOut, args...)
	return result{code, out.String(), errOut.String()}
}

func (c call) runTo(t testing.TB, out, errOut io.Writer, args ...string) int {
	t.Helper()
	if c.in == nil {
		c.in = strings.NewReader("")
	}
	if c.env == nil {
		c.env = map[string]string{}
	}
	if c.ctx == nil {
		c.ctx = t.Context()
	}
	a := &app{in: c.in, out: out, err: errOut, env: c.env, now: time.Now, zone: time.UTC}
	return a.execute(c.ctx, args)
}

// ok fails the test where the command did not succeed.
func (r result) ok(t testing.TB) result {
	t.Helper()
	if r.code != exitOK {
		t.Fatalf("exit status %d, want 0\nstderr: %s", r.code, r.err)
	}
	return r
}

func TestWrongCommandLinesTeach(t *testing.T) {
	tests := []struct {
		name string
		args []string
		env  map[string]string
		says []string // field, value and remedy
	}{
		{"unknown command", []string{"scor"}, nil, []string{"scor", "Did you mean", "score"}},
		{"unknown flag", []string{"score", "--lang", "en"}, nil, []string{"--lang", "score --help"}},
		{"output", []string{"score", "-o", "xml", "x"}, nil, []string{"--output", "xml", "json, tsv"}},
		{"kind", []string{"score", "--kind", "fax", "x"}, nil, []string{"--kind", "fax", "tweet, dev, chat, slack, x"}},
		{"backend", []string{"score", "--backend", "vadre", "x"}, nil, []string{"--backend", "vadre", "vader"}},
		{"assumed language", []string{"score", "--assume-language", "klingonish", "x"}, nil, []string{"--assume-language", "klingonish", "none"}},
		{"backend of a scorer", []string{"score", "--backend", "azure", "x"}, nil, []string{"--backend", "azure", "builtin, vader", "--address"}},
		{"weights that are not there", []string{"score", "--weights", "/nowhere", "x"}, nil, []string{"--weights", "/nowhere/tweet.bin", "hack/train"}},
		{"weights of a variable that is not set", []string{"score", "--weights", "", "x"}, nil, []string{"--weights is empty"}},
		{"weights of VADER", []string{"score", "--backend", "vader", "--weights", "w", "x"}, nil, []string{"--weights", "vader"}},
		{"a neutral term of many words", []string{"score", "--neutral-terms", "a b c d e f g", "x"}, nil, []string{"--neutral-terms", "a b c d e f g", "one to 6"}},
		{"address", []string{"score", "--address", "localhost", "x"}, nil, []string{"--address", "localhost", "host:port"}},
		{"address without a host", []string{"score", "--address", ":9090", "x"}, nil, []string{"--address", ":9090", "host:port"}},
		{"address with a port that is none", []string{"score", "--address", "localhost:99999", "x"}, nil, []string{"--address", "localhost:99999", "host:port"}},
		{"address of a variable that is not set", []string{"score", "--address", "", "x"}, nil, []string{"--address is empty"}},
		{"TLS without an address", []string{"score", "--tls", "x"}, nil, []string{"--tls", "--address"}},
		{"timeout without an address", []string{"score", "--timeout", "1s", "x"}, nil, []string{"--timeout", "--address"}},
		{"no timeout", []string{"score", "--address", "localhost:1", "--timeout", "0s", "x"}, nil, []string{"--timeout 0s", "30s"}},
		{"no authorities", []string{"score", "--address", "localhost:1", "--tls-ca", "/nowhere", "x"}, nil, []string{"--tls-ca", "/nowhere", "PEM"}},
		{"authorities that are none", []string{"score", "--address", "localhost:1", "--tls-ca", "root.go", "x"}, nil, []string{"--tls-ca root.go", "-----BEGIN CERTIFICATE-----"}},
		{"address and backend", []string{"score", "--address", "localhost:1", "--backend", "vader", "x"}, nil, []string{"address", "backend"}},
		{"no brokers", []string{"tail", "--prefix", "default.azure"}, nil, []string{"--kafka", "KAFKA_BOOTSTRAP_SERVERS"}},
		{"broker without port", []string{"tail", "--prefix", "p.q", "--kafka", "localhost"}, nil, []string{"KAFKA_BOOTSTRAP_SERVERS", "localhost", "host:port"}},
		{"no prefix", []string{"tail", "--kafka", "localhost:1"}, nil, []string{"--prefix", "FEEDBACK_PREFIX", "default.azure"}},
		{"no prefix for topics", []string{"topics", "--kafka", "localhost:1"}, nil, []string{"--prefix"}},
		{"unknown topic", []string{"tail", "scroed", "--kafka", "localhost:1"}, nil, []string{"scroed", "scored"}},
		{"two topics", []string{"tail", "feedback", "scored"}, nil, []string{"at most 1"}},
		{"from", []string{"tail", "--from", "yesterday"}, nil, []string{"--from", "yesterday", "2h"}},
		{"from latest to the end", []string{"tail", "--from", "latest", "--no-follow"}, nil, []string{"--no-follow", "nothing"}},
		{"filter of another topic", []string{"tail", "feedback", "--prefix", "p.q", "--below", "0.3"}, nil, []string{"--below", "feedback", "scored"}},
		{"score out of range", []string{"tail", "--prefix", "p.q", "--below", "3"}, nil, []string{"--below", "3", "between 0 and 1"}},
		{"empty range", []string{"tail", "--prefix", "p.q", "--below", "0.3", "--above", "0.9"}, nil, []string{"--above", "0.9", "0.3"}},
		{"TLS that is no boolean", []string{"topics", "--prefix", "p.q"}, map[string]string{"KAFKA_TLS_ENABLED": "maybe"}, []string{"maybe"}},
		{"no channel", []string{"post", "hello"}, nil, []string{"--channel"}},
		{"nothing to post", []string{"post", "--channel", "x"}, nil, []string{"--file"}},
		{"file and texts", []string{"post", "--channel", "x", "--file", "f", "hello"}, nil, []string{"--file", "either"}},
		{"no rate", []string{"post", "--channel", "x", "--rate", "0", "hello"}, nil, []string{"--rate", "0"}},
		{"no token", []string{"post", "--channel", "x", "hello"}, nil, []string{"SLACK_BOT_TOKEN", "SLACK_USER_TOKEN"}},
		{"no such file", []string{"post", "--channel", "x", "--file", "/nowhere/at/all"}, map[string]string{"SLACK_BOT_TOKEN": "xoxb-1"}, []string{"--file", "/nowhere/at/all", "no such file"}},
		{"no routes", []string{"route", "test", "hello"}, nil, []string{"--manifest", "--routes"}},
		{"no text", []string{"route", "test"}, nil, []string{"1 arg"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := call{env: test.env}.run(t, test.args...)
			if got.code != exitUsage || got.out != "" {
				t.Errorf("exit status %d, stdout %q, want %d and nothing", got.code, got.out, exitUsage)
			}
			for _, want := range test.says {
				if !strings.Contains(got.err, want) {
					t.Errorf("stderr %q, want it to name %q", got.err, want)
				}
			}
		})
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Runnable() && !cmd.HasSubCommands() && cmd.Example == "" {
			t.Errorf("%s has no example in its help", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk((&app{env: map[string]string{}}).rootCommand())
}

func TestHelpGoesToStdout(t *testing.T) {
	got := call{env: map[string]string{"FEEDBACK_PREFIX": "secret.team", "ROUTES": "[]"}}.run(t, "tail", "--help").ok(t)
	for _, want := range []string{"Examples:", "--below", "--kafka"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("help has no %q", want)
		}
	}
	if strings.Contains(got.out, "secret.team") {
		t.Error("help shows a value of the environment as a default")
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := (call{}).run(t, "completion", shell).ok(t); !strings.Contains(got.out, "feedbackctl") {
			t.Errorf("completion for %s is empty", shell)
		}
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"__complete", "tail", "dead"}, "dead-letters"},
		{[]string{"__complete", "tail", "--from", ""}, "earliest"},
		{[]string{"__complete", "score", "-o", ""}, "tsv"},
	} {
		if got := (call{}).run(t, test.args...).ok(t); !strings.Contains(got.out, test.want) {
			t.Errorf("%v offers %q, want %s among it", test.args, got.out, test.want)
		}
	}
}

func TestSafe(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "naïve café 日本語 👍🏽", "naïve café 日本語 👍🏽"},
		{"lines", "a\nb\r\tc", "a b  c"},
		{"escape sequence", "\x1b]0;owned\x07\x1b[31mred", "\ufffd]0;owned\ufffd\ufffd[31mred"},
		{"C1", "a\u009b31mb", "a\ufffd31mb"},
		{"direction", "abc\u202edef", "abc\ufffddef"},
		{"broken UTF-8", "a\xffb", "a\ufffdb"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := safe(test.in); got != test.want {
				t.Errorf("safe(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestWriteJSONIsSafe(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, map[string]string{"text": "a\x1b[31m\u009b\u202e<é\x7f"}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), `{"text":"a\u001b[31m\u009b\u202e<é\u007f"}`+"\n"; got != want {
		t.Errorf("writeJSON = %s, want %s", got, want)
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		in   string
		n    int
		want string
	}{{"äöü", 3, "äöü"}, {"äöüß", 3, "äöü…"}, {"", 3, ""}} {
		if got := cut(test.in, test.n); got != test.want {
			t.Errorf("cut(%q, %d) = %q, want %q", test.in, test.n, got, test.want)
		}
	}
}

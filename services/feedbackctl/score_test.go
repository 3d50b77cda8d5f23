package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

func TestScoreJSON(t *testing.T) {
	got := call{}.run(t, "score", "I love it", "", "I hate it", "Das ist wirklich sehr schlecht", "Azure ligt er weer uit, wat een ellende, het hele kantoor staat stil").ok(t)
	var lines []scoreLine
	for line := range strings.Lines(got.out) {
		var l scoreLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if (l.Score == nil) == (l.Reason == "") {
			t.Errorf("line %q, want either a score or a reason", line)
		}
		l.Score, l.Confidence, l.Model, l.Detail = nil, 0, "", ""
		lines = append(lines, l)
	}
	want := []scoreLine{
		{Label: "positive", Language: "en"},
		{Language: "und", Reason: "no_text"},
		{Label: "negative", Language: "en"},
		{Label: "negative", Language: "de"},
		{Language: "nl", Reason: "language"},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestScoreTSV(t *testing.T) {
	in := "I love it\r\n\nDas ist sehr schlecht\nno end of line"
	got := call{in: strings.NewReader(in)}.run(t, "score", "--backend", "vader", "-o", "tsv").ok(t)
	want := []string{"0.8185\tpositive\ten", "\t\tund", "\t\tde", "0.3520\tnegative\ten"}
	if diff := cmp.Diff(strings.Join(want, "\n")+"\n", got.out); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	if got.err != "" {
		t.Errorf("stderr %q, want nothing", got.err)
	}
}

func TestScoreFixesTheLanguage(t *testing.T) {
	got := call{}.run(t, "score", "--language", "nl", "-o", "tsv", "I love it").ok(t)
	if got, want := got.out, "\t\tnl\n"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
}

func TestScoreRefusesWhatIsNoLanguage(t *testing.T) {
	for _, language := range []string{"xx", "english", "e"} {
		for _, args := range [][]string{{"score", "x"}, {"score", "--address", "localhost:1", "x"}, {"evaluate", "--data", "-"}, {"route", "test", "-f", "testdata/pipeline.yaml", "x"}} {
			got := call{in: strings.NewReader("neutral\tx\n")}.run(t, append(args, "--language", language)...)
			if got.code != exitUsage || !strings.Contains(got.err, "--language \""+language+"\" is no language") || got.out != "" {
				t.Errorf("%v --language %s: %+v, want it refused", args, language, got)
			}
		}
	}
}

func TestScoreOfNothing(t *testing.T) {
	if got := (call{}).run(t, "score").ok(t); got.out != "" {
		t.Errorf("stdout %q, want nothing", got.out)
	}
}

// numbered are n lines whose score tells their place: every third is positive, and so on.
func numbered(n int) (in string, want []string) {
	texts := []string{"I love it", "I hate it", "", "it opens at nine"}
	labels := []string{"positive", "negative", "", "neutral"}
	var b strings.Builder
	state := uint32(1)
	for range n {
		state = state*1664525 + 1013904223
		k := state >> 30
		b.WriteString(texts[k] + "\n")
		want = append(want, labels[k])
	}
	return b.String(), want
}

func checkOrder(t *testing.T, out string, want []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if got, want := len(lines), len(want); got != want {
		t.Fatalf("%d lines, want %d", got, want)
	}
	for i, line := range lines {
		if got := strings.Split(line, "\t")[1]; got != want[i] {
			t.Fatalf("line %d: label %q, want %q", i, got, want[i])
		}
	}
}

func TestScoreKeepsTheOrderOfTenThousandLines(t *testing.T) {
	in, want := numbered(10_000)
	got := call{in: strings.NewReader(in)}.run(t, "score", "-o", "tsv").ok(t)
	checkOrder(t, got.out, want)
}

func TestScoreAnswersALineBeforeTheNextIsThere(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan int)
	go func() {
		defer outW.Close()
		done <- call{in: inR}.runTo(t, outW, io.Discard, "score", "-o", "tsv")
	}()
	answers := bufio.NewReader(outR)
	for i, text := range []string{"I love it", "I hate it"} {
		fmt.Fprintln(inW, text)
		if got, err := answers.ReadString('\n'); err != nil || !strings.Contains(got, []string{"positive", "negative"}[i]) {
			t.Fatalf("answer to %q: %q, %v", text, got, err)
		}
	}
	inW.Close()
	go func() { _, _ = io.Copy(io.Discard, answers) }()
	if code := <-done; code != exitOK {
		t.Errorf("exit status %d, want 0", code)
	}
}

func TestScoreBoundsALine(t *testing.T) {
	in := strings.Repeat("I love it ", 1<<20) + "\nI hate it\n"
	got := call{in: strings.NewReader(in)}.run(t, "score", "-o", "tsv").ok(t)
	checkOrder(t, got.out, []string{"positive", "negative"})
}

func TestScoreTakesWhatEditorsWrite(t *testing.T) {
	got := call{in: strings.NewReader("\ufeff\r\nI love it\r\n")}.run(t, "score", "-o", "tsv").ok(t)
	if want := "\t\tund\n"; !strings.HasPrefix(got.out, want) || !strings.Contains(got.out, "positive") {
		t.Errorf("stdout %q, want a line of no text and a positive one", got.out)
	}
	got = call{in: strings.NewReader("\xff\xfeI\x00\n\x00")}.run(t, "score")
	if got.code != exitFailed || got.out != "" || !strings.Contains(got.err, "read stdin: it begins as UTF-16 does") {
		t.Errorf("%+v, want UTF-16 refused", got)
	}
}

func TestScoreOfNoInputSpeaksOfNoTerminal(t *testing.T) {
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer nothing.Close()
	if got := (call{in: nothing}).run(t, "score").ok(t); got.out != "" || got.err != "" {
		t.Errorf("%+v, want nothing said", got)
	}
}

func TestScoreTrustsTheAuthorityThatIsNamed(t *testing.T) {
	certificate, file := selfSigned(t)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	feedbackv1.RegisterSentimentScorerServiceServer(g, &scorerServer{score: func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
		return &feedbackv1.ScoreResponse{Sentiments: []*feedbackv1.Sentiment{{Score: new(0.25)}}}, nil
	}})
	go func() { _ = g.Serve(lis) }()
	t.Cleanup(g.Stop)
	address := lis.Addr().String()
	if got := (call{}).run(t, "score", "--address", address, "--tls-ca", file, "x").ok(t); !strings.Contains(got.out, `"score":0.25`) {
		t.Errorf("%+v, want the server's score", got)
	}
	if got := (call{}).run(t, "score", "--address", address, "--tls", "x"); got.code != exitFailed || !strings.Contains(got.err, "--tls-ca") {
		t.Errorf("%+v, want a server that the system does not trust refused, and --tls-ca named", got)
	}
}

// selfSigned returns a certificate for 127.0.0.1, and a file that holds it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, file
}

func TestScoreTellsOfAReadError(t *testing.T) {
	in := io.MultiReader(strings.NewReader("I love it\n"), brokenReader{})
	got := call{in: in}.run(t, "score", "-o", "tsv")
	if got.code != exitFailed || !strings.Contains(got.err, "disk on fire") || !strings.Contains(got.out, "positive") {
		t.Errorf("%+v, want the first line's score, the error and status 1", got)
	}
}

func TestScoreTellsOfAWriteErrorOnce(t *testing.T) {
	in, _ := numbered(10_000)
	var said strings.Builder
	code := call{in: strings.NewReader(in)}.runTo(t, fullDisk{}, &said, "score")
	if got, want := said.String(), "feedbackctl: disk full\n"; code != exitFailed || got != want {
		t.Errorf("exit status %d, stderr %q, want %d and %q", code, got, exitFailed, want)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestScoreLineIsWrittenAsTheJSONPackageDoes(t *testing.T) {
	for _, score := range []float64{0, 1, 0.5, 0.1 + 0.2, 1e-6, 9.99e-7, 1e-300, 0.8185, 1.0 / 3, 123456789.125, 1e21, -0.5} {
		for _, word := range []string{"", "positive", "en", "vader/govader+1", `a"b`, `a\b`, "é", "\x1b[2J", "<&>", "\u2028", "\xff"} {
			l := scoreLine{Score: &score, Label: word, Language: word, Confidence: score, Model: word}
			got, ok := l.append(nil)
			if plain := plainNumber(score) && plainWord(word); ok != plain {
				t.Errorf("%v, %q: written %v, want %v", score, word, ok, plain)
			}
			var want bytes.Buffer
			if err := writeJSON(&want, l); err != nil {
				t.Fatal(err)
			}
			if ok && string(got) != want.String() {
				t.Errorf("line %q, want %q", got, want.String())
			}
		}
	}
	unscored := scoreLine{Language: "nl", Model: "x", Reason: "language", Detail: "y"}
	if line, ok := unscored.append(nil); ok {
		t.Errorf("a text without a score is written as %q, want it left to the JSON package", line)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestScoreEndsOnAnInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	inR, inW := io.Pipe()
	defer inW.Close()
	cancel()
	if got := (call{in: inR, ctx: ctx}).run(t, "score"); got.code != exitInterrupted {
		t.Errorf("exit status %d, want %d", got.code, exitInterrupted)
	}
}

// scorerServer is a SentimentScorerService of a function.
type scorerServer struct {
	feedbackv1.UnimplementedSentimentScorerServiceServer
	score func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error)
}

func (s *scorerServer) Score(ctx context.Context, r *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
	return s.score(ctx, r)
}

func serveScorer(t *testing.T, score func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error)) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	feedbackv1.RegisterSentimentScorerServiceServer(g, &scorerServer{score: score})
	go func() { _ = g.Serve(lis) }()
	t.Cleanup(g.Stop)
	return lis.Addr().String()
}

func TestScoreByGRPC(t *testing.T) {
	backend, err := sentiment.Open(sentiment.VaderName, sentiment.Options{AssumeLanguage: "en"})
	if err != nil {
		t.Fatal(err)
	}
	requests := 0
	address := serveScorer(t, func(ctx context.Context, r *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
		if requests++; requests == 1 {
			return nil, status.Error(codes.Unavailable, "starting") // is tried again
		}
		var documents []sentiment.Document
		for _, d := range r.GetDocuments() {
			if len(d.GetText()) > remoteText {
				return nil, status.Errorf(codes.InvalidArgument, "%d bytes", len(d.GetText()))
			}
			documents = append(documents, sentiment.Document{Text: d.GetText(), Language: d.GetLanguage(), Kind: d.GetKind()})
		}
		sentiments, err := backend.Score(ctx, documents)
		return &feedbackv1.ScoreResponse{Sentiments: sentiments}, err
	})
	in, want := numbered(10_000)
	for range 200 { // more than a request takes, and no UTF-8
		in += strings.Repeat("é", 30_000) + "\xff\n"
		want = append(want, "neutral")
	}
	got := call{in: strings.NewReader(in)}.run(t, "score", "-o", "tsv", "--language", "en", "--address", address).ok(t)
	checkOrder(t, got.out, want)
	if requests < 20 || requests > 200 {
		t.Errorf("%d requests for 10,200 lines, want batches", requests)
	}
}

func TestScoreByGRPCTellsOfATextThatIsRefused(t *testing.T) {
	address := serveScorer(t, func(_ context.Context, r *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
		answer := &feedbackv1.ScoreResponse{}
		for _, d := range r.GetDocuments() {
			if strings.Contains(d.GetText(), "poison") {
				return nil, status.Error(codes.InvalidArgument, "I don't take it")
			}
			answer.Sentiments = append(answer.Sentiments, &feedbackv1.Sentiment{Score: new(0.25), Label: feedbackv1.Label_LABEL_NEGATIVE})
		}
		return answer, nil
	})
	got := call{in: strings.NewReader("bad\npoison\nworse\n")}.run(t, "score", "--language", "en", "--address", address).ok(t)
	lines := strings.Split(got.out, "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], `"score":0.25`) || !strings.Contains(lines[2], `"score":0.25`) ||
		!strings.Contains(lines[1], `"reason":"refused","detail":"`+address+` refused it: I don't take it"`) {
		t.Errorf("stdout %s, want the second text refused and the others scored", got.out)
	}
}

func TestScoreByGRPCTellsTheLanguageThatTheServerDoesNot(t *testing.T) {
	address := serveScorer(t, func(_ context.Context, r *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
		return &feedbackv1.ScoreResponse{Sentiments: []*feedbackv1.Sentiment{{Score: new(0.25)}}}, nil
	})
	for language, want := range map[string]string{"": `"language":"de"`, "nl": `"language":"nl","confidence":1`} {
		got := call{}.run(t, "score", "--address", address, "--language", language, "Das ist wirklich sehr schlecht").ok(t)
		if !strings.Contains(got.out, want) || !strings.Contains(got.out, `"model":"grpc"`) {
			t.Errorf("--language %q: %s, want %s and a model", language, got.out, want)
		}
	}
}

func TestScoreByGRPCTellsOfAFallback(t *testing.T) {
	since := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	address := serveScorer(t, func(_ context.Context, r *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
		answer := &feedbackv1.ScoreResponse{}
		for range r.GetDocuments() {
			answer.Sentiments = append(answer.Sentiments, &feedbackv1.Sentiment{Score: new(0.25), Model: "builtin/tweet", Label: feedbackv1.Label_LABEL_NEGATIVE,
				Language: &feedbackv1.Language{Tag: "en", Confidence: 1}, Fallback: &feedbackv1.Fallback{Backend: "azure", Reason: "azure answered 503", Since: since}})
		}
		return answer, nil
	})
	got := call{in: strings.NewReader("bad\n")}.run(t, "score", "--address", address).ok(t)
	const want = `{"score":0.25,"label":"negative","language":"en","confidence":1,"model":"builtin/tweet","fallback":{"backend":"azure","reason":"azure answered 503","since":"2026-01-02T03:04:05Z"}}` + "\n"
	if got.out != want {
		t.Errorf("got  %swant %s", got.out, want)
	}
}

// What stops before a server answers is about the address, whatever words gRPC has for it.
func TestScoreByGRPCTellsOfAServerThatIsNotReached(t *testing.T) {
	plain := serveScorer(t, func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
		return &feedbackv1.ScoreResponse{}, nil
	})
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, args := range map[string][]string{
		"nobody there": {"--address", "127.0.0.1:1"},
		"TLS there":    {"--address", secure.Listener.Addr().String()},
		"no TLS there": {"--address", plain, "--tls"},
	} {
		t.Run(name, func(t *testing.T) {
			got := call{}.run(t, append([]string{"score", "x"}, args...)...)
			if got.code != exitFailed || !strings.Contains(got.err, "see whether the scorer runs") || !strings.Contains(got.err, args[1]) {
				t.Errorf("%+v, want status 1 and what to see to at %s", got, args[1])
			}
		})
	}
}

func TestScoreByGRPCExplainsFailures(t *testing.T) {
	tests := []struct {
		name  string
		score func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error)
		says  string
	}{
		{"no such service", func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
			return nil, status.Error(codes.Unimplemented, "unknown service")
		}, "9090"},
		{"too few", func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
			return &feedbackv1.ScoreResponse{}, nil
		}, "0 sentiments for 1 texts"},
		{"its backend is away", func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
			return nil, status.Error(codes.Unavailable, "score: azure: https://x answered 401: it refuses the key")
		}, ": it answers that it cannot score now: score: azure: https://x answered 401: it refuses the key\n"},
		{"its backend hangs up", func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
			return nil, status.Error(codes.Unavailable, "score: azure: connection reset by peer")
		}, ": it answers that it cannot score now: score: azure: connection reset by peer\n"},
		{"a server of the user's own", func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
			return nil, status.Error(codes.Unavailable, "database connection lost")
		}, ": it answers that it cannot score now: database connection lost\n"},
		{"broken", func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
			return nil, status.Error(codes.Internal, "no model")
		}, ": Internal: no model\n"},
		{"a score that is none", func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
			return &feedbackv1.ScoreResponse{Sentiments: []*feedbackv1.Sentiment{{Score: new(math.NaN())}}}, nil
		}, "its score is NaN"},
		{"neither score nor reason", func(context.Context, *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
			return &feedbackv1.ScoreResponse{Sentiments: []*feedbackv1.Sentiment{{}}}, nil
		}, "neither score nor unscored_reason"},
		{"too slow", func(ctx context.Context, _ *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, "--timeout"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := serveScorer(t, test.score)
			timeout := "10s"
			if test.name == "too slow" {
				timeout = "100ms"
			}
			got := call{}.run(t, "score", "--address", address, "--timeout", timeout, "x")
			if got.code != exitFailed || !strings.Contains(got.err, test.says) || !strings.Contains(got.err, address) {
				t.Errorf("%+v, want status 1 and %q", got, test.says)
			}
		})
	}
}

func BenchmarkScoreLines(b *testing.B) {
	in := strings.Repeat("Azure portal is down again, this is the third time this week. Really frustrating!\n", 10_000)
	n := 0
	for b.Loop() {
		if code := (call{in: strings.NewReader(in)}).runTo(b, io.Discard, io.Discard, "score"); code != exitOK {
			b.Fatal(code)
		}
		n += 10_000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
}

func TestScoreOfAKindIsThatModels(t *testing.T) {
	for kind, model := range map[string]string{
		"tweet": "builtin/tweet-", "dev": "builtin/dev-", "chat": "builtin/chat-", "slack": "builtin/chat-", "x": "builtin/tweet-", "": "builtin/tweet-",
	} {
		got := call{}.run(t, "score", "--kind", kind, "--language", "en", "it opens at nine").ok(t)
		if !strings.Contains(got.out, `"model":"`+model) {
			t.Errorf("--kind %q: %s, want a model %s...", kind, got.out, model)
		}
	}
	got := call{}.run(t, "score", "--kind", "dev", "--address", "localhost:1", "x")
	if got.code != exitUsage || !strings.Contains(got.err, "slack or x") {
		t.Errorf("a kind of text for a scorer that is asked by gRPC: %+v, want it refused", got)
	}
}

func TestScoreWithNeutralTerms(t *testing.T) {
	out := func(text string) string {
		return call{}.run(t, "score", "--neutral-terms", "awful,great", "--language", "en", "-o", "tsv", text).ok(t).out
	}
	if a, b := out("awful opens at nine"), out("great opens at nine"); a != b {
		t.Errorf("%q and %q of two terms that say nothing, want them the same", a, b)
	}
}

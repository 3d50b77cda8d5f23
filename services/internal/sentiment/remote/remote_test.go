package remote_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/remote"
)

// answering is a server that answers with a function, which sees the number of the request, from 1.
type answering struct {
	feedbackv1.UnimplementedSentimentScorerServiceServer
	requests atomic.Int32
	answer   func(request int, documents []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error)
}

func (a *answering) Score(_ context.Context, r *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
	return a.answer(int(a.requests.Add(1)), r.GetDocuments())
}

// open serves a and returns a backend of it.
func open(t *testing.T, a *answering, timeout time.Duration) *remote.Backend {
	t.Helper()
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer() // with the limits that a server has by default
	feedbackv1.RegisterSentimentScorerServiceServer(g, a)
	go func() { _ = g.Serve(lis) }()
	t.Cleanup(g.Stop)
	b, err := remote.Open(remote.Options{Address: lis.Addr().String(), Timeout: timeout, Documents: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// lengths scores each text by its length in bytes, a thousandth a byte, and refuses what holds "bad".
func lengths(_ int, documents []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
	out := &feedbackv1.ScoreResponse{}
	for i, d := range documents {
		if strings.Contains(d.GetText(), "bad") {
			return nil, status.Errorf(codes.InvalidArgument, "documents[%d].text: it is bad", i)
		}
		score := math.Min(1, float64(len(d.GetText()))/1000)
		out.Sentiments = append(out.Sentiments, &feedbackv1.Sentiment{Score: &score, Model: "lengths"})
	}
	return out, nil
}

func texts(all ...string) []sentiment.Document {
	var out []sentiment.Document
	for _, text := range all {
		out = append(out, sentiment.Document{Text: text, Language: "en"})
	}
	return out
}

// words are the scores, or why there is none.
func words(sentiments []*feedbackv1.Sentiment) []string {
	var out []string
	for _, s := range sentiments {
		if s.Score == nil {
			out = append(out, s.GetUnscoredReason().String())
			continue
		}
		out = append(out, fmt.Sprint(s.GetScore()))
	}
	return out
}

func TestScoresInOrderAndUnscoresWhatIsRefused(t *testing.T) {
	b := open(t, &answering{answer: lengths}, 0)
	got, err := b.Score(t.Context(), texts("a", "ab", "bad", "abcd", "abcde"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"0.001", "0.002", "UNSCORED_REASON_REFUSED", "0.004", "0.005"}
	if got := words(got); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if d := got[2].GetUnscoredDetail(); !strings.HasSuffix(d, "refused it: documents[0].text: it is bad") {
		t.Errorf("detail %q, want the server's own words", d)
	}
	if got[0].GetModel() != "lengths" || got[0].GetLanguage().GetTag() != "en" {
		t.Errorf("got %v, want the server's model and the source's language", got[0])
	}
}

func TestKeepsTheServersLimits(t *testing.T) {
	a := &answering{answer: lengths}
	b := open(t, a, time.Minute)
	long := strings.Repeat("ä", 30_000) // 60,000 bytes, of which 40,000 are sent
	documents := slices.Repeat(texts(long), 150)
	documents = append(documents, slices.Repeat(texts("a"), 2_500)...)
	got, err := b.Score(t.Context(), documents)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(documents) || got[0].GetScore() != 1 || got[2_600].GetScore() != 0.001 {
		t.Errorf("%d sentiments for %d documents, the first %v", len(got), len(documents), got[0])
	}
	if n := a.requests.Load(); n < 4 {
		t.Errorf("%d requests, want that none holds more than 1,000 documents or 4 MB", n)
	}
}

func TestInvalidTextIsSent(t *testing.T) {
	b := open(t, &answering{answer: lengths}, 0)
	got, err := b.Score(t.Context(), texts("a\xff\xfeb", ""))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := words(got), []string{"0.002", "0"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAsksAgainWhereTheServerWasAway(t *testing.T) {
	b := open(t, &answering{answer: func(request int, documents []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
		if request < 3 {
			return nil, status.Error(codes.Unavailable, "starting")
		}
		return lengths(request, documents)
	}}, 0)
	if _, err := b.Score(t.Context(), texts("a")); err != nil {
		t.Errorf("got %v, want the third answer", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	scored := func(score float64) func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
		return func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
			return &feedbackv1.ScoreResponse{Sentiments: []*feedbackv1.Sentiment{{Score: &score}}}, nil
		}
	}
	failing := func(c codes.Code) func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
		return func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
			return nil, status.Error(c, "no")
		}
	}
	for _, c := range []struct {
		name, want string
		answer     func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error)
	}{
		{"a score of 7", "its score is 7; a score is 0 (very negative) to 1 (very positive)", scored(7)},
		{"no number", "its score is NaN", scored(math.NaN())},
		{"a label that is none", "its label is 99, which is none", func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
			return &feedbackv1.ScoreResponse{Sentiments: []*feedbackv1.Sentiment{{Score: new(0.5), Label: 99}}}, nil
		}},
		{"a confidence that is none", "the confidence of its language is NaN", func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
			return &feedbackv1.ScoreResponse{Sentiments: []*feedbackv1.Sentiment{{Score: new(0.5), Language: &feedbackv1.Language{Tag: "en", Confidence: math.NaN()}}}}, nil
		}},
		{"an authority that is not trusted", "give the authority of its certificate as spec.scorer.grpc.tls.caRef", func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
			return nil, status.Error(codes.Unavailable, "tls: failed to verify certificate: x509: certificate signed by unknown authority")
		}},
		{"too few", "it gave 0 sentiments for 1 documents", func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
			return &feedbackv1.ScoreResponse{}, nil
		}},
		{"neither score nor reason", "neither score nor unscored_reason", func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
			return &feedbackv1.ScoreResponse{Sentiments: []*feedbackv1.Sentiment{{}}}, nil
		}},
		{"away", ": no; is it running, is spec.scorer.grpc.address right", failing(codes.Unavailable)},
		{"another service", "does not implement feedback.v1.SentimentScorerService/Score", failing(codes.Unimplemented)},
		{"a stranger", "it refuses who we are", failing(codes.Unauthenticated)},
		{"full", "it is over its limits", failing(codes.ResourceExhausted)},
		{"broken", ": Internal: no", failing(codes.Internal)},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t, &answering{answer: c.answer}, 0)
			_, err := b.Score(t.Context(), texts("a"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestSlowServerIsAnError(t *testing.T) {
	release := make(chan struct{})
	b := open(t, &answering{answer: func(n int, d []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
		<-release
		return lengths(n, d)
	}}, 50*time.Millisecond)
	defer close(release)
	_, err := b.Score(t.Context(), texts("a"))
	if want := "it took longer than 50ms"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Score(ctx, texts("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v: who asked has gone", err, context.Canceled)
	}
}

func TestAServersOwnWordsAreBounded(t *testing.T) {
	for said, want := range map[string]string{"English": "en", "eng": "en", "en_us": "en-US", "und": "und", "not a language!": "en", "": "en"} {
		b := open(t, &answering{answer: func(int, []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
			return &feedbackv1.ScoreResponse{Sentiments: []*feedbackv1.Sentiment{{
				UnscoredReason: feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED, UnscoredDetail: strings.Repeat("ä", 100_000),
				Model: strings.Repeat("x", 100_000), Language: &feedbackv1.Language{Tag: said},
			}}}, nil
		}}, 0)
		got, err := b.Score(t.Context(), texts("a"))
		if err != nil {
			t.Fatal(err)
		}
		if s := got[0]; s.GetLanguage().GetTag() != want || len(s.GetModel()) > 200 || len(s.GetUnscoredDetail()) > 1_000 || !utf8.ValidString(s.GetUnscoredDetail()) {
			t.Errorf("of language %q got %q, a model of %d bytes and a detail of %d, want %q, 200 and 1,000 at most", said, s.GetLanguage().GetTag(), len(s.GetModel()), len(s.GetUnscoredDetail()), want)
		}
	}
}

func TestSaysTheCodeAndNotTooMuch(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{status.Error(codes.Internal, ""), "Internal"},
		{status.Error(codes.Internal, "no model"), "Internal: no model"},
		{status.Error(codes.Unavailable, "starting"), "starting"},
		{status.Error(codes.Unavailable, ""), "Unavailable"},
		{status.Error(codes.Unavailable, "last error: rpc error: code = Unavailable desc = connection refused"), "connection refused"},
		{status.Error(codes.Unavailable, "no children to pick from"), "its name has no address"},
		{status.Error(codes.Internal, strings.Repeat("ä", 100_000)), "Internal: " + strings.Repeat("ä", 500)},
		{errors.New("it gave 0 sentiments for 1 documents"), "it gave 0 sentiments for 1 documents"},
	} {
		if got := remote.Said(c.err); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestWrongAddress(t *testing.T) {
	if _, err := remote.Open(remote.Options{Address: "scorer"}); err == nil || !strings.Contains(err.Error(), `address "scorer"`) {
		t.Errorf("got %v, want an error that names the address and how to write it", err)
	}
}

package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// dial serves s in process and returns a connection to it.
func dial(t *testing.T, s *server) *grpc.ClientConn {
	t.Helper()
	lis := bufconn.Listen(1 << 20)
	g, _ := newGRPC(s, nil)
	go func() { _ = g.Serve(lis) }()
	t.Cleanup(g.Stop)
	conn, err := grpc.NewClient("passthrough:///scorer",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(2*maxMessage)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestServerScoresInOrder(t *testing.T) {
	client := feedbackv1.NewSentimentScorerServiceClient(dial(t, newServer(vader(t))))
	got, err := client.Score(t.Context(), &feedbackv1.ScoreRequest{Documents: []*feedbackv1.Document{
		{Text: "I love it"}, {Text: ""}, {Text: "I hate it"}, {Text: "Das ist sehr schlecht", Language: "de"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"positive unspecified", "unspecified no_text", "negative unspecified", "unspecified language"}
	for i, s := range got.GetSentiments() {
		if got := word(s.GetLabel().String(), "LABEL_") + " " + word(s.GetUnscoredReason().String(), "UNSCORED_REASON_"); got != want[i] {
			t.Errorf("sentiment %d: %s, want %s", i, got, want[i])
		}
	}
	if got, want := len(got.GetSentiments()), len(want); got != want {
		t.Errorf("%d sentiments, want %d", got, want)
	}
}

func TestServerNamesItsLimits(t *testing.T) {
	client := feedbackv1.NewSentimentScorerServiceClient(dial(t, newServer(vader(t))))
	many := make([]*feedbackv1.Document, maxDocuments+1)
	for i := range many {
		many[i] = &feedbackv1.Document{Text: "fine"}
	}
	tests := []struct {
		name string
		give []*feedbackv1.Document
		want codes.Code
		says []string
	}{
		{"none", nil, codes.OK, nil},
		{"as many as allowed", many[:maxDocuments], codes.OK, nil},
		{"one more", many, codes.InvalidArgument, []string{"1001", "1000"}},
		{"as long as allowed", []*feedbackv1.Document{{Text: strings.Repeat("a", maxText)}}, codes.OK, nil},
		{"a byte longer", []*feedbackv1.Document{{Text: "fine"}, {Text: strings.Repeat("a", maxText+1)}}, codes.InvalidArgument, []string{"documents[1]", "40001", "40000"}},
		{"a megabyte", []*feedbackv1.Document{{Text: strings.Repeat("a", 1<<20)}}, codes.InvalidArgument, []string{"40000"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.Score(t.Context(), &feedbackv1.ScoreRequest{Documents: test.give})
			if got := status.Code(err); got != test.want {
				t.Fatalf("Score: %v, want %v", err, test.want)
			}
			for _, want := range test.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want it to name %s", err, want)
				}
			}
		})
	}
}

func TestServerHonoursTheDeadlineWhileItWaits(t *testing.T) {
	s := newServer(vader(t))
	for range cap(s.slots) {
		s.slots <- struct{}{} // all cores are busy
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := feedbackv1.NewSentimentScorerServiceClient(dial(t, s)).Score(ctx, &feedbackv1.ScoreRequest{})
	if got, want := status.Code(err), codes.DeadlineExceeded; got != want {
		t.Errorf("Score: %v, want %v", err, want)
	}
}

func TestServerTellsOfABackendThatFails(t *testing.T) {
	tests := []struct {
		name  string
		score func([]sentiment.Document) ([]*feedbackv1.Sentiment, error)
		want  codes.Code
	}{
		{"an error", func([]sentiment.Document) ([]*feedbackv1.Sentiment, error) { return nil, errors.New("away") }, codes.Unavailable},
		{"a panic", func([]sentiment.Document) ([]*feedbackv1.Sentiment, error) { panic("index out of range") }, codes.Internal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(fakeBackend{score: test.score})
			client := feedbackv1.NewSentimentScorerServiceClient(dial(t, s))
			_, err := client.Score(t.Context(), &feedbackv1.ScoreRequest{Documents: []*feedbackv1.Document{{Text: "fine"}}})
			if got := status.Code(err); got != test.want {
				t.Errorf("Score: %v, want %v", err, test.want)
			}
			if got := len(s.slots); got != 0 {
				t.Errorf("%d slots still taken", got)
			}
		})
	}
}

func TestServerHasHealthAndReflection(t *testing.T) {
	conn := dial(t, newServer(vader(t)))
	const service = "feedback.v1.SentimentScorerService"
	for _, name := range []string{"", service} {
		got, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: name})
		if err != nil || got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("Check(%q) = %v, %v, want SERVING", name, got, err)
		}
	}
	info, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := info.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	got, err := info.Recv()
	if err != nil || !strings.Contains(got.String(), service) {
		t.Errorf("reflection = %v, %v, want it to list %s", got, err, service)
	}
}

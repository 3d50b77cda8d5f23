package outlet

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// broker keeps what it is given, but for values that it finds too large; it fails at first.
type broker struct {
	fail     int // how many calls fail as a whole
	partial  bool
	tooLarge string
	kept     []kafka.Record
}

func (b *broker) write(_ context.Context, recs ...kafka.Record) error {
	if b.fail > 0 {
		b.fail--
		return errors.New("connection refused")
	}
	var we kafka.WriteError
	for i, r := range recs {
		switch {
		case string(r.Value) == b.tooLarge && r.Topic != "dead-letters":
			we.Failed, we.Err = append(we.Failed, i), kafka.ErrTooLarge
		case b.partial && i%2 == 0:
			we.Failed, we.Err = append(we.Failed, i), errors.New("not leader")
		default:
			b.kept = append(b.kept, r)
		}
	}
	b.partial = false
	if len(we.Failed) > 0 {
		return &we
	}
	return nil
}

func records(values ...string) []kafka.Record {
	var out []kafka.Record
	for _, v := range values {
		out = append(out, kafka.Record{Topic: "feedback", Value: []byte(v)})
	}
	return out
}

func TestPersist(t *testing.T) {
	for _, c := range []struct {
		name string
		b    broker
		dead int
	}{
		{"all is well", broker{}, 0},
		{"down for a while", broker{fail: 30}, 0},
		{"some fail", broker{partial: true}, 0},
		{"one is too large", broker{tooLarge: "b"}, 1},
		{"one is too large and some fail", broker{tooLarge: "b", partial: true}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var last error
				begun := time.Now()
				err := Persist(c.b.write, "dead-letters", func(err error) { last = err })(t.Context(), records("a", "b", "c", "d")...)
				if err != nil {
					t.Fatalf("Write = %v, want nil", err)
				}
				seen, dead := map[string]int{}, 0
				for _, r := range c.b.kept {
					seen[string(r.Value)]++
					if r.Topic == "dead-letters" {
						dead++
						if feedback.Header(r, feedback.HeaderReason) != "TooLarge" {
							t.Errorf("dead letter %v, want its reason", r)
						}
					}
				}
				if len(seen) != 4 || len(c.b.kept) != 4 || dead != c.dead {
					t.Errorf("kept %v with %d dead letters, want each once and %d", seen, dead, c.dead)
				}
				if last != nil {
					t.Errorf("last report = %v, want nil", last)
				}
				if d := time.Since(begun); c.name == "down for a while" && d < time.Minute {
					t.Errorf("30 failures took %s, want a back-off", d)
				}
			})
		})
	}
}

func TestPersistEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		b := broker{fail: 1 << 30}
		if err := Persist(b.write, "dead-letters", func(error) {})(ctx, records("a")...); err == nil {
			t.Error("Write = nil, want an error")
		}
	})
}

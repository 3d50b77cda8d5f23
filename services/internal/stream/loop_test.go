package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// world is a source of batches and a broker, both of which note what happens.
type world struct {
	mu      sync.Mutex
	batches [][]kafka.Record
	end     context.CancelFunc
	marked  map[int]int64
	written []kafka.Record
	write   func(recs []kafka.Record) error
}

func (w *world) Fetch(ctx context.Context) ([]kafka.Record, error) {
	if len(w.batches) == 0 {
		if w.end != nil {
			w.end()
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	b := w.batches[0]
	w.batches = w.batches[1:]
	return b, nil
}

func (w *world) Done(partition int, next int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marked[partition] = max(w.marked[partition], next)
}

func (w *world) Write(_ context.Context, recs ...kafka.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.write != nil {
		if err := w.write(recs); err != nil {
			var failed *kafka.WriteError
			if errors.As(err, &failed) {
				for i, r := range recs {
					if !slices.Contains(failed.Failed, i) {
						w.written = append(w.written, r)
					}
				}
			}
			return err
		}
	}
	w.written = append(w.written, recs...)
	return nil
}

// records makes a batch of partition 0 whose values are the words; offsets follow from first.
func records(first int64, words ...string) []kafka.Record {
	var out []kafka.Record
	for i, s := range words {
		out = append(out, kafka.Record{Topic: "in", Offset: first + int64(i), Key: []byte(s), Value: []byte(s)})
	}
	return out
}

// echo copies records to out, but for those that say what is to go wrong.
func echo(bad func(word string) error) Handler {
	return func(_ context.Context, batch []kafka.Record) ([]kafka.Record, error) {
		var out []kafka.Record
		for _, r := range batch {
			if err := bad(string(r.Value)); err != nil {
				return nil, err
			}
			out = append(out, kafka.Record{Topic: "out", Key: r.Key, Value: r.Value})
		}
		return out, nil
	}
}

func (w *world) loop(h Handler) *Loop {
	w.marked = map[int]int64{}
	return &Loop{Write: w.Write, Handle: h, DeadLetters: "dead", Log: slog.New(slog.DiscardHandler)}
}

func (w *world) done(partition int) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.marked[partition]
}

// pass lets time pass on the bubble's clock.
func pass(d time.Duration) { <-time.After(d) }

// story tells what was written, as topic:value.
func (w *world) story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, r := range w.written {
		s := r.Topic + ":" + string(r.Value)
		if reason := feedback.Header(r, feedback.HeaderReason); reason != "" {
			s += "(" + reason + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestLoop(t *testing.T) {
	broken := errors.New("backend: 503")
	for _, c := range []struct {
		name    string
		batches [][]kafka.Record
		bad     func() func(word string) error // a fresh one for each run
		write   func() func(recs []kafka.Record) error
		want    string
		marked  int64
	}{
		{name: "all pass", batches: [][]kafka.Record{records(0, "a", "b"), records(2, "c")},
			want: "out:a out:b out:c", marked: 3},
		{name: "a permanent error is a dead letter in its place", batches: [][]kafka.Record{records(0, "a", "b", "c", "d", "e")},
			bad:  func() func(string) error { return always("c", Permanent(errors.New("no Protobuf"))) },
			want: "out:a out:b dead:c(Permanent) out:d out:e", marked: 5},
		{name: "an error that passes is retried", batches: [][]kafka.Record{records(0, "a", "b")},
			bad:  func() func(string) error { return times(3, broken) },
			want: "out:a out:b", marked: 2},
		{name: "a record that fails while others pass does not stall them", batches: [][]kafka.Record{records(0, "a", "b", "c", "d")},
			bad:  func() func(string) error { return always("b", broken) },
			want: "out:a dead:b(HandlerFailed) out:c out:d", marked: 4},
		{name: "a lone record that fails waits for others to pass", batches: [][]kafka.Record{records(0, "b"), records(1, "c")},
			bad:  func() func(string) error { return always("b", broken) },
			want: "dead:b(HandlerFailed) out:c", marked: 2},
		{name: "a record that failed after one passed", batches: [][]kafka.Record{records(0, "a"), records(1, "b")},
			bad:  func() func(string) error { return always("b", broken) },
			want: "out:a dead:b(HandlerFailed)", marked: 2},
		{name: "a panic is the record's", batches: [][]kafka.Record{records(0, "a", "b", "c")},
			bad: func() func(string) error {
				return func(w string) error {
					if w == "b" {
						panic("index out of range")
					}
					return nil
				}
			},
			want: "out:a dead:b(Permanent) out:c", marked: 3},
		{name: "only what was not acknowledged is written again", batches: [][]kafka.Record{records(0, "a", "b", "c")},
			write: func() func([]kafka.Record) error {
				return once(&kafka.WriteError{Failed: []int{1}, Err: errors.New("not leader")})
			},
			want: "out:a out:c out:b", marked: 3},
		{name: "what no broker takes is a dead letter", batches: [][]kafka.Record{records(0, "a", "b", "c")},
			write: func() func([]kafka.Record) error {
				return once(&kafka.WriteError{Failed: []int{1}, TooLarge: []int{1}, Err: kafka.ErrTooLarge})
			},
			want: "out:a out:c dead:b(TooLarge)", marked: 3},
		{name: "some too large and some not acknowledged", batches: [][]kafka.Record{records(0, "a", "b", "c")},
			write: func() func([]kafka.Record) error {
				return once(&kafka.WriteError{Failed: []int{0, 1}, TooLarge: []int{1}, Err: errors.New("timeout")})
			},
			want: "out:c out:a dead:b(TooLarge)", marked: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				w := &world{batches: c.batches, end: cancel}
				bad := func(string) error { return nil }
				if c.bad != nil {
					bad = c.bad()
				}
				if c.write != nil {
					w.write = c.write()
				}
				w.loop(echo(bad)).generation(ctx, w)
				if got := w.story(); got != c.want {
					t.Errorf("written = %q, want %q", got, c.want)
				}
				if got := w.marked[0]; got != c.marked {
					t.Errorf("marked = %d, want %d", got, c.marked)
				}
			})
		})
	}
}

func always(word string, err error) func(string) error {
	return func(w string) error {
		if w == word {
			return err
		}
		return nil
	}
}

func times(n int, err error) func(string) error {
	return func(string) error {
		if n--; n >= 0 {
			return err
		}
		return nil
	}
}

func once(err error) func([]kafka.Record) error {
	return func([]kafka.Record) error {
		e := err
		err = nil
		return e
	}
}

func TestNothingIsBuriedWhileNothingPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{batches: [][]kafka.Record{records(0, "a"), records(1, "b", "c"), records(3, "d")}}
		l := w.loop(echo(func(string) error {
			if down.Load() {
				return errors.New("backend: connection refused")
			}
			return nil
		}))
		done := make(chan struct{})
		go func() { l.generation(ctx, w); close(done) }()
		pass(time.Hour) // of the bubble's clock: the backend is down for an hour
		synctest.Wait()
		if got := w.story(); got != "" || w.done(0) != 0 {
			t.Errorf("written = %q, marked = %d while the backend was down, want nothing", got, w.done(0))
		}
		down.Store(false)
		pass(time.Minute)
		cancel()
		<-done
		if got, want := w.story(), "out:a out:b out:c out:d"; got != want {
			t.Errorf("written = %q, want %q", got, want)
		}
	})
}

// TestAnOutageThatEndsBuriesNothing: the backend answers again after a record has failed and before another one is asked
// whether it is the handler that fails.
func TestAnOutageThatEndsBuriesNothing(t *testing.T) {
	for _, outage := range []time.Duration{3 * time.Second, 5 * time.Second, 11 * time.Second, 17 * time.Second, 26 * time.Second, time.Minute} {
		t.Run(outage.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				away := func() bool { return time.Since(began) >= time.Second && time.Since(began) < time.Second+outage }
				ctx, cancel := context.WithCancel(t.Context())
				w := &world{batches: [][]kafka.Record{records(0, "witness"), records(1, "a"), records(2, "b")}}
				l := w.loop(echo(func(word string) error {
					if word != "witness" && time.Since(began) < time.Second {
						pass(time.Second)
					}
					if away() {
						return errors.New("backend: connection refused")
					}
					return nil
				}))
				done := make(chan struct{})
				go func() { l.generation(ctx, w); close(done) }()
				pass(10 * time.Minute)
				cancel()
				<-done
				if got, want := w.story(), "out:witness out:a out:b"; got != want {
					t.Errorf("written = %q, want %q", got, want)
				}
			})
		})
	}
}

// TestWhatPassesWithoutTheBackendIsNoWitness: a deletion needs no score, so that it passes while the backend is away, and
// must not show that the texts which fail meanwhile are to blame.
func TestWhatPassesWithoutTheBackendIsNoWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{batches: [][]kafka.Record{records(0, "deletion"), records(1, "deletion", "text"), records(3, "text")}}
		l := w.loop(echo(func(word string) error {
			if down.Load() && word != "deletion" {
				return errors.New("backend: connection refused")
			}
			return nil
		}))
		l.Telling = func(r kafka.Record) bool { return string(r.Value) != "deletion" }
		down.Store(true)
		done := make(chan struct{})
		go func() { l.generation(ctx, w); close(done) }()
		pass(time.Hour)
		synctest.Wait()
		if got, want := w.story(), "out:deletion"; got != want || w.done(0) != 1 {
			t.Errorf("written = %q, marked = %d while the backend was down, want %q and 1", got, w.done(0), want)
		}
		down.Store(false)
		pass(time.Minute)
		cancel()
		<-done
		if got, want := w.story(), "out:deletion out:deletion out:text out:text"; got != want {
			t.Errorf("written = %q, want %q", got, want)
		}
	})
}

// TestWhatComesBackBuriesNothing: a backend that comes back does so while the loop waits, mostly, so that the record that
// shows it passes before the one that was tried so often.
func TestWhatComesBackBuriesNothing(t *testing.T) {
	for _, away := range []time.Duration{time.Second, 3 * time.Second, 7 * time.Second, 30 * time.Second, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			back := time.Now().Add(away)
			ctx, cancel := context.WithCancel(t.Context())
			w := &world{batches: [][]kafka.Record{records(0, "a"), records(1, "b")}}
			first := true
			l := w.loop(echo(func(string) error {
				if !first && time.Now().Before(back) {
					return errors.New("backend: connection refused")
				}
				first = false
				return nil
			}))
			done := make(chan struct{})
			go func() { l.generation(ctx, w); close(done) }()
			pass(time.Hour)
			cancel()
			<-done
			if got, want := w.story(), "out:a out:b"; got != want {
				t.Errorf("after %s: written = %q, want %q", away, got, want)
			}
		})
	}
}

func TestBatchInHandIsFinishedAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{batches: [][]kafka.Record{records(0, "a"), records(1, "b")}}
		l := w.loop(func(work context.Context, batch []kafka.Record) ([]kafka.Record, error) {
			cancel()
			pass(3 * time.Second)
			return batch, work.Err()
		})
		l.generation(ctx, w)
		if w.marked[0] < 1 || len(w.written) == 0 {
			t.Errorf("written = %q, marked = %v: the batch in hand was not finished", w.story(), w.marked)
		}
	})
}

func TestBatchThatCannotBeFinishedIsLeftUnmarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{batches: [][]kafka.Record{records(0, "a")}, write: func([]kafka.Record) error { return errors.New("broker is gone") }}
		l := w.loop(echo(func(string) error { return nil }))
		done := make(chan struct{})
		go func() {
			l.generation(ctx, w)
			close(done)
		}()
		pass(30 * time.Second)
		began := time.Now()
		cancel()
		<-done
		if took := time.Since(began); took > defaultDrain+time.Second {
			t.Errorf("stopping took %s, want at most %s", took, defaultDrain)
		}
		if len(w.marked) != 0 {
			t.Errorf("marked = %v, want nothing: nothing was acknowledged", w.marked)
		}
	})
}

// TestInsteadTakesTheDeadLettersPlace: what it returns stands where the dead letter would, be it nothing, and all is done.
func TestInsteadTakesTheDeadLettersPlace(t *testing.T) {
	for _, c := range []struct {
		name  string
		bad   error
		write func([]kafka.Record) error
		drop  bool
		want  string
	}{
		{"an error", Permanent(errors.New("no Protobuf")), nil, false, "out:a in place:b(Permanent no Protobuf) out:c"},
		{"an error, and nothing in its place", Permanent(errors.New("no Protobuf")), nil, true, "out:a out:c"},
		{"too large", nil, once(&kafka.WriteError{Failed: []int{1}, TooLarge: []int{1}, Err: kafka.ErrTooLarge}), false, "out:a out:c in place:b(TooLarge " + kafka.ErrTooLarge.Error() + ")"},
		{"too large, and nothing in its place", nil, once(&kafka.WriteError{Failed: []int{1}, TooLarge: []int{1}, Err: kafka.ErrTooLarge}), true, "out:a out:c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				w := &world{batches: [][]kafka.Record{records(0, "a", "b", "c")}, end: cancel, write: c.write}
				l := w.loop(echo(always("b", c.bad)))
				l.Instead = func(r kafka.Record, reason string, cause error) []kafka.Record {
					if c.drop {
						return nil
					}
					return []kafka.Record{{Topic: "in place", Value: fmt.Appendf(nil, "%s(%s %v)", r.Value, reason, cause)}}
				}
				l.generation(ctx, w)
				if got := w.story(); got != c.want {
					t.Errorf("written = %q, want %q", got, c.want)
				}
				if got, want := w.done(0), int64(3); got != want {
					t.Errorf("marked = %d, want %d", got, want)
				}
			})
		})
	}
}

func TestDeadLetterTellsItsOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		in := records(41, "x")
		in[0].Partition = 3
		w := &world{batches: [][]kafka.Record{in}, end: cancel}
		w.loop(echo(always("x", Permanent(errors.New("decode: unexpected end"))))).generation(ctx, w)
		got := map[string]string{}
		for _, h := range w.written[0].Headers {
			got[h.Key] = string(h.Value)
		}
		want := map[string]string{
			feedback.HeaderReason: "Permanent", feedback.HeaderError: "decode: unexpected end", feedback.HeaderTopic: "in",
			feedback.HeaderPartition: "3", feedback.HeaderOffset: "41", feedback.HeaderAttempts: "1",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("headers = %v, want %v", got, want)
		}
	})
}

// The next batch is handled while one is written, but nothing of it is written, and nothing is
// done, before the one before is acknowledged.
func TestWritesOverlapHandlingAndKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{batches: [][]kafka.Record{records(0, "a"), records(1, "b"), records(2, "c")}}
		acknowledge := make(chan struct{})
		var handled atomic.Int32
		l := w.loop(func(_ context.Context, batch []kafka.Record) ([]kafka.Record, error) {
			handled.Add(1)
			return batch, nil
		})
		write := l.Write
		l.Write = func(ctx context.Context, recs ...kafka.Record) error {
			<-acknowledge
			return write(ctx, recs...)
		}
		done := make(chan struct{})
		go func() { l.generation(ctx, w); close(done) }()
		for i := range 3 {
			synctest.Wait()
			if got, want := handled.Load(), int32(min(i+2, 3)); got != want {
				t.Errorf("%d batches handled with %d acknowledged, want %d: one ahead", got, i, want)
			}
			if got, want := w.done(0), int64(i); got != want {
				t.Errorf("done = %d with %d acknowledged", got, want)
			}
			acknowledge <- struct{}{}
		}
		cancel()
		<-done
		if got, want := w.story(), "in:a in:b in:c"; got != want || w.done(0) != 3 {
			t.Errorf("written = %q, done = %d, want %q and 3", got, w.done(0), want)
		}
	})
}

// A batch that could not be written keeps those behind it from being written and done.
func TestNothingIsDoneBehindAWriteThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{batches: [][]kafka.Record{records(0, "a"), records(1, "b")}}
		w.write = func(recs []kafka.Record) error {
			if string(recs[0].Value) == "a" {
				return errors.New("broker is gone")
			}
			return nil
		}
		l := w.loop(echo(func(string) error { return nil }))
		done := make(chan struct{})
		go func() { l.generation(ctx, w); close(done) }()
		synctest.Wait()
		cancel()
		<-done
		if got := w.story(); got != "" || w.done(0) != 0 {
			t.Errorf("written = %q, done = %d, want nothing: the batch before was not acknowledged", got, w.done(0))
		}
	})
}

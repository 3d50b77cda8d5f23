package xtest

import (
	"context"
	"errors"
	"sync"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"google.golang.org/protobuf/proto"
)

// Topics are the topics of the tests.
var Topics = feedback.Topics{Feedback: "feedback", DeadLetters: "dead-letters", State: "state"}

// ErrCrash is what a Kafka answers where the process is to crash.
var ErrCrash = errors.New("crash")

// errDown is what a Kafka answers that is down.
var errDown = errors.New("connection refused")

// Kafka keeps what is written to it over any number of crashes.
type Kafka struct {
	sync.Mutex
	// CrashAt crashes the process at the n-th write from now, n from 1; 0: never.
	CrashAt int
	// Lost tells that a crashing write is lost; otherwise it is done and its answer lost.
	Lost bool

	events map[string][]*feedbackv1.Event
	dead   []kafka.Record
	state  []byte
	saves  int
	writes int
	down   bool
}

// Down has Kafka take nothing, or take records again.
func (k *Kafka) Down(on bool) {
	k.Lock()
	defer k.Unlock()
	k.down = on
}

// Write keeps the records, or crashes.
func (k *Kafka) Write(ctx context.Context, recs ...kafka.Record) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k.Lock()
	defer k.Unlock()
	if k.down {
		return errDown
	}
	if crash, err := k.crash(); crash && err != nil && k.Lost {
		return err
	} else if crash {
		k.keep(recs)
		return ErrCrash
	}
	k.keep(recs)
	return nil
}

func (k *Kafka) keep(recs []kafka.Record) {
	for _, r := range recs {
		switch r.Topic {
		case Topics.DeadLetters:
			k.dead = append(k.dead, r)
			continue
		case Topics.State:
			k.state, k.saves = r.Value, k.saves+1
			continue
		}
		e, err := feedback.DecodeEvent(r)
		if err != nil {
			panic(err)
		}
		if k.events == nil {
			k.events = map[string][]*feedbackv1.Event{}
		}
		k.events[e.GetId()] = append(k.events[e.GetId()], e)
	}
}

// Save keeps a checkpoint, or crashes.
func (k *Kafka) Save(ctx context.Context, s *feedbackv1.SourceState) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k.Lock()
	defer k.Unlock()
	crash, err := k.crash()
	if !crash || !k.Lost {
		k.state, _ = proto.Marshal(s)
		k.saves++
	}
	return err
}

func (k *Kafka) crash() (bool, error) {
	k.writes++
	if k.CrashAt == 0 {
		return false, nil
	}
	if k.CrashAt--; k.CrashAt == 0 {
		return true, ErrCrash
	}
	return false, nil
}

// Checkpoint is the newest one; nil if there is none.
func (k *Kafka) Checkpoint() *feedbackv1.SourceState {
	k.Lock()
	defer k.Unlock()
	if k.state == nil {
		return nil
	}
	s := &feedbackv1.SourceState{}
	if err := proto.Unmarshal(k.state, s); err != nil {
		panic(err)
	}
	return s
}

// Events are the events of an id, in the order in which they were written.
func (k *Kafka) Events(id string) []*feedbackv1.Event {
	k.Lock()
	defer k.Unlock()
	return k.events[id]
}

// Len is how many different events were written.
func (k *Kafka) Len() int {
	k.Lock()
	defer k.Unlock()
	return len(k.events)
}

// Writes is how many writes and saves there were.
func (k *Kafka) Writes() int {
	k.Lock()
	defer k.Unlock()
	return k.writes
}

// Dead are the dead letters.
func (k *Kafka) Dead() []kafka.Record {
	k.Lock()
	defer k.Unlock()
	return k.dead
}

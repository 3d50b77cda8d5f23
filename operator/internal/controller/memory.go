package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

const (
	firstRetry = 2 * time.Second
	lastRetry  = time.Minute
)

// memory is what the operator keeps of a pipeline between two passes. All of it can be had again from the API server
// and Kafka. A pipeline is looked at by one worker at a time.
type memory struct {
	settings kafka.Settings
	client   *kafka.Client
	books    *books
	owner    topics.Owner

	// usable is true once the topics were found or made as desired.
	usable bool
	// last is what was seen of the topics when Kafka was last asked.
	last *status.Topics
	// failures, failing and retry are of the requests to Kafka since the last that was answered.
	failures       int
	failing, retry time.Time
	// unseen is since when the state topic could not be read, blind since when the groups' offsets could not, unlisted
	// since when the Deployments or pods could not. unseen is set from the beginning.
	unseen, blind, unlisted time.Time
	// finished is true once the finalizer has done its work: nothing is written to Kafka any more.
	finished bool
	// overtaken is how many records of each group's topic were lost to it when that was last seen.
	overtaken map[string]int64
	// wrote is when the status was last written.
	wrote time.Time
	// shadowIll is the reason why the shadow was last announced to be ill, empty where it was well or rested since; nil
	// before the first status is written.
	shadowIll *string
	// scaling is of KEDA's objects. rolledOut is the hash of the scorer's Deployment that its controller has seen last.
	scaling   scaling
	rolledOut string
}

func newMemory(now time.Time) *memory {
	return &memory{books: newBooks(), unseen: now, overtaken: map[string]int64{}}
}

// failed notes that Kafka did not answer, and when to ask again: after 2 s, twice that, and so on up to a minute.
func (m *memory) failed(now time.Time) {
	if m.failures == 0 {
		m.failing = now
	}
	m.retry = now.Add(min(lastRetry, firstRetry<<min(m.failures, 10)))
	m.failures++
}

func (m *memory) answered() { m.failures, m.failing, m.retry = 0, time.Time{}, time.Time{} }

// retryIn is how long not to ask Kafka; period where nothing is wrong.
func (m *memory) retryIn(now time.Time) time.Duration {
	if m.failures == 0 {
		return period
	}
	return m.retry.Sub(now)
}

// memories are those of all pipelines. The zero value is ready for use.
type memories struct {
	mu  sync.Mutex
	all map[types.NamespacedName]*memory
}

func (m *memories) of(name types.NamespacedName, now time.Time) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[types.NamespacedName]*memory{}
	}
	if m.all[name] == nil {
		m.all[name] = newMemory(now)
	}
	return m.all[name]
}

func (m *memories) drop(name types.NamespacedName) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.all[name]
	delete(m.all, name)
	return old
}

// clients are shared by all pipelines that reach the same servers with the same credentials. The zero value is ready
// for use.
type clients struct {
	mu  sync.Mutex
	all map[string]*shared
}

type shared struct {
	*kafka.Client
	users int
}

// acquire returns the client for s, to be released as often as it was acquired.
func (c *clients) acquire(s kafka.Settings) (*kafka.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := s.Key()
	if c.all == nil {
		c.all = map[string]*shared{}
	}
	if c.all[key] == nil {
		opened, err := kafka.Open(s)
		if err != nil {
			return nil, err
		}
		c.all[key] = &shared{Client: opened}
	}
	c.all[key].users++
	return c.all[key].Client, nil
}

func (c *clients) release(s kafka.Settings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := s.Key()
	if c.all[key] == nil {
		return
	}
	if c.all[key].users--; c.all[key].users == 0 {
		c.all[key].Close()
		delete(c.all, key)
	}
}

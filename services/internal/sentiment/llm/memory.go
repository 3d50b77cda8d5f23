package llm

import (
	"crypto/sha256"
	"sync"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// verdict is what became of a text: shares that sum up to 1, or why there are none.
type verdict struct {
	positive, neutral, negative float64
	model                       string
	refused                     string // why it has none; empty for one that has
}

// sentiment is the verdict of a text in that language.
func (v verdict) sentiment(language *feedbackv1.Language) *feedbackv1.Sentiment {
	if v.refused != "" {
		return sentiment.Unscored(v.model, language, feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED, v.refused)
	}
	score := min(1, max(0, v.positive+v.neutral/2))
	label := feedbackv1.Label_LABEL_NEUTRAL
	switch {
	case v.positive > v.neutral && v.positive > v.negative:
		label = feedbackv1.Label_LABEL_POSITIVE
	case v.negative > v.neutral && v.negative > v.positive:
		label = feedbackv1.Label_LABEL_NEGATIVE
	}
	return &feedbackv1.Sentiment{Score: &score, Label: label, Language: language, Model: v.model}
}

// generation is how many verdicts one half of the memory holds: more than the texts that are scored at a time.
const generation = 4_096

// memory remembers the verdicts of the last 4,096 texts at least, and of 8,192 at most: about 1.5 MB. It is safe for
// concurrent use.
type memory struct {
	mu       sync.Mutex
	now, old map[[sha256.Size]byte]verdict
}

func newMemory() *memory { return &memory{now: map[[sha256.Size]byte]verdict{}} }

func (m *memory) get(text string) (verdict, bool) {
	key := sha256.Sum256([]byte(text))
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.now[key]
	if !ok {
		v, ok = m.old[key]
	}
	return v, ok
}

func (m *memory) put(text string, v verdict) {
	key := sha256.Sum256([]byte(text))
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.now) >= generation {
		m.old, m.now = m.now, make(map[[sha256.Size]byte]verdict, generation)
	}
	m.now[key] = v
}

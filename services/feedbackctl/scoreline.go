package main

import (
	"io"
	"strconv"
	"strings"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// scoreLine is a line of -o json.
type scoreLine struct {
	Score      *float64 `json:"score,omitempty"`
	Label      string   `json:"label,omitempty"`
	Language   string   `json:"language"`
	Confidence float64  `json:"confidence"`
	Model      string   `json:"model"`
	Reason     string   `json:"reason,omitempty"`
	Detail     string   `json:"detail,omitempty"`
	// Fallback is set where a server scored in place of its own backend.
	Fallback *fallbackLine `json:"fallback,omitempty"`
}

// fallbackLine is which backend did not answer.
type fallbackLine struct {
	Backend string `json:"backend"`
	Reason  string `json:"reason,omitempty"`
	Since   string `json:"since,omitempty"`
}

func newFallbackLine(f *feedbackv1.Fallback) *fallbackLine {
	if f == nil {
		return nil
	}
	l := &fallbackLine{Backend: f.GetBackend(), Reason: f.GetReason()}
	if f.GetSince().IsValid() {
		l.Since = f.GetSince().AsTime().Format(time.RFC3339)
	}
	return l
}

func sentimentWriter(output string) func(io.Writer, *feedbackv1.Sentiment) error {
	if output == "tsv" {
		return func(w io.Writer, s *feedbackv1.Sentiment) error {
			_, err := io.WriteString(w, scoreText(s)+"\t"+labelWord(s)+"\t"+safe(s.GetLanguage().GetTag())+"\n")
			return err
		}
	}
	var line []byte
	return func(w io.Writer, s *feedbackv1.Sentiment) error {
		l := newScoreLine(s)
		var ok bool
		if line, ok = l.append(line[:0]); !ok {
			return writeJSON(w, l)
		}
		_, err := w.Write(line)
		return err
	}
}

// append appends the line of a text with a score, as writeJSON writes it, for a fifth of what that costs. It is false for
// what writeJSON has to write: a text without a score, and what needs escapes or exponents.
func (l *scoreLine) append(b []byte) ([]byte, bool) {
	if l.Score == nil || l.Reason != "" || l.Detail != "" || l.Fallback != nil || !plainNumber(*l.Score) || !plainNumber(l.Confidence) ||
		!plainWord(l.Label) || !plainWord(l.Language) || !plainWord(l.Model) {
		return b, false
	}
	b = append(b, `{"score":`...)
	b = strconv.AppendFloat(b, *l.Score, 'f', -1, 64)
	if l.Label != "" {
		b = append(append(append(b, `,"label":"`...), l.Label...), '"')
	}
	b = append(append(append(b, `,"language":"`...), l.Language...), `","confidence":`...)
	b = strconv.AppendFloat(b, l.Confidence, 'f', -1, 64)
	return append(append(append(b, `,"model":"`...), l.Model...), "\"}\n"...), true
}

// plainNumber tells whether JSON has a number without an exponent.
func plainNumber(v float64) bool { return v == 0 || v >= 1e-6 && v < 1e21 }

// plainWord tells whether JSON has a string as it is.
func plainWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func newScoreLine(s *feedbackv1.Sentiment) scoreLine {
	return scoreLine{
		Score: s.Score, Label: labelWord(s), Language: s.GetLanguage().GetTag(), Confidence: s.GetLanguage().GetConfidence(),
		Model: s.GetModel(), Reason: reasonWord(s), Detail: s.GetUnscoredDetail(), Fallback: newFallbackLine(s.GetFallback()),
	}
}

// scoreText is the score with four digits, or nothing.
func scoreText(s *feedbackv1.Sentiment) string {
	if s == nil || s.Score == nil {
		return ""
	}
	return strconv.FormatFloat(s.GetScore(), 'f', 4, 64)
}

// labelWord is negative, neutral or positive; nothing without a score.
func labelWord(s *feedbackv1.Sentiment) string {
	if s.GetLabel() == feedbackv1.Label_LABEL_UNSPECIFIED {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(s.GetLabel().String(), "LABEL_"))
}

// reasonWord is why there is no score: deleted, no_text, language or refused.
func reasonWord(s *feedbackv1.Sentiment) string {
	if s.GetUnscoredReason() == feedbackv1.UnscoredReason_UNSCORED_REASON_UNSPECIFIED {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(s.GetUnscoredReason().String(), "UNSCORED_REASON_"))
}

package memory

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"unicode"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// maxPlain is how many bytes at the head of a text are made plain for its key; a copy of a longer one
// must be the same behind them, letter for letter.
const maxPlain = 16 << 10

var noise = regexp.MustCompile(`(?i)\bhttps?://\S+|[@＠][\p{L}\p{N}_.\-]+|^rt\s`)

// Keys are the collapse keys of an event: the first is its own, under which later equal
// ones find it; the others are further ones under which it may find an earlier one. They
// are empty for a text that says nothing without its links and mentions.
func Keys(e *feedbackv1.Event) []string {
	var keys []string
	if r := e.GetRepostOf(); r != "" {
		keys = append(keys, r)
	}
	if k := textKey(e.GetText()); k != "" {
		keys = append(keys, k)
	}
	if e.GetRepostOf() == "" && len(keys) > 0 {
		keys = append(keys, e.GetId()) // a repost of it may have been told first
	}
	return keys
}

// textKey is a hash of a text without what differs between copies: case, white space,
// punctuation at the ends, links and mentions.
func textKey(text string) string {
	text, rest := text[:min(len(text), maxPlain)], text[min(len(text), maxPlain):]
	plain := noise.ReplaceAllString(strings.ToLower(text), " ")
	words := strings.FieldsFunc(plain, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	plain = strings.TrimFunc(strings.Join(words, " "), func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSpace(r) })
	if plain == "" && rest == "" {
		return ""
	}
	hash := sha256.New()
	_, _ = io.WriteString(hash, plain)
	_, _ = io.WriteString(hash, rest)
	return "text:" + hex.EncodeToString(hash.Sum(nil)[:12])
}

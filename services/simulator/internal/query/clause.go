package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// clause makes the leaf of one keyword, phrase or operator.
func clause(t token) (node, error) {
	if t.name != "" {
		return operator(t)
	}
	n := leaf{negated: t.negated}
	if t.quoted {
		n.test = phrase(t.value)
		return n, nil
	}
	rest := func() string { return t.value[1:] }
	switch {
	case strings.HasPrefix(t.value, "#") && len(t.value) > 1:
		n.test = hasTag(rest(), func(p *Post) []string { return p.Hashtags })
	case strings.HasPrefix(t.value, "$") && len(t.value) > 1:
		n.test = hasTag(rest(), func(p *Post) []string { return p.Cashtags })
	case strings.HasPrefix(t.value, "@") && len(t.value) > 1:
		n.test = hasTag(rest(), func(p *Post) []string { return p.Mentions })
	default:
		n.test = phrase(t.value)
	}
	return n, nil
}

func hasTag(want string, of func(*Post) []string) func(*document) bool {
	return func(d *document) bool {
		return slices.ContainsFunc(of(d.Post), func(s string) bool { return strings.EqualFold(s, want) })
	}
}

// standalone holds the operators that take a user, a post id or words. All of them may stand alone.
var standalone = map[string]func(value string) func(*document) bool{
	"from": func(v string) func(*document) bool {
		return func(d *document) bool { return strings.EqualFold(d.Author, v) || d.AuthorID == v }
	},
	"to":          byUser(func(p *Post) string { return p.ReplyToUser }),
	"retweets_of": byUser(func(p *Post) string { return p.RetweetOfUser }),
	"url": func(v string) func(*document) bool {
		want := tokenize(v)
		return func(d *document) bool {
			return slices.ContainsFunc(d.URLs, func(u string) bool { return contains(tokenize(u), want) })
		}
	},
	"conversation_id":      byID(func(p *Post) string { return p.ConversationID }),
	"in_reply_to_tweet_id": byID(func(p *Post) string { return p.ReplyToID }),
	"retweets_of_tweet_id": byID(func(p *Post) string { return p.RetweetOfID }),
	"quotes_of_tweet_id":   byID(func(p *Post) string { return p.QuoteOfID }),
}

func byUser(of func(*Post) string) func(string) func(*document) bool {
	return func(v string) func(*document) bool {
		return func(d *document) bool { return strings.EqualFold(of(d.Post), v) }
	}
}

func byID(of func(*Post) string) func(string) func(*document) bool {
	return func(v string) func(*document) bool {
		return func(d *document) bool { return of(d.Post) == v }
	}
}

// is and has narrow a query; they must not stand alone.
var is = map[string]func(*Post) bool{
	"retweet":  func(p *Post) bool { return p.RetweetOfID != "" },
	"reply":    func(p *Post) bool { return p.ReplyToID != "" },
	"quote":    func(p *Post) bool { return p.QuoteOfID != "" },
	"verified": func(*Post) bool { return false },
	"nullcast": func(*Post) bool { return false }, // shown as an advertisement alone: nothing here is
}

var has = map[string]func(*Post) bool{
	"links":    func(p *Post) bool { return len(p.URLs) > 0 },
	"hashtags": func(p *Post) bool { return len(p.Hashtags) > 0 },
	"cashtags": func(p *Post) bool { return len(p.Cashtags) > 0 },
	"mentions": func(p *Post) bool { return len(p.Mentions) > 0 },
	"images":   func(p *Post) bool { return p.HasImages },
	"videos":   func(p *Post) bool { return p.HasVideos },
	"media":    func(p *Post) bool { return p.HasImages || p.HasVideos },
	"geo":      func(*Post) bool { return false },
}

func operator(t token) (node, error) {
	n := leaf{negated: t.negated}
	if build := standalone[t.name]; build != nil {
		value := strings.TrimPrefix(t.value, "@")
		if value == "" {
			return nil, noAlternative(t)
		}
		if strings.HasSuffix(t.name, "_id") && strings.Trim(value, "0123456789") != "" {
			return nil, &SyntaxError{fmt.Sprintf("Invalid value '%s' for operator '%s': it must be numeric", t.value, t.name), t.at}
		}
		n.test = build(value)
		return n, nil
	}
	n.narrows = true
	value := strings.ToLower(t.value)
	var test func(*Post) bool
	switch t.name {
	case "is":
		test = is[value]
	case "has":
		test = has[value]
	case "lang":
		if l := len(value); l >= 2 && l <= 3 && strings.Trim(value, "abcdefghijklmnopqrstuvwxyz") == "" {
			test = func(p *Post) bool { return strings.EqualFold(p.Lang, value) }
		}
	default:
		return nil, &SyntaxError{fmt.Sprintf("Reference to invalid operator '%s'. Operator is not available in current product or product packaging. Please refer to complete available operator list at https://developer.x.com/en/docs/twitter-api/tweets/search/integrate/build-a-query#list.", t.name), t.at}
	}
	if test == nil {
		return nil, &SyntaxError{fmt.Sprintf("Reference to invalid value '%s' of operator '%s'", t.value, t.name), t.at}
	}
	n.test = func(d *document) bool { return test(d.Post) }
	return n, nil
}

// document is a post with its text split once for all clauses.
type document struct {
	*Post
	tokens []string
	lower  string
}

func newDocument(p *Post) *document {
	return &document{Post: p, tokens: tokenize(p.Text), lower: strings.ToLower(p.Text)}
}

// phrase matches tokens that stand next to each other, in order. Text in scripts that
// have no spaces between words, and symbols such as emoji, is matched as a substring.
func phrase(value string) func(*document) bool {
	want := tokenize(value)
	if len(want) == 0 || strings.ContainsFunc(value, spaceless) {
		lower := strings.ToLower(value)
		return func(d *document) bool { return strings.Contains(d.lower, lower) }
	}
	return func(d *document) bool { return contains(d.tokens, want) }
}

func spaceless(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}

func contains(tokens, want []string) bool {
	for i := 0; i+len(want) <= len(tokens); i++ {
		if slices.Equal(tokens[i:i+len(want)], want) {
			return true
		}
	}
	return false
}

// tokenize splits at punctuation, symbols and spaces, and where a script without spaces
// begins or ends, and lowers the case.
func tokenize(s string) []string {
	var out []string
	var word strings.Builder
	var inSpaceless bool
	flush := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	for _, r := range strings.ToLower(s) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '_' {
			flush()
			continue
		}
		if now := spaceless(r); now != inSpaceless {
			flush()
			inSpaceless = now
		}
		word.WriteRune(r)
	}
	flush()
	return out
}

package audit

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// answer is what a query says of a post. X does not document whether a keyword is also looked for
// in the post's links and mentions, whether an underscore ends a word, and how it splits scripts
// without spaces: there a match is possible and not sure.
type answer struct{ sure, possible bool }

// certain is an answer without doubt.
func certain(b bool) answer { return answer{b, b} }

// node is a parsed query.
type node func(t *tweet) answer

// tweet is a post on X as queries see it: everything in lower case.
type tweet struct {
	text                  string
	words, allWords       []string // without and with those of links and mentions
	tags, mentions, money map[string]bool
	author, lang          string
	retweet, reply, quote bool
	links                 bool
}

var (
	linkPattern    = regexp.MustCompile(`https?://\S+`)
	mentionPattern = regexp.MustCompile(`@[A-Za-z0-9_]+`)
	tagPattern     = regexp.MustCompile(`#[\p{L}\p{M}\p{N}_]+`)
	moneyPattern   = regexp.MustCompile(`\$[A-Za-z]+`)
)

// newTweet takes a text apart.
func newTweet(text string) *tweet {
	text = strings.ToLower(text)
	plain := linkPattern.ReplaceAllString(text, " ")
	return &tweet{
		text:     text,
		words:    words(mentionPattern.ReplaceAllString(plain, " ")),
		allWords: words(text),
		tags:     set(tagPattern.FindAllString(plain, -1)),
		mentions: set(mentionPattern.FindAllString(plain, -1)),
		money:    set(moneyPattern.FindAllString(plain, -1)),
		links:    linkPattern.MatchString(text),
	}
}

// words splits a text on everything that is no letter, mark, digit or underscore.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && r != '_'
	})
}

// has is whether the words of a keyword or phrase stand in the post, one after another.
func (t *tweet) has(keyword string) answer {
	want := words(keyword)
	possible := phrase(t.allWords, want) ||
		phrase(words(strings.ReplaceAll(t.text, "_", " ")), words(strings.ReplaceAll(keyword, "_", " "))) ||
		(len(want) == 0 || strings.ContainsFunc(t.text, spaceless)) && strings.Contains(t.text, keyword)
	return answer{phrase(t.words, want), possible}
}

// spaceless is true for letters of scripts that put no spaces between words.
func spaceless(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

// phrase is true if the words stand one after another.
func phrase(in, want []string) bool {
	for i := 0; i+len(want) <= len(in); i++ {
		n := 0
		for n < len(want) && in[i+n] == want[n] {
			n++
		}
		if n == len(want) {
			return len(want) > 0
		}
	}
	return false
}

var queryTokens = regexp.MustCompile(`\(|\)|-?[A-Za-z_]*:?"[^"]*"|-\(|[^\s()]+`)

// parseQuery parses X's query language: keywords as whole words, "phrases", #tags, @mentions,
// $cashtags, from:, lang:, is:retweet, is:reply, is:quote, has:links, has:hashtags, has:mentions,
// juxtaposition for and, OR, parentheses and a leading - for not. And binds closer than OR. What
// other operators look at is not told by the simulator: with them a match is possible and not sure.
func parseQuery(q string) (node, error) {
	p := &queryParser{tokens: queryTokens.FindAllString(q, -1)}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if len(p.tokens) > 0 {
		return nil, fmt.Errorf("%q stands where nothing can stand: check the parentheses", p.tokens[0])
	}
	return n, nil
}

type queryParser struct{ tokens []string }

// peek is the next token, empty at the end.
func (p *queryParser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *queryParser) or() (node, error) {
	left, err := p.and()
	for err == nil && p.peek() == "OR" {
		p.tokens = p.tokens[1:]
		var right node
		l := left
		if right, err = p.and(); err == nil {
			left = func(t *tweet) answer {
				a, b := l(t), right(t)
				return answer{a.sure || b.sure, a.possible || b.possible}
			}
		}
	}
	return left, err
}

func (p *queryParser) and() (node, error) {
	left, err := p.term()
	for err == nil && p.peek() != "" && p.peek() != ")" && p.peek() != "OR" {
		var right node
		l := left
		if right, err = p.term(); err == nil {
			left = func(t *tweet) answer {
				a, b := l(t), right(t)
				return answer{a.sure && b.sure, a.possible && b.possible}
			}
		}
	}
	return left, err
}

// term is a group or one operator, negated or not.
func (p *queryParser) term() (node, error) {
	token := p.peek()
	if token == "" || token == ")" || token == "OR" {
		return nil, fmt.Errorf("something to look for is missing before %q", token)
	}
	p.tokens = p.tokens[1:]
	negated := strings.HasPrefix(token, "-")
	token = strings.TrimPrefix(token, "-")
	n, err := p.atom(token)
	if err != nil || !negated {
		return n, err
	}
	return func(t *tweet) answer {
		a := n(t)
		return answer{!a.possible, !a.sure}
	}, nil
}

// atom is a group, whose opening parenthesis was taken, or one operator.
func (p *queryParser) atom(token string) (node, error) {
	if token == "(" {
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		if p.peek() != ")" {
			return nil, fmt.Errorf("a closing parenthesis is missing")
		}
		p.tokens = p.tokens[1:]
		return n, nil
	}
	return operator(strings.ToLower(token))
}

// operator is one operator in lower case.
func operator(token string) (node, error) {
	name, value, found := strings.Cut(token, ":")
	if found && !strings.HasPrefix(token, `"`) {
		return named(name, strings.Trim(value, `"`))
	}
	switch token[0] {
	case '#':
		return func(t *tweet) answer { return certain(t.tags[token]) }, nil
	case '@':
		return func(t *tweet) answer { return certain(t.mentions[token]) }, nil
	case '$':
		return func(t *tweet) answer { return certain(t.money[token]) }, nil
	}
	keyword := strings.Trim(token, `"`)
	return func(t *tweet) answer { return t.has(keyword) }, nil
}

// named is an operator of the form name:value.
func named(name, value string) (node, error) {
	switch name + ":" + value {
	case "is:retweet":
		return func(t *tweet) answer { return certain(t.retweet) }, nil
	case "is:reply":
		return func(t *tweet) answer { return certain(t.reply) }, nil
	case "is:quote":
		return func(t *tweet) answer { return certain(t.quote) }, nil
	case "is:nullcast": // shown as an advertisement alone
		return func(*tweet) answer { return certain(false) }, nil
	case "has:links":
		return func(t *tweet) answer { return certain(t.links) }, nil
	case "has:hashtags":
		return func(t *tweet) answer { return certain(len(t.tags) > 0) }, nil
	case "has:mentions":
		return func(t *tweet) answer { return certain(len(t.mentions) > 0) }, nil
	}
	switch name {
	case "from":
		value = strings.TrimPrefix(value, "@")
		return func(t *tweet) answer { return certain(t.author == value) }, nil
	case "lang":
		return func(t *tweet) answer { return certain(t.lang == value) }, nil
	case "to", "url", "conversation_id", "in_reply_to_tweet_id", "retweets_of", "retweets_of_tweet_id", "quotes_of_tweet_id", "is", "has":
		return func(*tweet) answer { return answer{false, true} }, nil
	}
	return nil, fmt.Errorf("the auditor does not know the operator %s:%s", name, value)
}

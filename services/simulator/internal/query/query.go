// Package query reads X's search language and tells which posts match: keywords, "exact
// phrases", #hashtags, $cashtags, @mentions, operators such as from:, lang: and is:, OR,
// grouping, and negation with a leading dash.
//
// It takes what X takes and refuses what X refuses, with X's words and a position: an
// unknown operator, a lower-case or, a query of nothing but negations or of operators that
// must not stand alone. What X documents of matching holds: keywords are whole tokens,
// case does not count, a hashtag is matched exactly, AND binds before OR.
package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxLength is how many characters a query of recent search and a rule may have.
const MaxLength = 512

// Post is what a query looks at. Names are without @, tags without # or $.
type Post struct {
	Text     string
	Hashtags []string
	Cashtags []string
	Mentions []string
	URLs     []string
	Lang     string

	Author, AuthorID string
	ReplyToUser      string
	RetweetOfUser    string
	ConversationID   string
	ReplyToID        string
	RetweetOfID      string
	QuoteOfID        string

	HasImages, HasVideos bool
}

// Query is a parsed query; Parse makes one.
type Query struct {
	text string
	root node
}

// SyntaxError says what of a query is wrong and where.
type SyntaxError struct {
	Message string
	// Position counts characters from 1.
	Position int
}

// Error is worded as X words it.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s (at position %d)", e.Message, e.Position)
}

// Parse reads a query. A *SyntaxError says what is wrong with it.
func Parse(text string) (*Query, error) {
	if n := utf8.RuneCountInString(text); n > MaxLength {
		return nil, &SyntaxError{fmt.Sprintf("Rule is too long: it has %d characters, the limit is %d", n, MaxLength), MaxLength}
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, &SyntaxError{fmt.Sprintf("missing EOF at '%s'", t.text), t.at}
	}
	if !root.standsAlone() {
		return nil, &SyntaxError{"Rule must contain at least one positive, non-stopword clause", 1}
	}
	return &Query{text: text, root: root}, nil
}

// String returns the query as it was given to Parse.
func (q *Query) String() string { return q.text }

// Match tells whether the post matches.
func (q *Query) Match(p *Post) bool { return q.root.match(newDocument(p)) }

// node is a part of a query.
type node interface {
	match(d *document) bool
	// standsAlone tells whether the part alone would be a query: it has a positive
	// clause that selects posts and does not merely narrow.
	standsAlone() bool
}

type and []node

func (n and) match(d *document) bool {
	return !slices.ContainsFunc(n, func(c node) bool { return !c.match(d) })
}
func (n and) standsAlone() bool { return slices.ContainsFunc(n, node.standsAlone) }

type or []node

func (n or) match(d *document) bool {
	return slices.ContainsFunc(n, func(c node) bool { return c.match(d) })
}
func (n or) standsAlone() bool {
	return !slices.ContainsFunc(n, func(c node) bool { return !c.standsAlone() })
}

// leaf is one clause.
type leaf struct {
	negated bool
	// narrows marks operators that X calls conjunction-required.
	narrows bool
	test    func(d *document) bool
}

func (n leaf) match(d *document) bool { return n.test(d) != n.negated }
func (n leaf) standsAlone() bool      { return !n.negated && !n.narrows }

type parser struct {
	tokens []token
	next   int
	depth  int
}

// maxDepth bounds how deep groups may nest.
const maxDepth = 50

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) or() (node, error) {
	var parts or
	for {
		n, err := p.and()
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
		if p.peek().kind != tokenOr {
			break
		}
		p.next++
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return parts, nil
}

func (p *parser) and() (node, error) {
	var parts and
	for {
		t := p.peek()
		switch t.kind {
		case tokenOpen:
			n, err := p.group()
			if err != nil {
				return nil, err
			}
			parts = append(parts, n)
		case tokenClause:
			p.next++
			n, err := clause(t)
			if err != nil {
				return nil, err
			}
			parts = append(parts, n)
		default:
			if len(parts) == 0 {
				return nil, noAlternative(t)
			}
			if len(parts) == 1 {
				return parts[0], nil
			}
			return parts, nil
		}
	}
}

func (p *parser) group() (node, error) {
	open := p.peek()
	if open.negated {
		return nil, &SyntaxError{"Negation of a group is not supported: negate each clause instead", open.at}
	}
	if p.depth++; p.depth > maxDepth {
		return nil, &SyntaxError{"Rule nests too deep", open.at}
	}
	p.next++
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenClose {
		return nil, noAlternative(t)
	}
	p.next++
	p.depth--
	return n, nil
}

func noAlternative(t token) error {
	if t.kind == tokenEnd {
		return &SyntaxError{"no viable alternative at input '<EOF>'", t.at}
	}
	return &SyntaxError{fmt.Sprintf("no viable alternative at input '%s'", t.text), t.at}
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenOpen
	tokenClose
	tokenOr
	tokenClause
)

type token struct {
	kind    tokenKind
	at      int
	text    string // as written
	negated bool
	// name is an operator's name, empty for a keyword or phrase; value is what follows.
	name, value string
	quoted      bool
}

// lex splits a query; the last token is tokenEnd.
func lex(text string) ([]token, error) {
	var out []token
	runes := []rune(text)
	for i := 0; i < len(runes); {
		if isSpace(runes[i]) {
			i++
			continue
		}
		t, next, err := lexOne(runes, i)
		if err != nil {
			return nil, err
		}
		t.text = string(runes[i:next])
		out = append(out, t)
		i = next
	}
	return append(out, token{kind: tokenEnd, at: len(runes) + 1}), nil
}

func lexOne(runes []rune, i int) (token, int, error) {
	t := token{kind: tokenClause, at: i + 1}
	if runes[i] == '-' {
		if i+1 == len(runes) || isSpace(runes[i+1]) || runes[i+1] == '-' {
			return t, 0, &SyntaxError{"no viable alternative at character '-'", i + 1}
		}
		t.negated = true
		i++
	}
	switch runes[i] {
	case '(':
		t.kind = tokenOpen
		return t, i + 1, nil
	case ')':
		t.kind = tokenClose
		return t, i + 1, nil
	case '"':
		value, next, err := quoted(runes, i)
		t.value, t.quoted = value, true
		return t, next, err
	}
	start := i
	for i < len(runes) && !isSpace(runes[i]) && !strings.ContainsRune(`()"`, runes[i]) {
		if runes[i] == ':' && t.name == "" && i > start {
			t.name = strings.ToLower(string(runes[start:i]))
			if i+1 < len(runes) && runes[i+1] == '"' {
				value, next, err := quoted(runes, i+1)
				t.value, t.quoted = value, true
				return t, next, err
			}
			start = i + 1
		}
		i++
	}
	t.value = string(runes[start:i])
	switch {
	case t.name != "" || t.negated:
	case t.value == "OR":
		t.kind = tokenOr
	case strings.EqualFold(t.value, "or"):
		return t, 0, &SyntaxError{"Ambiguous use of or as a keyword. Use 'OR' to logically join two clauses, or \"or\" to find occurrences of or in text", t.at}
	case strings.EqualFold(t.value, "and"):
		return t, 0, &SyntaxError{"Ambiguous use of and as a keyword. Use a space to logically join two clauses, or \"and\" to find occurrences of and in text", t.at}
	}
	return t, i, nil
}

// quoted reads from the opening quote at i to behind the closing one.
func quoted(runes []rune, i int) (string, int, error) {
	for end := i + 1; end < len(runes); end++ {
		if runes[end] == '"' {
			if end == i+1 {
				return "", 0, &SyntaxError{"no viable alternative at input '\"\"'", i + 1}
			}
			return string(runes[i+1 : end]), end + 1, nil
		}
	}
	return "", 0, &SyntaxError{"no viable alternative at character '\"'", i + 1}
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

package audit

import "testing"

func TestAsked(t *testing.T) {
	m, err := parseManifest([]byte(`
kind: FeedbackPipeline
metadata: {name: azure}
spec:
  sources:
  - {name: community, slack: {channels: [feedback, C77], match: {keywords: [azure], excludeKeywords: [lunch], excludeAuthors: ["@spam"]}}}
  - {name: bots, slack: {channels: [builds], includeBots: true}}
  - {name: paused, suspend: true, slack: {channels: [paused]}}
  - {name: mentions, twitter: {query: "azure -is:quote", match: {languages: [en]}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		post simPost
		said []string
		root []string // what the root of its thread said
		want ask
	}{
		{"keyword in any case", simPost{ChannelName: "feedback"}, []string{"myAZUREthing"}, nil, must},
		{"channel by id", simPost{ChannelID: "C77"}, []string{"azure"}, nil, must},
		{"no keyword", simPost{ChannelName: "feedback"}, []string{"hello"}, nil, never},
		{"excluded keyword", simPost{ChannelName: "feedback"}, []string{"azure lunch"}, nil, never},
		{"excluded author", simPost{ChannelName: "feedback", User: "spam"}, []string{"azure"}, nil, never},
		{"another channel", simPost{ChannelName: "random"}, []string{"azure"}, nil, never},
		{"bot", simPost{ChannelName: "feedback", Bot: true}, []string{"azure"}, nil, never},
		{"bot where bots are heard", simPost{ChannelName: "builds", Bot: true}, []string{"failed"}, nil, must},
		{"suspended source", simPost{ChannelName: "paused"}, []string{"azure"}, nil, may},
		{"deleted", simPost{ChannelName: "feedback", Deleted: true}, []string{"azure"}, nil, may},
		{"edited into a match", simPost{ChannelName: "feedback"}, []string{"hm", "azure"}, nil, must},
		{"edited out of a match", simPost{ChannelName: "feedback"}, []string{"azure", "hm"}, nil, may},
		{"reply to a match", simPost{ChannelName: "feedback", ThreadTS: "1"}, []string{"me too"}, []string{"azure?"}, must},
		{"reply to a match, excluded", simPost{ChannelName: "feedback", ThreadTS: "1"}, []string{"lunch?"}, []string{"azure?"}, may},
		{"reply of a bot", simPost{ChannelName: "feedback", ThreadTS: "1", Bot: true}, []string{"me too"}, []string{"azure?"}, never},
		{"reply to no match", simPost{ChannelName: "feedback", ThreadTS: "1"}, []string{"me too"}, []string{"hm"}, never},
		{"reply that matches itself", simPost{ChannelName: "feedback", ThreadTS: "1"}, []string{"azure"}, []string{"hm"}, must},
		{"reply to what changed its match", simPost{ChannelName: "feedback", ThreadTS: "1"}, []string{"me too"}, []string{"hm", "azure"}, may},
		{"X", simPost{Platform: "x", Lang: "en"}, []string{"#Azure"}, nil, must},
		{"X in another language", simPost{Platform: "x", Lang: "de"}, []string{"#Azure"}, nil, never},
		{"X quote", simPost{Platform: "x", Lang: "en", QuoteOf: "x:1"}, []string{"azure"}, nil, never},
		{"X retweet", simPost{Platform: "x", Lang: "en", RetweetOf: "x:1"}, []string{"RT @ann: azure"}, nil, must},
		{"X retweet of what was edited", simPost{Platform: "x", Lang: "en", RetweetOf: "7"}, []string{"RT @ann: aws"}, nil, may},
		{"X only in a link", simPost{Platform: "x", Lang: "en"}, []string{"see https://azure.com"}, nil, may},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.post.ID = "slack:T1:C1:2"
			if c.post.Platform == "" {
				c.post.Platform = "slack"
			}
			root := simPost{Platform: "slack", ID: "slack:T1:C1:1", ChannelName: c.post.ChannelName}
			all := map[string]*offered{root.ID: m.offer(withTexts(root, c.root)),
				"x:7": m.offer(withTexts(simPost{Platform: "x", Lang: "en"}, []string{"azure", "aws"}))}
			o := m.offer(withTexts(c.post, c.said))
			if got := o.asked(all[o.root], all[o.repeats]); got != c.want {
				t.Errorf("asked = %v, want %v", got, c.want)
			}
		})
	}
}

// TestAReplyThatOnlyItsEditMatches: Slack tells of it once, so that it is a note and no loss; what matched when it was
// said, or stands in the channel itself, is lost.
func TestAReplyThatOnlyItsEditMatches(t *testing.T) {
	for _, c := range []struct {
		name, thread string
		said         []string
		lost         int
	}{
		{"edited into a match", "1", []string{"hm", "azure"}, 0},
		{"matched when it was said", "1", []string{"azure", "azure!"}, 1},
		{"no reply", "", []string{"hm", "azure"}, 1},
	} {
		s := newStage(manifestYAML)
		s.post(slackID("feedback", "1"), "feedback", "hm")
		p := s.post(slackID("feedback", "2"), "feedback", c.said[0], c.said[1:]...)
		p.ThreadTS = c.thread
		l := s.play(t)
		if notes := len(l.Findings) - c.lost; l.LostIngest != c.lost || l.Filtered != 2-c.lost || notes != 1-c.lost {
			t.Errorf("%s: lost %d, %q; want %d lost, or else a note", c.name, l.LostIngest, l.Explain(9), c.lost)
		}
		checkEquations(t, l)
	}
}

func withTexts(p simPost, texts []string) simPost {
	for i, text := range texts {
		p.revise(revisionAt(i), text)
	}
	return p
}

func TestRoutesByMatch(t *testing.T) {
	low, high := 0.3, 0.9
	score := func(f float64) *float64 { return &f }
	for _, c := range []struct {
		name  string
		match match
		said  said
		want  bool
	}{
		{"everything", match{}, said{}, true},
		{"below", match{ScoreBelow: &low}, said{score: score(0.29)}, true},
		{"not below itself", match{ScoreBelow: &low}, said{score: score(0.3)}, false},
		{"above", match{ScoreAbove: &high}, said{score: score(0.91)}, true},
		{"not above itself", match{ScoreAbove: &high}, said{score: score(0.9)}, false},
		{"no score asks for none", match{Keywords: []string{"x"}}, said{text: "X"}, true},
		{"no score is in no range", match{ScoreBelow: &low}, said{}, false},
		{"source", match{Sources: []string{"a", "b"}}, said{source: "b"}, true},
		{"other source", match{Sources: []string{"a"}}, said{source: "b"}, false},
		{"language", match{Languages: []string{"en"}}, said{language: "en-GB"}, true},
		{"other language", match{Languages: []string{"en"}}, said{language: "eng"}, false},
		{"unknown language", match{Languages: []string{"en"}}, said{}, false},
		{"author", match{Authors: []string{"@Ann"}}, said{authors: []string{"U1", "ann"}}, true},
		{"other author", match{Authors: []string{"ann"}}, said{authors: []string{"U1", "bob"}}, false},
		{"excluded author", match{ExcludeAuthors: []string{"U1"}}, said{authors: []string{"U1", ""}}, false},
		{"both must hold", match{Keywords: []string{"x"}, ScoreBelow: &low}, said{text: "x", score: score(0.5)}, false},
	} {
		if got := c.match.covers(c.said); got != c.want {
			t.Errorf("%s: covers = %v, want %v", c.name, got, c.want)
		}
	}
}

// Slack tells of an edit also where a link was unfurled or the same was said again; no source
// takes that for a revision. An edit on X is a post of its own.
func TestAnEditThatLeavesTheTextIsNone(t *testing.T) {
	m, err := parseManifest([]byte("kind: FeedbackPipeline\nmetadata: {name: azure}\nspec: {sources: [{name: community, slack: {channels: [feedback]}}]}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		platform string
		said     []string
		want     uint64 // microseconds
	}{
		{"slack", []string{"azure"}, 0},
		{"slack", []string{"azure", "azure"}, 0},
		{"slack", []string{"azure", "aws"}, revisionAt(1)},
		{"slack", []string{"azure", "aws", "aws"}, revisionAt(1)},
		{"slack", []string{"azure", "aws", "azure"}, revisionAt(2)},
		{"x", []string{"azure", "azure"}, revisionAt(1)},
	} {
		p := withTexts(simPost{Platform: c.platform, ChannelName: "feedback"}, c.said)
		var got uint64
		if at := m.offer(p).edited; !at.IsZero() {
			got = uint64(at.UnixMicro())
		}
		if got != c.want {
			t.Errorf("on %s %q was edited at %d, want %d", c.platform, c.said, got, c.want)
		}
	}
}

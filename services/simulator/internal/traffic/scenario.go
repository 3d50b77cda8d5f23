package traffic

import (
	"strings"
	"unicode/utf8"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/slack"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/x"
)

// cycle is after how many actions the scenario begins again: 12 s at the default rate.
const cycle = 60

// scenario says which actions of a cycle are not simply the next text.
var scenario = map[int]func(*Traffic) error{
	4: (*Traffic).bot, 40: (*Traffic).bot,
	7: (*Traffic).reply, 19: (*Traffic).reply, 31: (*Traffic).reply, 43: (*Traffic).reply,
	9: (*Traffic).repeat, 12: (*Traffic).repeatAgain, 15: (*Traffic).repeatAgain, 18: (*Traffic).repeatAgain,
	11: (*Traffic).edit, 29: (*Traffic).edit, 47: (*Traffic).edit,
	14: (*Traffic).remove, 44: (*Traffic).remove,
	22: (*Traffic).becomePopular, 25: (*Traffic).retweet, 27: (*Traffic).retweet, 30: (*Traffic).retweet,
	34: (*Traffic).section, 37: (*Traffic).file, 50: (*Traffic).long, 53: (*Traffic).answerOnX,
}

type people struct{ slack, x []string }

var xNames = []string{"maria_dev", "clouddad", "NinaOps", "k8s_karl", "sre_sam", "DataDora", "byteBruno", "lena_codes", "tokyo_taro", "raj_builds",
	"AnneLaure_dev", "pixelpaul", "zoe_in_prod", "the_real_igor", "mikaela_w", "devopsdana", "harold1987", "YAMLwhisperer", "cloud_skeptic", "azure_annie"}

// spoken is something that was said lately and still stands.
type spoken struct {
	channel, ts string // on Slack
	post        string // on X
	text        Text
	root        bool
	touched     bool // edited already
}

// remember keeps the last 40 things that were said.
func (t *Traffic) remember(s spoken) {
	t.recent = append(t.recent, s)
	if len(t.recent) > 40 {
		t.recent = t.recent[1:]
	}
}

// pick returns the index of one of the recent things that fits, or -1.
func (t *Traffic) pick(fits func(*spoken) bool) int {
	if len(t.recent) == 0 {
		return -1
	}
	start := t.rng.IntN(len(t.recent))
	for i := range t.recent {
		if at := (start + i) % len(t.recent); fits(&t.recent[at]) {
			return at
		}
	}
	return -1
}

func (t *Traffic) someone(names []string) string { return names[t.rng.IntN(len(names))] }

// channel is where somebody talks: mostly in the first.
func (t *Traffic) channel() string {
	if len(t.o.Channels) == 1 || t.rng.IntN(10) < 6 {
		return t.o.Channels[0]
	}
	return t.o.Channels[1+t.rng.IntN(len(t.o.Channels)-1)]
}

// say has somebody say the next text: six in ten on Slack, the others on X.
func (t *Traffic) say() error {
	text := t.text()
	if t.rng.IntN(10) < 6 {
		return t.onSlack(text, slack.Draft{})
	}
	return t.onX(text, x.Draft{})
}

func (t *Traffic) onSlack(text Text, d slack.Draft) error {
	d.Text = text.Text
	if d.User == "" {
		d.User = t.someone(t.people.slack)
	}
	if d.Channel == "" {
		d.Channel = t.channel()
	}
	if strings.TrimSpace(d.Text) == "" { // without text there is a file
		d.Text, d.File = "", "screenshot.txt"
	}
	channel, ts, err := t.o.Slack.Post(d)
	if err == nil && !d.Bot {
		t.remember(spoken{channel: channel, ts: ts, text: text, root: d.ThreadTS == ""})
	}
	return err
}

func (t *Traffic) onX(text Text, d x.Draft) error {
	d.Text, d.Lang = text.Text, text.Lang
	if d.Author == "" {
		d.Author = t.someone(t.people.x)
	}
	id, err := t.o.X.Post(d)
	if err == nil {
		t.remember(spoken{post: id, text: text})
	}
	return err
}

var botTexts = []string{"Deployment of azure-frontend 4.2.1 to production failed: health check did not pass.",
	"Deployment of azure-frontend 4.2.2 to production finished.", "Nightly build of azure-worker is broken: 3 tests failed."}

func (t *Traffic) bot() error {
	return t.onSlack(Text{Text: botTexts[t.rng.IntN(len(botTexts))]}, slack.Draft{User: "deploybot", Bot: true})
}

var replyTexts = []string{"Same here.", "Have you tried turning it off and on again?", "Terrible, we have this problem as well since yesterday.",
	"Works for me now, thanks!", "Could you open a ticket and post the number?", "azure status page says all green, as always", "👍"}

func (t *Traffic) reply() error {
	i := t.pick(func(s *spoken) bool { return s.ts != "" && s.root })
	if i < 0 {
		return t.say()
	}
	text := Text{Text: replyTexts[t.rng.IntN(len(replyTexts))]}
	return t.onSlack(text, slack.Draft{Channel: t.recent[i].channel, ThreadTS: t.recent[i].ts})
}

// repeat says a text that others will say as well, word by word.
func (t *Traffic) repeat() error {
	t.same = t.text()
	for range len(t.o.Corpus) {
		if hasKeyword(t.same.Text) && t.same.Label != "neutral" && utf8.RuneCountInString(t.same.Text) < maxShort {
			break
		}
		t.same = t.o.Corpus[t.rng.IntN(len(t.o.Corpus))]
	}
	return t.onSlack(t.same, slack.Draft{Channel: t.o.Channels[0]})
}

// maxShort is how long a text may be that X shows whole.
const maxShort = 280

func hasKeyword(s string) bool { return strings.Contains(strings.ToLower(s), "azure") }

func (t *Traffic) repeatAgain() error {
	if t.same.Text == "" {
		return t.say()
	}
	if t.rng.IntN(3) == 0 {
		return t.onX(t.same, x.Draft{})
	}
	return t.onSlack(t.same, slack.Draft{Channel: t.o.Channels[0]})
}

// edit changes something said lately: it adds to it, or takes it back and says another.
func (t *Traffic) edit() error {
	i := t.pick(func(s *spoken) bool { return !s.touched && s.text.Text != "" && s.post != t.popular })
	if i < 0 {
		return t.say()
	}
	s := &t.recent[i]
	s.touched = true
	text := s.text.Text + "\n\nEdit: it seems to work again for most of us."
	if t.rng.IntN(2) == 0 {
		text = t.o.Corpus[t.rng.IntN(len(t.o.Corpus))].Text
	}
	if strings.TrimSpace(text) == "" {
		text = "(never mind)"
	}
	if s.post != "" {
		_, err := t.o.X.Edit(s.post, text)
		return err
	}
	return t.o.Slack.Edit(s.channel, s.ts, text)
}

// remove deletes something said lately.
func (t *Traffic) remove() error {
	i := t.pick(func(s *spoken) bool { return s.post != t.popular || s.post == "" })
	if i < 0 {
		return t.say()
	}
	s := t.recent[i]
	t.recent = append(t.recent[:i], t.recent[i+1:]...)
	if s.post != "" {
		return t.o.X.Delete(s.post)
	}
	return t.o.Slack.Delete(s.channel, s.ts)
}

// becomePopular posts something on X that is retweeted afterwards.
func (t *Traffic) becomePopular() error {
	text := t.text()
	for range len(t.o.Corpus) {
		if hasKeyword(text.Text) && text.Label == "negative" {
			break
		}
		text = t.o.Corpus[t.rng.IntN(len(t.o.Corpus))]
	}
	if err := t.onX(text, x.Draft{}); err != nil {
		return err
	}
	t.popular = t.recent[len(t.recent)-1].post
	return nil
}

func (t *Traffic) retweet() error {
	if t.popular == "" {
		return t.say()
	}
	_, err := t.o.X.Post(x.Draft{Author: t.someone(t.people.x), RetweetOf: t.popular})
	return err
}

// section is a message whose text stands in its blocks alone.
func (t *Traffic) section() error {
	text := t.text()
	if strings.TrimSpace(text.Text) == "" || utf8.RuneCountInString(text.Text) > 2500 {
		return t.onSlack(text, slack.Draft{})
	}
	return t.onSlack(text, slack.Draft{Blocks: true})
}

func (t *Traffic) file() error { return t.onSlack(t.text(), slack.Draft{File: "console.log"}) }

// long is a post on X that is longer than a post: its whole text is in note_tweet.
func (t *Traffic) long() error {
	text := t.text()
	for utf8.RuneCountInString(text.Text) <= maxShort || !hasKeyword(text.Text) {
		text.Text += " " + t.o.Corpus[t.rng.IntN(len(t.o.Corpus))].Text
		if utf8.RuneCountInString(text.Text) > 4*maxShort {
			break
		}
		if len(t.o.Corpus) < 3 {
			text.Text += strings.Repeat(" and so on", 30)
		}
	}
	return t.onX(text, x.Draft{})
}

func (t *Traffic) answerOnX() error {
	i := t.pick(func(s *spoken) bool { return s.post != "" })
	if i < 0 {
		return t.say()
	}
	return t.onX(t.text(), x.Draft{ReplyTo: t.recent[i].post})
}

package slack

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Slack's limits of Block Kit (https://docs.slack.dev/reference/block-kit/blocks), in characters.
const (
	maxBlocks      = 50
	maxSection     = 3000
	maxFields      = 10
	maxField       = 2000
	maxHeader      = 150
	maxContext     = 10 // elements
	maxContextText = 3000
	maxActions     = 25
	maxButton      = 75
	maxBlockID     = 255
	maxURL         = 3000
)

type textObject struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type block struct {
	Type      string            `json:"type"`
	BlockID   string            `json:"block_id"`
	Text      *textObject       `json:"text"`
	Fields    []textObject      `json:"fields"`
	Elements  []json.RawMessage `json:"elements"`
	Accessory json.RawMessage   `json:"accessory"`
	ImageURL  string            `json:"image_url"`
	AltText   string            `json:"alt_text"`
}

// checkBlocks says what of the blocks Slack would refuse; nothing if they are good.
func checkBlocks(s string) []string {
	var raw []json.RawMessage
	if json.Unmarshal([]byte(s), &raw) != nil {
		return []string{"blocks is not an array of blocks"}
	}
	var problems []string
	if len(raw) > maxBlocks {
		problems = append(problems, fmt.Sprintf("no more than %d items allowed [json-pointer:/blocks]", maxBlocks))
	}
	seen := map[string]bool{}
	for i, b := range raw {
		at := fmt.Sprintf("/blocks/%d", i)
		var v block
		if json.Unmarshal(b, &v) != nil {
			problems = append(problems, "failed to match a block [json-pointer:"+at+"]")
			continue
		}
		if v.BlockID != "" && (seen[v.BlockID] || len(v.BlockID) > maxBlockID) {
			problems = append(problems, "block_id is used twice or too long [json-pointer:"+at+"/block_id]")
		}
		seen[v.BlockID] = true
		problems = append(problems, v.check(at)...)
	}
	return problems
}

func (b *block) check(at string) []string {
	switch b.Type {
	case "section":
		return b.section(at)
	case "header":
		if b.Text == nil || b.Text.Type != "plain_text" {
			return []string{"a header needs a plain_text [json-pointer:" + at + "/text]"}
		}
		return checkText(b.Text, maxHeader, at+"/text")
	case "context":
		return b.context(at)
	case "divider":
		return nil
	case "image":
		if b.ImageURL == "" || b.AltText == "" || len(b.ImageURL) > maxURL {
			return []string{"an image needs image_url and alt_text [json-pointer:" + at + "]"}
		}
		return nil
	case "actions":
		return b.actions(at)
	case "rich_text":
		if len(b.Elements) == 0 {
			return []string{"a rich_text needs elements [json-pointer:" + at + "/elements]"}
		}
		return nil
	case "markdown", "video", "table", "file", "input":
		return nil
	}
	return []string{fmt.Sprintf("unsupported type: %s [json-pointer:%s/type]", b.Type, at)}
}

func (b *block) section(at string) []string {
	if b.Text == nil && len(b.Fields) == 0 {
		return []string{"a section needs text or fields [json-pointer:" + at + "]"}
	}
	var problems []string
	if b.Text != nil {
		problems = checkText(b.Text, maxSection, at+"/text")
	}
	if len(b.Fields) > maxFields {
		problems = append(problems, fmt.Sprintf("no more than %d items allowed [json-pointer:%s/fields]", maxFields, at))
	}
	for i := range b.Fields {
		problems = append(problems, checkText(&b.Fields[i], maxField, fmt.Sprintf("%s/fields/%d/text", at, i))...)
	}
	return problems
}

func (b *block) context(at string) []string {
	if len(b.Elements) == 0 || len(b.Elements) > maxContext {
		return []string{fmt.Sprintf("a context needs 1 to %d elements [json-pointer:%s/elements]", maxContext, at)}
	}
	var problems []string
	for i, e := range b.Elements {
		var t textObject
		here := fmt.Sprintf("%s/elements/%d", at, i)
		if json.Unmarshal(e, &t) != nil {
			problems = append(problems, "failed to match an element [json-pointer:"+here+"]")
		} else if t.Type != "image" {
			problems = append(problems, checkText(&t, maxContextText, here+"/text")...)
		}
	}
	return problems
}

func (b *block) actions(at string) []string {
	if len(b.Elements) == 0 || len(b.Elements) > maxActions {
		return []string{fmt.Sprintf("actions needs 1 to %d elements [json-pointer:%s/elements]", maxActions, at)}
	}
	var problems []string
	for i, e := range b.Elements {
		var button struct {
			Type string      `json:"type"`
			Text *textObject `json:"text"`
		}
		here := fmt.Sprintf("%s/elements/%d", at, i)
		if json.Unmarshal(e, &button) != nil {
			problems = append(problems, "failed to match an element [json-pointer:"+here+"]")
		} else if button.Type == "button" && button.Text != nil {
			problems = append(problems, checkText(button.Text, maxButton, here+"/text")...)
		}
	}
	return problems
}

func checkText(t *textObject, most int, at string) []string {
	n := utf8.RuneCountInString(t.Text)
	switch {
	case t.Type != "mrkdwn" && t.Type != "plain_text":
		return []string{fmt.Sprintf("unsupported type: %s [json-pointer:%s/type]", t.Type, at)}
	case n == 0:
		return []string{"must be more than 0 characters [json-pointer:" + at + "]"}
	case n > most:
		return []string{fmt.Sprintf("must be less than %d characters [json-pointer:%s]", most+1, at)}
	}
	return nil
}

package page

import (
	"encoding/json"
	"html/template"
	"strings"
)

// renderer renders messages; names are those of users and channels by id.
type renderer struct{ names map[string]string }

type object struct {
	Type     string          `json:"type"`
	Text     json.RawMessage `json:"text"`
	Fields   []object        `json:"fields"`
	Elements []object        `json:"elements"`
	URL      string          `json:"url"`
	AltText  string          `json:"alt_text"`
}

// message renders a message: its blocks, or its text where it has none that are for reading.
func (p *renderer) message(text string, blocks json.RawMessage) template.HTML {
	var list []object
	if json.Unmarshal(blocks, &list) != nil || len(list) == 0 || list[0].Type == "rich_text" {
		return p.mrkdwn(text)
	}
	var b strings.Builder
	for i := range list {
		p.block(&b, &list[i])
	}
	return template.HTML(b.String()) //nolint:gosec // made of what mrkdwn and escaped return
}

func (p *renderer) block(b *strings.Builder, o *object) {
	switch o.Type {
	case "header":
		b.WriteString("<h3>" + string(p.text(o.Text)) + "</h3>")
	case "divider":
		b.WriteString("<hr>")
	case "section":
		b.WriteString("<div class=section>" + string(p.text(o.Text)) + "</div>")
		if len(o.Fields) > 0 {
			b.WriteString("<div class=fields>")
			for _, f := range o.Fields {
				b.WriteString("<div>" + string(p.words(f.Type, stringOf(f.Text))) + "</div>")
			}
			b.WriteString("</div>")
		}
	case "context":
		b.WriteString("<div class=context>")
		for _, e := range o.Elements {
			b.WriteString("<span>" + string(p.words(e.Type, stringOf(e.Text)+e.AltText)) + "</span>")
		}
		b.WriteString("</div>")
	case "actions":
		b.WriteString("<div class=actions>")
		for _, e := range o.Elements {
			b.WriteString("<span class=button>" + string(p.text(e.Text)) + "</span>")
		}
		b.WriteString("</div>")
	default:
		b.WriteString("<div class=context>[" + escaped(o.Type) + " " + escaped(o.AltText) + "]</div>")
	}
}

// text renders a text object.
func (p *renderer) text(raw json.RawMessage) template.HTML {
	var o struct{ Type, Text string }
	if json.Unmarshal(raw, &o) != nil {
		return ""
	}
	return p.words(o.Type, o.Text)
}

func (p *renderer) words(kind, s string) template.HTML {
	if kind == "mrkdwn" {
		return p.mrkdwn(s)
	}
	return template.HTML(strings.ReplaceAll(emoji.Replace(template.HTMLEscapeString(s)), "\n", "<br>")) //nolint:gosec // escaped
}

func stringOf(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

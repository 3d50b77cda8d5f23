package query

import (
	"errors"
	"strings"
	"testing"
)

var azure = &Post{
	Text:     "Why is #Azure DevOps down again? cc @AzureSupport https://status.azure.com/history 🔥",
	Hashtags: []string{"Azure"}, Mentions: []string{"AzureSupport"}, URLs: []string{"https://status.azure.com/history"},
	Lang: "en", Author: "maria_dev", AuthorID: "42", ConversationID: "100",
}

var reply = &Post{
	Text: "@maria_dev restarting the agent helped", Mentions: []string{"maria_dev"}, Lang: "en",
	Author: "bob", AuthorID: "43", ReplyToUser: "maria_dev", ReplyToID: "100", ConversationID: "100",
}

var retweet = &Post{
	Text: "RT @maria_dev: Why is #Azure DevOps down again?", Hashtags: []string{"Azure"}, Mentions: []string{"maria_dev"}, Lang: "en",
	Author: "eve", AuthorID: "44", RetweetOfUser: "maria_dev", RetweetOfID: "100", ConversationID: "102",
}

var japanese = &Post{Text: "またAzureが落ちてる…勘弁して", Lang: "ja", Author: "taro", AuthorID: "45", QuoteOfID: "100", HasImages: true}

func TestMatch(t *testing.T) {
	tests := []struct {
		query string
		post  *Post
		want  bool
	}{
		{"azure", azure, true},
		{"AZURE", azure, true},
		{"azur", azure, false}, // whole tokens only
		{"devops azure", azure, true},
		{"aws", azure, false},
		{"aws OR azure", azure, true},
		{"aws OR gcp", azure, false},
		{`"azure devops"`, azure, true},
		{`"devops azure"`, azure, false},
		{`"is #Azure devops"`, azure, true},
		{"#azure", azure, true},
		{"#azur", azure, false},
		{"@azuresupport", azure, true},
		{"@azure", azure, false},
		{"from:maria_dev", azure, true},
		{"from:@maria_dev", azure, true},
		{"from:42", azure, true},
		{"from:bob", azure, false},
		{"to:maria_dev", reply, true},
		{"to:maria_dev", azure, false},
		{"azure lang:en", azure, true},
		{"azure lang:de", azure, false},
		{"azure -lang:de", azure, true},
		{"azure -is:retweet", azure, true},
		{"(azure OR #Azure) -is:nullcast", azure, true},
		{"azure -is:retweet", retweet, false},
		{"azure is:retweet", retweet, true},
		{"retweets_of:maria_dev", retweet, true},
		{"retweets_of_tweet_id:100", retweet, true},
		{"agent is:reply", reply, true},
		{"agent -is:reply", reply, false},
		{"azure has:links", azure, true},
		{"azure has:links", retweet, false},
		{"azure has:mentions has:hashtags", azure, true},
		{"conversation_id:100", azure, true},
		{"conversation_id:100", reply, true},
		{"conversation_id:101", reply, false},
		{"url:status.azure.com", azure, true},
		{`url:"https://status.azure.com"`, azure, true},
		{"url:portal", azure, false},
		{"Azure", japanese, true}, // a change of script is a word boundary
		{"勘弁", japanese, true},
		{"落ちてる is:quote has:images", japanese, true},
		{"🔥", azure, true},
		{"💩", azure, false},
		// AND binds before OR.
		{"aws azure OR devops", azure, true},
		{"aws (azure OR devops)", azure, false},
		{"(aws OR azure) (gcp OR devops) -billing", azure, true},
		{"(azure -devops) OR (agent -restarting)", azure, false},
		{"#Azure lang:en -is:retweet", azure, true},
		{"#Azure lang:en -is:retweet", retweet, false},
		{"azure -\"down again\"", azure, false},
		{"-aws azure", azure, true},
		{"down-again", azure, true},
		{`"or" OR azure`, azure, true},
		{"$MSFT OR azure", azure, true},
		{"$MSFT", azure, false},
	}
	for _, tt := range tests {
		q, err := Parse(tt.query)
		if err != nil {
			t.Errorf("Parse(%s): %v", tt.query, err)
			continue
		}
		if got := q.Match(tt.post); got != tt.want {
			t.Errorf("%s matches %q = %v, want %v", tt.query, tt.post.Text, got, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		query, want string
		position    int
	}{
		{"", "<EOF>", 1},
		{"   ", "<EOF>", 4},
		{"-azure", "at least one positive", 1},
		{"lang:en", "at least one positive", 1},
		{"is:retweet -azure", "at least one positive", 1},
		{"azure OR lang:en", "at least one positive", 1},
		{"azure OR -aws", "at least one positive", 1},
		{"azure and aws", "Ambiguous use of and", 7},
		{"azure or aws", "Ambiguous use of or", 7},
		{"OR azure", "no viable alternative", 1},
		{"azure OR", "<EOF>", 9},
		{"azure OR OR aws", "no viable alternative", 10},
		{"(azure", "<EOF>", 7},
		{"azure)", "missing EOF at ')'", 6},
		{"()", "no viable alternative", 2},
		{`"azure`, "no viable alternative at character '\"'", 1},
		{`""`, "no viable alternative", 1},
		{"azure -", "no viable alternative at character '-'", 7},
		{"azure --b", "no viable alternative at character '-'", 7},
		{"azure -(aws gcp)", "Negation of a group", 7},
		{"azure mood:bad", "Reference to invalid operator 'mood'", 7},
		{"https://azure.com", "Reference to invalid operator 'https'", 1},
		{"azure is:happy", "Reference to invalid value 'happy'", 7},
		{"azure has:", "Reference to invalid value ''", 7},
		{"azure lang:english", "Reference to invalid value 'english'", 7},
		{"from:", "no viable alternative", 1},
		{"conversation_id:abc", "must be numeric", 1},
		{strings.Repeat("a", 513), "too long", 512},
		{strings.Repeat("(", 60) + "a" + strings.Repeat(")", 60), "too deep", 51},
	}
	for _, tt := range tests {
		_, err := Parse(tt.query)
		var se *SyntaxError
		if !errors.As(err, &se) || !strings.Contains(se.Message, tt.want) || se.Position != tt.position {
			t.Errorf("Parse(%q) = %v, want %q at position %d", tt.query, err, tt.want, tt.position)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"#Azure lang:en -is:retweet", `(a OR "b c") -d`, `url:"x"`, "-(", "a:\"", "OR", "é(ü)"} {
		f.Add(s, "some text #Azure")
	}
	f.Fuzz(func(t *testing.T, s, text string) {
		q, err := Parse(s)
		if err != nil {
			var se *SyntaxError
			if !errors.As(err, &se) || se.Position < 1 {
				t.Fatalf("Parse(%q) = %v, want a SyntaxError with a position", s, err)
			}
			return
		}
		p := &Post{Text: text}
		got := q.Match(p)
		again, err := Parse(q.String())
		if err != nil || again.Match(p) != got {
			t.Errorf("Parse(%q) matched %v and then %v (%v)", s, got, !got, err)
		}
	})
}

package audit

import (
	"strings"
	"testing"
)

func TestQuery(t *testing.T) {
	post := simPost{User: "Ann", Lang: "en", ReplyTo: "x:7"}
	for _, c := range []struct {
		query, text string
		want        answer
	}{
		{"azure", "I like AZURE!", certain(true)},
		{"azure", "azures", certain(false)},
		{"azure", "#azure", certain(true)},
		{"#azure", "azure", certain(false)},
		{"#Azure", "love #azure.", certain(true)},
		{"#azure", "#azuredevops", certain(false)},
		{"@azuresupport", "thanks @AzureSupport", certain(true)},
		{"azure", "thanks @azure", answer{false, true}},
		{"azure", "https://azure.com/down", answer{false, true}},
		{"-azure", "https://azure.com/down", answer{false, true}},
		{"azure", "azure_functions", answer{false, true}},
		{"$MSFT", "buy $msft", certain(true)},
		{"coca-cola", "Coca Cola now", certain(true)},
		{`"azure is down"`, "oh: Azure is down again", certain(true)},
		{`"azure is down"`, "azure was down", certain(false)},
		{"azure down", "down goes azure", certain(true)},
		{"azure OR aws", "aws", certain(true)},
		{"gcp azure OR aws", "aws", certain(true)},
		{"gcp (azure OR aws)", "aws", certain(false)},
		{"gcp (azure OR aws)", "aws or gcp", certain(true)},
		{"azure -aws", "azure, not aws", certain(false)},
		{"azure -(aws gcp)", "azure, aws", certain(true)},
		{`azure -"so bad"`, "azure is so bad", certain(false)},
		{"from:ann", "x", certain(true)},
		{"-from:bob from:@ANN", "x", certain(true)},
		{"lang:en", "x", certain(true)},
		{"lang:de", "x", certain(false)},
		{"is:reply -is:retweet -is:quote", "x", certain(true)},
		{"is:retweet", "x", certain(false)},
		{"azure -is:nullcast", "azure", certain(true)},
		{"azure has:images", "azure", answer{false, true}},
		{"azure -to:bob", "azure", answer{false, true}},
		{"azure is:verified", "aws", certain(false)},
		{"has:links", "see https://example.com", certain(true)},
		{"遅い", "azureが遅い", answer{false, true}},
		{"azure", "Azureがまた落ちた", answer{false, true}},
		{"aws", "Azureがまた落ちた", certain(false)},
	} {
		n, err := parseQuery(c.query)
		if err != nil {
			t.Errorf("parseQuery(%q) = %v", c.query, err)
			continue
		}
		if got := n(post.tweet(c.text)); got != c.want {
			t.Errorf("%q of %q = %v, want %v", c.query, c.text, got, c.want)
		}
	}
}

func TestQueryThatCannotBeRead(t *testing.T) {
	for query, want := range map[string]string{
		"":                     "something to look for is missing",
		"azure OR":             "something to look for is missing",
		"(azure":               "closing parenthesis is missing",
		"azure)":               "check the parentheses",
		"point_radius:x azure": "does not know the operator point_radius:x",
	} {
		if _, err := parseQuery(query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseQuery(%q) = %v, want an error with %q", query, err, want)
		}
	}
}

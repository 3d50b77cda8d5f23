package validate

import (
	"strconv"
	"strings"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// base is a manifest that is accepted; the cases change it.
const base = `
apiVersion: feedbackpipeline.dev/v1alpha1
kind: FeedbackPipeline
metadata: {name: azure, namespace: default}
spec:
  kafka: {bootstrapServers: [kafka:9092]}
  sources:
  - name: community
    slack: {channels: [feedback], credentialsSecretRef: {name: slack}}
  - name: mentions
    twitter: {query: azure, credentialsSecretRef: {name: x}}
  routes:
  - name: negative
    match: {scoreBelow: 0.3}
    slack: {channel: negative, credentialsSecretRef: {name: slack}}
`

// edits are changes of a manifest: path -> YAML, "" removes. A path has numbers for elements of lists; the number
// after the last appends.
type edits map[string]string

// manifest returns base with edits.
func manifest(t testing.TB, changes edits) map[string]any {
	t.Helper()
	obj, _ := decode(t, base).(map[string]any)
	for path, text := range changes {
		put(obj, strings.Split(path, "."), decode(t, text), text == "")
	}
	return obj
}

// decode reads YAML as an API server does: whole numbers are int64.
func decode(t testing.TB, text string) (value any) {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = utiljson.Unmarshal(raw, &value)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

// put sets value at path in node, or removes what is there, and returns node.
func put(node any, path []string, value any, remove bool) any {
	if len(path) == 0 {
		return value
	}
	switch n := node.(type) {
	case []any:
		i, _ := strconv.Atoi(path[0])
		if i == len(n) {
			return append(n, put(nil, path[1:], value, remove))
		}
		n[i] = put(n[i], path[1:], value, remove)
		return n
	case map[string]any:
		if len(path) == 1 && remove {
			delete(n, path[0])
			return n
		}
		n[path[0]] = put(n[path[0]], path[1:], value, remove)
		return n
	default:
		return put(map[string]any{}, path, value, remove)
	}
}

func list(n int, element func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = element(i)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func words(n, length int) string {
	return list(n, func(i int) string {
		word := "w" + strconv.Itoa(i)
		return word + strings.Repeat("x", length-len(word))
	})
}

// rules has an accepted and a refused case for each rule of the schema. want is part of the refusal, "" if accepted.
var rules = []struct {
	name    string
	changes edits
	want    string
}{
	{"as it is", nil, ""},
	{"name with a dot", edits{"metadata.name": "a.b"}, "metadata.name names Deployments and Services"},
	{"name with a digit first", edits{"metadata.name": "1a"}, "metadata.name names Deployments and Services"},
	{"name of 63", edits{"metadata.name": strings.Repeat("a", 63)}, ""},
	{"name of 64", edits{"metadata.name": strings.Repeat("a", 64)}, "metadata.name names Deployments and Services"},

	{"no broker", edits{"spec.kafka.bootstrapServers": "[]"}, "should have at least 1 items"},
	{"no kafka", edits{"spec.kafka": ""}, "Required value"},
	{"broker without port", edits{"spec.kafka.bootstrapServers": "[kafka]"}, "not host:port"},
	{"broker by IPv6", edits{"spec.kafka.bootstrapServers": `["[2001:db8::1]:9092"]`}, ""},
	{"broker by IPv6 without brackets", edits{"spec.kafka.bootstrapServers": `["2001:db8::1:9092"]`}, "not host:port"},
	{"broker twice", edits{"spec.kafka.bootstrapServers": "[a:1, a:1]"}, "Duplicate value"},
	{"TLS by the system's authorities", edits{"spec.kafka.tls": "{}"}, ""},
	{"TLS by a ConfigMap", edits{"spec.kafka.tls": "{caRef: {kind: ConfigMap, name: ca}}"}, ""},
	{"TLS by a Pod", edits{"spec.kafka.tls": "{caRef: {kind: Pod, name: ca}}"}, `Unsupported value: "Pod"`},
	{"SASL SCRAM", edits{"spec.kafka.sasl": "{mechanism: SCRAM-SHA-512, credentialsSecretRef: {name: user}}"}, ""},
	{"SASL GSSAPI", edits{"spec.kafka.sasl": "{mechanism: GSSAPI, credentialsSecretRef: {name: user}}"}, "Unsupported value"},
	{"SASL without credentials", edits{"spec.kafka.sasl": "{mechanism: PLAIN}"}, "mechanism and credentialsSecretRef go together"},
	{"SASL without mechanism", edits{"spec.kafka.sasl": "{credentialsSecretRef: {name: user}}"}, "mechanism and credentialsSecretRef go together"},
	{"SASL empty", edits{"spec.kafka.sasl": "{}"}, "set exactly one of eventHubs"},
	{"Event Hubs", edits{"spec.kafka.sasl": "{eventHubs: {connectionStringSecretRef: {name: hubs}}}"}, ""},
	{"Event Hubs and SASL", edits{"spec.kafka.sasl": "{mechanism: PLAIN, credentialsSecretRef: {name: u}, eventHubs: {connectionStringSecretRef: {name: h}}}"}, "set exactly one of eventHubs"},

	{"prefix", edits{"spec.topics.prefix": "my_team.azure-1"}, ""},
	{"prefix with a slash", edits{"spec.topics.prefix": "a/b"}, "a prefix has letters, digits"},
	{"prefix with a dot last", edits{"spec.topics.prefix": "a."}, "begins and ends with a letter or digit"},
	{"prefix of 151", edits{"spec.topics.prefix": strings.Repeat("a", 151)}, "Too long"},
	{"topic by name", edits{"spec.topics.names.feedback": "azurefeedback"}, ""},
	{"topic with a blank", edits{"spec.topics.names.feedback": "azure feedback"}, "a topic's name has letters, digits"},
	{"topic ..", edits{"spec.topics.names.state": `".."`}, "a topic's name has letters, digits"},
	{"no partition", edits{"spec.topics.partitions": "0"}, "greater than or equal to 1"},
	{"1001 partitions", edits{"spec.topics.partitions": "1001"}, "less than or equal to 1000"},
	{"no replica", edits{"spec.topics.replicationFactor": "0"}, "greater than or equal to 1"},
	{"retention of a minute", edits{"spec.topics.retention": "1m"}, ""},
	{"retention of a second", edits{"spec.topics.retention": "1s"}, "retention must be a duration from 1m"},
	{"retention of a week in days", edits{"spec.topics.retention": "7d"}, "retention must be a duration from 1m"},
	{"topic setting", edits{"spec.topics.config": "{compression.type: zstd}"}, ""},
	{"cleanup.policy", edits{"spec.topics.config": "{cleanup.policy: compact}"}, "are the operator's"},
	{"retention.ms", edits{"spec.topics.config": `{retention.ms: "1"}`}, "are the operator's"},
	{"unknown management", edits{"spec.topics.management": "Maybe"}, "Unsupported value"},
	{"JSON values", edits{"spec.topics.format": "JSON"}, ""},
	{"Avro values", edits{"spec.topics.format": "Avro"}, "Unsupported value"},

	{"no source", edits{"spec.sources": "[]"}, "should have at least 1 items"},
	{"17 sources", edits{"spec.sources": list(17, func(i int) string {
		return "{name: s" + strconv.Itoa(i) + ", twitter: {query: q, credentialsSecretRef: {name: x}}}"
	})}, "must have at most 16 items"},
	{"source of no kind", edits{"spec.sources.2": "{name: c}"}, "a source has exactly one kind"},
	{"source of two kinds", edits{"spec.sources.0.twitter": "{query: q, credentialsSecretRef: {name: x}}"}, "a source has exactly one kind"},
	{"sources of one name", edits{"spec.sources.1.name": "community"}, "Duplicate value"},
	{"source with a capital", edits{"spec.sources.0.name": "Community"}, "a name has lower case letters"},
	{"source of 64", edits{"spec.sources.0.name": strings.Repeat("a", 64)}, "Too long"},
	{"source suspended", edits{"spec.sources.0.suspend": "true"}, ""},

	{"channel with #", edits{"spec.sources.0.slack.channels": `["#feedback", C0123]`}, ""},
	{"no channel", edits{"spec.sources.0.slack.channels": "[]"}, "should have at least 1 items"},
	{"channel with a comma", edits{"spec.sources.0.slack.channels": `["a,b"]`}, "without spaces, commas"},
	{"channel with a blank", edits{"spec.sources.0.slack.channels": `["a b"]`}, "without spaces, commas"},
	{"channel twice", edits{"spec.sources.0.slack.channels": `[general, "#General"]`}, "a source names the same Slack channel twice"},
	{"channel of two sources", edits{"spec.sources.2": `{name: c, slack: {mode: HTTP, channels: ["#FEEDBACK"], credentialsSecretRef: {name: other}}}`}, "two sources read the same Slack channel"},
	{"app token twice", edits{"spec.sources.2": "{name: c, slack: {channels: [general], credentialsSecretRef: {name: slack}}}"}, "the same app token twice"},
	{"app token of another key", edits{"spec.sources.2": "{name: c, slack: {channels: [general], credentialsSecretRef: {name: slack, appTokenKey: second}}}"}, ""},
	{"same Secret over HTTP", edits{"spec.sources.2": "{name: c, slack: {mode: HTTP, channels: [general], credentialsSecretRef: {name: slack}}}"}, ""},
	{"unknown Slack mode", edits{"spec.sources.0.slack.mode": "RTM"}, `Unsupported value: "RTM"`},
	{"source match", edits{"spec.sources.0.slack.match": "{keywords: [azure], languages: [en]}"}, ""},
	{"source match by score", edits{"spec.sources.0.slack.match": "{scoreBelow: 0.5}"}, "a source's match cannot ask for a score"},
	{"source match by source", edits{"spec.sources.0.slack.match": "{sources: [community]}"}, "a source's match cannot ask for sources"},
	{"backfill of nothing", edits{"spec.sources.0.slack.backfill": "0s"}, "backfill must be a duration from 1s"},
	{"backfill below nothing", edits{"spec.sources.0.slack.backfill": `"-1h"`}, "backfill must be a duration from 1s"},
	{"backfill of a year and more", edits{"spec.sources.0.slack.backfill": "8761h"}, "backfill must be a duration from 1s"},
	{"sweep of 1h30m", edits{"spec.sources.0.slack.sweepInterval": "1h30m"}, ""},
	{"sweep of two days", edits{"spec.sources.0.slack.sweepInterval": "48h"}, "sweepInterval must be a duration"},
	{"Slack elsewhere", edits{"spec.sources.0.slack.apiURL": "http://localhost:8090/api/"}, ""},
	{"Slack by FTP", edits{"spec.sources.0.slack.apiURL": "ftp://slack.com"}, "apiURL must be an http or https address"},
	{"Slack at no address", edits{"spec.sources.0.slack.apiURL": "slack.com"}, "apiURL must be an http or https address"},
	{"Slack without credentials", edits{"spec.sources.0.slack.credentialsSecretRef": ""}, "Required value"},

	{"query of 512 bytes", edits{"spec.sources.1.twitter.query": strings.Repeat("q", 512)}, ""},
	{"query of 513 bytes", edits{"spec.sources.1.twitter.query": strings.Repeat("q", 513)}, "Too long"},
	{"query of 342 bytes in 171 letters", edits{"spec.sources.1.twitter.query": strings.Repeat("ä", 171)}, ""},
	{"query of 514 bytes in 257 letters", edits{"spec.sources.1.twitter.query": strings.Repeat("ä", 257)}, "longer than the 512 bytes"},
	{"no query", edits{"spec.sources.1.twitter.query": `""`}, "the query is empty"},
	{"query of blanks", edits{"spec.sources.1.twitter.query": `"  "`}, "the query is empty"},
	{"cashtag", edits{"spec.sources.1.twitter.query": "$MSFT azure"}, ""},
	{"query with a reference", edits{"spec.sources.1.twitter.query": "$(PIPELINE)"}, "the query has $( or $$"},
	{"budget of 10", edits{"spec.sources.1.twitter.dailyPostBudget": "10"}, ""},
	{"budget of 9", edits{"spec.sources.1.twitter.dailyPostBudget": "9"}, "greater than or equal to 10"},
	{"interval of nothing", edits{"spec.sources.1.twitter.interval": "0s"}, "interval must be a duration"},
	{"X's backfill of 8 days", edits{"spec.sources.1.twitter.backfill": "192h"}, "recent search goes back 7 days"},
	{"Stream", edits{"spec.sources.1.twitter.mode": "Stream"}, ""},
	{"two streams of one app", edits{"spec.sources.1.twitter.mode": "Stream", "spec.sources.2": "{name: c, twitter: {query: q, mode: Stream, credentialsSecretRef: {name: x}}}"}, "X gives an app one stream"},
	{"two streams of two apps", edits{"spec.sources.1.twitter.mode": "Stream", "spec.sources.2": "{name: c, twitter: {query: q, mode: Stream, credentialsSecretRef: {name: x, bearerTokenKey: b}}}"}, ""},
	{"a stream and a search", edits{"spec.sources.1.twitter.mode": "Stream", "spec.sources.2": "{name: c, twitter: {query: q, credentialsSecretRef: {name: x}}}"}, ""},
	{"X by a line", edits{"spec.sources.1.twitter.mode": "Line"}, "Unsupported value"},
	{"X elsewhere", edits{"spec.sources.1.twitter.apiURL": `"https://$(HOST)"`}, "apiURL must be an http or https address"},

	{"scorer by default", edits{"spec.scorer": ""}, ""},
	{"scorer without backend", edits{"spec.scorer": "{replicas: 2}"}, "a scorer has exactly one backend"},
	{"scorer with replicas", edits{"spec.scorer": "{vader: {}, replicas: 2}"}, ""},
	{"scorer without replicas", edits{"spec.scorer": "{vader: {}, replicas: 0}"}, "greater than or equal to 1"},
	{"scorer autoscaled", edits{"spec.scorer": "{vader: {}, autoscaling: {minReplicas: 2, maxReplicas: 6, lagThreshold: 10, scaleDownAfter: 1m}}"}, ""},
	{"scorer autoscaled by defaults", edits{"spec.scorer": "{vader: {}, autoscaling: {}}"}, ""},
	{"scorer autoscaled, and with replicas", edits{"spec.scorer": "{vader: {}, replicas: 2, autoscaling: {}}"}, "a scorer has replicas or autoscaling, not both"},
	{"autoscaling from nothing", edits{"spec.scorer": "{vader: {}, autoscaling: {minReplicas: 0}}"}, "greater than or equal to 1"},
	{"autoscaling upside down", edits{"spec.scorer": "{vader: {}, autoscaling: {minReplicas: 3, maxReplicas: 2}}"}, "minReplicas is above maxReplicas"},
	{"autoscaling beyond the partitions", edits{"spec.scorer": "{vader: {}, autoscaling: {maxReplicas: 7}}"}, "scorer.autoscaling asks for more replicas than topics.partitions"},
	{"autoscaling from beyond the partitions", edits{"spec.scorer": "{vader: {}, autoscaling: {minReplicas: 7}}"}, "scorer.autoscaling asks for more replicas than topics.partitions"},
	{"autoscaling up to more partitions", edits{"spec.scorer": "{vader: {}, autoscaling: {maxReplicas: 7}}", "spec.topics.partitions": "7"}, ""},
	{"autoscaling on a topic by name", edits{"spec.scorer": "{vader: {}, autoscaling: {maxReplicas: 7}}", "spec.topics.names.feedback": "azurefeedback"}, ""},
	{"autoscaling on unmanaged topics", edits{"spec.scorer": "{vader: {}, autoscaling: {maxReplicas: 7}}", "spec.topics.management": "Unmanaged"}, ""},
	{"autoscaling for no lag", edits{"spec.scorer": "{vader: {}, autoscaling: {lagThreshold: 0}}"}, "greater than or equal to 1"},
	{"scaling down at once", edits{"spec.scorer": "{vader: {}, autoscaling: {scaleDownAfter: 0s}}"}, "scaleDownAfter must be a duration from 1s to 1h"},
	{"scaling down after parts of a second", edits{"spec.scorer": "{vader: {}, autoscaling: {scaleDownAfter: 1500ms}}"}, "scaleDownAfter must be a duration from 1s to 1h"},
	{"scaling down after two hours", edits{"spec.scorer": "{vader: {}, autoscaling: {scaleDownAfter: 2h}}"}, "scaleDownAfter must be a duration from 1s to 1h"},
	{"autoscaling with Event Hubs", edits{"spec.scorer": "{vader: {}, autoscaling: {}}", "spec.kafka.sasl": "{eventHubs: {connectionStringSecretRef: {name: hubs}}}"}, "scorer.autoscaling cannot take its credentials from kafka.sasl.eventHubs"},
	{"scorer with all of builtin", edits{"spec.scorer": "{builtin: {assumeLanguage: none, slackKind: dev, xKind: chat, neutralTerms: [azure, front door]}}"}, ""},
	{"scorer with a kind of nothing", edits{"spec.scorer": "{builtin: {slackKind: fax}}"}, "slackKind"},
	{"scorer with a neutral term of nothing", edits{"spec.scorer": "{builtin: {neutralTerms: [\"a,b\"]}}"}, "a neutral term is one to six words without commas"},
	{"scorer with a sentence for a neutral term", edits{"spec.scorer": "{builtin: {neutralTerms: [the portal of azure in the west]}}"}, "a neutral term is one to six words"},
	{"scorer that assumes a name of a language", edits{"spec.scorer": "{builtin: {assumeLanguage: english}}"}, "assumeLanguage must be a BCP 47 tag"},
	{"VADER that assumes a name of a language", edits{"spec.scorer": "{vader: {assumeLanguage: english}}"}, "assumeLanguage must be a BCP 47 tag"},
	{"scorer with two backends", edits{"spec.scorer": "{builtin: {}, vader: {}}"}, "exactly one backend"},
	{"server that scores", edits{"spec.scorer": "{grpc: {address: 'scorer.nlp:9090', timeout: 2s, maxDocuments: 50, tls: {caRef: {name: ca}}}}"}, ""},
	{"server by an IPv6 address", edits{"spec.scorer": "{grpc: {address: '[2001:db8::1]:9090'}}"}, ""},
	{"server without a port", edits{"spec.scorer": "{grpc: {address: scorer.nlp}}"}, "not host:port; write for example scorer.nlp:9090"},
	{"server with a timeout of an hour", edits{"spec.scorer": "{grpc: {address: 'a:1', timeout: 1h}}"}, "timeout must be a duration from 10ms to 5m"},
	{"server with too many texts a request", edits{"spec.scorer": "{grpc: {address: 'a:1', maxDocuments: 5000}}"}, "less than or equal to 1000"},
	{"Azure", edits{"spec.scorer": "{azure: {endpoint: 'https://a.example', credentialsSecretRef: {name: azure}}}"}, ""},
	{"Azure without its key", edits{"spec.scorer": "{azure: {endpoint: 'https://a.example'}}"}, "credentialsSecretRef"},
	{"Azure at no address", edits{"spec.scorer": "{azure: {endpoint: example, credentialsSecretRef: {name: azure}}}"}, "endpoint must be an http or https address"},
	{"Azure with a key in its address", edits{"spec.scorer": "{azure: {endpoint: 'https://a.example?key=secret', credentialsSecretRef: {name: azure}}}"}, "endpoint must be an http or https address without user and query"},
	{"Azure at the whole address", edits{"spec.scorer": "{azure: {endpoint: 'https://a.example/language/:analyze-text', credentialsSecretRef: {name: azure}}}"}, "endpoint is what stands before /language/:analyze-text"},
	{"Azure at the whole address of v2.0", edits{"spec.scorer": "{azure: {endpoint: 'https://a.example/text/analytics/v2.0', api: TextAnalyticsV2, credentialsSecretRef: {name: azure}}}"}, "leave that out"},
	{"Azure behind a gateway's /language", edits{"spec.scorer": "{azure: {endpoint: 'https://gw.azure-api.net/language', credentialsSecretRef: {name: azure}}}"}, ""},
	{"Azure behind a gateway's /text/analytics/", edits{"spec.scorer": "{azure: {endpoint: 'https://gw.azure-api.net/text/analytics/', credentialsSecretRef: {name: azure}}}"}, ""},
	{"Azure behind a gateway", edits{"spec.scorer": "{azure: {endpoint: 'https://language/nlp/', credentialsSecretRef: {name: azure}}}"}, ""},
	{"Azure with an unknown interface", edits{"spec.scorer": "{azure: {endpoint: 'https://a.example', api: v3, credentialsSecretRef: {name: azure}}}"}, "TextAnalyticsV2"},
	{"language model", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1', model: m, tokensPerDay: 100000}}"}, ""},
	{"language model with all", edits{"spec.scorer": "{llm: {endpoint: 'https://a.openai.azure.com/openai/deployments/mini', apiVersion: '2024-10-21', model: mini, tokensPerDay: 100000, credentialsSecretRef: {name: openai}, keyHeader: api-key, timeout: 1m, maxDocuments: 1, concurrency: 8, tls: {caRef: {name: ca}}}}"}, ""},
	{"language model of one's own", edits{"spec.scorer": "{llm: {endpoint: 'http://ollama:11434/v1', model: 'qwen3:8b', tokensPerDay: 50000}}"}, ""},
	{"language model without a budget", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1', model: m}}"}, "tokensPerDay"},
	{"language model with a budget of nothing", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1', model: m, tokensPerDay: 0}}"}, "greater than or equal to 50000"},
	{"language model without a name", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1', tokensPerDay: 100000}}"}, "model"},
	{"language model at no address", edits{"spec.scorer": "{llm: {endpoint: example, model: m, tokensPerDay: 100000}}"}, "endpoint must be an http or https address without user and query"},
	{"language model with a key in its address", edits{"spec.scorer": "{llm: {endpoint: 'https://me:secret@a.example/v1', model: m, tokensPerDay: 100000}}"}, "endpoint must be an http or https address without user and query"},
	{"language model at the whole address", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1/chat/completions', model: m, tokensPerDay: 100000}}"}, "endpoint is what stands before /chat/completions"},
	{"language model with another header", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1', model: m, tokensPerDay: 100000, keyHeader: X-Key}}"}, "Unsupported value"},
	{"language model with a version of nothing", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1', model: m, tokensPerDay: 100000, apiVersion: latest}}"}, "apiVersion must be a date, for example 2024-10-21"},
	{"language model with a timeout of an hour", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1', model: m, tokensPerDay: 100000, timeout: 1h}}"}, "timeout must be a duration from 100ms to 5m"},
	{"language model with too many texts a request", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1', model: m, tokensPerDay: 100000, maxDocuments: 101}}"}, "less than or equal to 100"},
	{"language model with too many requests", edits{"spec.scorer": "{llm: {endpoint: 'https://a.example/v1', model: m, tokensPerDay: 100000, concurrency: 65}}"}, "less than or equal to 64"},
	{"language model with tls and without", edits{"spec.scorer": "{llm: {endpoint: 'http://a.example/v1', model: m, tokensPerDay: 100000, tls: {}}}"}, "tls is set and endpoint is an http address"},
	{"scorer assuming pt-BR", edits{"spec.scorer": "{vader: {assumeLanguage: pt-BR}}"}, ""},
	{"scorer assuming words", edits{"spec.scorer": "{vader: {assumeLanguage: plain english}}"}, "assumeLanguage must be a BCP 47 tag"},

	{"no route", edits{"spec.routes": "[]"}, "should have at least 1 items"},
	{"routes left out", edits{"spec.routes": ""}, "Required value"},
	{"route without sink", edits{"spec.routes.0.slack": ""}, "a route has exactly one sink"},
	{"routes of one name", edits{"spec.routes.1": "{name: negative, slack: {channel: a, credentialsSecretRef: {name: s}}}"}, "Duplicate value"},
	{"route with an underscore", edits{"spec.routes.0.name": "very_bad"}, "a name has lower case letters"},
	{"route for all", edits{"spec.routes.0.match": ""}, ""},
	{"route to a source", edits{"spec.routes.0.slack.channel": "feedback"}, "a channel is both a source and the sink"},
	{"route to a source by another spelling", edits{"spec.routes.0.slack.channel": `"#FeedBack"`}, "a channel is both a source and the sink"},
	{"route by a source", edits{"spec.routes.0.match.sources": "[mentions]"}, ""},
	{"route by an unknown source", edits{"spec.routes.0.match.sources": "[mention]"}, "names a source that spec.sources does not have"},
	{"max age of nothing", edits{"spec.routes.0.maxAge": "0h"}, "maxAge must be a duration"},
	{"digest", edits{"spec.routes.0.slack.delivery": "Digest", "spec.routes.0.slack.digestInterval": "10s"}, ""},
	{"digest never", edits{"spec.routes.0.slack.digestInterval": "0s"}, "digestInterval must be a duration"},
	{"digest after nothing", edits{"spec.routes.0.slack.digestAfter": "0"}, "greater than or equal to 1"},
	{"unknown delivery", edits{"spec.routes.0.slack.delivery": "Sometimes"}, "Unsupported value"},
	{"log level", edits{"spec.logLevel": "trace"}, "Unsupported value"},
	{"start offset", edits{"spec.startOffset": "Middle"}, "Unsupported value"},

	{"threshold of 3", edits{"spec.routes.0.match.scoreBelow": "3"}, "less than or equal to 1"},
	{"threshold of 1", edits{"spec.routes.0.match.scoreBelow": "1"}, ""},
	{"below 0", edits{"spec.routes.0.match.scoreBelow": "0"}, "no score is below 0"},
	{"above -1", edits{"spec.routes.0.match": "{scoreAbove: -1}"}, "greater than or equal to 0"},
	{"above 1", edits{"spec.routes.0.match": "{scoreAbove: 1}"}, "no score is above 1"},
	{"above 0.9", edits{"spec.routes.0.match": "{scoreAbove: 0.9}"}, ""},
	{"threshold in words", edits{"spec.routes.0.match.scoreBelow": "low"}, "must be of type number"},
	{"between", edits{"spec.routes.0.match": "{scoreAbove: 0.3, scoreBelow: 0.7}"}, ""},
	{"between nothing", edits{"spec.routes.0.match": "{scoreAbove: 0.7, scoreBelow: 0.3}"}, "no score is both below scoreBelow and above scoreAbove"},
	{"65 keywords", edits{"spec.routes.0.match.keywords": words(65, 10)}, "must have at most 64 items"},
	{"keyword of 129", edits{"spec.routes.0.match.keywords": words(1, 129)}, "Too long"},
	{"keyword of blanks", edits{"spec.routes.0.match.keywords": `["  "]`}, "a keyword of blanks alone"},
	{"keyword twice", edits{"spec.routes.0.match.keywords": "[a, a]"}, "Duplicate value"},
	{"language in words", edits{"spec.routes.0.match.languages": "[the queen's]"}, "a language is a BCP 47 tag"},

	{"fallback", edits{"spec.scorer": "{grpc: {address: 'a:1'}, fallback: {builtin: {neutralTerms: [azure]}, after: 30s}}"}, ""},
	{"fallback of builtin", edits{"spec.scorer": "{builtin: {}, fallback: {builtin: {}}}"}, "builtin and vader are part of the scorer"},
	{"fallback of vader", edits{"spec.scorer": "{vader: {}, fallback: {builtin: {}}}"}, "builtin and vader are part of the scorer"},
	{"fallback of nothing", edits{"spec.scorer": "{grpc: {address: 'a:1'}, fallback: {}}"}, "fallback.builtin: Required value"},
	{"fallback at once", edits{"spec.scorer": "{grpc: {address: 'a:1'}, fallback: {builtin: {}, after: 0s}}"}, "after must be a duration from 1s to 1h"},
	{"shadow", edits{"spec.scorer": "{builtin: {}, shadow: {vader: {}}}"}, ""},
	{"shadow of the scorer's kind", edits{"spec.scorer": "{builtin: {}, shadow: {builtin: {slackKind: dev}, replicas: 2, startOffset: Earliest}}"}, ""},
	{"shadow of the default scorer", edits{"spec.scorer": "{shadow: {vader: {}}}"}, "a scorer has exactly one backend"},
	{"shadow without a backend", edits{"spec.scorer": "{builtin: {}, shadow: {}}"}, "a shadow has exactly one backend"},
	{"shadow with two", edits{"spec.scorer": "{builtin: {}, shadow: {vader: {}, builtin: {}}}"}, "a shadow has exactly one backend"},
	{"shadow of 0 replicas", edits{"spec.scorer": "{builtin: {}, shadow: {vader: {}, replicas: 0}}"}, "greater than or equal to 1"},
	{"shadow from the middle", edits{"spec.scorer": "{builtin: {}, shadow: {vader: {}, startOffset: Middle}}"}, "Unsupported value"},
	{"resources of the shadow", edits{"spec.podTemplate": "{components: [{name: shadow, resources: {limits: {memory: 1Gi}}}]}"}, ""},

	{"pod template", edits{"spec.podTemplate": "{labels: {team: a}, resources: {limits: {memory: 1Gi}}, components: [{name: scorer, resources: {requests: {cpu: 2}}}]}"}, ""},
	{"label of the operator", edits{"spec.podTemplate": "{labels: {app.kubernetes.io/name: a}}"}, "are the operator's labels"},
	{"label of the operator's domain", edits{"spec.podTemplate": "{labels: {feedbackpipeline.dev/source: a}}"}, "are the operator's labels"},
	{"annotation of the operator", edits{"spec.podTemplate": "{annotations: {feedbackpipeline.dev/references: a}}"}, "are the operator's; use another name"},
	{"resources of an unknown component", edits{"spec.podTemplate": "{components: [{name: broker}]}"}, "Unsupported value"},
	{"memory in words", edits{"spec.podTemplate": "{resources: {limits: {memory: much}}}"}, "should match"},
	{"component twice", edits{"spec.podTemplate": "{components: [{name: scorer}, {name: scorer}]}"}, "Duplicate value"},
	{"toleration and affinity", edits{"spec.podTemplate": "{tolerations: [{operator: Exists}], affinity: {podAntiAffinity: {}}}"}, ""},
	{"proxy", edits{"spec.podTemplate": "{proxy: {https: 'http://proxy:3128', noProxy: [.svc, 10.0.0.0/8]}}"}, ""},
	{"proxy without an address", edits{"spec.podTemplate": "{proxy: {noProxy: [a]}}"}, "a proxy has an address"},
	{"proxy with a password", edits{"spec.podTemplate": "{proxy: {https: 'http://me:secret@proxy:3128'}}"}, "without a password"},
	{"proxy by name alone", edits{"spec.podTemplate": "{proxy: {http: proxy}}"}, "a proxy is an http or https address"},
	{"two hosts in one", edits{"spec.podTemplate": "{proxy: {https: 'http://proxy:1', noProxy: ['a,b']}}"}, "one host, .domain or CIDR each"},
	{"variable", edits{"spec.podTemplate": "{env: [{name: OTEL_TRACES_SAMPLER, value: always_on}]}"}, ""},
	{"variable of a Secret", edits{"spec.podTemplate": "{env: [{name: A, secretKeyRef: {name: a, key: b}}]}"}, ""},
	{"variable of both", edits{"spec.podTemplate": "{env: [{name: A, value: a, secretKeyRef: {name: a, key: b}}]}"}, "a variable has a value or a secretKeyRef"},
	{"variable that refers", edits{"spec.podTemplate": "{env: [{name: A, value: $(SLACK_BOT_TOKEN)}]}"}, "would refer to another variable"},
	{"variable with a dash", edits{"spec.podTemplate": "{env: [{name: A-B}]}"}, "a variable's name has letters"},
	{"variable of the operator", edits{"spec.podTemplate": "{env: [{name: LOG_LEVEL, value: debug}]}"}, "the operator sets this variable"},
	{"proxy as a variable", edits{"spec.podTemplate": "{env: [{name: https_proxy, value: a}]}"}, "the operator sets this variable"},
	{"all at their limits", largest(), ""},
}

// largest is a manifest at the limits of its lists, for the rules' budget at run time.
func largest() edits {
	sources := list(16, func(i int) string {
		return "{name: s" + strconv.Itoa(i) + ", slack: {channels: " + list(32, func(j int) string {
			name := "'#c" + strconv.Itoa(i) + "-" + strconv.Itoa(j)
			return name + strings.Repeat("x", 81-len(name)) + "'"
		}) + ", credentialsSecretRef: {name: app" + strconv.Itoa(i) + "}}}"
	})
	routes := list(32, func(i int) string {
		name := "'#r" + strconv.Itoa(i)
		return "{name: r" + strconv.Itoa(i) + ", match: {keywords: " + words(20, 100) +
			", sources: " + list(16, func(j int) string { return "s" + strconv.Itoa(j) }) + "}, slack: {channel: " +
			name + strings.Repeat("x", 81-len(name)) + "', credentialsSecretRef: {name: slack}}}"
	})
	return edits{"spec.sources": sources, "spec.routes": routes}
}

// changes has what may and may not become of a pipeline that is there.
var changes = []struct {
	name     string
	old, now edits
	want     string
}{
	{"nothing", nil, nil, ""},
	{"prefix stays", edits{"spec.topics.prefix": "a"}, edits{"spec.topics.prefix": "a", "spec.topics.partitions": "12"}, ""},
	{"prefix changed", edits{"spec.topics.prefix": "a"}, edits{"spec.topics.prefix": "b"}, "topics.prefix is immutable"},
	{"prefix added", nil, edits{"spec.topics.prefix": "b"}, "topics.prefix is immutable"},
	{"prefix removed", edits{"spec.topics.prefix": "a"}, nil, "topics.prefix is immutable"},
	{"topics removed", edits{"spec.topics.prefix": "a"}, edits{"spec.topics": "null"}, "topics.prefix is immutable"},
	{"threshold changed", nil, edits{"spec.routes.0.match.scoreBelow": "0.2"}, ""},
}

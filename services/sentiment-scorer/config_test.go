package main

import (
	"io"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
)

func TestSettingsAreThoseThatTheOperatorKnows(t *testing.T) {
	runtest.CheckGolden(t, &config{}, "testdata/env.golden")
}

func TestDefaults(t *testing.T) {
	var cfg config
	if err := run.Parse(name, &cfg, nil, []string{"KAFKA_BOOTSTRAP_SERVERS=localhost:9092"}, io.Discard); err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if cfg.Backend != "builtin" || cfg.Builtin.SlackKind != "chat" || cfg.Builtin.XKind != "tweet" || cfg.AssumeLanguage != "en" || cfg.StartOffset != kafka.Earliest || cfg.GRPCListenAddress != ":9090" {
		t.Errorf("defaults %+v", cfg)
	}
}

func TestValidateNamesFieldValueAndRemedy(t *testing.T) {
	tests := []struct{ name, setting, field, value, remedy string }{
		{"backend", "SCORER_BACKEND=vadre", "SCORER_BACKEND", "vadre", "builtin, vader, grpc, azure or llm"},
		{"server", "SCORER_BACKEND=grpc SCORER_GRPC_ADDRESS=scorer", "SCORER_GRPC_ADDRESS", "scorer", "host:port"},
		{"time", "SCORER_BACKEND=grpc SCORER_GRPC_ADDRESS=a:1 SCORER_GRPC_TIMEOUT=0s", "SCORER_GRPC_TIMEOUT", "0s", "above zero"},
		{"authority", "SCORER_BACKEND=grpc SCORER_GRPC_ADDRESS=a:1 SCORER_GRPC_TLS_CA=abc", "SCORER_GRPC_TLS_CA", "abc", "BEGIN CERTIFICATE"},
		{"endpoint", "SCORER_BACKEND=azure SCORER_AZURE_KEY=k SCORER_AZURE_ENDPOINT=example", "SCORER_AZURE", "example", "https://"},
		{"key", "SCORER_BACKEND=azure SCORER_AZURE_ENDPOINT=https://a.example", "SCORER_AZURE", "https://a.example", "the key is empty"},
		{"interface", "SCORER_BACKEND=azure SCORER_AZURE_KEY=k SCORER_AZURE_ENDPOINT=https://a.example SCORER_AZURE_API=v3", "SCORER_AZURE", "v3", "TextAnalyticsV2"},
		{"model's endpoint", "SCORER_BACKEND=llm SCORER_LLM_MODEL=m SCORER_LLM_DAILY_BUDGET=100000 SCORER_LLM_ENDPOINT=example", "SCORER_LLM", "example", "/chat/completions"},
		{"model", "SCORER_BACKEND=llm SCORER_LLM_DAILY_BUDGET=100000 SCORER_LLM_ENDPOINT=https://a.example/v1", "SCORER_LLM", "https://a.example/v1", "gpt-4.1-mini"},
		{"model's budget", "SCORER_BACKEND=llm SCORER_LLM_MODEL=m SCORER_LLM_ENDPOINT=https://a.example/v1", "SCORER_LLM_DAILY_BUDGET", "0", "1000000"},
		{"model's texts", "SCORER_BACKEND=llm SCORER_LLM_MODEL=m SCORER_LLM_DAILY_BUDGET=100000 SCORER_LLM_ENDPOINT=https://a.example/v1 SCORER_LLM_MAX_DOCUMENTS=0", "SCORER_LLM_MAX_DOCUMENTS", "0", "1 to 100"},
		{"model's time", "SCORER_BACKEND=llm SCORER_LLM_MODEL=m SCORER_LLM_DAILY_BUDGET=100000 SCORER_LLM_ENDPOINT=https://a.example/v1 SCORER_LLM_TIMEOUT=0s", "SCORER_LLM_TIMEOUT", "0s", "above zero"},
		{"model's authority", "SCORER_BACKEND=llm SCORER_LLM_MODEL=m SCORER_LLM_DAILY_BUDGET=100000 SCORER_LLM_ENDPOINT=https://a.example/v1 SCORER_LLM_TLS_CA=abc", "SCORER_LLM_TLS_CA", "abc", "BEGIN CERTIFICATE"},
		{"kind of Slack's texts", "SCORER_BUILTIN_SLACK_KIND=fax", "SCORER_BUILTIN_SLACK_KIND", "fax", "tweet, dev, chat"},
		{"kind of X's texts", "SCORER_BUILTIN_X_KIND=fax", "SCORER_BUILTIN_X_KIND", "fax", "tweet, dev, chat"},
		{"neutral terms", "SCORER_BUILTIN_NEUTRAL_TERMS=azure,!?!?!?!?", "SCORER_BUILTIN_NEUTRAL_TERMS", "azure,!?!?!?!?", "give one to 6"},
		{"weights", "SCORER_BUILTIN_WEIGHTS=/no/weights", "SCORER_BUILTIN_WEIGHTS", "/no/weights", "tweet.bin"},
		{"shadow in the scorer's topic", "TOPIC_SCORED=a.scored TOPIC_SHADOW=a.scored", "TOPIC_SHADOW", "a.scored", "one of its own"},
		{"fallback", "SCORER_BACKEND=grpc SCORER_GRPC_ADDRESS=a:1 SCORER_FALLBACK=vader", "SCORER_FALLBACK", "vader", "builtin"},
		{"fallback of what always answers", "SCORER_FALLBACK=builtin", "SCORER_FALLBACK", "builtin", "leave it empty"},
		{"time before the fallback", "SCORER_BACKEND=grpc SCORER_GRPC_ADDRESS=a:1 SCORER_FALLBACK=builtin SCORER_FALLBACK_AFTER=-1s", "SCORER_FALLBACK_AFTER", "-1s", "above zero"},
		{"settings of the fallback", "SCORER_BACKEND=grpc SCORER_GRPC_ADDRESS=a:1 SCORER_FALLBACK=builtin SCORER_BUILTIN_X_KIND=fax", "SCORER_BUILTIN_X_KIND", "fax", "tweet, dev, chat"},
		{"language", "SCORER_ASSUME_LANGUAGE=klingonish", "SCORER_ASSUME_LANGUAGE", "klingonish", "none"},
		{"address", "GRPC_LISTEN_ADDRESS=9090", "GRPC_LISTEN_ADDRESS", "9090", ":9090"},
		{"start", "START_OFFSET=newest", "START_OFFSET", "newest", "Earliest or Latest"},
		{"brokers", "KAFKA_BOOTSTRAP_SERVERS=localhost", "KAFKA_BOOTSTRAP_SERVERS", "localhost", "host:port"},
		{"format", "VALUE_FORMAT=XML", "VALUE_FORMAT", "XML", "Protobuf or JSON"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := run.Parse(name, &config{}, nil, append([]string{"KAFKA_BOOTSTRAP_SERVERS=localhost:9092"}, strings.Fields(test.setting)...), io.Discard)
			if err == nil {
				t.Fatalf("Parse with %s gave no error", test.setting)
			}
			for _, want := range []string{test.field, test.value, test.remedy} {
				if got := err.Error(); !strings.Contains(got, want) {
					t.Errorf("error %q, want it to name %q", got, want)
				}
			}
		})
	}
}

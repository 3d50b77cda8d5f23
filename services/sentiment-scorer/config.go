package main

import (
	"errors"
	"net"
	"slices"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// config is the scorer's settings.
type config struct {
	run.Config
	Kafka  kafka.Config    `envPrefix:"KAFKA_"`
	Topics feedback.Topics `envPrefix:"TOPIC_"`

	// Shadow is the topic of a shadow's scored events: a scorer that has one writes there in place of Topics.Scored, and
	// never a dead letter. Empty for the scorer itself.
	Shadow string `env:"TOPIC_SHADOW" help:"topic of scored events of a shadow, which writes nowhere else and serves no gRPC; empty for the scorer itself"`

	// Backend is what scores: one of sentiment.Names, grpc, azure or llm.
	Backend string `env:"SCORER_BACKEND" envDefault:"builtin" help:"what scores: builtin, vader, grpc, azure or llm"`
	// Builtin is how the built-in models score; GRPC, Azure and LLM are asked where Backend says so.
	Builtin builtinConfig `envPrefix:"SCORER_BUILTIN_"`
	GRPC    grpcConfig    `envPrefix:"SCORER_GRPC_"`
	Azure   azureConfig   `envPrefix:"SCORER_AZURE_"`
	LLM     llmConfig     `envPrefix:"SCORER_LLM_"`
	// Fallback scores while Backend does not answer.
	Fallback fallbackConfig `envPrefix:"SCORER_"`
	// AssumeLanguage is the language of a text of which neither its source nor the detector
	// knows it; none for not assuming any.
	AssumeLanguage string `env:"SCORER_ASSUME_LANGUAGE" envDefault:"en" help:"BCP 47 tag taken where neither the source nor the detector knows the language and the script allows it; none to take none"`
	// GroupID is the consumer group.
	GroupID string `env:"GROUP_ID" envDefault:"sentiment-scorer" help:"consumer group on the topic of events"`
	// StartOffset is where a group begins that has committed nothing.
	StartOffset kafka.Start `env:"START_OFFSET" envDefault:"Earliest" help:"where a new group begins: Earliest or Latest"`
	// GRPCListenAddress serves SentimentScorerService.
	GRPCListenAddress string `env:"GRPC_LISTEN_ADDRESS" envDefault:":9090" help:"where SentimentScorerService is served by gRPC"`
}

// Validate reports every field that is wrong.
func (c *config) Validate() error {
	errs := []error{c.Kafka.Validate(), c.validateBackend(), c.validateFallback()}
	if _, err := sentiment.AssumedLanguage(c.AssumeLanguage); err != nil {
		errs = append(errs, run.Invalid("SCORER_ASSUME_LANGUAGE", c.AssumeLanguage, "use a BCP 47 tag such as en, or none"))
	}
	if t := c.Topics; c.Shadow != "" && slices.Contains([]string{t.Feedback, t.Scored, t.Notifications, t.DeadLetters, t.State}, c.Shadow) {
		errs = append(errs, run.Invalid("TOPIC_SHADOW", c.Shadow, "it is another topic of the pipeline: give the shadow one of its own, such as <prefix>.shadow"))
	}
	if c.GroupID == "" {
		errs = append(errs, run.Invalid("GROUP_ID", "", "name the consumer group, such as <prefix>.sentiment-scorer"))
	}
	if _, _, err := net.SplitHostPort(c.GRPCListenAddress); err != nil {
		errs = append(errs, run.Invalid("GRPC_LISTEN_ADDRESS", c.GRPCListenAddress, "write it as host:port or :port, such as :9090"))
	}
	return errors.Join(errs...)
}

// component is what the process calls itself in its health and towards Kafka.
func (c *config) component() string {
	if c.Shadow != "" {
		return shadowName
	}
	return name
}

// outputs are the topics that are written to, health's last; the first has the scored events.
func (c *config) outputs() []string {
	if c.Shadow != "" {
		return []string{c.Shadow, c.Topics.State}
	}
	return []string{c.Topics.Scored, c.Topics.DeadLetters, c.Topics.State}
}

// format is how scored events and health are written; Parse has checked it.
func (c *config) format() feedback.Format { return feedback.Format(c.ValueFormat) }

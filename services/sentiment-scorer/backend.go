package main

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/remote"
	"github.com/feedback-pipelines/feedback-pipelines/services/sentiment-scorer/internal/tokens"
)

// builtinConfig says how the built-in models score.
type builtinConfig struct {
	SlackKind    string   `env:"SLACK_KIND" envDefault:"chat" help:"what Slack's texts are taken for: tweet, dev or chat"`
	XKind        string   `env:"X_KIND" envDefault:"tweet" help:"what X's texts are taken for: tweet, dev or chat"`
	NeutralTerms []string `env:"NEUTRAL_TERMS" envSeparator:"," help:"terms that carry no sentiment, comma separated, such as a product's name"`
	Weights      string   `env:"WEIGHTS" help:"folder of weights that hack/train wrote, instead of the program's own"`
}

// validate opens the backend with one setting after the other.
func (c builtinConfig) validate() error {
	var errs []error
	for _, check := range []struct {
		setting, value string
		options        sentiment.Options
	}{
		{"SLACK_KIND", c.SlackKind, sentiment.Options{SlackKind: c.SlackKind}},
		{"X_KIND", c.XKind, sentiment.Options{XKind: c.XKind}},
		{"NEUTRAL_TERMS", strings.Join(c.NeutralTerms, ","), sentiment.Options{NeutralTerms: c.NeutralTerms}},
		{"WEIGHTS", c.Weights, sentiment.Options{Weights: c.Weights}},
	} {
		if _, err := sentiment.NewBuiltin(check.options); err != nil {
			errs = append(errs, run.Invalid("SCORER_BUILTIN_"+check.setting, check.value, err.Error()))
		}
	}
	return errors.Join(errs...)
}

// grpcConfig says which SentimentScorerService scores, where the backend is grpc.
type grpcConfig struct {
	Address        string        `env:"ADDRESS" help:"host:port of the SentimentScorerService that scores, with SCORER_BACKEND=grpc"`
	Timeout        time.Duration `env:"TIMEOUT" envDefault:"5s" help:"how long one request to it may take, retries included"`
	MaxDocuments   int           `env:"MAX_DOCUMENTS" envDefault:"100" help:"how many texts one request to it holds at most, 1 to 1000"`
	TLSEnabled     bool          `env:"TLS_ENABLED" envDefault:"false" help:"encrypt connections to it"`
	TLSCA          string        `env:"TLS_CA" help:"PEM bundle of the certificate authorities to trust instead of the system's"`
	TLSCertificate string        `env:"TLS_CERTIFICATE" help:"PEM certificate of this client, for mutual TLS"`
	TLSKey         run.Secret    `env:"TLS_KEY" help:"PEM private key to the certificate of this client"`
}

func (c grpcConfig) validate() error {
	var errs []error
	if _, port, err := net.SplitHostPort(c.Address); err != nil || port == "" {
		errs = append(errs, run.Invalid("SCORER_GRPC_ADDRESS", c.Address, "write it as host:port, such as scorer.nlp:9090"))
	}
	if c.Timeout <= 0 {
		errs = append(errs, run.Invalid("SCORER_GRPC_TIMEOUT", c.Timeout, "set a duration above zero, such as 5s"))
	}
	if c.MaxDocuments < 1 || c.MaxDocuments > remote.MaxDocuments {
		errs = append(errs, run.Invalid("SCORER_GRPC_MAX_DOCUMENTS", c.MaxDocuments, "set 1 to 1000"))
	}
	_, err := c.tls()
	return errors.Join(append(errs, err)...)
}

// tls returns nil where connections are not encrypted.
func (c grpcConfig) tls() (*tls.Config, error) {
	if !c.TLSEnabled && c.TLSCA == "" && c.TLSCertificate == "" {
		return nil, nil
	}
	return run.ClientTLS("SCORER_GRPC_TLS_", c.TLSCA, c.TLSCertificate, c.TLSKey)
}

func (c grpcConfig) open(setting, assumeLanguage string) (sentiment.Backend, error) {
	secure, err := c.tls()
	if err != nil {
		return nil, err
	}
	languages, err := sentiment.NewIdentifier(assumeLanguage)
	if err != nil {
		return nil, err
	}
	return remote.Open(remote.Options{Address: c.Address, TLS: secure, Timeout: c.Timeout, Documents: c.MaxDocuments, Identify: languages.Identify, Setting: setting})
}

// azureConfig says which Azure resource scores, where the backend is azure.
type azureConfig struct {
	Endpoint string        `env:"ENDPOINT" help:"the Azure resource that scores, such as https://example.cognitiveservices.azure.com, with SCORER_BACKEND=azure"`
	API      azure.API     `env:"API" envDefault:"Language" help:"what it speaks: Language (Azure AI Language) or TextAnalyticsV2"`
	Key      run.Secret    `env:"KEY" help:"one of its keys"`
	Timeout  time.Duration `env:"TIMEOUT" envDefault:"10s" help:"how long one try of a request to it may take"`
}

func (c azureConfig) options() azure.Options {
	return azure.Options{Endpoint: c.Endpoint, Key: c.Key.Value(), API: c.API, Timeout: c.Timeout}
}

func (c azureConfig) validate() error {
	if err := c.options().Validate(); err != nil {
		return run.Invalid("SCORER_AZURE_*", c.Endpoint, err.Error())
	}
	if c.Timeout <= 0 {
		return run.Invalid("SCORER_AZURE_TIMEOUT", c.Timeout, "set a duration above zero, such as 10s")
	}
	return nil
}

// setting is where the backend's settings stand in the manifest, for what errors say is to be done.
func (c *config) setting() string {
	if c.Shadow != "" {
		return "spec.scorer.shadow." + c.Backend
	}
	return "spec.scorer." + c.Backend
}

// open returns the backend that the settings name. A language model is paid for by ledger and counted in reg.
func (c *config) open(ledger *tokens.Ledger, reg prometheus.Registerer) (sentiment.Backend, error) {
	switch c.Backend {
	case remote.Name:
		return c.GRPC.open(c.setting(), c.AssumeLanguage)
	case azure.Name:
		o := c.Azure.options()
		o.Setting = c.setting()
		return azure.Open(o)
	case llm.Name:
		return c.LLM.open(c.setting(), c.AssumeLanguage, ledger, newLLMMetrics(reg, ledger).count)
	}
	return c.openOwn(c.Backend)
}

// openOwn returns one of the backends that are part of the scorer.
func (c *config) openOwn(name string) (sentiment.Backend, error) {
	b := c.Builtin
	return sentiment.Open(name, sentiment.Options{
		AssumeLanguage: c.AssumeLanguage, SlackKind: b.SlackKind, XKind: b.XKind, NeutralTerms: b.NeutralTerms, Weights: b.Weights,
	})
}

// validateBackend reports what of the backend's settings is wrong.
func (c *config) validateBackend() error {
	switch c.Backend {
	case remote.Name:
		return c.GRPC.validate()
	case azure.Name:
		return c.Azure.validate()
	case llm.Name:
		return c.LLM.validate()
	case sentiment.BuiltinName:
		return c.Builtin.validate()
	}
	if _, err := sentiment.Open(c.Backend, sentiment.Options{}); err != nil {
		return run.Invalid("SCORER_BACKEND", c.Backend, err.Error()+", "+remote.Name+", "+azure.Name+" or "+llm.Name)
	}
	return nil
}

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
	"github.com/feedback-pipelines/feedback-pipelines/services/sentiment-scorer/internal/tokens"
)

// leastBudget is the least budget of tokens a day: a request with one long text has to fit.
const leastBudget = 50_000

// llmConfig says which language model scores, where the backend is llm.
type llmConfig struct {
	Endpoint       string        `env:"ENDPOINT" help:"OpenAI-compatible address before /chat/completions, such as https://api.openai.com/v1, with SCORER_BACKEND=llm"`
	APIVersion     string        `env:"API_VERSION" help:"query parameter api-version, for Azure OpenAI's addresses of one deployment"`
	Model          string        `env:"MODEL" help:"the model's name; with Azure OpenAI the deployment's"`
	Key            run.Secret    `env:"KEY" help:"the endpoint's key; empty where it takes none"`
	KeyHeader      llm.KeyHeader `env:"KEY_HEADER" help:"header that carries the key: Authorization or api-key; empty: api-key for Azure's addresses, Authorization for all others"`
	Timeout        time.Duration `env:"TIMEOUT" envDefault:"30s" help:"how long one try of a request to it may take"`
	MaxDocuments   int           `env:"MAX_DOCUMENTS" envDefault:"20" help:"how many texts one request to it holds at most, 1 to 100"`
	Concurrency    int           `env:"CONCURRENCY" envDefault:"4" help:"how many requests to it are under way at a time, 1 to 64"`
	DailyBudget    int64         `env:"DAILY_BUDGET" help:"most tokens to be used on a UTC day, by all replicas together; scoring stops after that"`
	TLSCA          string        `env:"TLS_CA" help:"PEM bundle of the certificate authorities to trust instead of the system's"`
	TLSCertificate string        `env:"TLS_CERTIFICATE" help:"PEM certificate of this client, for mutual TLS"`
	TLSKey         run.Secret    `env:"TLS_KEY" help:"PEM private key to the certificate of this client"`
}

func (c llmConfig) options() llm.Options {
	return llm.Options{
		Endpoint: c.Endpoint, APIVersion: c.APIVersion, Model: c.Model, Key: c.Key.Value(), KeyHeader: c.KeyHeader,
		Timeout: c.Timeout, Documents: c.MaxDocuments, Concurrency: c.Concurrency,
	}
}

func (c llmConfig) validate() error {
	var errs []error
	if c.MaxDocuments < 1 || c.MaxDocuments > llm.MaxDocuments {
		errs = append(errs, run.Invalid("SCORER_LLM_MAX_DOCUMENTS", c.MaxDocuments, "set 1 to 100"))
		c.MaxDocuments = 1
	}
	if c.Concurrency < 1 || c.Concurrency > llm.MaxConcurrency {
		errs = append(errs, run.Invalid("SCORER_LLM_CONCURRENCY", c.Concurrency, "set 1 to 64"))
		c.Concurrency = 1
	}
	if err := c.options().Validate(); err != nil {
		errs = append(errs, run.Invalid("SCORER_LLM_*", c.Endpoint, err.Error()))
	}
	if c.Timeout <= 0 {
		errs = append(errs, run.Invalid("SCORER_LLM_TIMEOUT", c.Timeout, "set a duration above zero, such as 30s"))
	}
	if c.DailyBudget < leastBudget {
		errs = append(errs, run.Invalid("SCORER_LLM_DAILY_BUDGET", c.DailyBudget, "set what a day may cost at most, 50000 or more, such as 1000000"))
	}
	_, err := c.tls()
	return errors.Join(append(errs, err)...)
}

// tls returns nil where the system's authorities are trusted and we have no certificate.
func (c llmConfig) tls() (*tls.Config, error) {
	if c.TLSCA == "" && c.TLSCertificate == "" && c.TLSKey == "" {
		return nil, nil
	}
	return run.ClientTLS("SCORER_LLM_TLS_", c.TLSCA, c.TLSCertificate, c.TLSKey)
}

func (c llmConfig) open(setting, assumeLanguage string, budget llm.Budget, count func(string, int64, int64)) (sentiment.Backend, error) {
	secure, err := c.tls()
	if err != nil {
		return nil, err
	}
	languages, err := sentiment.NewIdentifier(assumeLanguage)
	if err != nil {
		return nil, err
	}
	o := c.options()
	o.TLS, o.Budget, o.Identify, o.Count, o.Setting = secure, budget, languages.Identify, count, setting
	return llm.Open(o)
}

// batch is how many records the loop takes at a time, 0 for its own default: with a model no more than it is asked at a
// time, so that what is scored is soon committed.
func (c *config) batch() int {
	if c.Backend != llm.Name {
		return 0
	}
	return c.LLM.MaxDocuments * c.LLM.Concurrency
}

// ledger returns the budget of tokens that all replicas share; nil where no language model scores.
func (c *config) ledger(client *kafka.Client) *tokens.Ledger {
	if c.Backend != llm.Name {
		return nil
	}
	l := tokens.New(c.Instance, c.LLM.DailyBudget, newBooks(c, client), time.Now)
	l.Setting = c.setting()
	return l
}

// closeLedger gives back what is left of it.
func closeLedger(work context.Context, l *tokens.Ledger, log *slog.Logger) {
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), 3*time.Second)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		log.Warn("cannot give back what is left of the tokens that were set aside; they are not used today", "error", err)
	}
}

// llmMetrics are what is counted of a language model.
type llmMetrics struct {
	tokens, requests *prometheus.CounterVec
}

func newLLMMetrics(reg prometheus.Registerer, l *tokens.Ledger) *llmMetrics {
	m := &llmMetrics{
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "feedback_llm_tokens_total", Help: "Tokens that the language model says it took, by kind.",
		}, []string{"kind"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "feedback_llm_requests_total", Help: "Requests to the language model, by what became of them.",
		}, []string{"outcome"}),
	}
	gauge := func(name, help string, value func(used, limit int64) int64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(l.Used())) })
	}
	reg.MustRegister(m.tokens, m.requests,
		gauge("feedback_llm_budget_used", "Tokens used or set aside on this UTC day by all replicas, as far as this one knows.", func(used, _ int64) int64 { return used }),
		gauge("feedback_llm_budget_limit", "Most tokens to use on a UTC day.", func(_, limit int64) int64 { return limit }),
		gauge("feedback_llm_budget_left", "Tokens that may still be used on this UTC day, as far as this replica knows.", func(used, limit int64) int64 { return max(0, limit-used) }),
	)
	for _, outcome := range llm.Outcomes {
		m.requests.WithLabelValues(outcome)
	}
	for _, kind := range []string{"prompt", "completion"} {
		m.tokens.WithLabelValues(kind)
	}
	return m
}

func (m *llmMetrics) count(outcome string, prompt, completion int64) {
	m.requests.WithLabelValues(outcome).Inc()
	m.tokens.WithLabelValues("prompt").Add(float64(max(0, prompt)))
	m.tokens.WithLabelValues("completion").Add(float64(max(0, completion)))
}

// watchLedger keeps the gauges of health until ctx ends.
func watchLedger(ctx context.Context, l *tokens.Ledger, h *health.Reporter) {
	for l != nil {
		used, limit := l.Used()
		h.Gauge("budget_used", float64(used))
		h.Gauge("budget_limit", float64(limit))
		if run.Sleep(ctx, 10*time.Second) != nil {
			return
		}
	}
}

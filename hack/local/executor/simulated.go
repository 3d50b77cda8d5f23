package executor

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// The simulator's tokens. They open nothing else.
const (
	simulatedBotToken      = "xoxb-simulator"
	simulatedAppToken      = "xapp-simulator"
	simulatedSigningSecret = "simulator"
	simulatedBearerToken   = "simulator"
	simulatedAzureKey      = "simulator"
	simulatedLLMKey        = "simulator"
)

// simulatedDigest is how long a digest gathers with the simulator: nobody watches a demo for an hour.
const simulatedDigest = 10 * time.Second

// UseSimulator has all sources and routes, and a scorer (or shadow) of Azure or a language model, talk to the simulator at base (such as http://127.0.0.1:8090). A manifest
// without a Secrets file gets the simulator's tokens. Digests gather for 10 s at most; it returns the routes whose
// interval was shortened for that.
func (m *Manifest) UseSimulator(base string) (shortened []string) {
	for i := range m.Pipeline.Spec.Sources {
		s := &m.Pipeline.Spec.Sources[i]
		if s.Slack != nil {
			s.Slack.APIURL = base + "/api/"
			ref := s.Slack.CredentialsSecretRef
			m.simulate(ref.Name, map[string]string{ref.BotTokenKey: simulatedBotToken, ref.AppTokenKey: simulatedAppToken, ref.SigningSecretKey: simulatedSigningSecret})
		}
		if s.Twitter != nil {
			s.Twitter.APIURL = base
			ref := s.Twitter.CredentialsSecretRef
			m.simulate(ref.Name, map[string]string{ref.BearerTokenKey: simulatedBearerToken})
		}
	}
	m.simulateBackend(m.Pipeline.Spec.Scorer.Backend, base)
	if s := m.Pipeline.Spec.Scorer.Shadow; s != nil {
		m.simulateBackend(s.Backend, base)
	}
	for i := range m.Pipeline.Spec.Routes {
		r := &m.Pipeline.Spec.Routes[i]
		if r.Slack == nil {
			continue
		}
		r.Slack.APIURL = base + "/api/"
		ref := r.Slack.CredentialsSecretRef
		m.simulate(ref.Name, map[string]string{ref.BotTokenKey: simulatedBotToken})
		if r.Slack.DigestInterval.Duration.Duration > simulatedDigest {
			if r.Slack.Delivery == v1alpha1.DeliveryDigest {
				shortened = append(shortened, r.Name)
			}
			r.Slack.DigestInterval.Duration.Duration = simulatedDigest
		}
	}
	return shortened
}

// simulateBackend has a backend, the scorer's or its shadow's, talk to the simulator where that plays it.
func (m *Manifest) simulateBackend(b v1alpha1.Backend, base string) {
	if a := b.Azure; a != nil {
		a.Endpoint = base
		m.simulate(a.CredentialsSecretRef.Name, map[string]string{a.CredentialsSecretRef.Key: simulatedAzureKey})
	}
	if l := b.LLM; l != nil {
		l.Endpoint, l.TLS = base+modelPath(l.Endpoint), nil
		if ref := l.CredentialsSecretRef; ref != nil {
			m.simulate(ref.Name, map[string]string{ref.Key: simulatedLLMKey})
		}
	}
}

// modelPath is the path of a language model's endpoint that the simulator plays: Azure's, or else OpenAI's.
func modelPath(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && strings.HasPrefix(u.Path, "/openai/") {
		return strings.TrimRight(u.Path, "/")
	}
	return "/v1"
}

// simulate adds values to a Secret that nobody gave.
func (m *Manifest) simulate(name string, values map[string]string) {
	if m.secrets.file != "" {
		return
	}
	key := "Secret/" + name
	if m.secrets.values[key] == nil {
		m.secrets.values[key] = map[string]string{}
	}
	for k, v := range values {
		m.secrets.values[key][k] = v
	}
}

// Channels are the Slack channels, by name, from which the pipeline reads and to which it tells.
func (m *Manifest) Channels() (read, told []string) {
	for _, s := range m.Pipeline.Spec.Sources {
		if s.Slack != nil {
			for _, c := range s.Slack.Channels {
				read = append(read, string(c))
			}
		}
	}
	for _, r := range m.Pipeline.Spec.Routes {
		if r.Slack != nil {
			told = append(told, string(r.Slack.Channel))
		}
	}
	return Distinct(read), Distinct(told)
}

// Distinct gives the channels' names in lower case without a leading #, each once, in order.
func Distinct(channels []string) []string {
	var out []string
	for _, c := range channels {
		if c = strings.ToLower(strings.TrimPrefix(c, "#")); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// RefuseSimulated says where the simulator's tokens would be shown to the real Slack and X.
func (p Plan) RefuseSimulated() error {
	for _, program := range p.Programs {
		for _, v := range program.Env {
			if name, value, _ := strings.Cut(v, "="); value == simulatedBotToken || value == simulatedAppToken ||
				(value == simulatedBearerToken && (name == "X_BEARER_TOKEN" || name == "SLACK_SIGNING_SECRET" || name == "SCORER_AZURE_KEY" || name == "SCORER_LLM_KEY")) {
				return errors.New("the Secrets hold the simulator's tokens, which the real Slack, X, Azure and language models refuse: put your own into the Secrets file (docs/accounts.md)")
			}
		}
	}
	return nil
}

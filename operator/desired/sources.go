package desired

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// source returns the objects that run s: a Deployment of one replica, and where events are posted to it, a Service.
func source(p *v1alpha1.FeedbackPipeline, s v1alpha1.Source, o Options) ([]client.Object, error) {
	w := workload{
		pipeline:  p,
		name:      SourceName(p.Name, s.Name),
		component: "source",
		source:    s.Name,
		env:       common(p),
		replicas:  new(int32(1)),
		suspended: s.Suspend,
		// Slack hands each event to one connection and X allows one stream, so the old one ends first.
		strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
		requests: requests("10m", "32Mi"),
	}
	w.env.set("SOURCE", s.Name)
	if s.Twitter != nil {
		w.program = TwitterIngest
		w.env.twitter(*s.Twitter)
		return []client.Object{w.deployment(o)}, nil
	}
	w.program = SlackIngest
	if err := w.env.slack(*s.Slack); err != nil {
		return nil, err
	}
	if s.Slack.Mode != v1alpha1.SlackHTTP {
		return []client.Object{w.deployment(o)}, nil
	}
	w.ports = []corev1.ContainerPort{{Name: "events", ContainerPort: eventsPort}}
	return []client.Object{w.deployment(o), w.service(corev1.ServicePort{Name: "events", Port: eventsPort})}, nil
}

func (e *environment) slack(s v1alpha1.SlackSource) error {
	channels := make([]string, len(s.Channels))
	for i, c := range s.Channels {
		channels[i] = strings.TrimPrefix(string(c), "#")
	}
	e.set("SLACK_MODE", string(s.Mode))
	e.set("SLACK_CHANNELS", strings.Join(channels, ","))
	if s.Match != nil {
		if err := e.setJSON("MATCH", s.Match); err != nil {
			return err
		}
	}
	e.set("SLACK_BACKFILL", s.Backfill.String())
	e.set("SLACK_SWEEP_INTERVAL", s.SweepInterval.String())
	e.set("SLACK_INCLUDE_BOTS", strconv.FormatBool(s.IncludeBots))
	e.set("SLACK_JOIN_CHANNELS", strconv.FormatBool(s.JoinChannels == nil || *s.JoinChannels))
	e.set("SLACK_API_URL", s.APIURL)
	ref := s.CredentialsSecretRef
	e.secret("SLACK_BOT_TOKEN", ref.Name, ref.BotTokenKey)
	if s.Mode == v1alpha1.SlackHTTP {
		e.set("HTTP_LISTEN_ADDRESS", listen(eventsPort))
		e.secret("SLACK_SIGNING_SECRET", ref.Name, ref.SigningSecretKey)
	} else {
		e.secret("SLACK_APP_TOKEN", ref.Name, ref.AppTokenKey)
	}
	return nil
}

func (e *environment) twitter(t v1alpha1.TwitterSource) {
	e.set("X_QUERY", t.Query)
	e.set("X_MODE", string(t.Mode))
	e.set("X_INTERVAL", t.Interval.String())
	e.set("X_BACKFILL", t.Backfill.String())
	e.set("X_DAILY_POST_BUDGET", strconv.FormatInt(t.DailyPostBudget, 10))
	e.set("X_API_URL", t.APIURL)
	e.secret("X_BEARER_TOKEN", t.CredentialsSecretRef.Name, t.CredentialsSecretRef.BearerTokenKey)
}

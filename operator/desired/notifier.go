package desired

import (
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// routeSetting is one element of the notifier's ROUTES.
type routeSetting struct {
	Name   string          `json:"name"`
	Group  string          `json:"group"`
	Match  *v1alpha1.Match `json:"match,omitempty"`
	MaxAge string          `json:"maxAge"`
	Slack  slackSetting    `json:"slack"`
}

// slackSetting is the sink of a routeSetting.
type slackSetting struct {
	Channel        string `json:"channel"`
	Delivery       string `json:"delivery"`
	DigestAfter    int32  `json:"digestAfter"`
	DigestInterval string `json:"digestInterval"`
	APIURL         string `json:"apiURL,omitempty"`
}

// notifier returns the Deployment that serves all of p's routes. It has one replica, since a route has one active
// member; during a rollout the new one stands by until the old one has gone.
func notifier(p *v1alpha1.FeedbackPipeline, o Options) (client.Object, error) {
	w := workload{
		pipeline:  p,
		program:   Notifier,
		name:      ComponentName(p.Name, "notifier"),
		component: "notifier",
		env:       common(p),
		replicas:  new(int32(1)),
		strategy:  oneMore(),
		requests:  requests("10m", "48Mi"),
		limit:     "512Mi", // half of it is for what was told: 800,000 events
	}
	w.env.set("START_OFFSET", string(p.Spec.StartOffset))
	if err := w.env.setJSON("ROUTES", settings(p)); err != nil {
		return nil, err
	}
	for _, route := range p.Spec.Routes {
		ref := route.Slack.CredentialsSecretRef
		w.env.secret(routeVariable(route.Name, "SLACK_BOT_TOKEN"), ref.Name, ref.BotTokenKey)
	}
	return w.deployment(o), nil
}

// settings are all of p's routes.
func settings(p *v1alpha1.FeedbackPipeline) []routeSetting {
	all := make([]routeSetting, len(p.Spec.Routes))
	for i, route := range p.Spec.Routes {
		all[i] = setting(p, route)
	}
	return all
}

func setting(p *v1alpha1.FeedbackPipeline, route v1alpha1.Route) routeSetting {
	return routeSetting{
		Name:   route.Name,
		Group:  routeGroup(p, route.Name),
		Match:  route.Match,
		MaxAge: route.MaxAge.String(),
		Slack: slackSetting{
			Channel:        strings.TrimPrefix(string(route.Slack.Channel), "#"),
			Delivery:       string(route.Slack.Delivery),
			DigestAfter:    route.Slack.DigestAfter,
			DigestInterval: route.Slack.DigestInterval.String(),
			APIURL:         route.Slack.APIURL,
		},
	}
}

// routeVariable is the variable of a route's secret: ROUTE_NEGATIVE_SLACK_BOT_TOKEN. Names are DNS labels, so no two
// routes share one.
func routeVariable(route, name string) string {
	return "ROUTE_" + strings.ToUpper(strings.ReplaceAll(route, "-", "_")) + "_" + name
}

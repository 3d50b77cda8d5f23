package audit

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// maxRoutes is how many routes an audit can tell apart: one bit each.
const maxRoutes = 64

// manifest is what the auditor reads of a FeedbackPipeline: only what decides who must be told what.
type manifest struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		Suspend bool `json:"suspend"`
		Topics  struct {
			Prefix string            `json:"prefix"`
			Names  map[string]string `json:"names"`
		} `json:"topics"`
		Sources []source `json:"sources"`
		Routes  []route  `json:"routes"`
	} `json:"spec"`

	earlier []*manifest // that this one has replaced
}

// source is where events enter.
type source struct {
	Name    string       `json:"name"`
	Suspend bool         `json:"suspend"`
	Slack   *slackSource `json:"slack"`
	Twitter *xSource     `json:"twitter"`
}

// slackSource listens to channels.
type slackSource struct {
	Channels    []string `json:"channels"`
	IncludeBots bool     `json:"includeBots"`
	Match       match    `json:"match"`
}

// xSource searches X.
type xSource struct {
	Query string `json:"query"`
	Match match  `json:"match"`

	parsed node
}

// route tells events that match to a channel.
type route struct {
	Name  string `json:"name"`
	Match match  `json:"match"`
	Slack struct {
		Channel string `json:"channel"`
	} `json:"slack"`
}

// topicNames are the topics that the auditor reads.
type topicNames struct{ feedback, scored, notifications, deadLetters string }

var documents = regexp.MustCompile(`(?m)^---.*$`)

// parseManifest reads the one FeedbackPipeline among the documents of text.
func parseManifest(text []byte) (*manifest, error) {
	var found *manifest
	for _, doc := range documents.Split(string(text), -1) {
		m := &manifest{}
		if err := yaml.Unmarshal([]byte(doc), m); err != nil {
			return nil, fmt.Errorf("read the manifest: %w", err)
		}
		if m.Kind != "FeedbackPipeline" {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("the manifest holds two pipelines, %q and %q: audit one at a time", found.Metadata.Name, m.Metadata.Name)
		}
		found = m
	}
	if found == nil {
		return nil, errors.New("the manifest holds no document of kind FeedbackPipeline")
	}
	return found, found.complete()
}

// complete fills in defaults, parses the queries and refuses what the auditor could not judge.
func (m *manifest) complete() error {
	if m.Metadata.Name == "" {
		return errors.New("metadata.name is empty: the topics are named after it")
	}
	if m.Metadata.Namespace == "" {
		m.Metadata.Namespace = "default"
	}
	if m.Spec.Topics.Prefix == "" {
		m.Spec.Topics.Prefix = m.Metadata.Namespace + "." + m.Metadata.Name
	}
	if len(m.Spec.Routes) > maxRoutes {
		return fmt.Errorf("spec.routes has %d entries: the auditor tells at most %d apart", len(m.Spec.Routes), maxRoutes)
	}
	for i := range m.Spec.Routes {
		m.Spec.Routes[i].Slack.Channel = strings.TrimPrefix(m.Spec.Routes[i].Slack.Channel, "#")
	}
	for _, s := range m.Spec.Sources {
		if s.Twitter == nil {
			continue
		}
		q, err := parseQuery(s.Twitter.Query)
		if err != nil {
			return fmt.Errorf("spec.sources[%s].twitter.query: %w", s.Name, err)
		}
		s.Twitter.parsed = q
	}
	return nil
}

// asks are the bits of the routes that tell what was said, and of those on which an earlier manifest says otherwise.
func (m *manifest) asks(s said) (routes, unsure uint64) {
	for i, r := range m.Spec.Routes {
		covers := r.Match.covers(s)
		if covers {
			routes |= 1 << i
		}
		for _, e := range m.earlier {
			if j := e.route(r.Name); covers != (j >= 0 && e.Spec.Routes[j].Match.covers(s)) {
				unsure |= 1 << i
			}
		}
	}
	return routes, unsure
}

// pipeline is how cards name the pipeline that posted them.
func (m *manifest) pipeline() string { return m.Metadata.Namespace + "/" + m.Metadata.Name }

// topics are the names of the topics, named by the manifest or by its prefix.
func (m *manifest) topics() topicNames {
	name := func(key, suffix string) string {
		if n := m.Spec.Topics.Names[key]; n != "" {
			return n
		}
		return m.Spec.Topics.Prefix + "." + suffix
	}
	return topicNames{
		feedback: name("feedback", "feedback"), scored: name("scored", "scored"),
		notifications: name("notifications", "notifications"), deadLetters: name("deadLetters", "dead-letters"),
	}
}

// group is the consumer group that serves a route.
func (m *manifest) group(route string) string { return m.Spec.Topics.Prefix + ".notifier." + route }

// route is the index of a route, -1 if the manifest has none of that name.
func (m *manifest) route(name string) int {
	for i, r := range m.Spec.Routes {
		if r.Name == name {
			return i
		}
	}
	return -1
}

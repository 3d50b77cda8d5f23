package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// pipeline is what a route test reads of a FeedbackPipeline. Whether the manifest is right in
// all else the operator says.
type pipeline struct {
	name    string
	prefix  string            // of its topics and groups
	topics  map[string]string // full names by short ones, "" for those that follow the prefix
	sources []source
	routes  []route
	scorer  scorerSpec
}

// source is one of spec.sources.
type source struct {
	name     string
	kind     feedbackv1.SourceKind
	channels []string
	match    feedback.Match
	query    string // X's, which only X evaluates
}

// route is one of spec.routes.
type route struct {
	name     string
	match    feedback.Match
	channel  string
	delivery string
}

// routeSpec is a route as it stands in a manifest and in the notifier's ROUTES.
type routeSpec struct {
	Name  string         `yaml:"name" json:"name"`
	Match map[string]any `yaml:"match" json:"match"`
	Slack struct {
		Channel  string `yaml:"channel" json:"channel"`
		Delivery string `yaml:"delivery" json:"delivery"`
	} `yaml:"slack" json:"slack"`
}

// topicNames are the full names of topics that do not follow the prefix; empty where they do.
type topicNames struct {
	Feedback      string `yaml:"feedback"`
	Scored        string `yaml:"scored"`
	Notifications string `yaml:"notifications"`
	DeadLetters   string `yaml:"deadLetters"`
	State         string `yaml:"state"`
	Shadow        string `yaml:"shadow"`
}

// byShort gives the names by what people call the topics.
func (n topicNames) byShort() map[string]string {
	return map[string]string{"feedback": n.Feedback, "scored": n.Scored, "notifications": n.Notifications, "dead-letters": n.DeadLetters, "state": n.State, shadowTopic: n.Shadow}
}

type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Spec struct {
		Topics struct {
			Prefix string     `yaml:"prefix"`
			Names  topicNames `yaml:"names"`
		} `yaml:"topics"`
		Sources []struct {
			Name  string `yaml:"name"`
			Slack *struct {
				Channels []string       `yaml:"channels"`
				Match    map[string]any `yaml:"match"`
			} `yaml:"slack"`
			Twitter *struct {
				Query string `yaml:"query"`
			} `yaml:"twitter"`
		} `yaml:"sources"`
		Scorer scorerSpec  `yaml:"scorer"`
		Routes []routeSpec `yaml:"routes"`
	} `yaml:"spec"`
}

// scorerSpec is how a pipeline's events are scored.
type scorerSpec struct {
	Builtin *struct {
		AssumeLanguage string   `yaml:"assumeLanguage"`
		SlackKind      string   `yaml:"slackKind"`
		XKind          string   `yaml:"xKind"`
		NeutralTerms   []string `yaml:"neutralTerms"`
	} `yaml:"builtin"`
	Vader *struct {
		AssumeLanguage string `yaml:"assumeLanguage"`
	} `yaml:"vader"`
	Shadow *struct{} `yaml:"shadow"`
	// Azure, GRPC and LLM are services, which are not asked by what scores here.
	Azure *struct{} `yaml:"azure"`
	GRPC  *struct{} `yaml:"grpc"`
	LLM   *struct{} `yaml:"llm"`
}

// service is the field of the service that scores, empty where the scorer does by itself.
func (s scorerSpec) service() string {
	switch {
	case s.Azure != nil:
		return "azure"
	case s.GRPC != nil:
		return "grpc"
	case s.LLM != nil:
		return "llm"
	}
	return ""
}

// open returns the backend that scores so: builtin where none is named, or one that is a service.
func (s scorerSpec) open() (sentiment.Backend, error) {
	if s.Vader != nil {
		return sentiment.Open(sentiment.VaderName, sentiment.Options{AssumeLanguage: cmp.Or(s.Vader.AssumeLanguage, defaultLanguage)})
	}
	o := sentiment.Options{AssumeLanguage: defaultLanguage}
	if b := s.Builtin; b != nil {
		o = sentiment.Options{
			AssumeLanguage: cmp.Or(b.AssumeLanguage, defaultLanguage), SlackKind: b.SlackKind, XKind: b.XKind, NeutralTerms: b.NeutralTerms,
		}
	}
	return sentiment.Open(sentiment.BuiltinName, o)
}

// defaultLanguage is what the resource assumes of a text whose language is not known.
const defaultLanguage = "en"

// readManifest reads the FeedbackPipeline of that name (any, if there is but one) from a file
// of one or more YAML documents; - is in.
func readManifest(in io.Reader, path, name string) (*pipeline, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usagef("--manifest %q: %v", path, errors.Unwrap(err))
		}
		defer f.Close()
		in = f
	}
	var found []manifest
	var names []string
	documents := yaml.NewDecoder(in)
	for {
		var m manifest
		err := documents.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, usagef("--manifest %q: %v", path, err)
		}
		if m.Kind == "FeedbackPipeline" && (name == "" || m.Metadata.Name == name) {
			found, names = append(found, m), append(names, m.Metadata.Name)
		}
	}
	switch {
	case len(found) == 0 && name != "":
		return nil, usagef("--name %q: no FeedbackPipeline of that name stands in %s", name, path)
	case len(found) == 0:
		return nil, usagef("--manifest %q: it holds no document of kind FeedbackPipeline", path)
	case len(found) > 1:
		return nil, usagef("--manifest %q: it holds %d FeedbackPipelines: choose one by --name %s", path, len(found), strings.Join(names, "|"))
	}
	return newPipeline(path, found[0])
}

func newPipeline(path string, m manifest) (*pipeline, error) {
	if len(m.Spec.Routes) == 0 {
		return nil, usagef("--manifest %q: spec.routes is missing: there is no route to test", path)
	}
	p := &pipeline{name: m.Metadata.Name, prefix: or(m.Spec.Topics.Prefix, or(m.Metadata.Namespace, "default")+"."+m.Metadata.Name), topics: m.Spec.Topics.Names.byShort(), scorer: m.Spec.Scorer}
	for i, s := range m.Spec.Sources {
		src := source{name: s.Name}
		if s.Slack != nil {
			src.kind, src.channels = feedbackv1.SourceKind_SOURCE_KIND_SLACK, s.Slack.Channels
			match, err := parseMatch(s.Slack.Match)
			if err != nil {
				return nil, usagef("--manifest %q: spec.sources[%d].slack: %v", path, i, err)
			}
			src.match = match
		}
		if s.Twitter != nil {
			src.kind, src.query = feedbackv1.SourceKind_SOURCE_KIND_X, s.Twitter.Query
		}
		p.sources = append(p.sources, src)
	}
	var err error
	p.routes, err = newRoutes("spec.routes", m.Spec.Routes)
	if err != nil {
		return nil, usagef("--manifest %q: %v", path, err)
	}
	return p, nil
}

// readRoutes reads the notifier's ROUTES.
func readRoutes(text string) (*pipeline, error) {
	var specs []routeSpec
	if err := json.Unmarshal([]byte(text), &specs); err != nil {
		return nil, usagef("--routes: %v: give the JSON array that the notifier has in ROUTES", err)
	}
	if len(specs) == 0 {
		return nil, usagef("--routes %q: it holds no route", text)
	}
	routes, err := newRoutes("routes", specs)
	if err != nil {
		return nil, &usageError{err}
	}
	return &pipeline{routes: routes}, nil
}

func newRoutes(field string, specs []routeSpec) ([]route, error) {
	var out []route
	for i, s := range specs {
		match, err := parseMatch(s.Match)
		if err != nil {
			return nil, fmt.Errorf("%s[%d] (%s): %w", field, i, s.Name, err)
		}
		r := route{name: s.Name, match: match, channel: s.Slack.Channel, delivery: s.Slack.Delivery}
		if r.delivery == "" {
			r.delivery = "Each"
		}
		out = append(out, r)
	}
	return out, nil
}

// parseMatch reads a match; a field that there is not is refused by name.
func parseMatch(fields map[string]any) (feedback.Match, error) {
	var m feedback.Match
	if fields == nil {
		return m, nil
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(fields); err != nil {
		return m, fmt.Errorf("match: %w", err)
	}
	if err := m.UnmarshalText(b.Bytes()); err != nil {
		return m, explainMatch(err)
	}
	return m, m.Validate()
}

// explainMatch says what of a match is not as a manifest has it.
func explainMatch(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		want := "a list of texts, such as [outage]"
		if kind.Type.Kind() == reflect.Float64 {
			want = "a number between 0 and 1"
		} else if kind.Type.Kind() == reflect.String {
			want = "texts"
		}
		return fmt.Errorf("match.%s: it is a %s, want %s", kind.Field, kind.Value, want)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		var names []string
		for i := range reflect.TypeFor[feedback.Match]().NumField() {
			field, _, _ := strings.Cut(reflect.TypeFor[feedback.Match]().Field(i).Tag.Get("json"), ",")
			names = append(names, field)
		}
		return fmt.Errorf("match: unknown field %s; there are %s", name, strings.Join(names, ", "))
	}
	return fmt.Errorf("match: %w", err)
}

// source finds a source of the pipeline by its name; nil if the pipeline names none, as
// ROUTES does not.
func (p *pipeline) source(name string) (*source, error) {
	if len(p.sources) == 0 {
		return nil, nil
	}
	i := slices.IndexFunc(p.sources, func(s source) bool { return s.name == name })
	if i < 0 {
		var names []string
		for _, s := range p.sources {
			names = append(names, s.name)
		}
		return nil, usagef("--source %q: the pipeline has no such source; it has %s", name, strings.Join(names, ", "))
	}
	return &p.sources[i], nil
}

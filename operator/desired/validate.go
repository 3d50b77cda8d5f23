package desired

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// What is said of a field both here and by a rule of the schema, in the same words. The rules compare names only by
// their ASCII letters and speak of a whole list; what is said here names the field.
const (
	oneSourceKind  = "a source has exactly one kind; set one of slack, twitter"
	oneBackend     = "a scorer has exactly one backend; set one of builtin, vader, grpc, azure, llm, for example builtin: {}, which is the default where scorer is left out"
	oneShadow      = "a shadow has exactly one backend; set one of builtin, vader, grpc, azure, llm, for example vader: {}, or remove shadow"
	oneSink        = "a route has exactly one sink; set slack"
	unknownSource  = "a route's match.sources names a source that spec.sources does not have; use the name of one of spec.sources"
	sourceIsSink   = "a channel is both a source and the sink of a route, so the pipeline would feed itself; give the route another channel (in different workspaces: name one of them by its id)"
	channelTwice   = "two sources read the same Slack channel; leave it in one of them (in different workspaces: name one of them by its id)"
	namedTwice     = "a source names the same Slack channel twice; remove one"
	appTokenTwice  = "two sources in SocketMode use the same app token twice: Slack hands each event to one connection at random, so each would lose half; put the channels into one source, or use two Slack apps"
	streamTwice    = "two sources in Stream mode use the same bearer token: X gives an app one stream; use mode Search in one of them, or two X apps"
	topicNameTwice = "two topics of the pipeline have the same name; give each another one"
)

// maxVariable is what one environment variable may have, with room for its name.
const maxVariable = 120 << 10

// Validate returns all for which p is refused beyond its schema, each naming field, value and remedy. Render
// calls it.
func Validate(p *v1alpha1.FeedbackPipeline) error { return Check(p).ToAggregate() }

// Check is Validate, error by error.
func Check(p *v1alpha1.FeedbackPipeline) field.ErrorList {
	spec := field.NewPath("spec")
	errs := checkKinds(p, spec)
	errs = append(errs, checkSources(p, spec.Child("sources"))...)
	errs = append(errs, checkRoutes(p, spec.Child("routes"))...)
	errs = append(errs, checkTopics(p, spec.Child("topics", "names"))...)
	if len(errs) == 0 {
		errs = checkSizes(p, spec)
	}
	return errs
}

// checkSizes refuses lists that are each within their bounds but together more than Linux takes as one variable
// (128 KiB).
func checkSizes(p *v1alpha1.FeedbackPipeline, spec *field.Path) field.ErrorList {
	var errs field.ErrorList
	refuse := func(at *field.Path, v any) {
		var e environment
		if err := e.setJSON("SIZE", v); err != nil {
			errs = append(errs, field.Invalid(at, "", err.Error()))
		} else if size := len(e[0].Value); size > maxVariable {
			errs = append(errs, field.Invalid(at, size, fmt.Sprintf("bytes of JSON, of which at most %d can be handed over; use fewer or shorter keywords and authors", maxVariable)))
		}
	}
	for i, s := range p.Spec.Sources {
		if s.Slack != nil {
			refuse(spec.Child("sources").Index(i).Child("slack", "match"), s.Slack.Match)
		}
	}
	refuse(spec.Child("routes"), settings(p))
	return errs
}

// checkKinds refuses unions with none or several members.
func checkKinds(p *v1alpha1.FeedbackPipeline, spec *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, s := range p.Spec.Sources {
		if (s.Slack == nil) == (s.Twitter == nil) {
			errs = append(errs, field.Invalid(spec.Child("sources").Index(i), s.Name, oneSourceKind))
		}
	}
	if backends(p.Spec.Scorer.Backend) != 1 {
		errs = append(errs, field.Invalid(spec.Child("scorer"), "", oneBackend))
	}
	if s := p.Spec.Scorer.Shadow; s != nil && backends(s.Backend) != 1 {
		errs = append(errs, field.Invalid(spec.Child("scorer", "shadow"), "", oneShadow))
	}
	for i, r := range p.Spec.Routes {
		if r.Slack == nil {
			errs = append(errs, field.Invalid(spec.Child("routes").Index(i), r.Name, oneSink))
		}
	}
	return errs
}

// backends is how many of b's are set.
func backends(b v1alpha1.Backend) int {
	n := 0
	for _, set := range []bool{b.Builtin != nil, b.Vader != nil, b.GRPC != nil, b.Azure != nil, b.LLM != nil} {
		if set {
			n++
		}
	}
	return n
}

// checkSources refuses a channel, an app token or a stream that two sources share.
func checkSources(p *v1alpha1.FeedbackPipeline, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	channels := map[string]int{}
	appTokens, streams := map[string]bool{}, map[string]bool{}
	for i, s := range p.Spec.Sources {
		if x := s.Twitter; x != nil && x.Mode == v1alpha1.TwitterStream {
			token := x.CredentialsSecretRef.Name + "/" + x.CredentialsSecretRef.BearerTokenKey
			errs = append(errs, claim(streams, path.Index(i).Child("twitter", "credentialsSecretRef"), token, streamTwice)...)
		}
		if s.Slack == nil {
			continue
		}
		at := path.Index(i).Child("slack")
		errs = append(errs, checkChannels(channels, i, s.Slack.Channels, at.Child("channels"))...)
		if s.Slack.Mode != v1alpha1.SlackHTTP {
			token := s.Slack.CredentialsSecretRef.Name + "/" + s.Slack.CredentialsSecretRef.AppTokenKey
			errs = append(errs, claim(appTokens, at.Child("credentialsSecretRef"), token, appTokenTwice)...)
		}
	}
	return errs
}

// claim takes token for the source at path, and refuses one that is taken.
func claim(taken map[string]bool, at *field.Path, token, reason string) field.ErrorList {
	if taken[token] {
		return field.ErrorList{field.Invalid(at, token, reason)}
	}
	taken[token] = true
	return nil
}

// checkChannels takes channels for source i, and refuses those that are taken. owner is the source of a channel.
func checkChannels(owner map[string]int, i int, channels []v1alpha1.SlackChannel, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for j, c := range channels {
		name := channelName(c)
		switch other, taken := owner[name]; {
		case taken && other == i:
			errs = append(errs, field.Invalid(path.Index(j), string(c), namedTwice))
		case taken:
			errs = append(errs, field.Invalid(path.Index(j), string(c), channelTwice))
		default:
			owner[name] = i
		}
	}
	return errs
}

// checkRoutes refuses a route that tells a source's channel or asks for a source that there is not.
func checkRoutes(p *v1alpha1.FeedbackPipeline, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	read := map[string]bool{}
	for _, s := range p.Spec.Sources {
		if s.Slack == nil {
			continue
		}
		for _, c := range s.Slack.Channels {
			read[channelName(c)] = true
		}
	}
	for i, r := range p.Spec.Routes {
		if r.Slack != nil && read[channelName(r.Slack.Channel)] {
			errs = append(errs, field.Invalid(path.Index(i).Child("slack", "channel"), string(r.Slack.Channel), sourceIsSink))
		}
		if r.Match == nil {
			continue
		}
		for j, name := range r.Match.Sources {
			if !slices.ContainsFunc(p.Spec.Sources, func(s v1alpha1.Source) bool { return s.Name == name }) {
				errs = append(errs, field.Invalid(path.Index(i).Child("match", "sources").Index(j), name, unknownSource))
			}
		}
	}
	return errs
}

// checkTopics refuses two roles in one topic, be their names given or made from the prefix.
func checkTopics(p *v1alpha1.FeedbackPipeline, path *field.Path) field.ErrorList {
	fields := map[string]string{RoleDeadLetters: "deadLetters"}
	taken := map[string]string{}
	var errs field.ErrorList
	for _, t := range Topics(p) {
		if other, ok := taken[t.Name]; ok {
			at := path.Child(t.Role)
			if name, ok := fields[t.Role]; ok {
				at = path.Child(name)
			}
			errs = append(errs, field.Invalid(at, t.Name, fmt.Sprintf("%s (%s and %s)", topicNameTwice, other, t.Role)))
		}
		taken[t.Name] = t.Role
	}
	return errs
}

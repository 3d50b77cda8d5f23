// Package desired says what a FeedbackPipeline asks for: the objects that run it, its topics and its consumer
// groups. It is pure: the same pipeline and options give the same result, byte for byte, and nothing is read
// or written.
//
// Two executors work by it: the operator, on a cluster, and hack/local, which runs the Deployments as
// processes. For the second's sake a Deployment has one container with an explicit command, literal environment
// variables or references to single keys, and listens only where an environment variable tells it to.
package desired

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// commandFolder is where images have their program. It is ko's: an executor without images maps the command's base
// name to a binary.
const commandFolder = "/ko-app/"

// Options are what Render needs to know beside the pipeline. The zero value names images by their program alone.
type Options struct {
	// Images is the image of each program (SlackIngest, TwitterIngest, SentimentScorer, Notifier). One that is
	// missing here is named by Registry and Tag.
	Images map[string]string
	// Registry is what stands before a program's name, for example ghcr.io/feedback-pipelines/. Default: nothing.
	Registry string
	// Tag is what stands after a program's name and a colon. Default: nothing, nor a colon.
	Tag string
	// ImagePullPolicy is that of all containers. Default: the API server's.
	ImagePullPolicy corev1.PullPolicy
	// ImageUser leaves the user to the image or the platform (OpenShift assigns one). By default containers run as
	// user and group 65532; as root they never run.
	ImageUser bool
	// Autoscaled leaves the scorer's replicas out, since an autoscaler sets them; see Autoscaling. Otherwise a scorer that
	// is to be autoscaled has its least replicas.
	Autoscaled bool
}

func (o Options) image(program string) string {
	if image := o.Images[program]; image != "" {
		return image
	}
	if o.Tag == "" {
		return o.Registry + program
	}
	return o.Registry + program + ":" + o.Tag
}

// Result is what a pipeline asks for.
type Result struct {
	// Objects are Deployments and Services, in a fixed order, with apiVersion and kind set.
	Objects []client.Object
	// Topics are the five topics, and the shadow's where there is one: feedback, scored, notifications, dead-letters,
	// shadow, state.
	Topics []Topic
	// Groups are the consumer groups: the scorer's, its shadow's where there is one, then one a route.
	Groups []Group
}

// Topic is a topic as it shall be.
type Topic struct {
	// Role is what it is to the pipeline: feedback, scored, notifications, dead-letters, shadow or state.
	Role string
	// Name is its full name.
	Name string
	// Partitions is how many partitions it has at least; exactly that for state.
	Partitions int32
	// ReplicationFactor is how many copies a partition gets at creation; -1 is the broker's default.
	ReplicationFactor int16
	// Config are its settings by Kafka's names, cleanup.policy among them.
	Config map[string]string
	// Managed is whether the executor creates and alters it. One that is not is only verified.
	Managed bool
}

// Group is a consumer group.
type Group struct {
	// ID is its id.
	ID string
	// Topic is the full name of the topic that it reads.
	Topic string
	// Route is the route that it serves; empty for the scorer and its shadow.
	Route string
	// Shadow is true for the scorer's shadow: how far that is is no matter of the pipeline's.
	Shadow bool `json:",omitempty"`
}

// Render returns what p asks for. p has its defaults: it comes from an API server or from validate.Load. A p that
// Validate refuses is an error.
func Render(p *v1alpha1.FeedbackPipeline, o Options) (Result, error) {
	if err := Validate(p); err != nil {
		return Result{}, err
	}
	r := Result{Topics: Topics(p), Groups: Groups(p)}
	for _, s := range p.Spec.Sources {
		objects, err := source(p, s, o)
		if err != nil {
			return Result{}, fmt.Errorf("render source %s: %w", s.Name, err)
		}
		r.Objects = append(r.Objects, objects...)
	}
	r.Objects = append(r.Objects, scorer(p, o)...)
	r.Objects = append(r.Objects, shadow(p, o)...)
	deployment, err := notifier(p, o)
	if err != nil {
		return Result{}, fmt.Errorf("render the notifier: %w", err)
	}
	r.Objects = append(r.Objects, deployment, metricsService(p))
	return r, nil
}

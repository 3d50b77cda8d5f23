package executor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// Program is a process to be run: one replica of a Deployment.
type Program struct {
	// Name is the Deployment's name and the replica's number, such as azure-notifier-0. It is the process's INSTANCE.
	Name string
	// Deployment is the Deployment's name.
	Deployment string
	// Image is the image's name without registry and tag, which is the binary's name too.
	Image string
	// Path is the binary, Args are its arguments.
	Path string
	Args []string
	// Env is its whole environment, name=value. It holds secrets.
	Env []string
	// Ready is the URL that answers 200 when the process is ready; empty where the Deployment has no such probe.
	Ready string
	// Listens are the addresses that it listens on, by the variable that sets them.
	Listens map[string]string
	// Grace is how long it may take to drain.
	Grace time.Duration
}

// passed are the variables of this process that a program gets too, beside OpenTelemetry's (OTEL_...): what a container has
// from its image or a cluster's administrator.
var passed = []string{
	"PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
	"http_proxy", "https_proxy", "no_proxy", "GOCOVERDIR", "GORACE", "GODEBUG", "GOMAXPROCS", "GOMEMLIMIT",
}

// Plan is what a manifest asks for.
type Plan struct {
	Programs []Program
	Topics   []desired.Topic
	Groups   []desired.Group
	// Kafka is how the programs reach Kafka, by the names of their variables (KAFKA_BOOTSTRAP_SERVERS, ...).
	Kafka map[string]string
}

// planner turns Deployments into Programs.
type planner struct {
	manifest *Manifest
	bin      string
	taken    map[int]bool // ports that were handed out
	problems []error      // all that stands against running it, each once
}

// problem notes err. The same secret is often missed in several places.
func (pl *planner) problem(err error) {
	for _, other := range pl.problems {
		if other.Error() == err.Error() {
			return
		}
	}
	pl.problems = append(pl.problems, err)
}

// NewPlan renders the manifest and says which programs of the folder bin it takes. What can't be run here and all
// references that can't be resolved are in the error.
func NewPlan(ctx context.Context, m *Manifest, bin string) (Plan, error) {
	rendered, err := desired.Render(m.Pipeline, desired.Options{})
	if err != nil {
		return Plan{}, fmt.Errorf("%s: %w", m.Path, err)
	}
	return planFor(ctx, m, bin, rendered)
}

func planFor(ctx context.Context, m *Manifest, bin string, rendered desired.Result) (Plan, error) {
	plan := Plan{Topics: rendered.Topics, Groups: rendered.Groups, Kafka: map[string]string{}}
	pl := &planner{manifest: m, bin: bin, taken: map[int]bool{}}
	for _, o := range rendered.Objects {
		plan.Programs = append(plan.Programs, pl.object(ctx, o)...)
	}
	pl.sameTokens(plan.Programs)
	if len(pl.problems) > 0 {
		return Plan{}, fmt.Errorf("%s can't be run on this machine:\n%w", m.Path, errors.Join(pl.problems...))
	}
	for _, p := range plan.Programs {
		for _, v := range p.Env {
			if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "KAFKA_") {
				plan.Kafka[name] = value
			}
		}
	}
	return plan, nil
}

// sameTokens refuses two sources with one Slack app, however their Secrets are called: Slack hands each event to one of
// an app's connections at random, so that each source would miss half.
func (pl *planner) sameTokens(programs []Program) {
	sources := map[string]string{} // by app token
	for _, p := range programs {
		env := map[string]string{}
		for _, v := range p.Env {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		token, source := env["SLACK_APP_TOKEN"], env["SOURCE"]
		if token == "" {
			continue
		}
		if other, ok := sources[token]; ok && other != source {
			pl.problem(fmt.Errorf("spec.sources: %s and %s have the same app token: one Slack app has one Socket Mode connection, and its events go to one of the two at random; list all channels in one source, or give each source an app of its own", other, source))
		}
		sources[token] = source
	}
}

// object gives the programs of a rendered object.
func (pl *planner) object(ctx context.Context, o client.Object) []Program {
	switch o := o.(type) {
	case *appsv1.Deployment:
		programs, err := pl.deployment(ctx, o)
		if err != nil {
			pl.problem(err)
		}
		return programs
	case *corev1.ConfigMap:
		pl.manifest.secrets.values["ConfigMap/"+o.Name] = o.Data
		return nil
	}
	switch kind := o.GetObjectKind().GroupVersionKind().Kind; kind {
	case "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy":
		// Nothing to run: the programs speak to each other through topics only.
	default:
		pl.problem(fmt.Errorf("%s %s: this machine runs Deployments only", kind, o.GetName()))
	}
	return nil
}

func (pl *planner) deployment(ctx context.Context, d *appsv1.Deployment) ([]Program, error) {
	if err := runnable(d); err != nil {
		return nil, err
	}
	c := &d.Spec.Template.Spec.Containers[0]
	image := imageName(c.Image)
	if path.Base(c.Command[0]) != image {
		return nil, refused(d, "containers[0].command", fmt.Sprintf("%s is not the program that the image %s is named for", c.Command[0], c.Image))
	}
	binary := filepath.Join(pl.bin, image)
	if _, err := os.Stat(binary); err != nil {
		return nil, refused(d, "containers[0].image", fmt.Sprintf("no binary %s: build it first (make build)", binary))
	}
	args, err := arguments(c)
	if err != nil {
		return nil, refused(d, "containers[0].args", err.Error())
	}
	grace := 30 * time.Second // Kubernetes' own default
	if s := d.Spec.Template.Spec.TerminationGracePeriodSeconds; s != nil {
		grace = time.Duration(*s) * time.Second
	}
	replicas := 1
	if d.Spec.Replicas != nil {
		replicas = int(*d.Spec.Replicas)
	}
	if scaled, ok := pl.manifest.replicas[image]; ok && replicas > 0 {
		replicas = scaled
	}
	var programs []Program
	for i := range replicas {
		p := Program{
			Name: fmt.Sprintf("%s-%d", d.Name, i), Deployment: d.Name, Image: image,
			Path: binary, Args: args, Grace: grace, Listens: map[string]string{},
		}
		pl.env(ctx, d, c, &p)
		p.Ready = readyURL(c, p.Listens)
		programs = append(programs, p)
	}
	return programs, nil
}

// arguments are what follows the program in the container's command line.
func arguments(c *corev1.Container) ([]string, error) {
	defined := func(name string) bool {
		return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name })
	}
	var args []string
	for _, a := range append(slices.Clone(c.Command[1:]), c.Args...) {
		a, err := unescape(a, defined)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	return args, nil
}

// env sets the program's environment: the rendered one, with addresses on this machine.
func (pl *planner) env(ctx context.Context, d *appsv1.Deployment, c *corev1.Container, p *Program) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); slices.Contains(passed, name) || strings.HasPrefix(name, "OTEL_") {
			p.Env = append(p.Env, variable)
		}
	}
	names := map[string]bool{}
	for i, e := range c.Env {
		value, found, err := pl.value(e, func(name string) bool { return names[name] })
		if err == nil && found && listens(e.Name) {
			value, err = pl.address(ctx, e.Name, value)
			p.Listens[e.Name] = value
		}
		var missing unresolved
		switch {
		case errors.As(err, &missing): // which names the manifest's field, not the Deployment's
			pl.problem(err)
		case err != nil:
			pl.problem(refused(d, fmt.Sprintf("containers[0].env[%d] (%s)", i, e.Name), err.Error()))
		case found:
			p.Env = append(p.Env, e.Name+"="+value)
		}
		names[e.Name] = true
	}
	p.Env = append(p.Env, "INSTANCE="+p.Name)
}

// value is what a variable has in its container.
func (pl *planner) value(e corev1.EnvVar, defined func(string) bool) (value string, found bool, err error) {
	from := e.ValueFrom
	switch {
	case from == nil:
		value, err = unescape(e.Value, defined)
		return value, true, err
	case from.SecretKeyRef != nil:
		r := from.SecretKeyRef
		return pl.resolve(reference{"Secret", r.Name, r.Key, r.Optional != nil && *r.Optional})
	case from.ConfigMapKeyRef != nil:
		r := from.ConfigMapKeyRef
		return pl.resolve(reference{"ConfigMap", r.Name, r.Key, r.Optional != nil && *r.Optional})
	case from.FieldRef != nil:
		return "", false, fmt.Errorf("fieldRef %s: a process has no pod to ask", from.FieldRef.FieldPath)
	default:
		return "", false, errors.New("valueFrom: only secretKeyRef and configMapKeyRef can be resolved here")
	}
}

func (pl *planner) resolve(r reference) (string, bool, error) {
	return pl.manifest.secrets.resolve(pl.manifest.Pipeline, r)
}

func listens(name string) bool { return strings.HasSuffix(name, "LISTEN_ADDRESS") }

// address finds a loopback address. Probes' and metrics' may be any; what others connect to (gRPC, Slack's requests)
// keeps the port that the manifest's reader expects, if it is free.
func (pl *planner) address(ctx context.Context, name, rendered string) (string, error) {
	_, text, err := net.SplitHostPort(rendered)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port", rendered)
	}
	want, err := strconv.Atoi(text)
	if err != nil || name == "LISTEN_ADDRESS" || pl.taken[want] {
		want = 0
	}
	for {
		port, err := ports.Prefer(ctx, want)
		if err != nil {
			return "", err
		}
		if !pl.taken[port] {
			pl.taken[port] = true
			return ports.Address(port), nil
		}
	}
}

// readyURL is the readiness probe with the address that the probed port has here.
func readyURL(c *corev1.Container, listens map[string]string) string {
	if c.ReadinessProbe == nil || c.ReadinessProbe.HTTPGet == nil {
		return ""
	}
	get := c.ReadinessProbe.HTTPGet
	port := get.Port.String()
	for _, p := range c.Ports {
		if p.Name != "" && p.Name == port {
			port = strconv.Itoa(int(p.ContainerPort))
		}
	}
	for _, e := range c.Env {
		if _, at, err := net.SplitHostPort(e.Value); err == nil && at == port && listens[e.Name] != "" {
			return "http://" + listens[e.Name] + get.Path
		}
	}
	return ""
}

// imageName is the last element of an image's name, without tag and digest.
func imageName(image string) string {
	name, _, _ := strings.Cut(path.Base(image), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

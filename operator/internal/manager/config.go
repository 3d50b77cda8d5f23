// Package manager is the operator as a process: its flags, its cache, its metrics and probes, and who leads.
package manager

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// Config is what the operator is told by flags; each may come from the environment variable of its name in upper
// case, with _ for - (IMAGE_REGISTRY for --image-registry). Flags win.
type Config struct {
	// Namespaces are the only ones in which pipelines are run; empty: all.
	Namespaces []string
	// Images are the workloads' images.
	Images desired.Options
	// HashKey makes the hashes of Secrets on pods worthless to those who don't know it. From the environment alone.
	HashKey string
	// MetricsAddress serves metrics, over TLS and to those alone who may `get` /metrics; "0" does not.
	MetricsAddress string
	// MetricsInsecure serves them in the clear to anybody.
	MetricsInsecure bool
	// ProbeAddress serves /healthz and /readyz; "0" does not.
	ProbeAddress string
	// LeaderElect lets one of several replicas act, by a Lease in LeaderNamespace.
	LeaderElect     bool
	LeaderNamespace string
	// LogFormat is json or console.
	LogFormat string
	Verbose   bool
}

// Parse reads args and the environment. Its error names the flag, the value and the remedy.
func Parse(args []string, getenv func(string) string, out io.Writer) (Config, error) {
	var c Config
	var namespaces, images, pull string
	f := flag.NewFlagSet("operator", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprint(out, "Usage: operator [flags]\n\nEach flag may come from the environment, as IMAGE_REGISTRY for -image-registry. -version tells what was built.\n\n")
		f.PrintDefaults()
	}
	f.StringVar(&namespaces, "namespaces", "", "run pipelines in these namespaces alone, comma separated; empty: in all")
	f.StringVar(&c.Images.Registry, "image-registry", "", "what stands before a program's name in its image, such as ghcr.io/feedback-pipelines/")
	f.StringVar(&c.Images.Tag, "image-tag", "", "the tag of the workloads' images")
	f.StringVar(&images, "images", "", "images of single programs, such as notifier=registry/notifier@sha256:..., comma separated; they win")
	f.StringVar(&pull, "image-pull-policy", "", "Always, IfNotPresent or Never; empty: the API server's default")
	f.BoolVar(&c.Images.ImageUser, "image-user", false, "leave the user to the image or the platform (OpenShift)")
	f.StringVar(&c.MetricsAddress, "metrics-address", ":8443", "where metrics are served over TLS, to those who may get /metrics; 0: nowhere")
	f.BoolVar(&c.MetricsInsecure, "metrics-insecure", false, "serve metrics in the clear and to anybody")
	f.StringVar(&c.ProbeAddress, "probe-address", ":8081", "where /healthz and /readyz are served; 0: nowhere")
	f.BoolVar(&c.LeaderElect, "leader-elect", true, "let one of several replicas act")
	f.StringVar(&c.LeaderNamespace, "leader-namespace", "", "where the Lease is; empty: the operator's own namespace")
	f.StringVar(&c.LogFormat, "log-format", "json", "json or console")
	f.BoolVar(&c.Verbose, "verbose", false, "log more")
	if err := fromEnvironment(f, getenv); err != nil {
		return c, err
	}
	if err := f.Parse(args); err != nil {
		return c, err
	}
	c.HashKey = getenv("HASH_KEY")
	c.Namespaces = split(namespaces)
	c.Images.ImagePullPolicy = corev1.PullPolicy(pull)
	var err error
	c.Images.Images, err = parseImages(images)
	return c, errors.Join(err, c.validate(), unexpected(f.Args()))
}

func fromEnvironment(f *flag.FlagSet, getenv func(string) string) error {
	var errs []error
	f.VisitAll(func(g *flag.Flag) {
		name := strings.ToUpper(strings.ReplaceAll(g.Name, "-", "_"))
		if value := getenv(name); value != "" {
			if err := f.Set(g.Name, value); err != nil {
				errs = append(errs, fmt.Errorf("%s=%q: %w", name, value, err))
			}
		}
	})
	return errors.Join(errs...)
}

func unexpected(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q; flags begin with --", args[0])
	}
	return nil
}

var programs = []string{desired.SlackIngest, desired.TwitterIngest, desired.SentimentScorer, desired.Notifier}

func parseImages(s string) (map[string]string, error) {
	images := map[string]string{}
	for _, pair := range split(s) {
		program, image, ok := strings.Cut(pair, "=")
		if !ok || image == "" || !slices.Contains(programs, program) {
			return nil, fmt.Errorf("--images %q: write program=image, where program is one of %s", pair, strings.Join(programs, ", "))
		}
		images[program] = image
	}
	return images, nil
}

func (c Config) validate() error {
	var errs []error
	for _, ns := range c.Namespaces {
		if reasons := validation.IsDNS1123Label(ns); len(reasons) > 0 {
			errs = append(errs, fmt.Errorf("--namespaces %q: %s", ns, reasons[0]))
		}
	}
	if !slices.Contains([]corev1.PullPolicy{"", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever}, c.Images.ImagePullPolicy) {
		errs = append(errs, fmt.Errorf("--image-pull-policy %q: write Always, IfNotPresent or Never", c.Images.ImagePullPolicy))
	}
	if c.LogFormat != "json" && c.LogFormat != "console" {
		errs = append(errs, fmt.Errorf("--log-format %q: write json or console", c.LogFormat))
	}
	return errors.Join(errs...)
}

func split(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(s string) bool { return s == "" })
}

package manager

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap/zapcore"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/controller"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/uninstall"
	"github.com/feedback-pipelines/feedback-pipelines/proto/version"
)

// Run is the operator, from its arguments until ctx ends. --version alone prints what was built to stdout.
func Run(ctx context.Context, args []string, out io.Writer) error {
	if version.Asked(args) {
		fmt.Println("operator", version.Read())
		return nil
	}
	c, err := Parse(args, os.Getenv, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	ctrl.SetLogger(zap.New(zap.UseDevMode(c.LogFormat == "console"), zap.WriteTo(out), func(o *zap.Options) {
		if c.Verbose {
			o.Level = zapcore.Level(-1)
		}
	}))
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("no cluster: run in a pod, or set KUBECONFIG: %w", err)
	}
	mgr, err := New(cluster, c)
	if err != nil {
		return err
	}
	built := version.Read()
	mgr.GetLogger().Info("starting", "version", built.Version, "revision", built.Revision, "go", built.Go)
	return errors.Join(mgr.Start(ctx), takeLeave(cluster, c, out))
}

// farewell is how long an operator that has stopped may take to see whether it will come back.
const farewell = 10 * time.Second

// takeLeave lets pipelines go if the operator has stopped for good, because its namespace is deleted. Outside of a
// cluster, without --leader-namespace, it does nothing.
func takeLeave(cluster *rest.Config, c Config, out io.Writer) error {
	if c.LeaderNamespace == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	api, err := client.New(cluster, client.Options{Scheme: Scheme()})
	if err != nil {
		return err
	}
	return uninstall.WithNamespace(ctx, api, c.LeaderNamespace, c.Namespaces, out)
}

// New returns the operator for a cluster, ready to be started.
func New(cluster *rest.Config, c Config) (ctrl.Manager, error) {
	mgr, r, err := assemble(cluster, c)
	if err != nil {
		return nil, err
	}
	if err := r.Register(mgr); err != nil {
		return nil, err
	}
	return mgr, errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping))
}

// assemble returns the operator's manager, and a reconciler with that manager's clients that nobody calls yet.
func assemble(cluster *rest.Config, c Config) (ctrl.Manager, *controller.Reconciler, error) {
	mgr, err := ctrl.NewManager(cluster, options(c))
	if err != nil {
		return nil, nil, err
	}
	return mgr, &controller.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Options: c.Images, HashKey: []byte(c.HashKey),
		Events: mgr.GetEventRecorder(controller.FieldOwner), Now: time.Now,
	}, nil
}

// Scheme are the kinds that the operator knows.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		panic(err) // types that are compiled in
	}
	return s
}

func options(c Config) ctrl.Options {
	return ctrl.Options{
		Scheme:                        Scheme(),
		Cache:                         cacheOptions(c.Namespaces),
		Client:                        client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true), DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}, &corev1.Namespace{}, &corev1.Pod{}}}},
		Metrics:                       metricsOptions(c),
		HealthProbeBindAddress:        c.ProbeAddress,
		LeaderElection:                c.LeaderElect,
		LeaderElectionID:              "feedback-pipeline-operator",
		LeaderElectionNamespace:       c.LeaderNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(farewell),
		Controller:                    config.Controller{SkipNameValidation: new(true)}, // a process of tests has several
	}
}

// cacheOptions keep only what the operator has made, and pipelines, without what nobody here reads of them: who set
// which field is more text than most objects have.
func cacheOptions(namespaces []string) cache.Options {
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{desired.LabelPartOf: "feedback-pipeline"})}
	o := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&appsv1.Deployment{}: ours, &corev1.Service{}: ours, &policyv1.PodDisruptionBudget{}: ours, &networkingv1.NetworkPolicy{}: ours,
		},
	}
	for _, ns := range namespaces {
		if o.DefaultNamespaces == nil {
			o.DefaultNamespaces = map[string]cache.Config{}
		}
		o.DefaultNamespaces[ns] = cache.Config{}
	}
	return o
}

func metricsOptions(c Config) server.Options {
	if c.MetricsInsecure {
		return server.Options{BindAddress: c.MetricsAddress}
	}
	return server.Options{
		BindAddress: c.MetricsAddress, SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization,
		TLSOpts: []func(*tls.Config){func(t *tls.Config) { t.MinVersion = tls.VersionTLS12 }},
	}
}

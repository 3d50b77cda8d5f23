// Package testenv gives tests a real API server: kube-apiserver and etcd from KUBEBUILDER_ASSETS or from where
// hack/tools/kubeassets built them. There is neither a scheduler nor a controller: a test plays those itself.
package testenv

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/config/crd"
)

// startTimeout is for a machine on which other tests take all processors.
const startTimeout = 3 * time.Minute

// Run starts an API server that has the resource, runs the tests of a package with its configuration and stops it. It
// returns what os.Exit takes. Without the two programs the configuration is nil, and the tests have to call Need; so it
// is while a target is fuzzed, for which each of its processes would start a server of its own.
func Run(m *testing.M, use func(*rest.Config)) int {
	assets := assets()
	if assets == "" || fuzzing() {
		return m.Run()
	}
	environment := &envtest.Environment{
		BinaryAssetsDirectory:    assets,
		ControlPlaneStartTimeout: startTimeout, ControlPlaneStopTimeout: startTimeout,
	}
	config, err := start(environment)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the API server:", err)
		return 1
	}
	use(config)
	code := m.Run()
	if err := environment.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
		return max(code, 1)
	}
	return code
}

// start starts an API server with the resource, with room for more Services than the 254 of its default, and with an
// admission plugin that OpenShift runs: who makes an object that keeps its owner from being deleted has to be allowed to
// finalize the owner.
func start(environment *envtest.Environment) (*rest.Config, error) {
	resource := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(crd.YAML, resource); err != nil {
		return nil, fmt.Errorf("operator/config/crd: %w", err)
	}
	environment.CRDs = []*apiextensionsv1.CustomResourceDefinition{resource}
	environment.ControlPlane.GetAPIServer().Configure().
		Append("enable-admission-plugins", "OwnerReferencesPermissionEnforcement").
		Set("service-cluster-ip-range", "10.0.0.0/16")
	return environment.Start()
}

func fuzzing() bool {
	flag.Parse()
	target := flag.Lookup("test.fuzz")
	return target != nil && target.Value.String() != ""
}

// Need skips the test where there is no API server.
func Need(t testing.TB, config *rest.Config) *rest.Config {
	t.Helper()
	_ = os.Getenv("KUBEBUILDER_ASSETS") // so that a cached result is one of the same API server
	if config == nil {
		t.Skip("no API server: run hack/tools/kubeassets once, or set KUBEBUILDER_ASSETS to the folder of etcd and kube-apiserver")
	}
	return config
}

// assets is the folder of kube-apiserver and etcd, empty where they are not there.
func assets() string {
	if folder := os.Getenv("KUBEBUILDER_ASSETS"); folder != "" {
		return folder
	}
	cache := os.Getenv("XDG_CACHE_HOME") // on all systems: as hack/tools/kubeassets has it
	if home, err := os.UserHomeDir(); cache == "" && err == nil {
		cache = filepath.Join(home, ".cache")
	}
	folder := filepath.Join(cache, "feedback-pipelines", "kubeassets")
	if _, err := os.Stat(filepath.Join(folder, "version")); err != nil {
		return ""
	}
	return folder
}

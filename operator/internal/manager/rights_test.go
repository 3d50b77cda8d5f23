package manager_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/config/rbac"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/manager"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

var apiServer *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(c *rest.Config) { apiServer = c }))
}

// TestRights runs the operator with the rights of config/rbac alone, on a whole cluster and in one namespace: nothing
// is forbidden to it, and each right is used. So a rule too few fails the test, and a rule too many does.
func TestRights(t *testing.T) {
	rules, err := rbac.Load()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("cluster", func(t *testing.T) {
		o := operate(t, "cluster", rules, false)
		o.unused(append(slices.Clone(rules.Pipelines), append(rules.Leader, rules.Metrics...)...))
	})
	t.Run("namespaces", func(t *testing.T) {
		o := operate(t, "namespaced", rules, true)
		o.unused(append(slices.Clone(rules.Pipelines), rules.Leader...))
	})
}

// operation is an operator that runs, and what it asked for.
type operation struct {
	*testing.T
	api       client.Client
	namespace string
	mu        sync.Mutex
	used      map[string]bool // "group/resource verb"
	forbidden []string
}

// operate runs an operator through the life of a pipeline.
func operate(t *testing.T, name string, rules rbac.Rules, namespaced bool) *operation {
	t.Helper()
	config := testenv.Need(t, apiServer)
	o := &operation{T: t, namespace: name, used: map[string]bool{}}
	var err error
	o.api, err = client.New(config, client.Options{Scheme: manager.Scheme()})
	o.must(err)
	user := o.grant(rules, namespaced)
	theirs := rest.CopyConfig(config)
	theirs.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated", "system:serviceaccounts"}}
	theirs.Wrap(o.watch)
	c := manager.Config{
		Images: desired.Options{Registry: "registry.example/"}, MetricsAddress: address(t), ProbeAddress: "0",
		LeaderElect: true, LeaderNamespace: name + "-operator", LogFormat: "json",
	}
	if namespaced {
		c.Namespaces, c.MetricsInsecure = []string{name}, true
	}
	mgr, err := manager.New(theirs, c)
	o.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() {
		cancel()
		o.must(<-ended)
	}()
	o.live()
	if !namespaced {
		o.scrape(c.MetricsAddress)
	}
	if len(o.forbidden) > 0 {
		t.Errorf("forbidden: %q", o.forbidden)
	}
	return o
}

func (o *operation) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// grant gives a user the rights, and returns it.
func (o *operation) grant(rules rbac.Rules, namespaced bool) string {
	user, own := "operator-"+o.namespace, o.namespace+"-operator"
	for _, ns := range []string{o.namespace, own} {
		o.must(o.api.Create(o.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
	}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: user, APIGroup: rbacv1.GroupName}}
	role := func(namespace, name string, rules []rbacv1.PolicyRule) {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}
		if namespace == "" {
			ref.Kind = "ClusterRole"
			o.must(o.api.Create(o.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}))
			o.must(o.api.Create(o.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}))
			return
		}
		o.must(o.api.Create(o.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}))
		o.must(o.api.Create(o.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}))
	}
	role(own, "leader", rules.Leader)
	if namespaced {
		role(o.namespace, "pipelines", rules.Pipelines)
	} else {
		role("", "pipelines", rules.Pipelines)
		role("", "metrics", rules.Metrics)
	}
	return user
}

// watch notes what is asked for, and what is forbidden.
func (o *operation) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			return resp, err
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if resp.StatusCode == http.StatusForbidden {
			o.forbidden = append(o.forbidden, req.Method+" "+req.URL.String())
		}
		for _, right := range rights(req, resp.StatusCode) {
			o.used[right] = true
		}
		return resp, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// rights are those that the API server asks for a request: /apis/<group>/<version>/namespaces/<ns>/<resource>/<name>.
func rights(req *http.Request, code int) []string {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	group := ""
	switch {
	case len(parts) > 3 && parts[0] == "apis":
		group, parts = parts[1], parts[3:]
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	default:
		return nil // discovery
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		parts = parts[2:]
	}
	resource, named := parts[0], len(parts) > 1
	if len(parts) > 2 {
		resource += "/" + parts[2]
	}
	verb := map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete", http.MethodGet: "list"}[req.Method]
	switch {
	case req.Method == http.MethodGet && req.URL.Query().Get("watch") != "":
		verb = "watch"
	case req.Method == http.MethodGet && named:
		verb = "get"
	}
	right := group + "/" + resource + " "
	switch {
	case verb == "patch" && code == http.StatusCreated:
		return []string{right + "patch", right + "create"}
	case verb == "watch": // where an API server does not stream lists, the client lists first
		return []string{right + "watch", right + "list"}
	}
	return []string{right + verb}
}

// unused fails the test for each right that was never used. That on finalizers is asked for by an admission plugin
// that only some clusters run (OpenShift does).
func (o *operation) unused(rules []rbacv1.PolicyRule) {
	o.Helper()
	o.mu.Lock() // its last Events may still be on their way
	defer o.mu.Unlock()
	o.used["feedbackpipeline.dev/feedbackpipelines/finalizers update"] = true
	granted := map[string]bool{}
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				granted[rule.APIGroups[0]+"/"+resource+" "+verb] = true
			}
		}
	}
	for _, right := range slices.Sorted(maps.Keys(granted)) {
		if !o.used[right] {
			o.Errorf("%s is granted and was never used", right)
		}
	}
}

// live takes a pipeline through creation, changes and deletion.
func (o *operation) live() {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	o.must(err)
	defer broker.Close()
	o.must(o.api.Create(o.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: "slack"},
		StringData: map[string]string{"bot-token": "xoxb", "app-token": "xapp", "signing-secret": "s"},
	}))
	o.must(o.api.Create(o.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: "ca"}, Data: map[string]string{"ca.crt": "-"}}))
	p := pipeline(o.namespace, "azure", broker.ListenAddrs())
	o.must(o.api.Create(o.Context(), p))
	encrypted := pipeline(o.namespace, "encrypted", broker.ListenAddrs())
	encrypted.Spec.Kafka.TLS = &v1alpha1.KafkaTLS{CARef: &v1alpha1.CAReference{Kind: "ConfigMap", Name: "ca"}}
	o.must(o.api.Create(o.Context(), encrypted))

	o.until("the objects are made", func() bool { return o.made(p, 4, 3, 1) })
	o.edit(p, func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Sources = p.Spec.Sources[:1]
		p.Spec.Scorer.Replicas = new(int32(1))
	})
	o.until("what is no longer wanted is gone", func() bool { return o.made(p, 3, 2, 0) })
	for _, suspend := range []bool{true, false, true} {
		o.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = suspend })
		o.until("it is suspended or not", func() bool {
			o.must(o.api.Get(o.Context(), client.ObjectKeyFromObject(p), p))
			return p.Status.ObservedGeneration == p.Generation
		})
	}
	o.until("the same Event is counted, and the Lease renewed", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.used["events.k8s.io/events patch"] && o.used["coordination.k8s.io/leases update"]
	})
	o.must(o.api.Delete(o.Context(), p))
	o.until("the pipeline is gone", func() bool { return o.api.Get(o.Context(), client.ObjectKeyFromObject(p), p) != nil })
}

func pipeline(namespace, name string, servers []string) *v1alpha1.FeedbackPipeline {
	slack := func(channel v1alpha1.SlackChannel, mode v1alpha1.SlackMode) *v1alpha1.SlackSource {
		return &v1alpha1.SlackSource{Channels: []v1alpha1.SlackChannel{channel}, Mode: mode, CredentialsSecretRef: v1alpha1.SlackAppReference{Name: "slack"}}
	}
	return &v1alpha1.FeedbackPipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.FeedbackPipelineSpec{
			Kafka:   v1alpha1.Kafka{BootstrapServers: servers},
			Topics:  v1alpha1.Topics{DeletionPolicy: v1alpha1.DeletionDelete},
			Sources: []v1alpha1.Source{{Name: "community", Slack: slack("feedback", "")}, {Name: "partners", Slack: slack("partners", v1alpha1.SlackHTTP)}},
			Scorer:  v1alpha1.Scorer{Vader: &v1alpha1.VaderScorer{}, Replicas: new(int32(3))},
			Routes: []v1alpha1.Route{{Name: "negative", Slack: &v1alpha1.SlackSink{
				Channel: "negative-feedback", CredentialsSecretRef: v1alpha1.SlackBotReference{Name: "slack"},
			}}},
		},
	}
}

// made tells whether p has so many Deployments, Services and PodDisruptionBudgets.
func (o *operation) made(p *v1alpha1.FeedbackPipeline, deployments, services, budgets int) bool {
	count := func(group, kind string) int {
		list := &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: group, Kind: kind}}
		o.must(o.api.List(o.Context(), list, client.InNamespace(p.Namespace), client.MatchingLabels{desired.LabelInstance: p.Name}))
		return len(list.Items)
	}
	return count("apps/v1", "DeploymentList") == deployments && count("v1", "ServiceList") == services && count("policy/v1", "PodDisruptionBudgetList") == budgets
}

func (o *operation) edit(p *v1alpha1.FeedbackPipeline, change func(*v1alpha1.FeedbackPipeline)) {
	o.Helper()
	o.must(o.api.Get(o.Context(), client.ObjectKeyFromObject(p), p))
	old := p.DeepCopy()
	change(p)
	o.must(o.api.Patch(o.Context(), p, client.MergeFrom(old)))
}

func (o *operation) until(what string, done func() bool) {
	o.Helper()
	err := wait.PollUntilContextTimeout(o.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) { return done(), nil })
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.Fatalf("waited a minute until %s; forbidden: %q", what, o.forbidden)
	}
}

// scrape asks for metrics without a token, with one that may not, and with one that may.
func (o *operation) scrape(at string) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: "prometheus"}}
	o.must(o.api.Create(o.Context(), account))
	token := &authenticationv1.TokenRequest{}
	o.must(o.api.SubResource("token").Create(o.Context(), account, token))
	if got, want := o.get(at, ""), http.StatusUnauthorized; got != want {
		o.Errorf("metrics without a token: %d, want %d", got, want)
	}
	if got, want := o.get(at, token.Status.Token), http.StatusForbidden; got != want {
		o.Errorf("metrics with a token that may not: %d, want %d", got, want)
	}
	o.must(o.api.Create(o.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "scrape"},
		Rules:      []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}},
	}))
	o.must(o.api.Create(o.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "scrape"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scrape"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: o.namespace, Name: "prometheus"}},
	}))
	o.until("metrics are served to one that may", func() bool { return o.get(at, token.Status.Token) == http.StatusOK })
}

func (o *operation) get(at, token string) int {
	req, err := http.NewRequestWithContext(o.Context(), http.MethodGet, fmt.Sprintf("https://%s/metrics", at), nil)
	o.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // the operator's certificate is its own
	defer c.CloseIdleConnections()
	resp, err := c.Do(req)
	o.must(err)
	defer resp.Body.Close()
	return resp.StatusCode
}

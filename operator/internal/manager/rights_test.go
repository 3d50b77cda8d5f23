package manager_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/feedback-pipelines/feedback-pipelines/operator/config/rbac"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

var apiServer *rest.Config

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(testenv.Run(m, func(c *rest.Config) { apiServer = c }))
}

// mode is a way to grant the operator its rights.
type mode struct {
	name       string
	namespaced bool
	// lists are those of rules.yaml that it grants, and in which namespace; everywhere: by a ClusterRole.
	lists map[string]string
}

const everywhere = ""

// modes are those of the chart: for a whole cluster, and by Roles alone (--namespaces).
var modes = []mode{
	{"cluster", false, map[string]string{"pipelines": everywhere, "leader": "cluster-operator", "metrics": everywhere}},
	{"namespaces", true, map[string]string{"pipelines": "namespaces", "leader": "namespaces-operator"}},
}

// TestRights runs the operator with the rights of config/rbac alone, in each mode: nothing is forbidden to it. Then it
// takes away one verb of one resource after another, and each time the API server denies what the operator has asked for
// before. So a rule too few fails the test, and a rule that no step of life needs does.
func TestRights(t *testing.T) {
	testenv.Need(t, apiServer)
	lists := lists(t)
	for name := range lists {
		if !slices.ContainsFunc(modes, func(m mode) bool { _, granted := m.lists[name]; return granted }) {
			t.Errorf("rules.yaml has a list %s that no mode grants; say in modes where it is granted", name)
		}
	}
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			o := operate(t, m, lists)
			used := o.requests.rights()
			granted := map[string]bool{}
			for _, list := range slices.Sorted(maps.Keys(m.lists)) {
				for _, r := range flat(lists[list]) {
					if granted[r.String()] {
						t.Errorf("%s is granted twice", r)
					}
					granted[r.String()] = true
					t.Run("without "+r.String(), func(t *testing.T) { o.in(t).without(list, lists[list], r, used) })
				}
			}
			for right := range used {
				if !granted[right] {
					t.Errorf("%s is used and not granted", right)
				}
			}
		})
	}
}

// lists are the rules by the names of rules.yaml's lists.
func lists(t *testing.T) map[string][]rbacv1.PolicyRule {
	t.Helper()
	rules, err := rbac.Load()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]rbacv1.PolicyRule{}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// right is one verb of one resource.
type right struct{ group, resource, verb string }

func (r right) String() string { return r.group + "/" + r.resource + " " + r.verb }

// flat returns what rules grant, verb by verb.
func flat(rules []rbacv1.PolicyRule) []right {
	var all []right
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					all = append(all, right{group, resource, verb})
				}
			}
		}
	}
	return all
}

// rules returns rights as rules.
func rules(rights []right) []rbacv1.PolicyRule {
	var all []rbacv1.PolicyRule
	for _, r := range rights {
		all = append(all, rbacv1.PolicyRule{APIGroups: []string{r.group}, Resources: []string{r.resource}, Verbs: []string{r.verb}})
	}
	return all
}

// without takes r out of a list that was granted, and waits until the API server denies it. The operator needed it.
func (o *operation) without(list string, all []rbacv1.PolicyRule, r right, used map[string]bool) {
	if strings.Contains(r.String(), "*") {
		o.Fatal("name each resource and each verb")
	}
	if !used[r.String()] {
		o.Fatal("the operator never used it; take it out of rules.yaml, or put a step into life that makes the operator use it")
	}
	rest := rules(slices.DeleteFunc(flat(all), func(other right) bool { return other == r }))
	meta := metav1.ObjectMeta{Namespace: o.lists[list], Name: o.name + "-" + list}
	if o.lists[list] == everywhere {
		o.must(o.api.Update(o.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rest}))
	} else {
		o.must(o.api.Update(o.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rest}))
	}
	o.until("the API server denies "+r.String(), func() bool { return !o.may(r, o.lists[list]) })
}

// may asks the API server whether the operator has a right in a namespace, or in all.
func (o *operation) may(r right, namespace string) bool {
	resource, subresource, _ := strings.Cut(r.resource, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: o.user(), Groups: groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Group: r.group, Resource: resource, Subresource: subresource, Verb: r.verb},
	}}
	o.must(o.api.Create(o.Context(), review))
	return review.Status.Allowed
}

// groups are those of every service account.
var groups = []string{"system:authenticated", "system:serviceaccounts"}

func (o *operation) user() string { return "operator-" + o.name }

// grant gives the operator its rights, and waits until the API server knows of all of them.
func (o *operation) grant(m mode, lists map[string][]rbacv1.PolicyRule) {
	for _, ns := range []string{o.name, o.name + "-operator"} {
		o.must(o.api.Create(o.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
	}
	for list, namespace := range m.lists {
		o.bind(o.name+"-"+list, namespace, lists[list])
	}
	for list, namespace := range m.lists {
		for _, r := range flat(lists[list]) {
			o.until("the API server allows "+r.String(), func() bool { return o.may(r, namespace) })
		}
	}
}

func (o *operation) bind(name, namespace string, rules []rbacv1.PolicyRule) {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: o.user(), APIGroup: rbacv1.GroupName}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}
	var role, binding client.Object = &rbacv1.Role{ObjectMeta: meta, Rules: rules}, &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}
	if namespace == everywhere {
		ref.Kind = "ClusterRole"
		role, binding = &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}
	}
	o.must(o.api.Create(o.Context(), role))
	o.must(o.api.Create(o.Context(), binding))
}

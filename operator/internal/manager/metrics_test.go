package manager_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// counted is a metric that the operator serves from its start.
const counted = "feedback_operator_topics_left_behind_total"

// scrape asks for metrics: by Roles alone they are served in the clear; else not in the clear, and to those alone who
// may `get` /metrics.
func (o *operation) scrape() {
	if o.namespaced {
		if code, text := o.metricsOf("http", ""); code != http.StatusOK || !strings.Contains(text, counted) {
			o.Errorf("metrics in the clear: %d, %d bytes, want 200 and %s among them", code, len(text), counted)
		} else {
			o.live(text)
		}
		return
	}
	token := o.token()
	if code, text := o.metricsOf("http", token); code == http.StatusOK || strings.Contains(text, counted) {
		o.Errorf("metrics in the clear: %d %.80q, want none", code, text)
	}
	for _, tt := range []struct {
		name, token string
		want        int
	}{
		{"without a token", "", http.StatusUnauthorized},
		{"with a token that nobody gave", token + "x", http.StatusInternalServerError}, // controller-runtime's word for what the API server does not know
		{"with a token that may not", token, http.StatusForbidden},
	} {
		if code, text := o.metricsOf("https", tt.token); code != tt.want || strings.Contains(text, counted) {
			o.Errorf("metrics %s: %d %.80q, want %d and no metrics", tt.name, code, text, tt.want)
		}
	}
	o.allow()
	o.until("metrics are served to one that may", func() bool {
		code, text := o.metricsOf("https", token)
		if code == http.StatusOK {
			o.live(text)
		}
		return code == http.StatusOK && strings.Contains(text, counted)
	})
}

// named are the operator's metrics in the chart's alerts and dashboard.
var named = regexp.MustCompile(`\b(?:feedback_operator|controller_runtime)_[a-z_]+|\bfeedback_build_info\b`)

// live finds each metric of the operator's that the chart's alerts and dashboard name: none waits for what it counts to
// happen.
func (o *operation) live(text string) {
	o.Helper()
	found := 0
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		expressions, err := os.ReadFile("../../../charts/feedback-pipeline/files/" + file)
		o.must(err)
		for _, name := range named.FindAllString(string(expressions), -1) {
			found++
			if !strings.Contains(text, "# TYPE "+name+" ") {
				o.Errorf("%s names %s, which the operator does not serve", file, name)
			}
		}
	}
	if found == 0 {
		o.Error("neither alerts nor dashboard name a metric of the operator")
	}
}

// token is one of a service account without rights.
func (o *operation) token() string {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: o.name, Name: "prometheus"}}
	o.must(o.api.Create(o.Context(), account))
	request := &authenticationv1.TokenRequest{}
	o.must(o.api.SubResource("token").Create(o.Context(), account, request))
	return request.Status.Token
}

// allow gives that service account the right to scrape.
func (o *operation) allow() {
	o.must(o.api.Create(o.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "scrape"},
		Rules:      []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}},
	}))
	o.must(o.api.Create(o.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "scrape"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scrape"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: o.name, Name: "prometheus"}},
	}))
}

// metricsOf asks for metrics and returns the answer's status and text; 0 and why where there was none.
func (o *operation) metricsOf(scheme, token string) (code int, text string) {
	o.Helper()
	req, err := http.NewRequestWithContext(o.Context(), http.MethodGet, fmt.Sprintf("%s://%s/metrics", scheme, o.metrics), nil)
	o.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // the operator's certificate is its own
	defer c.CloseIdleConnections()
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

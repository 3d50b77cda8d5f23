package chart

import (
	"strings"
	"testing"
)

// TestRefused offers values that are wrong, and wants an error that names the value.
func TestRefused(t *testing.T) {
	for _, tt := range []struct{ value, want string }{
		{`operatr={"replicas":2}`, "operatr"},
		{`operator={"replica":2}`, "replica"},
		{`operator.replicas=-1`, "replicas"},
		{`operator.replicas="two"`, "replicas"},
		{`operator.logLevel="loud"`, "logLevel"},
		{`operator.logFormat="xml"`, "logFormat"},
		{`operator.hashKeySecret="Not A Name"`, "hashKeySecret"},
		{`operator.resources={"request":{}}`, "request"},
		{`operator.extraEnv=[{"value":"x"}]`, "name"},
		{`image.pullPolicy="Sometimes"`, "pullPolicy"},
		{`image.tag="a tag"`, "tag"},
		{`image.registry="registry.example/"`, "registry"},
		{`image.pullSecrets=["pull"]`, "pullSecrets"},
		{`images.operator.digest="sha256:1"`, "digest"},
		{`images.operator.repository="operator:v1"`, "repository"},
		{`images.operater={}`, "operater"},
		{`crds.keep="yes"`, "keep"},
		{`watchNamespaces=["One"]`, "watchNamespaces"},
		{`watchNamespaces=["one","one"]`, "watchNamespaces"},
		{`watchNamespaces="one"`, "watchNamespaces"},
		{`uninstall.enabled="no"`, "enabled"},
		{`uninstall.timeoutSeconds=0`, "timeoutSeconds"},
		{`metrics.mode="Open"`, "mode"},
		{`metrics.port=70000`, "port"},
		{`metrics.service.ipFamilies=["IPv5"]`, "ipFamilies"},
		{`metrics.serviceMonitor.interval="often"`, "interval"},
		{`slackEvents=[{"pipeline":"azure","host":"example.com"}]`, "source"},
		{`slackEvents=[{"pipeline":"azure","source":"a b","host":"example.com"}]`, "source"},
		{`devKafka.persistence.size="large"`, "size"},
		{`simulator.rate=-1`, "rate"},
		{`simulator.channels=[]`, "channels"},
		{`demo.bootstrapServers=["kafka"]`, "bootstrapServers"},
		{`demo.bootstrapServers=["2001:db8::1:9092"]`, "bootstrapServers"},
		{`demo.enabled=true`, "set simulator.enabled=true"},
		{`rbac.clusterRoles=false`, "set watchNamespaces"},
	} {
		if _, err := template(t, tt.value); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error that names %q", tt.value, err, tt.want)
		}
	}
}

// TestRefusedTogether offers values that are right alone and wrong together, and wants an error that names the remedy.
func TestRefusedTogether(t *testing.T) {
	for _, tt := range []struct {
		values []string
		want   string
	}{
		{[]string{`rbac.clusterRoles=false`, `watchNamespaces=["one"]`}, "set metrics.mode to Insecure or Off"},
		{[]string{`demo.enabled=true`, `simulator.enabled=true`}, "set devKafka.enabled=true or demo.bootstrapServers"},
		{[]string{`demo.enabled=true`, `simulator.enabled=true`, `devKafka.enabled=true`, `watchNamespaces=["one"]`}, "namespace feedback; add it to watchNamespaces"},
	} {
		if _, err := template(t, tt.values...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want an error that says %q", tt.values, err, tt.want)
		}
	}
}

// TestOldKubernetes wants a version that the chart was not made for to be refused.
func TestOldKubernetes(t *testing.T) {
	_, err := helm(t, "template", "release", folder, "--kube-version", "1.29.0")
	if err == nil || !strings.Contains(err.Error(), "kubeVersion: >=1.30.0-0") {
		t.Errorf("on Kubernetes 1.29: %v, want an error that names the version that it takes", err)
	}
}

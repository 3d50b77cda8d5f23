package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// wrong has a source of two kinds.
const wrong = `
apiVersion: feedbackpipeline.dev/v1alpha1
kind: FeedbackPipeline
metadata: {name: check}
spec:
  kafka: {bootstrapServers: ["kafka:9092"]}
  sources:
  - name: both
    slack: {channels: [feedback], credentialsSecretRef: {name: slack}}
    twitter: {query: azure, credentialsSecretRef: {name: x}}
  routes:
  - {name: negative, slack: {channel: negative-feedback, credentialsSecretRef: {name: slack}}}
`

// refused offers the API server a wrong pipeline, and makes nothing even if it is taken.
func refused(ctx context.Context, api client.Client, namespace string) error {
	p := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(wrong), p); err != nil {
		return err
	}
	p.SetNamespace(namespace)
	err := api.Create(ctx, p, client.DryRunAll)
	switch {
	case err == nil:
		return errors.New("a source of two kinds was taken: is the CustomResourceDefinition that of another version?")
	case apierrors.IsInvalid(err) && strings.Contains(err.Error(), "exactly one kind"):
		return nil
	}
	return err
}

// every is how often a condition is looked at.
const every = time.Second

// metrics of the operator that the chart's alerts and dashboard name.
var metrics = []string{
	"controller_runtime_reconcile_total", "controller_runtime_reconcile_errors_total", "feedback_operator_topics_left_behind_total", "feedback_build_info",
}

// scraped asks for metrics without a token, which https must refuse, and with that of tokenFile.
func scraped(ctx context.Context, address, tokenFile string) error {
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return err
	}
	if strings.HasPrefix(address, "https:") {
		if code, _, err := get(ctx, address, ""); err != nil || code != http.StatusUnauthorized {
			return fmt.Errorf("without a token: status %d, %w, want 401", code, err)
		}
	}
	code, body, err := get(ctx, address, strings.TrimSpace(string(token)))
	if err != nil || code != http.StatusOK {
		return fmt.Errorf("with a token that may: status %d, %w, want 200", code, err)
	}
	for _, name := range metrics {
		if !strings.Contains(body, "\n# TYPE "+name+" ") {
			return fmt.Errorf("%s is missing among them", name)
		}
	}
	return nil
}

// get reads at most 4 MiB.
func get(ctx context.Context, address, token string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the operator's certificate is its own
	}}
	defer c.CloseIdleConnections()
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return resp.StatusCode, string(body), err
}

// ready waits until the pipeline's condition Ready is True for the generation that it has.
func ready(ctx context.Context, api client.Client, namespace, name string) error {
	last := "it has no condition Ready yet"
	err := wait.PollUntilContextCancel(ctx, every, true, func(ctx context.Context) (bool, error) {
		p := &unstructured.Unstructured{}
		p.SetAPIVersion("feedbackpipeline.dev/v1alpha1")
		p.SetKind("FeedbackPipeline")
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p); err != nil {
			return false, err
		}
		c := condition(p, "Ready")
		if c == nil {
			return false, nil
		}
		last = fmt.Sprintf("Ready=%v %v: %v", c["status"], c["reason"], c["message"])
		return c["status"] == "True" && c["observedGeneration"] == p.GetGeneration(), nil
	})
	if err != nil {
		return fmt.Errorf("%s (%w)", last, err)
	}
	return nil
}

func condition(p *unstructured.Unstructured, kind string) map[string]any {
	conditions, _, _ := unstructured.NestedSlice(p.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == kind {
			return c
		}
	}
	return nil
}

// told waits until the pipeline's app has posted to the demo's first channel.
func told(ctx context.Context, simulator string) error {
	address := strings.TrimSuffix(simulator, "/") + "/sim/channels/negative-feedback/messages"
	last := ""
	err := wait.PollUntilContextCancel(ctx, every, true, func(ctx context.Context) (bool, error) {
		code, body, err := get(ctx, address, "")
		last = fmt.Sprintf("%s: status %d, %d bytes, %v", address, code, len(body), err)
		return err == nil && code == http.StatusOK && strings.Contains(body, `"ts"`), nil
	})
	if err != nil {
		return fmt.Errorf("nothing stands in negative-feedback: %s (%w)", last, err)
	}
	return nil
}

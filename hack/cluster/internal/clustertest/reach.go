package clustertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Simulator is a simulated Slack and X in the cluster, reached through the API server.
type Simulator struct {
	// Base is its URL, at an address of this machine.
	Base   string
	client http.Client
}

// OpenSimulator serves the Service of a simulator in the test's namespace until the test ends.
func (c *Cluster) OpenSimulator(service string) *Simulator {
	c.Helper()
	target, err := url.Parse(c.Config.Host)
	Must(c.T, err)
	target.Path = path.Join("/", target.Path, "api/v1/namespaces", c.Namespace, "services/http:"+service+":8090/proxy")
	transport, err := rest.TransportFor(c.Config)
	Must(c.T, err)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { // the API server is killed now and then
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	})
	c.Cleanup(server.Close)
	return &Simulator{Base: server.URL, client: http.Client{Timeout: 20 * time.Second}}
}

// Call sends in as JSON and decodes the answer into out, each unless nil.
func (s *Simulator) Call(ctx context.Context, method, at string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Base+at, &body)
	if err != nil {
		return err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s: %.200s", method, at, answer.Status, data)
	case out == nil:
		return nil
	}
	return json.Unmarshal(data, out)
}

// Posts counts those of the app that stand in a channel; people's are left out.
func (s *Simulator) Posts(ctx context.Context, channel string) (int, error) {
	var messages []struct {
		BotID string `json:"bot_id"`
	}
	if err := s.Call(ctx, http.MethodGet, "/sim/channels/"+channel+"/messages", nil, &messages); err != nil {
		return 0, err
	}
	n := 0
	for _, m := range messages {
		if m.BotID != "" {
			n++
		}
	}
	return n, nil
}

// Told waits until more stands in the channel than before.
func (c *Cluster) Told(s *Simulator, channel string, limit time.Duration) {
	c.Helper()
	before := -1
	c.Until("the app tells #"+channel, limit, func(ctx context.Context) (string, bool) {
		posts, err := s.Posts(ctx, channel)
		if err != nil {
			return err.Error(), false
		}
		if before < 0 {
			before = posts
		}
		return fmt.Sprintf("%d posts", posts), posts > before
	})
}

// Metrics are what the pods with labels in the test's namespace serve at /metrics of a port, one after the other. A pod
// that does not answer makes an error.
func (c *Cluster) Metrics(ctx context.Context, port int, labels client.MatchingLabels) (string, error) {
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(c.Namespace), labels); err != nil {
		return "", err
	}
	var all strings.Builder
	for _, pod := range pods.Items {
		text, err := c.API.CoreV1().RESTClient().Get().Namespace(c.Namespace).Resource("pods").Name(pod.Name + ":" + strconv.Itoa(port)).SubResource("proxy").Suffix("metrics").DoRaw(ctx)
		if err != nil {
			return "", fmt.Errorf("pod %s: %w", pod.Name, err)
		}
		all.Write(text)
	}
	return all.String(), nil
}

// Forward is an address of this machine that leads to a port of a pod in the test's namespace until the test ends.
func (c *Cluster) Forward(pod string, port int) string {
	c.Helper()
	transport, upgrader, err := spdy.RoundTripperFor(c.Config)
	Must(c.T, err)
	target := c.API.CoreV1().RESTClient().Post().Namespace(c.Namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	ready, stop := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.NewOnAddresses(spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target),
		[]string{"127.0.0.1"}, []string{"0:" + strconv.Itoa(port)}, stop, ready, io.Discard, io.Discard)
	Must(c.T, err)
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	c.Cleanup(func() { close(stop) })
	select {
	case <-ready:
	case err := <-ended:
		c.Fatalf("forward a port to pod %s: %v", pod, err)
	}
	ports, err := forwarder.GetPorts()
	Must(c.T, err)
	return "127.0.0.1:" + strconv.Itoa(int(ports[0].Local))
}

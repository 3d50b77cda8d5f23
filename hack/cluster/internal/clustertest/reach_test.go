package clustertest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPosts counts what the app has said in a channel, and hands on what the simulator says of an error.
func TestPosts(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/sim/channels/told/messages" {
			http.Error(w, "no such channel", http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(`[{"user":"U1","text":"hello"},{"bot_id":"B1","ts":"1.1"},{"bot_id":"B1","ts":"1.2"}]`))
	}))
	defer server.Close()
	s := &Simulator{Base: server.URL}
	if got, err := s.Posts(t.Context(), "told"); err != nil || got != 2 {
		t.Errorf("Posts = %d, %v, want the app's 2", got, err)
	}
	if _, err := s.Posts(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), "no such channel") {
		t.Errorf("Posts of a channel that is not there: %v, want what the simulator says", err)
	}
}

// TestImages cuts at the colon before the tag, and not at that before a registry's port.
func TestImages(t *testing.T) {
	t.Setenv("IMAGES", "registry.example:5000/feedback:dev")
	c := &Cluster{T: t}
	if registry, tag := c.Images("IMAGES", "other:1"); registry != "registry.example:5000/feedback" || tag != "dev" {
		t.Errorf("Images = %q, %q, want registry.example:5000/feedback and dev", registry, tag)
	}
	if registry, tag := c.Images("NONE", "other:1"); registry != "other" || tag != "1" {
		t.Errorf("Images of an empty variable = %q, %q, want other and 1", registry, tag)
	}
}

// TestRoot has the chart in it.
func TestRoot(t *testing.T) {
	if _, err := os.Stat(filepath.Join(Root(), Chart, "Chart.yaml")); err != nil {
		t.Error(err)
	}
}

package manager_test

import (
	"io"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/manager"
)

func TestParse(t *testing.T) {
	environment := map[string]string{"IMAGE_REGISTRY": "from.environment/", "IMAGE_TAG": "v1", "HASH_KEY": "k", "NAMESPACES": "a,b"}
	c, err := manager.Parse([]string{"--image-tag=v2", "--images=notifier=x@sha256:0"}, func(name string) string { return environment[name] }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if c.Images.Registry != "from.environment/" || c.Images.Tag != "v2" || c.HashKey != "k" || len(c.Namespaces) != 2 || c.Images.Images[desired.Notifier] != "x@sha256:0" {
		t.Errorf("Parse = %+v, want the environment, and flags before it", c)
	}
	for _, tt := range []struct{ args, want string }{
		{"--namespaces=A", `--namespaces "A"`},
		{"--images=spark=x", `--images "spark=x": write program=image`},
		{"--images=notifier", `write program=image`},
		{"--image-pull-policy=Sometimes", `--image-pull-policy "Sometimes": write Always`},
		{"--log-format=xml", `--log-format "xml": write json or console`},
		{"extra", `unexpected argument "extra"`},
		{"--metrics-insecure=perhaps", "perhaps"},
	} {
		if _, err := manager.Parse([]string{tt.args}, func(string) string { return "" }, io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%s) = %v, want %s", tt.args, err, tt.want)
		}
	}
	if _, err := manager.Parse(nil, func(name string) string { return map[string]string{"LEADER_ELECT": "perhaps"}[name] }, io.Discard); err == nil || !strings.Contains(err.Error(), `LEADER_ELECT="perhaps"`) {
		t.Errorf("Parse with LEADER_ELECT=perhaps = %v, want the variable", err)
	}
}

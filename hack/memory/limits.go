package main

import (
	"fmt"
	"path/filepath"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// containers is the most memory in bytes that the operator lets each program's container take, by the program's name.
func containers(root string) (map[string]int64, error) {
	m, err := executor.Read(filepath.Join(root, "hack/demo/pipeline.yaml"))
	if err != nil {
		return nil, err
	}
	rendered, err := desired.Render(m.Pipeline, desired.Options{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path, err)
	}
	limits := map[string]int64{}
	for _, o := range rendered.Objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			c := d.Spec.Template.Spec.Containers[0]
			limits[c.Name] = c.Resources.Limits.Memory().Value()
		}
	}
	return limits, nil
}

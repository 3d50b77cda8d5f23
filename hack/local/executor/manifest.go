// Package executor runs a FeedbackPipeline on this machine: it validates the manifest as an API server would, renders it
// as the operator does, and runs the rendered Deployments as processes, with binaries for images, env for env. What it
// cannot run as a cluster would, it refuses by the field's name; nothing is skipped in silence.
package executor

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/validate"
)

// SecretsFileAnnotation names the YAML file of v1 Secrets and ConfigMaps that a manifest refers to, relative to the
// manifest.
const SecretsFileAnnotation = "feedbackpipeline.dev/secrets-file"

// Manifest is a pipeline with the Secrets that it refers to.
type Manifest struct {
	// Path is the file that it was read from.
	Path string
	// Raw is the file's text.
	Raw []byte
	// Pipeline is valid and has its defaults.
	Pipeline *v1alpha1.FeedbackPipeline
	secrets  secrets
	replicas map[string]int // by image, see Scale
}

// Read reads and validates the manifest at path and the Secrets file that it names. All that is wrong with the
// manifest is in one error, by field.
func Read(path string) (*Manifest, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	p, err := validate.Load(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m := &Manifest{Path: path, Raw: raw, Pipeline: p}
	file := p.Annotations[SecretsFileAnnotation]
	if file != "" && !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(path), file)
	}
	if m.secrets, err = readSecrets(file, p.Namespace); err != nil {
		return nil, err
	}
	return m, nil
}

// UseKafka has the pipeline use other brokers than the manifest names. plaintext also drops its TLS and SASL settings.
func (m *Manifest) UseKafka(bootstrap []string, plaintext bool) {
	m.Pipeline.Spec.Kafka.BootstrapServers = bootstrap
	if plaintext {
		m.Pipeline.Spec.Kafka.TLS, m.Pipeline.Spec.Kafka.SASL = nil, nil
	}
}

// Scale has a program run in so many replicas, as `kubectl scale` would: image is its name, such as notifier. It has no
// effect on what is suspended.
func (m *Manifest) Scale(image string, replicas int) {
	if m.replicas == nil {
		m.replicas = map[string]int{}
	}
	m.replicas[image] = replicas
}

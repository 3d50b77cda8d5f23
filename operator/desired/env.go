package desired

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// environment is a container's variables, in the order in which they were set.
type environment []corev1.EnvVar

// set adds a literal. An empty value is left out: the service's own default holds.
func (e *environment) set(name, value string) {
	if value != "" {
		*e = append(*e, corev1.EnvVar{Name: name, Value: value})
	}
}

// setJSON adds a literal of v in JSON. A $ is written as JSON's \u0024, since the kubelet would take $( for the
// beginning of a reference.
func (e *environment) setJSON(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	e.set(name, strings.ReplaceAll(string(text), "$", `\u0024`))
	return nil
}

// secret adds a reference to one key of a Secret.
func (e *environment) secret(name, secret, key string) {
	*e = append(*e, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key},
	}})
}

// configMap adds a reference to one key of a ConfigMap.
func (e *environment) configMap(name, configMap, key string) {
	*e = append(*e, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: configMap}, Key: key},
	}})
}

// common is what each program of p is told.
func common(p *v1alpha1.FeedbackPipeline) environment {
	var e environment
	topic := names(Topics(p))
	e.set("PIPELINE", p.Namespace+"/"+p.Name)
	e.set("LOG_LEVEL", p.Spec.LogLevel)
	e.set("LOG_FORMAT", "json")
	e.set("LISTEN_ADDRESS", listen(metricsPort))
	e.set("DRAIN_TIMEOUT", drainTimeout.String())
	e.set("VALUE_FORMAT", string(p.Spec.Topics.Format))
	e.set("TOPIC_FEEDBACK", topic[RoleFeedback])
	e.set("TOPIC_SCORED", topic[RoleScored])
	e.set("TOPIC_NOTIFICATIONS", topic[RoleNotifications])
	e.set("TOPIC_DEAD_LETTERS", topic[RoleDeadLetters])
	e.set("TOPIC_STATE", topic[RoleState])
	e.kafka(p.Spec.Kafka)
	return e
}

func (e *environment) kafka(k v1alpha1.Kafka) {
	e.set("KAFKA_BOOTSTRAP_SERVERS", strings.Join(k.BootstrapServers, ","))
	eventHubs := k.SASL != nil && k.SASL.EventHubs != nil
	if k.TLS != nil || eventHubs {
		e.set("KAFKA_TLS_ENABLED", "true")
	}
	if k.TLS != nil {
		e.tls("KAFKA_TLS_", *k.TLS)
	}
	switch {
	case eventHubs:
		ref := k.SASL.EventHubs.ConnectionStringSecretRef
		e.secret("KAFKA_EVENT_HUBS_CONNECTION_STRING", ref.Name, ref.Key)
	case k.SASL != nil:
		ref := k.SASL.CredentialsSecretRef
		e.set("KAFKA_SASL_MECHANISM", k.SASL.Mechanism)
		e.secret("KAFKA_SASL_USERNAME", ref.Name, ref.UsernameKey)
		e.secret("KAFKA_SASL_PASSWORD", ref.Name, ref.PasswordKey)
	}
}

// tls sets what proves whom we speak to and who we are; prefix begins the variables' names.
func (e *environment) tls(prefix string, t v1alpha1.ClientTLS) {
	if ca := t.CARef; ca != nil {
		if ca.Kind == "ConfigMap" {
			e.configMap(prefix+"CA", ca.Name, ca.Key)
		} else {
			e.secret(prefix+"CA", ca.Name, ca.Key)
		}
	}
	if cert := t.ClientCertificateSecretRef; cert != nil {
		e.secret(prefix+"CERTIFICATE", cert.Name, cert.CertificateKey)
		e.secret(prefix+"KEY", cert.Name, cert.PrivateKeyKey)
	}
}

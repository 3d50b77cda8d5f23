package validate

import (
	"regexp"
	"strings"
)

// examples are what to write for fields that must not be missing, by path without the elements' numbers.
var examples = map[string]string{
	"spec":                        "spec: {" + kafkaExample + ", " + sourcesExample + ", " + routesExample + "}",
	"spec.kafka":                  kafkaExample,
	"spec.kafka.bootstrapServers": `bootstrapServers: ["kafka:9092"]`,
	"spec.kafka.sasl.credentialsSecretRef.name":                `name: kafka-user`,
	"spec.kafka.sasl.eventHubs.connectionStringSecretRef":      `connectionStringSecretRef: {name: event-hubs}`,
	"spec.kafka.sasl.eventHubs.connectionStringSecretRef.name": `name: event-hubs`,
	"spec.kafka.tls.caRef.name":                                `name: kafka-ca`,
	"spec.kafka.tls.clientCertificateSecretRef.name":           `name: kafka-user`,
	"spec.podTemplate.caBundleRef.name":                        `name: corporate-ca`,
	"spec.podTemplate.components.name":                         `name: scorer`,
	"spec.podTemplate.imagePullSecrets.name":                   `name: registry`,
	"spec.podTemplate.env.name":                                `name: OTEL_EXPORTER_OTLP_ENDPOINT`,
	"spec.podTemplate.env.secretKeyRef.name":                   `name: otel`,
	"spec.podTemplate.env.secretKeyRef.key":                    `key: headers`,
	"spec.sources":                                             sourcesExample,
	"spec.sources.name":                                        `name: community`,
	"spec.sources.slack.channels":                              `channels: [feedback]`,
	"spec.sources.slack.credentialsSecretRef":                  `credentialsSecretRef: {name: slack}`,
	"spec.sources.slack.credentialsSecretRef.name":             `name: slack`,
	"spec.sources.twitter.query":                               `query: "#azure lang:en -is:retweet"`,
	"spec.sources.twitter.credentialsSecretRef":                `credentialsSecretRef: {name: x}`,
	"spec.sources.twitter.credentialsSecretRef.name":           `name: x`,
	"spec.scorer.azure.endpoint":                               `endpoint: https://example.cognitiveservices.azure.com`,
	"spec.scorer.azure.credentialsSecretRef":                   `credentialsSecretRef: {name: azure-language}`,
	"spec.scorer.azure.credentialsSecretRef.name":              `name: azure-language`,
	"spec.scorer.llm.endpoint":                                 `endpoint: https://api.openai.com/v1`,
	"spec.scorer.llm.model":                                    `model: gpt-4.1-mini`,
	"spec.scorer.llm.tokensPerDay":                             `tokensPerDay: 1000000`,
	"spec.scorer.llm.credentialsSecretRef.name":                `name: openai`,
	"spec.scorer.llm.tls.caRef.name":                           `name: llm-ca`,
	"spec.scorer.llm.tls.clientCertificateSecretRef.name":      `name: llm-client`,
	"spec.scorer.fallback.builtin":                             `builtin: {}`,
	"spec.scorer.grpc.address":                                 `address: scorer.nlp:9090`,
	"spec.scorer.grpc.tls.caRef.name":                          `name: nlp-ca`,
	"spec.scorer.grpc.tls.clientCertificateSecretRef.name":     `name: nlp-client`,
	"spec.routes":                                 routesExample,
	"spec.routes.name":                            `name: negative`,
	"spec.routes.slack.channel":                   `channel: negative-feedback`,
	"spec.routes.slack.credentialsSecretRef":      `credentialsSecretRef: {name: slack}`,
	"spec.routes.slack.credentialsSecretRef.name": `name: slack`,
}

const (
	kafkaExample   = `kafka: {bootstrapServers: ["kafka:9092"]}`
	sourcesExample = `sources: [{name: community, slack: {channels: [feedback], credentialsSecretRef: {name: slack}}}]`
	routesExample  = `routes: [{name: negative, match: {scoreBelow: 0.3}, slack: {channel: negative-feedback, credentialsSecretRef: {name: slack}}}]`
)

var elements = regexp.MustCompile(`\[\d+\]`)

// write says what to write for the field at path, with an example where there is one.
func write(path string) string {
	if example := exampleOf(elements.ReplaceAllString(path, "")); example != "" {
		return "write it, for example " + example
	}
	return "write it"
}

// exampleOf is what to write for the field at path, empty where there is no example. A shadow's backends are the scorer's.
func exampleOf(path string) string {
	if backend, ok := strings.CutPrefix(path, "spec.scorer.shadow."); ok {
		path = "spec.scorer." + backend
	}
	return examples[path]
}

package controller_test

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"google.golang.org/protobuf/types/known/timestamppb"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
)

func requestFor(p *v1alpha1.FeedbackPipeline) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)}
}

func lastEvent(at time.Time) func(*feedbackv1.Health) {
	return func(h *feedbackv1.Health) {
		if strings.HasPrefix(h.Component, "slack-ingest/") {
			h.LastEventAt = timestamppb.New(at)
		}
	}
}

// append writes a record to each of the topics of these roles.
func (s *stage) append(p *v1alpha1.FeedbackPipeline, roles ...string) {
	s.Helper()
	for _, role := range roles {
		s.must(s.kafka.Append(s.Context(), desired.Prefix(p)+"."+role, "an event", []byte("{}")))
	}
}

// commit sets the group's offset in partition 0 of the topic of that role, and to the end in all others.
func (s *stage) commit(p *v1alpha1.FeedbackPipeline, role, group string, offset int64) {
	s.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...), kgo.MaxVersions(kversion.V3_0_0())) // topics by name
	s.must(err)
	defer c.Close()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group = desired.Prefix(p) + "." + group
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = desired.Prefix(p) + "." + role
	for i := range s.topics(p)[role] {
		partition := kmsg.NewOffsetCommitRequestTopicPartition()
		partition.Partition = i
		if i == 0 {
			partition.Offset = offset
		}
		topic.Partitions = append(topic.Partitions, partition)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(s.Context(), c)
	s.must(err)
	for _, answer := range resp.Topics[0].Partitions {
		s.must(kerr.ErrorForCode(answer.ErrorCode))
	}
}

// deny has the broker refuse all requests of a kind until the result is removed.
func (s *stage) deny(key kmsg.Key, err *kerr.Error) *kfake.FaultHandle {
	return s.broker.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: -1})
}

// lock puts a broker that asks for a password in the place of the one that there is, and the password into a Secret
// that pipelines changed by the result name.
func (s *stage) lock() func(*v1alpha1.FeedbackPipeline) {
	s.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "azure", "sesame"))
	s.must(err)
	s.Cleanup(broker.Close)
	s.broker = broker
	s.kafka, err = kafka.Open(kafka.Settings{Servers: broker.ListenAddrs(), Mechanism: "PLAIN", Username: "azure", Password: "sesame"})
	s.must(err)
	s.Cleanup(s.kafka.Close)
	s.must(s.api.Create(s.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "kafka"},
		StringData: map[string]string{"username": "azure", "password": "sesame"},
	}))
	return func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Kafka.SASL = &v1alpha1.KafkaSASL{Mechanism: "PLAIN", CredentialsSecretRef: &v1alpha1.UserReference{Name: "kafka"}}
	}
}

// forget deletes a Secret.
func (s *stage) forget(secret string) {
	s.Helper()
	s.must(s.api.Delete(s.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: secret}}))
}

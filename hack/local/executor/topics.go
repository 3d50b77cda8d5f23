package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// CreateTopics creates the plan's topics that don't exist. It never alters one that does. A topic that the pipeline
// doesn't manage must be there. A replication factor beyond the number of brokers is lowered to it.
func CreateTopics(ctx context.Context, plan Plan, log *slog.Logger) error {
	if len(plan.Topics) == 0 {
		return nil
	}
	options, err := ClientOptions(plan.Kafka)
	if err != nil {
		return err
	}
	c, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Ping(ctx); err != nil {
		return fmt.Errorf("reach Kafka at %s: %w", plan.Kafka["KAFKA_BOOTSTRAP_SERVERS"], err)
	}
	admin := kadm.NewClient(c)
	brokers, err := admin.ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("list the brokers: %w", err)
	}
	existing, err := admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list the topics: %w", err)
	}
	var errs []error
	for _, t := range plan.Topics {
		switch {
		case existing.Has(t.Name):
		case !t.Managed:
			errs = append(errs, fmt.Errorf("topic %s does not exist, and the pipeline does not manage it: create it, or set spec.topics.management to Managed", t.Name))
		default:
			errs = append(errs, create(ctx, admin, t, min(int(t.ReplicationFactor), len(brokers)), log))
		}
	}
	return errors.Join(errs...)
}

func create(ctx context.Context, admin *kadm.Client, t desired.Topic, replicas int, log *slog.Logger) error {
	config := make(map[string]*string, len(t.Config))
	for k, v := range t.Config {
		config[k] = &v
	}
	_, err := admin.CreateTopic(ctx, t.Partitions, int16(replicas), config, t.Name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", t.Name, err)
	}
	log.Debug("created topic", "topic", t.Name, "partitions", t.Partitions, "replicas", replicas)
	return nil
}

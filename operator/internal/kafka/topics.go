package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

// Describe returns the topics of these names that exist, with their settings. It asks the broker for them, whatever the
// library has in its cache, and for no others.
func (c *Client) Describe(ctx context.Context, names ...string) (map[string]topics.Live, error) {
	meta, err := ask[*described](ctx, c, &topicsOf{Request: metadata.Request{TopicNames: names}})
	if err != nil {
		return nil, fmt.Errorf("describe the topics: %w", err)
	}
	live, spots := map[string]topics.Live{}, []spot{}
	for _, t := range meta.Topics {
		failed := kafkago.Error(t.ErrorCode)
		switch {
		case errors.Is(failed, kafkago.UnknownTopicOrPartition):
		case t.ErrorCode != 0:
			return nil, fmt.Errorf("describe topic %s: %w", t.Name, c.explain(failed))
		case len(t.Partitions) > 0:
			live[t.Name] = topics.Live{
				Partitions: int32(len(t.Partitions)),                 //nolint:gosec // a count of partitions
				Replicas:   int16(len(t.Partitions[0].ReplicaNodes)), //nolint:gosec // a count of brokers
			}
		}
		for _, p := range t.Partitions {
			spots = append(spots, spot{t.Name, int(p.PartitionIndex)})
		}
	}
	if err := c.learn(ctx, spots); err != nil {
		return nil, fmt.Errorf("describe the topics: %w", err)
	}
	return live, c.configs(ctx, live)
}

// learn makes the library ask for the whole cluster's metadata, by which it routes requests, where it does not know all
// of these partitions.
func (c *Client) learn(ctx context.Context, spots []spot) error {
	if _, err := c.leaders(ctx, spots); !errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return err
	}
	return c.refresh(ctx)
}

// configs adds the settings to the live topics. One that has gone meanwhile is removed.
func (c *Client) configs(ctx context.Context, live map[string]topics.Live) error {
	if len(live) == 0 {
		return nil
	}
	req := &kafkago.DescribeConfigsRequest{}
	for _, name := range slices.Sorted(maps.Keys(live)) {
		req.Resources = append(req.Resources, kafkago.DescribeConfigRequestResource{ResourceType: kafkago.ResourceTypeTopic, ResourceName: name})
	}
	resp, err := try(ctx, c, func() (*kafkago.DescribeConfigsResponse, error) { return c.api.DescribeConfigs(ctx, req) })
	if err != nil {
		return fmt.Errorf("read the topics' settings: %w", err)
	}
	for _, r := range resp.Resources {
		if errors.Is(r.Error, kafkago.UnknownTopicOrPartition) {
			delete(live, r.ResourceName)
			continue
		}
		if r.Error != nil {
			return fmt.Errorf("read the settings of topic %s: %w", r.ResourceName, c.explain(r.Error))
		}
		t := live[r.ResourceName]
		t.Config = map[string]topics.Setting{}
		for _, e := range r.ConfigEntries {
			t.Config[e.ConfigName] = topics.Setting{Value: e.ConfigValue, Explicit: e.ConfigSource == explicitSource}
		}
		live[r.ResourceName] = t
	}
	return nil
}

// explicitSource is Kafka's DYNAMIC_TOPIC_CONFIG: set on the topic itself.
const explicitSource = 1

// refresh makes the library ask the cluster for its metadata now: it does so after each creation of topics, be they none.
func (c *Client) refresh(ctx context.Context) error {
	_, err := try(ctx, c, func() (*kafkago.CreateTopicsResponse, error) {
		return c.api.CreateTopics(ctx, &kafkago.CreateTopicsRequest{})
	})
	return err
}

// Create creates a topic. One that exists is an error of which Existed is true.
func (c *Client) Create(ctx context.Context, t desired.Topic) error {
	config := kafkago.TopicConfig{Topic: t.Name, NumPartitions: int(t.Partitions), ReplicationFactor: int(t.ReplicationFactor)}
	for _, name := range slices.Sorted(maps.Keys(t.Config)) {
		config.ConfigEntries = append(config.ConfigEntries, kafkago.ConfigEntry{ConfigName: name, ConfigValue: t.Config[name]})
	}
	resp, err := try(ctx, c, func() (*kafkago.CreateTopicsResponse, error) {
		return c.api.CreateTopics(ctx, &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{config}})
	})
	if err == nil {
		err = c.explain(resp.Errors[t.Name])
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", t.Name, err)
	}
	return nil
}

// Existed tells whether err is that a topic which was to be created exists: it was created just now, or the user may
// not see it.
func Existed(err error) bool { return errors.Is(err, kafkago.TopicAlreadyExists) }

// Grow gives a topic more partitions.
func (c *Client) Grow(ctx context.Context, g topics.Growth) error {
	resp, err := try(ctx, c, func() (*kafkago.CreatePartitionsResponse, error) {
		return c.api.CreatePartitions(ctx, &kafkago.CreatePartitionsRequest{Topics: []kafkago.TopicPartitionsConfig{{Name: g.Topic, Count: g.Partitions}}})
	})
	if err == nil {
		err = c.explain(resp.Errors[g.Topic])
	}
	if err != nil {
		return fmt.Errorf("grow topic %s to %d partitions: %w", g.Topic, g.Partitions, err)
	}
	return nil
}

// Alter sets and resets the settings that a names, and no others.
func (c *Client) Alter(ctx context.Context, a topics.Alteration) error {
	r := kafkago.IncrementalAlterConfigsRequestResource{ResourceType: kafkago.ResourceTypeTopic, ResourceName: a.Topic}
	for _, name := range slices.Sorted(maps.Keys(a.Set)) {
		r.Configs = append(r.Configs, kafkago.IncrementalAlterConfigsRequestConfig{Name: name, Value: a.Set[name], ConfigOperation: kafkago.ConfigOperationSet})
	}
	for _, name := range a.Reset {
		r.Configs = append(r.Configs, kafkago.IncrementalAlterConfigsRequestConfig{Name: name, ConfigOperation: kafkago.ConfigOperationDelete})
	}
	resp, err := try(ctx, c, func() (*kafkago.IncrementalAlterConfigsResponse, error) {
		return c.api.IncrementalAlterConfigs(ctx, &kafkago.IncrementalAlterConfigsRequest{Resources: []kafkago.IncrementalAlterConfigsRequestResource{r}})
	})
	for i := 0; err == nil && i < len(resp.Resources); i++ {
		err = c.explain(resp.Resources[i].Error)
	}
	if err != nil {
		return fmt.Errorf("alter the settings of topic %s: %w", a.Topic, err)
	}
	return nil
}

// DeleteTopic deletes a topic; one that does not exist is no error.
func (c *Client) DeleteTopic(ctx context.Context, name string) error {
	resp, err := try(ctx, c, func() (*kafkago.DeleteTopicsResponse, error) {
		return c.api.DeleteTopics(ctx, &kafkago.DeleteTopicsRequest{Topics: []string{name}})
	})
	if err == nil {
		err = c.explain(resp.Errors[name])
	}
	if err != nil && !errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	return nil
}

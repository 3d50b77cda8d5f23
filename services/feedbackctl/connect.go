package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/spf13/cobra"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// connectTimeout is how long a command waits for the broker's first answer.
const connectTimeout = 10 * time.Second

// connection is where a pipeline's topics are.
type connection struct {
	servers []string
	prefix  string
	named   map[string]string // by a manifest: full names by short ones, "" where there is none
}

// connectionFlags adds --kafka and --prefix to a command.
func (a *app) connectionFlags(cmd *cobra.Command) *connection {
	c := &connection{}
	cmd.Flags().StringSliceVar(&c.servers, "kafka", nil, "host:port of the brokers (default $KAFKA_BOOTSTRAP_SERVERS)")
	cmd.Flags().StringVar(&c.prefix, "prefix", a.env["FEEDBACK_PREFIX"], "prefix of the pipeline's topics, <namespace>.<name> unless the manifest sets one (default $FEEDBACK_PREFIX)")
	cmd.Flags().Lookup("prefix").DefValue = ""
	return c
}

// open connects to the brokers and waits for their first answer.
func (a *app) open(ctx context.Context, c *connection) (*kafka.Client, error) {
	var cfg kafka.Config
	if err := env.ParseWithOptions(&cfg, env.Options{Environment: a.env, Prefix: "KAFKA_"}); err != nil {
		return nil, usagef("settings of Kafka in the environment: %v", err)
	}
	if len(c.servers) > 0 {
		cfg.BootstrapServers = c.servers
	}
	if len(cfg.BootstrapServers) == 0 && cfg.EventHubsConnectionString == "" {
		return nil, usagef("no brokers are named: give --kafka host:port or set KAFKA_BOOTSTRAP_SERVERS")
	}
	client, err := kafka.Open(cfg, "feedbackctl")
	if err != nil {
		return nil, &usageError{err}
	}
	first, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := client.Ping(first); err != nil {
		client.Close()
		return nil, fmt.Errorf("reach Kafka at %s: %w", strings.Join(client.Servers(), ","), err)
	}
	return client, nil
}

// shortNames are the topics of a pipeline as people call them, in the order of the flow.
var shortNames = []string{"feedback", "scored", "notifications", "dead-letters", "state"}

// shadowTopic is one more that only a pipeline whose scorer has a shadow has.
const shadowTopic = "shadow"

// everyName are the short names of all topics that a pipeline may have.
var everyName = append(slices.Clone(shortNames), shadowTopic)

// topic returns the full name of a topic that is called by its short name: the one that its
// own variable gives, else the one that the prefix does; a manifest's beats both. What is no short name is a full one.
func (a *app) topic(c *connection, name string) (string, error) {
	for _, short := range everyName {
		if name != short {
			continue
		}
		if full := c.named[short]; full != "" {
			return full, nil
		}
		if full := a.env["TOPIC_"+strings.ToUpper(strings.ReplaceAll(short, "-", "_"))]; full != "" {
			return full, nil
		}
		if c.prefix == "" {
			return "", usagef("the prefix of the pipeline's topics is not known: give --prefix, or set FEEDBACK_PREFIX; it is <namespace>.<name>, such as default.azure, unless the manifest sets spec.topics.prefix")
		}
		return c.prefix + "." + short, nil
	}
	if !strings.Contains(name, ".") && c.prefix == "" {
		return "", usagef("topic %q: use one of %s, or a topic's full name", name, strings.Join(everyName, ", "))
	}
	return name, nil
}

// reading opens a client and returns the full name of a topic that is to be read, which must be there. The caller closes
// the client.
func (a *app) reading(ctx context.Context, c *connection, name string) (*kafka.Client, string, error) {
	topic, err := a.topic(c, name)
	if err != nil {
		return nil, "", err
	}
	client, err := a.open(ctx, c)
	if err != nil {
		return nil, "", err
	}
	if err := exists(ctx, client, topic); err != nil {
		client.Close()
		return nil, "", err
	}
	return client, topic, nil
}

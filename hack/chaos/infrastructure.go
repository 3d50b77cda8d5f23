package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/feedback-pipelines/feedback-pipelines/hack/chaos/proxy"
)

// mostPartitions is how many a topic is given at most.
const mostPartitions = 8

func hasKafka(st *stage) bool    { return st.kafka != nil }
func hasReplicas(st *stage) bool { return st.kafka != nil && len(st.kafka.Brokers()) > 1 }

func networkFaults() []fault {
	return []fault{
		{kind: "network to Slack or X", weight: 5, prepare: func(st *stage) blow {
			name := pick(st, st.worldly())
			return st.disturb("network to Slack or X", name, st.links[name].world)
		}},
		{kind: "network to Kafka", weight: 5, possible: hasKafka, prepare: func(st *stage) blow {
			p := st.process()
			return st.disturb("network to Kafka", p.Name, st.links[p.Name].kafka...)
		}},
		{kind: "network to one broker", weight: 2, possible: hasReplicas, prepare: func(st *stage) blow {
			p := st.process()
			all := st.links[p.Name].kafka
			i := st.rng.IntN(len(all))
			return st.disturb(fmt.Sprintf("network to broker %d", i+1), p.Name, all[i])
		}},
	}
}

// disturb cuts, silences or slows the links of a process for a while.
func (st *stage) disturb(what, process string, all ...*proxy.Link) blow {
	state := pick(st, []proxy.State{proxy.Refused, proxy.Silent, proxy.Slow})
	d, delay := st.between(5*time.Second, 20*time.Second), st.between(100*time.Millisecond, time.Second)
	text := fmt.Sprintf("%s: %s of %s for %s", state, what, process, d)
	if state == proxy.Slow {
		text = fmt.Sprintf("%s (%s a packet each way): %s of %s for %s", state, delay, what, process, d)
	}
	return blow{row: "", what: text, lasting: true, do: func(ctx context.Context) error {
		for _, l := range all {
			l.Set(state, delay)
		}
		held := hold(ctx, d)
		for _, l := range all {
			l.Set(proxy.Open, 0)
		}
		return held
	}}
}

func brokerFaults() []fault {
	return []fault{
		{kind: "broker killed and back", weight: 3, goal: afterBroker, possible: hasKafka, prepare: killBroker},
		{kind: "leaders moved", weight: 2, possible: hasReplicas, prepare: moveLeaders},
		{kind: "partition added", weight: 1, prepare: func(st *stage) blow {
			role := pick(st, []string{"feedback", "scored"})
			return blow{what: "a partition more for " + role, do: func(ctx context.Context) error { return st.addPartition(ctx, role) }}
		}},
	}
}

// killBroker ends a broker at once and starts it again after a while.
func killBroker(st *stage) blow {
	id, d := pick(st, st.kafka.Brokers()), st.between(3*time.Second, 20*time.Second)
	return blow{what: fmt.Sprintf("kill -9 broker %d, and back after %s", id, d), do: func(ctx context.Context) error {
		if err := st.kafka.Kill(id); err != nil {
			return err
		}
		held := hold(ctx, d)
		return errors.Join(held, st.kafka.Restart(context.WithoutCancel(ctx), id))
	}}
}

// moveLeaders makes another replica the leader of each partition of the pipeline's topics, and of the groups' offsets.
func moveLeaders(st *stage) blow {
	by := 1 + st.rng.IntN(2)
	return blow{what: "all partitions get another leader", do: func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		topics, err := st.admin.ListTopicsWithInternal(ctx)
		if err != nil {
			return err
		}
		var order kadm.AlterPartitionAssignmentsReq
		moved := kadm.TopicsSet{}
		topics.EachPartition(func(p kadm.PartitionDetail) {
			var replicas []int32
			for i := range p.Replicas {
				replicas = append(replicas, p.Replicas[(i+by)%len(p.Replicas)])
			}
			order.Assign(p.Topic, p.Partition, replicas)
			moved.Add(p.Topic, p.Partition)
		})
		answers, err := st.admin.AlterPartitionAssignments(ctx, order)
		if err == nil {
			err = answers.Error()
		}
		if err != nil {
			return fmt.Errorf("change the order of the replicas: %w", err)
		}
		elected, err := st.admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, moved)
		if err != nil {
			return fmt.Errorf("elect the leaders: %w", err)
		}
		n := 0
		for _, partitions := range elected {
			for _, e := range partitions {
				if e.Err == nil {
					n++
				}
			}
		}
		if n == 0 {
			return errors.New("no partition got another leader")
		}
		return nil
	}}
}

// addPartition gives a topic of the pipeline one partition more, up to mostPartitions.
func (st *stage) addPartition(ctx context.Context, role string) error {
	for _, t := range st.loop.Plan().Topics {
		if t.Role != role {
			continue
		}
		now, err := st.admin.ListTopics(ctx, t.Name)
		if err != nil {
			return err
		}
		if n := len(now[t.Name].Partitions); n >= mostPartitions {
			return nil
		}
		answers, err := st.admin.CreatePartitions(ctx, 1, t.Name)
		if err == nil {
			err = answers.Error()
		}
		return err
	}
	return fmt.Errorf("no topic for %s", role)
}

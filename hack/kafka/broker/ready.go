package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// readyLimit is how long a cluster may take to start, on a machine that is busy with other things.
const readyLimit = 2 * time.Minute

// waitReady waits until every broker answers for itself, all know of each other and have a controller.
func (r *Real) waitReady(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap()...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	return until(ctx, readyLimit, func() error {
		if err := r.died(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		request := kmsg.NewPtrMetadataRequest() // kadm would answer out of its cache
		request.Topics = []kmsg.MetadataRequestTopic{}
		m, err := request.RequestWith(ctx, client)
		switch {
		case err != nil:
			return err
		case len(m.Brokers) != len(r.layout.Nodes):
			return fmt.Errorf("%d of %d brokers are there", len(m.Brokers), len(r.layout.Nodes))
		case m.ControllerID < 0:
			return errors.New("no controller yet")
		}
		versions, err := admin.ApiVersions(ctx) // metadata is one broker's word; this asks each
		for _, v := range versions {
			err = errors.Join(err, v.Err)
		}
		return err
	})
}

// fatalError ends until at once.
type fatalError struct{ error }

func (r *Real) died() error {
	for id, p := range r.processes {
		select {
		case <-p.Done():
			return fatalError{fmt.Errorf("broker %d ended: %w", id, p.Err())}
		default:
		}
	}
	return nil
}

// stranger is the user of EnvStranger.
const stranger = "stranger"

// createUser makes the SCRAM user of Env; PLAIN's is in the properties.
func (r *Real) createUser(ctx context.Context) error {
	if r.layout.User == "" {
		return nil
	}
	if err := r.CreateUser(ctx, r.layout.User, r.layout.Password); err != nil || !r.layout.ACLs {
		return err
	}
	return r.CreateUser(ctx, stranger, r.layout.Password)
}

// CreateUser makes a user that logs in with SCRAM, and returns when every broker with a SASL listener takes it. With
// ACLs it may do nothing before it is granted something.
func (r *Real) CreateUser(ctx context.Context, name, password string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap()...))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} { // a request may name a user once only
		altered, err := admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{
			{User: name, Password: password, Mechanism: m, Iterations: 4096},
		})
		if err == nil {
			err = altered[name].Err
		}
		if err != nil {
			return fmt.Errorf("create the SCRAM user %s: %w", name, err)
		}
	}
	return r.waitSCRAM(ctx, scram.Auth{User: name, Pass: password})
}

// waitSCRAM waits until every broker with a SASL listener takes the user: they learn of it one after the other.
func (r *Real) waitSCRAM(ctx context.Context, auth scram.Auth) error {
	for _, at := range r.layout.addresses(sasl) {
		client, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.SASL(auth.AsSha512Mechanism()))
		if err != nil {
			return err
		}
		defer client.Close()
		if err := until(ctx, readyLimit, func() error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return client.Ping(ctx)
		}); err != nil {
			return fmt.Errorf("log in to %s as %s with SCRAM: %w", at, auth.User, err)
		}
	}
	return nil
}

// until calls f every 50 ms until it returns nil. After limit, or when ctx ends, it returns f's last error.
func until(ctx context.Context, limit time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		if fatal := (fatalError{}); errors.As(err, &fatal) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

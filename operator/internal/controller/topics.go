package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

// AnnotationTakeOver names the owner (its ID, as the status says it) whose claim on the topics is void, because its
// cluster is gone.
const AnnotationTakeOver = "feedbackpipeline.dev/take-over-from"

// topics makes the topics as desired and notes what it saw. While Kafka does not answer, it is asked ever more
// rarely, and what was seen last stands.
func (p *pass) topics(ctx context.Context, want *desired.Result) {
	m := p.memory
	if p.Now().Before(m.retry) {
		p.saw.Topics = m.last
		return
	}
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	saw, err := p.settle(ctx, want)
	if err != nil {
		m.failed(p.Now())
		saw = &status.Topics{Problem: kafkaProblem(err), Unreachable: unreachable(err), Since: m.failing}
		if !saw.Unreachable {
			m.usable = false
		}
	} else {
		m.answered()
	}
	m.last, p.saw.Topics = saw, saw
}

// unreachable tells whether err is that nobody answered, rather than an answer that says no.
func unreachable(err error) bool {
	var m missing
	return !kafka.Answered(err) && !errors.As(err, &m)
}

func kafkaProblem(err error) *status.Problem {
	var m missing
	switch {
	case errors.As(err, &m):
		return problemOf(err)
	case kafka.Denied(err):
		return &status.Problem{Reason: status.ReasonDenied, Message: err.Error()}
	case kafka.Answered(err):
		return &status.Problem{Reason: status.ReasonRefused, Message: err.Error()}
	}
	return &status.Problem{Reason: status.ReasonUnreachable, Message: err.Error()}
}

// connect gives the memory a client with the credentials of today.
func (p *pass) connect(ctx context.Context) error {
	settings, err := kafka.FromSpec(p.pipeline.Spec.Kafka, p.lookup(ctx, p.pipeline.Namespace))
	if err != nil {
		return err
	}
	m := p.memory
	if m.client != nil && m.settings.Key() == settings.Key() {
		return nil
	}
	client, err := p.clients.acquire(settings)
	if err != nil {
		return err
	}
	if m.client != nil {
		p.clients.release(m.settings)
		if !slices.Equal(m.settings.Servers, settings.Servers) {
			m.books = newBooks() // another cluster, perhaps
		}
	}
	m.client, m.settings = client, settings
	return nil
}

// settle: connect -> claim -> plan -> carry out. What cannot be done for good is in the Topics, what can be tried
// again is the error.
func (p *pass) settle(ctx context.Context, want *desired.Result) (*status.Topics, error) {
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	m := p.memory
	main, shadow := apart(want.Topics)
	live, err := m.client.Describe(ctx, names(main)...)
	if err != nil {
		return nil, err
	}
	managed := p.pipeline.Spec.Topics.Management != v1alpha1.TopicsUnmanaged
	if managed {
		created, other, err := p.claim(ctx, main, live)
		if err != nil || other != nil {
			m.usable = false
			return &status.Topics{Problem: other}, err
		}
		if created {
			if live, err = m.client.Describe(ctx, names(main)...); err != nil {
				return nil, err
			}
		}
	}
	plan := topics.Diff(main, live, m.books.applied)
	if !plan.Blocks() && managed {
		if err := p.carryOut(ctx, plan, p.shadowKept(topics.Remember(main))); err != nil {
			return nil, err
		}
	}
	m.usable = !plan.Blocks()
	saw := &status.Topics{Count: len(main), Drift: plan.Drift}
	if shadow != nil && m.usable {
		p.settleShadow(ctx, *shadow, topics.Remember(main), saw)
	}
	if len(plan.Refused) > 0 {
		saw.Problem = refused(plan.Refused)
	}
	return saw, nil
}

func names(all []desired.Topic) []string {
	var names []string
	for _, t := range all {
		names = append(names, t.Name)
	}
	return names
}

// refused is what a condition says of topics that stay as they are: the first that blocks, or else the first.
func refused(all []topics.Refusal) *status.Problem {
	i := max(0, slices.IndexFunc(all, func(r topics.Refusal) bool { return r.Reason != topics.ReasonShrink }))
	problem := &status.Problem{Reason: all[i].Reason, Message: all[i].Message}
	for j, r := range all {
		if j != i && r.Reason == all[i].Reason {
			problem.Message += "; " + r.Message
		}
	}
	return problem
}

// claim makes sure that the topics are this pipeline's: the state topic is created first, and the first claim in it
// wins. It returns a problem where that is another pipeline's.
func (p *pass) claim(ctx context.Context, want []desired.Topic, live map[string]topics.Live) (created bool, other *status.Problem, err error) {
	state := want[slices.IndexFunc(want, func(t desired.Topic) bool { return t.Role == desired.RoleState })]
	if _, exists := live[state.Name]; !exists {
		if !state.Managed {
			return false, nil, nil // the plan says that it is missing
		}
		if err := p.memory.client.Create(ctx, state); err != nil && !kafka.Existed(err) { // another pipeline may claim it at this moment
			return false, nil, err
		}
		created = true
	}
	other, err = p.claimIn(ctx, state.Name)
	return created, other, err
}

// claimIn writes the claim into the state topic, if it is not there, and returns whose comes first.
func (p *pass) claimIn(ctx context.Context, state string) (*status.Problem, error) {
	m := p.memory
	owner, err := p.owner(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.read(ctx, state); err != nil {
		return nil, err
	}
	if _, claimed := m.books.claims[owner.Key()]; !claimed {
		value, err := owner.Value()
		if err != nil {
			return nil, err
		}
		if err := m.client.Append(ctx, state, owner.Key(), value); err != nil {
			return nil, err
		}
		if err := p.read(ctx, state); err != nil {
			return nil, err
		}
	}
	return p.judge(ctx, state, owner)
}

// judge returns whose claim comes first, if it is not owner's. A claim that the annotation voids is withdrawn.
func (p *pass) judge(ctx context.Context, state string, owner topics.Owner) (*status.Problem, error) {
	m := p.memory
	first := topics.Winner(slices.Collect(maps.Values(m.books.claims)))
	if first == nil || first.Owner == owner {
		return nil, nil
	}
	if p.pipeline.Annotations[AnnotationTakeOver] == first.ID() {
		if err := m.client.Append(ctx, state, first.Key(), nil); err != nil {
			return nil, err
		}
		delete(m.books.claims, first.Key())
		return p.judge(ctx, state, owner)
	}
	return &status.Problem{Reason: status.ReasonNotOwner, Message: fmt.Sprintf(
		"the topics belong to %s, which claimed them first; delete that pipeline, or use another topics.prefix; if its cluster is gone, annotate this pipeline with %s=%s",
		first.Owner, AnnotationTakeOver, first.ID())}, nil
}

// owner is who this pipeline is among all clusters.
func (p *pass) owner(ctx context.Context) (topics.Owner, error) {
	m := p.memory
	if m.owner.NamespaceUID == "" {
		ns := &corev1.Namespace{}
		if err := p.Live.Get(ctx, types.NamespacedName{Name: p.pipeline.Namespace}, ns); err != nil {
			return topics.Owner{}, fmt.Errorf("read namespace %s: %w", p.pipeline.Namespace, err)
		}
		m.owner = topics.Owner{NamespaceUID: string(ns.UID), Namespace: p.pipeline.Namespace, Name: p.pipeline.Name}
	}
	return m.owner, nil
}

// read brings the books up to the end of the state topic.
func (p *pass) read(ctx context.Context, state string) error {
	m := p.memory
	if m.books.topic != state {
		m.books = newBooks()
		m.books.topic = state
	}
	records, next, restarted, err := m.client.Read(ctx, state, m.books.next)
	if err != nil {
		return err
	}
	if restarted {
		m.books = newBooks()
		m.books.topic = state
	}
	for _, r := range records {
		m.books.enter(r, p.Now())
	}
	m.books.next = next
	return nil
}

// carryOut does what plan says; after is what is set then. What may be set is written down first, so that whatever happens, what is ours can be
// reset later.
func (p *pass) carryOut(ctx context.Context, plan topics.Plan, after topics.Applied) error {
	m := p.memory
	if plan.Writes() {
		if err := p.remember(ctx, m.books.applied.Union(after)); err != nil {
			return err
		}
	}
	for _, t := range plan.Create {
		if err := m.client.Create(ctx, t); err != nil {
			return err
		}
	}
	for _, g := range plan.Grow {
		if err := m.client.Grow(ctx, g); err != nil {
			return err
		}
	}
	for _, a := range plan.Alter {
		if err := m.client.Alter(ctx, a); err != nil {
			return err
		}
	}
	return p.remember(ctx, after)
}

// remember writes down what the operator has set, if that is not what the books say already.
func (p *pass) remember(ctx context.Context, applied topics.Applied) error {
	m := p.memory
	if m.books.applied.Equal(applied) {
		return nil
	}
	value, err := json.Marshal(applied)
	if err != nil {
		return err
	}
	if err := m.client.Append(ctx, m.books.topic, topics.AppliedKey, value); err != nil {
		return err
	}
	m.books.applied = applied
	return nil
}

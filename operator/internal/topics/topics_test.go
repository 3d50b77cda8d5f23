package topics

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

func want(change ...func(*desired.Topic)) desired.Topic {
	t := desired.Topic{
		Role: desired.RoleFeedback, Name: "a.feedback", Partitions: 6, ReplicationFactor: -1, Managed: true,
		Config: map[string]string{"cleanup.policy": "delete", "retention.ms": "1000"},
	}
	for _, f := range change {
		f(&t)
	}
	return t
}

func live(partitions int32, explicit ...string) Live {
	l := Live{Partitions: partitions, Replicas: 1, Config: map[string]Setting{
		"cleanup.policy": {Value: "delete"}, "retention.ms": {Value: "1000", Explicit: true}, "max.message.bytes": {Value: "1048588"},
	}}
	for _, s := range explicit {
		name, value, _ := strings.Cut(s, "=")
		l.Config[name] = Setting{Value: value, Explicit: true}
	}
	return l
}

func TestDiff(t *testing.T) {
	three := func(d *desired.Topic) { d.ReplicationFactor = 3 }
	unmanaged := func(d *desired.Topic) { d.Managed = false }
	role := func(role, policy string) func(*desired.Topic) {
		return func(d *desired.Topic) { d.Role, d.Config = role, map[string]string{"cleanup.policy": policy} }
	}
	partitions := func(n int32) func(*desired.Topic) { return func(d *desired.Topic) { d.Partitions = n } }
	ours := Applied{"a.feedback": {"cleanup.policy": "delete", "retention.ms": "1000"}}
	with := func(settings ...string) Applied {
		a := ours.Union(Applied{})
		for _, s := range settings {
			name, value, _ := strings.Cut(s, "=")
			a["a.feedback"][name] = value
		}
		return a
	}
	tests := []struct {
		name    string
		want    desired.Topic
		live    *Live
		applied Applied
		plan    Plan
		reasons string
		drift   string
	}{
		{"converged", want(), new(live(6)), ours, Plan{}, "", ""},
		{"adopted as it is", want(), new(live(6)), nil, Plan{}, "", ""},
		{"missing", want(), nil, nil, Plan{Create: []desired.Topic{want()}}, "", ""},
		{"grow", want(), new(live(3)), ours, Plan{Grow: []Growth{{"a.feedback", 6}}}, "", ""},
		{"shrink", want(), new(live(12)), ours, Plan{}, ReasonShrink, ""},
		{"set", want(), new(live(6, "retention.ms=5")), nil, Plan{Alter: []Alteration{{Topic: "a.feedback", Set: map[string]string{"retention.ms": "1000"}}}}, "", ""},
		{"set back", want(), new(live(6, "retention.ms=5")), ours, Plan{Alter: []Alteration{{Topic: "a.feedback", Set: map[string]string{"retention.ms": "1000"}}}}, "", "somebody else"},
		{"reset what is ours", want(), new(live(6, "max.message.bytes=9")), with("max.message.bytes=9"), Plan{Alter: []Alteration{{Topic: "a.feedback", Reset: []string{"max.message.bytes"}}}}, "", ""},
		{"leave what somebody set after us", want(), new(live(6, "max.message.bytes=7")), with("max.message.bytes=9"), Plan{}, "", ""},
		{"leave what is not ours", want(), new(live(6, "max.message.bytes=7")), ours, Plan{}, "", ""},
		{"order of a list", want(role(desired.RoleNotifications, "compact,delete")), new(live(6, "cleanup.policy=delete, compact")), nil, Plan{}, "", ""},
		{"not adopted", want(), new(live(6, "cleanup.policy=compact")), nil, Plan{}, ReasonUnsuitable, ""},
		{"policy set back", want(), new(live(6, "cleanup.policy=compact")), ours, Plan{Alter: []Alteration{{Topic: "a.feedback", Set: map[string]string{"cleanup.policy": "delete"}}}}, "", "somebody else"},
		{"copies", want(three), new(live(6)), ours, Plan{}, "", "kafka-reassign-partitions"},
		{"state has one partition", want(role(desired.RoleState, "compact"), partitions(1)), new(live(2, "cleanup.policy=compact")), ours, Plan{}, ReasonUnsuitable, ""},
		{"verified", want(unmanaged), new(live(12, "retention.ms=5")), nil, Plan{}, "", ""},
		{"verified: missing", want(unmanaged), nil, nil, Plan{}, ReasonMissing, ""},
		{"verified: compacted events", want(unmanaged), new(live(6, "cleanup.policy=compact")), nil, Plan{}, ReasonUnsuitable, ""},
		{"verified: state not compacted", want(unmanaged, role(desired.RoleState, "compact")), new(live(1)), nil, Plan{}, ReasonUnsuitable, ""},
		{"verified: state in two", want(unmanaged, role(desired.RoleState, "compact")), new(live(2, "cleanup.policy=compact")), nil, Plan{}, ReasonUnsuitable, ""},
		{"verified: notifications not compacted", want(unmanaged, role(desired.RoleNotifications, "compact,delete")), new(live(6)), nil, Plan{}, ReasonUnsuitable, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := map[string]Live{}
			if tt.live != nil {
				all[tt.want.Name] = *tt.live
			}
			got := Diff([]desired.Topic{tt.want}, all, tt.applied)
			if reasons := reasons(got); reasons != tt.reasons {
				t.Errorf("refused %q, want %q", reasons, tt.reasons)
			}
			if drift := strings.Join(got.Drift, "; "); !strings.Contains(drift, tt.drift) || (tt.drift == "") != (drift == "") {
				t.Errorf("drift %q, want %q", drift, tt.drift)
			}
			if got, want := got.Blocks(), tt.reasons != "" && tt.reasons != ReasonShrink; got != want {
				t.Errorf("Blocks = %v, want %v", got, want)
			}
			got.Refused, got.Drift = nil, nil
			if diff := cmp.Diff(tt.plan, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			if !got.Writes() {
				return
			}
			apply(all, got)
			if again := Diff([]desired.Topic{tt.want}, all, Remember([]desired.Topic{tt.want})); again.Writes() || len(again.Refused) > 0 {
				t.Errorf("after the plan was carried out: %+v, want nothing to do", again)
			}
		})
	}
}

func reasons(p Plan) string {
	var all []string
	for _, r := range p.Refused {
		all = append(all, r.Reason)
	}
	return strings.Join(all, ",")
}

// apply carries out p as a broker would.
func apply(all map[string]Live, p Plan) {
	for _, c := range p.Create {
		l := Live{Partitions: c.Partitions, Replicas: 1, Config: map[string]Setting{}}
		for name, value := range c.Config {
			l.Config[name] = Setting{value, true}
		}
		all[c.Name] = l
	}
	for _, g := range p.Grow {
		l := all[g.Topic]
		l.Partitions = g.Partitions
		all[g.Topic] = l
	}
	for _, a := range p.Alter {
		config := maps.Clone(all[a.Topic].Config)
		for name, value := range a.Set {
			config[name] = Setting{value, true}
		}
		for _, name := range a.Reset {
			delete(config, name)
		}
		l := all[a.Topic]
		l.Config = config
		all[a.Topic] = l
	}
}

func TestRememberOnlyManaged(t *testing.T) {
	named := want(func(d *desired.Topic) { d.Name, d.Managed = "theirs", false })
	got := Remember([]desired.Topic{want(), named})
	if _, ok := got["theirs"]; ok || len(got) != 1 {
		t.Errorf("Remember = %v, want a.feedback alone", got)
	}
	union := got.Union(Applied{"a.feedback": {"retention.ms": "2"}})
	if union.Equal(got) || !got.Equal(Remember([]desired.Topic{want()})) {
		t.Errorf("Union changed its receiver: %v", got)
	}
}

func TestClaims(t *testing.T) {
	a, b := Owner{"uid-1", "feedback", "azure"}, Owner{"uid-2", "feedback", "azure"}
	if a.Key() == b.Key() {
		t.Errorf("the same name in two clusters has one key %s", a.Key())
	}
	value, err := a.Value()
	if err != nil {
		t.Fatal(err)
	}
	claim, err := ParseClaim(a.Key(), value, 7)
	if err != nil || claim.Owner != a || claim.Offset != 7 {
		t.Errorf("ParseClaim = %v, %v, want %v at 7", claim, err, a)
	}
	if _, err := ParseClaim(b.Key(), value, 8); err == nil {
		t.Error("ParseClaim takes a claim under another's key")
	}
	if _, err := ParseClaim(a.Key(), []byte("{"), 8); err == nil {
		t.Error("ParseClaim takes what is not JSON")
	}
	if got := Winner(nil); got != nil {
		t.Errorf("Winner(nil) = %v, want nil", got)
	}
	if got := Winner([]Claim{{b, 9}, {a, 7}}); got == nil || got.Owner != a {
		t.Errorf("Winner = %v, want the claim at 7", got)
	}
}

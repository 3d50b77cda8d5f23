package spec_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/spec"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status/cases"
)

const root = "../../.."

// TestPage: the page says what the schema, the status and the versions are.
func TestPage(t *testing.T) {
	is, shall, err := spec.Render(root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(shall), string(is)); diff != "" {
		t.Errorf("%s is not up to date, run make generate (-want +got):\n%s", spec.Page, diff)
	}
}

// TestEveryReason: each reason that the code knows has its case, and no case has one that it does not know but the
// components' own.
func TestEveryReason(t *testing.T) {
	reasons := map[string]bool{}
	for _, file := range []string{"../status/reasons.go", "../status/autoscaling.go", "../topics/diff.go"} {
		for _, reason := range constants(t, file) {
			reasons[reason] = true
		}
	}
	if len(reasons) < 30 {
		t.Fatalf("found %d reasons, want more than 30", len(reasons))
	}
	components := map[string]bool{"TokenRefused": true, "BudgetSpent": true, "ChannelArchived": true, "HandlerFailed": true, "BackendNotAnswering": true}
	told := map[string]bool{}
	for _, c := range cases.All {
		told[c.Reason] = true
		if !reasons[c.Reason] && !components[c.Reason] {
			t.Errorf("case %s %s: the code has no such reason", c.Condition, c.Reason)
		}
		if held := meta.FindStatusCondition(c.Derived().Status.Conditions, c.Condition); held == nil || held.Reason != c.Reason {
			t.Errorf("case %s %s: the condition is %+v", c.Condition, c.Reason, held)
		}
	}
	for reason := range reasons {
		if !told[reason] {
			t.Errorf("reason %s has no case in internal/status/cases, so that the documentation does not tell it", reason)
		}
	}
}

// constants are the values of a file's constants whose names begin with Reason.
func constants(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, value)
		}
		return true
	})
	return all
}

// TestArgo: what Argo CD shows of a pipeline. A sync waits while it is Progressing, ends when it is Healthy and fails
// when it is Degraded.
func TestArgo(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, spec.Health))
	if err != nil {
		t.Fatal(err)
	}
	byReason := map[string]string{
		status.ReasonFlowing: "Healthy", status.ReasonDegraded: "Healthy", status.ReasonSuspended: "Suspended", status.ReasonStuck: "Degraded",
		status.ReasonRollingOut: "Progressing", status.ReasonCrashLoop: "Progressing", status.ReasonDeadline: "Degraded",
		status.ReasonUnreachable: "Progressing", status.ReasonNotOwner: "Degraded", status.ReasonMissing: "Degraded",
		"TokenRefused": "Degraded", "BudgetSpent": "Healthy", status.ReasonNoHealth: "Unknown", status.ReasonNoKEDA: "Healthy",
	}
	seen := 0
	for _, c := range cases.All {
		want, ok := byReason[c.Reason]
		if !ok || c.Condition == v1alpha1.ConditionSourcesHealthy && c.Reason == status.ReasonSuspended {
			continue
		}
		if c.Condition == v1alpha1.ConditionShadowHealthy && c.Reason != status.ReasonSuspended {
			want = "Healthy" // whatever becomes of a shadow
		}
		seen++
		got, message, err := spec.Argo(string(text), c.Derived())
		if err != nil || got != want || !strings.Contains(message, ": ") {
			t.Errorf("%s %s: Argo CD says %s %q, %v; want %s", c.Condition, c.Reason, got, message, err, want)
		}
	}
	if seen < len(byReason) {
		t.Errorf("looked at %d cases, want %d", seen, len(byReason))
	}
}

// TestArgoBeforeTheStatus: a status that is not there, or of an earlier spec, says nothing of this one.
func TestArgoBeforeTheStatus(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, spec.Health))
	if err != nil {
		t.Fatal(err)
	}
	fresh, edited := cases.All[0].Derived(), cases.All[0].Derived()
	fresh.Status = v1alpha1.FeedbackPipelineStatus{}
	edited.Generation++
	for _, p := range []*v1alpha1.FeedbackPipeline{fresh, edited} {
		got, message, err := spec.Argo(string(text), p)
		if err != nil || got != "Progressing" || !strings.Contains(message, "not looked at") {
			t.Errorf("Argo CD says %s %q, %v; want Progressing", got, message, err)
		}
	}
}

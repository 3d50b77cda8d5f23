package desired_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	owner := map[string]string{}
	claim := func(name, who string) {
		if other, taken := owner[name]; taken {
			t.Errorf("%s and %s are both named %s", other, who, name)
		}
		owner[name] = who
		if reasons := validation.IsDNS1035Label(name); len(reasons) > 0 {
			t.Errorf("%s is named %q: %v", who, name, reasons)
		}
	}
	names := []string{"a", "a-b", "b-c", "c", "a-b-c", "scorer", "notifier", "metrics", "a-scorer", "shadow", "a-shadow", "source", long, long[:62], long[:54] + "-b", long[:53] + "-b"}
	for _, pipeline := range names {
		for _, component := range []string{"scorer", "shadow", "notifier", "metrics"} {
			claim(desired.ComponentName(pipeline, component), "component "+pipeline+"/"+component)
		}
		for _, source := range append([]string{"1"}, names...) {
			claim(desired.SourceName(pipeline, source), "source "+pipeline+"/"+source)
		}
	}
}

func TestNamesAreStable(t *testing.T) {
	// A name that changes with a release would run a source twice.
	for got, want := range map[string]string{
		desired.SourceName("azure", "community"):                   "azure-community-4631b664",
		desired.ComponentName("azure", "scorer"):                   "azure-scorer",
		desired.ComponentName(strings.Repeat("p", 63), "notifier"): strings.Repeat("p", 54) + "-1c7026ee",
	} {
		if got != want {
			t.Errorf("name = %q, want %q", got, want)
		}
	}
}

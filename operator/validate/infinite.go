package validate

import (
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// numbers finds YAML's numbers that JSON does not have, and what looks like one within another value.
var numbers = regexp.MustCompile(`[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)\b`)

// mark begins a number of YAML that is to be read as a word.
const mark = "__number__"

// infinite returns the fields of a document whose values are infinite or not a number: these are YAML, but no field
// takes them and the conversion to JSON does not say where they stand.
func infinite(text []byte) Problems {
	var obj any
	_ = yaml.Unmarshal(numbers.ReplaceAll(text, []byte(mark+"$0")), &obj) // an error leaves nothing to look through
	var problems Problems
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, child := range v {
				walk(strings.TrimPrefix(path+"."+name, "."), child)
			}
		case []any:
			for i, child := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), child)
			}
		case string:
			if value, ok := strings.CutPrefix(v, mark); ok && numbers.FindString(value) == value {
				problems = append(problems, Problem{Field: path, Detail: value + ": no field takes it; write a finite number, for example 0.3 for a score"})
			}
		}
	}
	walk("", obj)
	return problems.sorted()
}

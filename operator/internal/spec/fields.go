package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/config/crd"
)

// Tables are the fields of the resource.
type Tables struct{ Spec, Status string }

// Fields returns the tables of all fields, from the CustomResourceDefinition.
func Fields() (Tables, error) {
	var d apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(crd.YAML, &d); err != nil {
		return Tables{}, err
	}
	root := d.Spec.Versions[0].Schema.OpenAPIV3Schema
	spec, status := root.Properties["spec"], root.Properties["status"]
	rules := table{rows: []string{"| of | what is refused |", "|---|---|"}}
	rules.refusals("the resource", *root)
	rules.refusals("`spec`", spec)
	fields := newTable()
	fields.object("", spec)
	states := newTable()
	states.object("", status)
	return Tables{Spec: fields.String() + "\n" + rules.String(), Status: states.String()}, nil
}

type table struct{ rows []string }

func newTable() *table {
	return &table{rows: []string{"| field | type | default | meaning and limits |", "|---|---|---|---|"}}
}

func (t *table) String() string { return strings.Join(t.rows, "\n") + "\n" }

// refusals adds a row for each rule that stands on the object itself.
func (t *table) refusals(of string, s apiextensionsv1.JSONSchemaProps) {
	for _, rule := range s.XValidations {
		t.rows = append(t.rows, fmt.Sprintf("| %s | %s |", of, plain(rule.Message)))
	}
}

// object adds a row for each field of an object, those that are required first.
func (t *table) object(path string, s apiextensionsv1.JSONSchemaProps) {
	names := slices.SortedFunc(maps.Keys(s.Properties), func(a, b string) int {
		first := func(name string) int {
			if slices.Contains(s.Required, name) {
				return 0
			}
			return 1
		}
		return cmp.Or(first(a)-first(b), cmp.Compare(a, b))
	})
	for _, name := range names {
		t.field(path+name, s.Properties[name], slices.Contains(s.Required, name))
	}
}

// field adds the row of a field and those below it.
func (t *table) field(path string, s apiextensionsv1.JSONSchemaProps, required bool) {
	kind, below, suffix := shape(s)
	text := plain(s.Description)
	if required {
		text = "**Required.** " + text
	}
	for _, limit := range slices.Concat(limits(s), elementLimits(s)) {
		text = strings.TrimSpace(text) + " " + limit
	}
	t.rows = append(t.rows, fmt.Sprintf("| `%s` | %s | %s | %s |", path, kind, value(s), strings.TrimSpace(text)))
	if below != nil {
		t.object(path+suffix+".", *below)
	}
}

// shape is a field's type in words, and what is below it.
func shape(s apiextensionsv1.JSONSchemaProps) (kind string, below *apiextensionsv1.JSONSchemaProps, suffix string) {
	switch {
	case s.XIntOrString:
		return "integer or string", nil, ""
	case s.Type == "array" && s.Items != nil && s.Items.Schema != nil:
		kind, below, suffix := shape(*s.Items.Schema)
		return "list of " + kind, below, "[]" + suffix
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		kind, below, suffix := shape(*s.AdditionalProperties.Schema)
		return "map of " + kind, below, "{}" + suffix
	case s.Type == "object" && len(s.Properties) > 0:
		return "object", &s, ""
	case s.Format == "date-time":
		return "time", nil, ""
	}
	return cmp.Or(s.Type, "any"), nil, ""
}

// value is the default of a field.
func value(s apiextensionsv1.JSONSchemaProps) string {
	if s.Default == nil {
		return ""
	}
	return "`" + strings.Trim(string(s.Default.Raw), `"`) + "`"
}

// limits are sentences on what values a field takes.
func limits(s apiextensionsv1.JSONSchemaProps) []string {
	var all []string
	if len(s.Enum) > 0 {
		var words []string
		for _, word := range s.Enum {
			words = append(words, "`"+strings.Trim(string(word.Raw), `"`)+"`")
		}
		all = append(all, "One of "+strings.Join(words, ", ")+".")
	}
	all = append(all, between("", s.Minimum, s.Maximum)...)
	all = append(all, between(" characters", number(s.MinLength), number(s.MaxLength))...)
	all = append(all, between(" elements", number(s.MinItems), number(s.MaxItems))...)
	all = append(all, between(" keys", number(s.MinProperties), number(s.MaxProperties))...)
	if s.Pattern != "" {
		all = append(all, "Pattern `"+strings.ReplaceAll(s.Pattern, "|", `\|`)+"`.")
	}
	for _, rule := range s.XValidations {
		all = append(all, "Refused otherwise: *"+plain(rule.Message)+"*.")
	}
	return all
}

// elementLimits are those of a list's elements and of a map's values.
func elementLimits(s apiextensionsv1.JSONSchemaProps) []string {
	var of *apiextensionsv1.JSONSchemaProps
	switch {
	case s.Items != nil:
		of = s.Items.Schema
	case s.AdditionalProperties != nil:
		of = s.AdditionalProperties.Schema
	}
	if of == nil {
		return nil
	}
	all := limits(*of)
	if len(all) > 0 {
		all[0] = "Each: " + all[0]
	}
	return all
}

func number(n *int64) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}

func between(after string, least, most *float64) []string {
	say := func(n *float64) string { return strconv.FormatFloat(*n, 'f', -1, 64) }
	switch {
	case least != nil && most != nil:
		return []string{say(least) + " to " + say(most) + after + "."}
	case least != nil:
		return []string{"At least " + say(least) + after + "."}
	case most != nil:
		return []string{"At most " + say(most) + after + "."}
	}
	return nil
}

// plain is a description on one line of a table. What is not code has no <, which would be HTML.
func plain(text string) string {
	text = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("<", "&lt;", "*", `\*`).Replace(parts[i])
	}
	return strings.Join(parts, "`")
}

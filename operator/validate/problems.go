package validate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Problem is one thing that is wrong with a manifest.
type Problem struct {
	// Field is the path of the field, for example spec.routes[0].match.scoreBelow.
	Field string
	// Detail says what is wrong, names the value where it is a plain one, and what to write instead.
	Detail string
}

func (p Problem) String() string { return p.Field + ": " + p.Detail }

// Problems is all that is wrong with a manifest. It is an error of one line for each.
type Problems []Problem

func (p Problems) Error() string {
	if len(p) == 1 {
		return "manifest: " + p[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "manifest: %d problems", len(p))
	for _, problem := range p {
		b.WriteString("\n  " + problem.String())
	}
	return b.String()
}

// sorted returns p by field, without repetitions.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Compare(a.Field, b.Field) })
	return slices.Compact(p)
}

// add returns p with those of errs that speak of a field of which p does not speak yet: a rule of the schema
// has the first word.
func (p Problems) add(errs field.ErrorList) Problems {
	for _, problem := range explain(errs) {
		if !slices.ContainsFunc(p, func(q Problem) bool { return q.Field == problem.Field }) {
			p = append(p, problem)
		}
	}
	return p
}

// explain turns the API server's errors into problems.
func explain(errs field.ErrorList) Problems {
	var problems Problems
	for _, e := range errs {
		problems = append(problems, Problem{Field: e.Field, Detail: detail(e)})
	}
	return problems
}

// detail says e in words, with the value only where it is a plain one: a whole object helps nobody.
func detail(e *field.Error) string {
	text := strings.TrimPrefix(e.Detail, e.Field+" in body ")
	switch v := e.BadValue.(type) {
	case string:
		if e.Type == field.ErrorTypeInvalid || e.Type == field.ErrorTypeNotSupported || e.Type == field.ErrorTypeDuplicate {
			return join(fmt.Sprintf("%q", v), e.Type, text)
		}
	case int, int32, int64, float64, bool:
		return join(fmt.Sprint(v), e.Type, text)
	}
	return join("", e.Type, text)
}

func join(value string, kind field.ErrorType, text string) string {
	parts := []string{}
	if value != "" {
		parts = append(parts, value)
	}
	switch kind {
	case field.ErrorTypeRequired:
		parts = append(parts, "is missing")
	case field.ErrorTypeDuplicate:
		parts = append(parts, "stands there twice")
	}
	if text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, ": ")
}

// unknown is the problem of a field that the schema does not know.
func unknown(s *schema.Structural, path string) Problem {
	return Problem{Field: path, Detail: "unknown field"}
}

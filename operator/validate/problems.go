package validate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	for _, one := range p {
		b.WriteString("\n  " + one.String())
	}
	return b.String()
}

// sorted returns p by field, without repetitions.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Compare(a.Field, b.Field) })
	return slices.Compact(p)
}

// explain turns errors into problems. Of several errors that say the same, of a list and of a field in it, only those
// of the field stay; of the same field, the first.
func explain(errs field.ErrorList) Problems {
	var problems Problems
	for i, e := range errs {
		if !slices.ContainsFunc(errs, func(other *field.Error) bool { return overrules(other, e) }) &&
			!slices.ContainsFunc(errs[:i], func(other *field.Error) bool { return other.Field == e.Field && other.Detail == e.Detail }) {
			problems = append(problems, problem(e))
		}
	}
	return problems
}

// overrules reports whether a says what b says of a field in b's.
func overrules(a, b *field.Error) bool {
	return a.Detail == b.Detail && a.Detail != "" && len(a.Field) > len(b.Field) && strings.HasPrefix(a.Field, b.Field)
}

// problem says e in words, with the value only where it is a plain one: a whole object helps nobody.
func problem(e *field.Error) Problem {
	path, value := e.Field, ""
	switch v := e.BadValue.(type) {
	case string:
		value = strconv.Quote(v)
	case int, int32, int64, float64, bool:
		value = fmt.Sprint(v)
	case map[string]any: // an element of a list whose elements go by name
		if name, ok := v["name"].(string); ok && e.Type == field.ErrorTypeDuplicate {
			path, value = path+".name", strconv.Quote(name)
		}
	}
	text := strings.TrimPrefix(e.Detail, e.Field+" in body ")
	switch e.Type {
	case field.ErrorTypeRequired:
		return Problem{Field: path, Detail: "is missing; " + write(path)}
	case field.ErrorTypeDuplicate:
		return Problem{Field: path, Detail: value + " stands there twice; remove one or name it differently"}
	case field.ErrorTypeNotSupported:
		text = "use one of " + strings.TrimPrefix(text, "supported values: ")
	case field.ErrorTypeTypeInvalid:
		text, _, _ = strings.Cut(text, ": ")
		return Problem{Field: path, Detail: fmt.Sprintf("%s, not %v", text, e.BadValue)}
	case field.ErrorTypeTooLong, field.ErrorTypeTooMany:
		value = ""
	}
	switch {
	case strings.HasPrefix(text, "should have at least 1 "), strings.HasPrefix(text, "should be at least 1 chars"):
		return Problem{Field: path, Detail: "is empty; " + write(path)}
	case strings.HasPrefix(text, "should have at "): // the value is a count
		value = ""
	}
	if value != "" {
		text = value + ": " + text
	}
	return Problem{Field: path, Detail: text}
}
